"""What the API server held the agent to while the demo ran: looked at as the agent looks, and tried with its own token.

Only where the boundary is installed, which is the real control plane. Comes after the scenarios, when everything that the
agent wrote has been counted; whatever is not as it must be is told in the report as broken.
"""

from __future__ import annotations

from activities.kubernetes.policy_source import load_policy
from byteport.boundary.policies import deployments
from byteport.errors import NotPermitted
from byteport.kubernetes.port import DEPLOYMENTS, Attribution
from byteport.sandbox.demo.scenarios.bad_release import BadRelease
from byteport.sandbox.demo.stage import APP, Stage
from workers.boundary_check import look_at_boundary
from workers.preflight import Outcome, check_boundary

NO_REPLICAS = [{"op": "replace", "path": "/spec/replicas", "value": 0}]
"""The agent may patch that Deployment, and nothing of it but its template."""
_BY = Attribution(action_id="", audit_id="", field_manager="byteport-agent")


async def held(stage: Stage) -> list[str]:
    """Tell it; what is not as it must be, a line each."""
    return [*await _whole(stage), *await _refused(stage)]


async def _whole(stage: Stage) -> list[str]:
    """The self-check of `byteport doctor`, which the worker makes at its start and on a timer."""
    config = stage.sandbox.settings.boundary
    report = await look_at_boundary(stage.sandbox.cluster.port, config, load_policy(stage.home.policy_file))
    checks = check_boundary(report, refusing=Outcome.FAILED, weaker_accepted=config.accept_weaker_rollback)
    for check in checks:
        stage.say(f"self-check: {check.finding}")
    return [f"the boundary: {check.finding}" for check in checks if check.outcome is not Outcome.OK]


async def _refused(stage: Stage) -> list[str]:
    """One write that the agent's rights would let through, and a policy does not."""
    where, tried = BadRelease().namespace, f"patch of {APP} to no replicas with the agent's own token"
    try:
        await stage.sandbox.cluster.port.patch(DEPLOYMENTS, where, APP, NO_REPLICAS, by=_BY)
    except NotPermitted as refusal:
        stage.say(f"{tried}: {refusal.message}")
        return [] if deployments.NAME in refusal.message else [f"the boundary: the {tried} met no policy"]
    stage.say(f"{tried}: NOT refused")
    return [f"the boundary: the {tried} was not refused"]
