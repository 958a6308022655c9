"""The API server's own switch while an agent is at work: a request that was on its way when it was turned is refused.

Nothing of ours is needed for it: neither Temporal nor the agent, and a slow API server is no obstacle.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from byteport.boundary.names import MAY_ACT, role_ref
from byteport.boundary.roles import binding
from byteport.cli.exits import Exit
from byteport.cli.main import invoke
from byteport.contracts.workflows import Phase
from byteport.domain.failures import Failure
from byteport.domain.reasons import Reason
from byteport.sandbox.controlplane import ControlPlane
from byteport.sandbox.controlplane.agent import path_of
from byteport.sandbox.dev_server import DevServer
from tests.agent.gateway import Gateway
from tests.agent.places import JSON, eventually
from tests.agent.real import RealPlace, through_a_gateway
from tests.agent.running import quick, running
from tests.agent.stolen import Thief
from tests.agent.trouble import trouble
from tests.cluster.accounts import account_with
from tests.cluster.switched import HALT_SECONDS, in_force_after

SLOW_SECONDS = 0.5
BETWEEN_SECONDS = 0.05
TIMES = 5
HALTED = "ValidatingAdmissionPolicy 'byteport-everything' with binding 'byteport-everything' denied request: byteport: halted"
EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}

pytestmark = pytest.mark.timeout(600)


@pytest_asyncio.fixture
async def place(
    control_plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RealPlace]:
    """By way of a gateway; the switch is on again when the test ends."""
    monkeypatch.delenv("BYTEPORT_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    async with through_a_gateway(control_plane, tmp_path) as found:
        yield found
    item = binding("ClusterRoleBinding", MAY_ACT, role_ref("ClusterRole", MAY_ACT))
    control_plane.api.apply(path_of(item), item)


async def turn(command: str, kubeconfig: Path) -> None:
    """`byteport halt` or `resume`, at the API server alone; typed again where a busy one did not answer in three seconds."""
    typed = [command, "--no-ledger", "--kubeconfig", str(kubeconfig)]
    code = Exit.UNREACHABLE
    for _ in range(TIMES):
        if code == Exit.UNREACHABLE:
            code = Exit(await asyncio.to_thread(invoke, typed))
    assert code == Exit.OK


async def a_request_of_its(place: RealPlace) -> JSON:
    """One that it may make of any pod of its namespaces, and that asks only: the switch alone can refuse it."""
    await place.healthy()
    pod = (await place.pods())[0]["metadata"]["name"]
    return {
        "verb": "create",
        "requestURI": f"/api/v1/namespaces/{place.namespace}/pods/{pod}/eviction",
        "requestObject": {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}},
    }


@asynccontextmanager
async def trying(thief: Thief, request: JSON) -> AsyncIterator[None]:
    """The request again and again while inside, so that the audit log tells until when it was let through."""

    async def again() -> None:
        while True:
            await thief.refused(request)
            await asyncio.sleep(BETWEEN_SECONDS)

    tried = asyncio.create_task(again())
    try:
        yield
        assert not tried.done(), tried
    finally:
        tried.cancel()
        await asyncio.gather(tried, return_exceptions=True)


@pytest.mark.claim("C-080", "C-207")
async def test_review_22_with_temporal_up_what_is_on_its_way_is_refused_and_a_new_worker_stays_halted(
    server: DevServer, place: RealPlace, tmp_path: Path
) -> None:
    policy = quick("auto", place.namespace)
    async with running(server, tmp_path / "home", place, policy) as agent:
        async with agent.worker():
            await trouble(place, Failure.BAD_ROLLOUT)
            patch = place.stops.hold("patch", "deployments")
            remediation = await agent.report(Failure.BAD_ROLLOUT)
            await patch.until_reached()
            since = place.plane.audit_position()
            await turn("halt", place.plane.kubeconfig)
            patch.let()
            state = await agent.until(remediation, Phase.ESCALATED)
            assert in_force_after(place.plane, since) < HALT_SECONDS
            assert state.reasons == (Reason.NOT_PERMITTED,)
            (refused,) = place.attempts()
            assert HALTED in refused["responseStatus"]["message"]
        async with agent.worker():  # which remembers nothing
            await place.release(3)
            await place.serves()
            await place.one_pod_crashes()
            state = await agent.until(await agent.report(Failure.CRASHLOOP), Phase.ESCALATED)
            assert Reason.HALTED in state.reasons
        assert place.attempts() == [refused]
        await turn("resume", place.plane.kubeconfig)


@pytest.mark.claim("C-207")
@pytest.mark.parametrize("slowness", [0.0, SLOW_SECONDS], ids=["temporal-down", "slow-api-server"])
async def test_review_22_with_temporal_down_and_with_a_slow_api_server_it_is_in_force_within_five_seconds(
    place: RealPlace, tmp_path: Path, slowness: float
) -> None:
    """There is no Temporal server at all; each answer to whoever halts takes `slowness` longer."""
    thief, request = Thief(place), await a_request_of_its(place)

    async def passes() -> bool:
        return await thief.refused(request) == ""

    await eventually("the request to pass", passes)
    on_call = await asyncio.to_thread(account_with, place.plane, [EVERYTHING])
    (tmp_path / "on-call").mkdir()
    async with Gateway(place.plane, on_call, tmp_path / "on-call").open() as gateway:
        gateway.stops.slowness = slowness
        since = place.plane.audit_position()
        async with trying(thief, request):
            await turn("halt", gateway.kubeconfig)
        assert HALTED in await thief.refused(request)
        assert in_force_after(place.plane, since) < HALT_SECONDS
        gateway.stops.slowness = 0.0
        await turn("resume", gateway.kubeconfig)
    await eventually("the request to pass again", passes)
