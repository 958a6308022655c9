"""Memory that runs out on the real control plane: told to a person with limit, working set and share, and nothing is done.

An alert reports it at once, as Alertmanager would; the watch sees it by itself at its second look, and folds into it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from byteport.audit.words import Decision, Event
from byteport.contracts.workflows import Phase
from byteport.domain.failures import Failure
from byteport.domain.reasons import Cause, Reason
from byteport.sandbox.dev_server import DevServer
from byteport.sandbox.strains import LIMIT_MIB, REPLICAS, PlaneStrainer, deployment
from tests.agent.places import APP, eventually
from tests.agent.real import RealPlace
from tests.agent.running import quick, running
from tests.cluster.at_work import WATCHING, lasted, told
from tests.faults.invariants import check

MEBIBYTE = 1024**2
EACH_MIB = LIMIT_MIB * 94 // 100
FULLEST_MIB = LIMIT_MIB - 1
LEAK_SECONDS = 12.0
"""So often each pod has one MiB more, however little it is asked."""

pytestmark = pytest.mark.timeout(600)


@asynccontextmanager
async def leaking(place: RealPlace) -> AsyncIterator[None]:
    """Each pod stands at 94 % of its limit and grows while inside."""

    async def grow() -> None:
        for each in range(EACH_MIB, FULLEST_MIB + 1):
            await asyncio.to_thread(
                place.plane.set_load, place.namespace, APP, cpu_total="100m", memory_total=f"{each * REPLICAS}Mi"
            )
            await asyncio.sleep(LEAK_SECONDS)

    growing = asyncio.create_task(grow())
    try:
        yield
    finally:
        growing.cancel()
        await asyncio.gather(growing, return_exceptions=True)


async def test_a_container_near_its_limit_is_told_with_limit_working_set_and_share(
    server: DevServer, place: RealPlace, tmp_path: Path
) -> None:
    await place.enable()
    await PlaneStrainer(place.plane).apply(deployment(place.namespace, APP))
    await place.serves()
    policy = quick("auto", place.namespace, raise_allowed=[f"{place.namespace}/*"])
    async with (
        running(server, tmp_path / "home", place, policy, settings=WATCHING) as agent,
        agent.worker(),
        leaking(place),
    ):
        injected = place.clock()
        run = await agent.report(Failure.MEMORY)
        notice = await told(agent, lambda one: one.rung == 1, within=200.0)
        lasted("first report to the page", injected, place.clock())

        async def folded() -> bool:
            state = await agent.state(run)
            return state is not None and state.reports >= 2

        await eventually("the watch to have seen it too", folded)
        state = await agent.until(run, Phase.ESCALATED)
        assert (state.cause, state.decision) == (Cause.MEMORY_LEAK, Decision.ESCALATED)
        assert notice.reasons == (Reason.LEAKS,)
        facts = {fact.name: fact.value for fact in state.facts}
        assert facts["memory_limit_bytes"] == LIMIT_MIB * MEBIBYTE
        working_set = facts["working_set_bytes"]
        assert isinstance(working_set, int)
        assert EACH_MIB * MEBIBYTE < working_set <= FULLEST_MIB * MEBIBYTE
        assert facts["memory_percent"] == round(100 * working_set / (LIMIT_MIB * MEBIBYTE), 1)
        said = "\n".join(notice.evidence)
        for name in ("memory_limit_bytes", "working_set_bytes", "memory_percent"):
            assert f"{name} = {facts[name]}\n" in said
        assert agent.events(event=Event.STARTED) == []
        assert place.attempts() == []
        await check(agent)
