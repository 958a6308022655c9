"""The stories of the log's retention and of requests for erasure. Comes after `telling.py`; `stories.py` has them in its list."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from activities.audit.alarms import Alarms
from activities.audit.erasures import Erasures, waits
from activities.audit.holds import About, Holds
from byteport.audit.words import TELLING
from byteport.contracts.retention import OpenErasure
from byteport.domain.failures import Failure
from byteport.domain.ids import erasure_id, retention_id
from byteport.ledger.opening import open_store
from byteport.ledger.store import Store
from byteport.temporal import standing_runs
from tests.agent.places import eventually
from tests.agent.trouble import trouble
from tests.replay.telling import Telling

AT_ONCE: dict[str, Any] = {"audit": {"pruning": False, "erasure_delay_hours": 0}}
"""A request can be carried out as soon as it is made."""


async def the_log_is_pruned(telling: Telling) -> None:
    """On a server that suggests soon to continue as new; a request that nobody carries out is there already."""
    agent = telling.agent
    retention = retention_id(agent.installation.cluster_uid)
    with _ledger(telling) as store:
        _alarm(telling, store)
        request = _ask(telling, store)
        async with telling.working():
            handle = agent.client.get_workflow_handle(retention)
            first = await eventually("a later run", lambda: _later_run(telling, retention))
            await telling.keep("retention-before-continue-as-new", retention, first)
            await telling.keep("retention-open", retention)
            assert (await handle.describe()).run_id != first
            await telling.keep("erasure-open", erasure_id(request.request_id))
            Erasures(store, agent.installation, config=agent.settings.audit, targets=()).cancel(
                request.request_id, by="ada", reason="mistaken"
            )
            await standing_runs.see_to_erasure(agent.client, agent.installation, request)
            await agent.settled(erasure_id(request.request_id))
            await telling.keep("erasure-closed-cancelled", erasure_id(request.request_id))


async def an_erasure_is_held_and_done(telling: Telling) -> None:
    agent = telling.agent
    with _ledger(telling) as store:
        holds = Holds(store, agent.installation)
        _alarm(telling, store)
        holds.set_("case-7", About(), by="ada", reason="litigation")
        async with telling.working():
            request = _ask(telling, store)
            await standing_runs.see_to_erasure(agent.client, agent.installation, request)
            await eventually("the first look", lambda: _looked(telling, request))
            await telling.keep("erasure-open-held", erasure_id(request.request_id))
            holds.end("case-7", by="ada", reason="settled")
            await standing_runs.see_to_erasure(agent.client, agent.installation, request)
            await agent.settled(erasure_id(request.request_id))
            await telling.keep("erasure-closed-erased", erasure_id(request.request_id))


async def an_erasure_waits_for_a_limit(telling: Telling) -> None:
    """What it names has just been acted on, and limits are counted by the name."""
    agent = telling.agent
    async with telling.working():
        await trouble(telling.place, Failure.CRASHLOOP)
        await telling.until_closed(await agent.report(Failure.CRASHLOOP))
        with _ledger(telling) as store:
            request = _ask(telling, store)
            await standing_runs.see_to_erasure(agent.client, agent.installation, request)
            await eventually("the erasure", lambda: _recorded(telling, "erased"))
            await telling.keep("erasure-open-erased", erasure_id(request.request_id))


@contextmanager
def _ledger(telling: Telling) -> Iterator[Store]:
    settings = telling.agent.settings
    store = open_store(settings.ledger, settings.tenant, clock=telling.place.clock, randomness=secrets.token_bytes)
    try:
        yield store
    finally:
        store.close()


def _alarm(telling: Telling, store: Store) -> None:
    """Something to erase."""
    Alarms(store, telling.agent.installation).raise_("slo", by="ada", reason="burning")


def _ask(telling: Telling, store: Store) -> OpenErasure:
    """For everything that is there and can be asked for."""
    agent = telling.agent
    erasures = Erasures(store, agent.installation, config=agent.settings.audit, targets=())
    seqs = [record.seq for record in agent.records() if record.event not in TELLING]
    return waits(erasures.request(seqs, by="ada", reason="ticket 7").request)


async def _later_run(telling: Telling, workflow_id: str) -> str | None:
    """The first run's id, once it has continued as new."""
    handle = telling.agent.client.get_workflow_handle(workflow_id)
    described = (await handle.describe()).raw_description.workflow_execution_info
    first = described.first_run_id
    return first if first and first != described.execution.run_id else None


async def _looked(telling: Telling, request: OpenErasure) -> bool:
    found = await telling.agent.history(erasure_id(request.request_id), None)
    return any(event.HasField("timer_started_event_attributes") for event in found.events)


async def _recorded(telling: Telling, event: str) -> bool:
    return any(record.event.value == event for record in telling.agent.records())
