"""What the API server held the agent to while the demo ran: looked at as the agent looks, and tried with its own token.

Only where the boundary is installed, which is the real control plane. Comes after the scenarios, when everything that the
agent wrote has been counted; whatever is not as it must be is told in the report as broken.
"""

from __future__ import annotations

from collections.abc import Callable

from byteport.boundary.policies import deployments
from byteport.domain.policy import PolicyConfig
from byteport.errors import NotPermitted
from byteport.kubernetes.port import DEPLOYMENTS, Attribution, ClusterPort
from byteport.sandbox.demo.scenarios.bad_release import BadRelease
from byteport.sandbox.demo.stage import APP
from byteport.settings.model import BoundaryConfig
from workers.boundary_check import look_at_boundary
from workers.preflight import Outcome, check_boundary

Say = Callable[[str], None]

NO_REPLICAS = [{"op": "replace", "path": "/spec/replicas", "value": 0}]
"""The agent may patch that Deployment, and nothing of it but its template."""
_BY = Attribution(action_id="", audit_id="", field_manager="byteport-agent")


async def held(cluster: ClusterPort, config: BoundaryConfig, policy: PolicyConfig, say: Say) -> list[str]:
    """Tell it; what is not as it must be, a line each. `cluster` is the agent's own port."""
    return [*await _whole(cluster, config, policy, say), *await _refused(cluster, say)]


async def _whole(cluster: ClusterPort, config: BoundaryConfig, policy: PolicyConfig, say: Say) -> list[str]:
    """The self-check of `byteport doctor`, which the worker makes at its start and on a timer."""
    report = await look_at_boundary(cluster, config, policy)
    checks = check_boundary(report, refusing=Outcome.FAILED, weaker_accepted=config.accept_weaker_rollback)
    for check in checks:
        say(f"self-check: {check.finding}")
    return [f"the boundary: {check.text}" for check in checks if check.outcome is not Outcome.OK]


async def _refused(cluster: ClusterPort, say: Say) -> list[str]:
    """One write that the agent's rights would let through, and a policy does not."""
    tried = f"patch of {APP} to no replicas with the agent's own token"
    try:
        await cluster.patch(DEPLOYMENTS, BadRelease().namespace, APP, NO_REPLICAS, by=_BY)
    except NotPermitted as refusal:
        say(f"{tried}: {refusal.message}")
        return [] if deployments.NAME in refusal.message else [f"the boundary: the {tried} met no policy"]
    say(f"{tried}: NOT refused")
    return [f"the boundary: the {tried} was not refused"]
