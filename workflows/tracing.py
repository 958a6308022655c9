"""How a run says which phase it has gone through, where its worker traces. Without one, and while it replays, nothing happens.

Workflows know nothing of traces: the worker hands them a function under a name of `byteport/contracts/traces.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from byteport.contracts.traces import PHASE_SPAN
from byteport.contracts.workflows import Phase
from temporalio import workflow


def phase_left(phase: Phase, since: datetime, about: Mapping[str, str | None]) -> None:
    """`phase` lasted from `since` until now, on Temporal's clock; `about` are attributes of spans."""
    note = workflow.extern_functions().get(PHASE_SPAN)
    if note is not None and not workflow.unsafe.is_replaying():
        note(phase.value, since, workflow.now(), {key: value for key, value in about.items() if value is not None})
