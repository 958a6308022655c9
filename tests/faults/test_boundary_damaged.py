"""Fault 28 on the real API server: with a right too many, or a policy gone or weakened, a run does not act by itself.

The damage is done while the agent runs, in `auto`. It is found at the next look; then a person is asked where the agent
would have acted, and the API server's own audit log has no request of its account that would change anything, not even a
refused one. The person's yes was all that was missing. What is found of each damage: `cluster/boundary/test_selfcheck.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path

import pytest
import pytest_asyncio

from byteport.audit.words import Decision, Result
from byteport.boundary.names import role_ref
from byteport.boundary.policies import everything, pods
from byteport.boundary.roles import binding, role, rule
from byteport.contracts.workflows import Phase
from byteport.domain.failures import Failure
from byteport.domain.reasons import Reason
from byteport.sandbox.controlplane import ControlPlane
from byteport.sandbox.controlplane.agent import objects, path_of
from byteport.sandbox.dev_server import DevServer
from tests.agent.places import JSON, eventually
from tests.agent.real import MERGE, NAMESPACED, RealPlace, directly
from tests.agent.running import quick, running
from tests.agent.stolen import Thief
from tests.agent.trouble import CALL, trouble
from tests.faults.invariants import check

EXTRA = "byteport-test-extra"
LOOKS = {"boundary": {"sight": NAMESPACED.sight.value, "helper": NAMESPACED.helper, "check_seconds": 2}}
"""So that damage is found soon. A look that takes three times as long counts as a bad one, and machines are busy."""

pytestmark = [pytest.mark.control_plane, pytest.mark.timeout(600)]


class Damage(StrEnum):
    """What is wrong with the boundary, by what the agent's log says of it."""

    RIGHT = "get secrets"
    GONE = f"ValidatingAdmissionPolicy {pods.DELETE} is not there"
    WEAKENED = f"ValidatingAdmissionPolicy {everything.NAME} differs at spec.failurePolicy"


ADDED = [
    role("ClusterRole", EXTRA, [rule("", "secrets", ["get"])]),
    binding("ClusterRoleBinding", EXTRA, role_ref("ClusterRole", EXTRA)),
]


def do(plane: ControlPlane, damage: Damage) -> None:
    match damage:
        case Damage.RIGHT:
            for item in ADDED:
                plane.api.apply(path_of(item), item)
        case Damage.GONE:
            plane.api.call("DELETE", path_of(policy(pods.DELETE)))
        case Damage.WEAKENED:
            weaker = {"spec": {"failurePolicy": "Ignore"}}
            plane.api.call("PATCH", path_of(policy(everything.NAME)), weaker, content_type=MERGE)


def mend(plane: ControlPlane, damage: Damage) -> None:
    if damage is Damage.RIGHT:
        for item in ADDED:
            plane.api.call("DELETE", path_of(item))
    else:
        for name in (pods.DELETE, everything.NAME):
            plane.api.apply(path_of(policy(name)), policy(name))


def policy(name: str) -> JSON:
    (found,) = [
        item
        for item in objects(NAMESPACED)
        if (item["kind"], item["metadata"]["name"]) == ("ValidatingAdmissionPolicy", name)
    ]
    return found


@pytest_asyncio.fixture
async def place(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[RealPlace]:
    async with directly(control_plane) as found:
        yield found


@asynccontextmanager
async def damaged(place: RealPlace, damage: Damage, log: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """With that damage, once the agent has found it; ends when the agent has found everything whole, and it is in force."""

    async def found() -> bool:
        return any(damage.value in line and "not whole" in line for line in log.messages)

    async def whole() -> bool:
        return "the boundary is whole again" in log.messages[mended:]

    async def in_force() -> bool:
        path = f"/api/v1/namespaces/{place.namespace}/pods/{(await place.pods())[0]['metadata']['name']}"
        tried = {"verb": "delete", "requestURI": path, "requestObject": {"apiVersion": "v1", "kind": "DeleteOptions"}}
        return f"'{pods.DELETE}'" in await Thief(place).refused(tried)

    await asyncio.to_thread(do, place.plane, damage)
    try:
        await eventually("the agent to find it", found)
        yield
    finally:
        mended = len(log.messages)
        await asyncio.to_thread(mend, place.plane, damage)
    await eventually("the agent to find everything whole again", whole)
    await eventually("a delete without preconditions to be refused", in_force)


@pytest.mark.claim("C-011", "C-012")
@pytest.mark.parametrize(
    ("failure", "damage"),
    [*((Failure.CRASHLOOP, damage) for damage in Damage), (Failure.BAD_ROLLOUT, Damage.RIGHT)],
    ids=lambda one: one.name.lower() if isinstance(one, Damage) else one.value,
)
async def test_fault_28_a_run_does_not_act_by_itself_while_the_boundary_is_not_whole(
    server: DevServer,
    place: RealPlace,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    failure: Failure,
    damage: Damage,
) -> None:
    auto = quick("auto", place.namespace)
    async with running(server, tmp_path / "home", place, auto, settings=LOOKS) as agent, agent.worker():
        await trouble(place, failure)
        async with damaged(place, damage, caplog):
            remediation = await agent.report(failure)
            state = await agent.until(remediation, Phase.AWAITING_APPROVAL)
            assert state.reasons == (Reason.BOUNDARY_NOT_WHOLE,)
            request = await agent.asked()
            assert "started" not in agent.events()
            assert place.attempts() == []
            await agent.give(agent.sign(request))
            closed = await agent.until_closed(remediation)
            assert (closed.decision, closed.result) == (Decision.ACTED, Result.SUCCESS)
            (write,) = place.attempts()
            assert (write["verb"], write["objectRef"]["resource"]) == CALL[failure]
        await check(agent)
