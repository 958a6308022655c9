"""The stories of the log's export: it goes on, something stands in its way, and it is wanted no more.

Comes after `telling.py`; `stories.py` has them in its list.
"""

from __future__ import annotations

import secrets
from typing import Any

from activities.audit.alarms import Alarms
from byteport.contracts.export import ExportState
from byteport.contracts.receivers import TargetKind
from byteport.contracts.workflows import STATE
from byteport.domain.ids import export_id
from byteport.ledger.opening import open_store
from tests.agent.places import eventually
from tests.replay.signings import later_run
from tests.replay.telling import Telling


def to(kind: TargetKind, **section: Any) -> dict[str, Any]:
    return {"audit": {"pruning": False, "export": {"target": kind.value, kind.value: section}}}


TO_FILES = to(TargetKind.FILE, folder="exported")
TO_NOWHERE = to(TargetKind.WEBHOOK)
"""Which is named, and of which nobody has said where it is."""


async def the_log_is_exported(telling: Telling) -> None:
    """Then the settings name no receiver any more."""
    run = _run(telling, TargetKind.FILE)
    _record(telling, "slo")
    async with telling.working():
        await eventually("the record in a file", lambda: _has_exported(telling))
        _record(telling, "pager")
        await eventually("all of it", lambda: _holds(telling, TargetKind.FILE))
        await telling.keep("export-open", run)
    agent = telling.agent
    audit = agent.settings.audit
    ended = audit.model_copy(update={"export": audit.export.model_copy(update={"target": ()})})
    agent.settings = agent.settings.model_copy(update={"audit": ended})
    async with telling.working():
        await agent.client.get_workflow_handle(run).result()
        await telling.keep("export-closed", run)


async def the_log_cannot_be_exported(telling: Telling) -> None:
    _record(telling, "slo")
    async with telling.working():
        await eventually("the page", lambda: _paged(telling))
        await telling.keep("export-open-failing", _run(telling, TargetKind.WEBHOOK))


async def an_export_goes_on(telling: Telling) -> None:
    """On a server that suggests soon to continue as new."""
    run = _run(telling, TargetKind.FILE)
    _record(telling, "slo")
    async with telling.working():
        first = await eventually("a later run", lambda: later_run(telling, run))
        await telling.keep("export-before-continue-as-new", run, first)
        await telling.keep("export-after-continue-as-new", run)


def _run(telling: Telling, kind: TargetKind) -> str:
    return export_id(telling.agent.installation.cluster_uid, kind.value)


def _record(telling: Telling, alarm: str) -> None:
    """Something to ship."""
    agent = telling.agent
    settings = agent.settings
    store = open_store(settings.ledger, settings.tenant, clock=telling.place.clock, randomness=secrets.token_bytes)
    Alarms(store, agent.installation).raise_(alarm, by="ada", reason="burning")
    store.close()


async def _has_exported(telling: Telling) -> bool:
    folder = telling.agent.settings.audit.export.file.folder
    assert folder is not None
    return any(path.stat().st_size for path in folder.rglob("*.ndjson*"))


async def _holds(telling: Telling, kind: TargetKind) -> bool:
    handle = telling.agent.client.get_workflow_handle(_run(telling, kind))
    state: ExportState = await handle.query(STATE, result_type=ExportState)
    return state.seq == state.head == len(telling.agent.records())


async def _paged(telling: Telling) -> bool:
    path = telling.agent.settings.escalation.file
    return path is not None and path.exists() and "export_failing" in path.read_text()
