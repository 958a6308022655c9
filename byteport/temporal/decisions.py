"""What a run decided then, beside what the code of today decides on the same situation, from the history alone.

Comes after `replay.py`, whose two schedules it reads: in a replay the code gets exactly what it was told then (the evidence, the
standing, people's answers), and each decision is in the record that it sends to the ledger. Used by `byteport replay`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from byteport.contracts.ledger import FINISH, RECORD, RESERVE
from byteport.temporal.replay import Scheduled, same_schedule

_DRAFT_IN = {RESERVE.name: "intent", FINISH.name: "record"}


class Decided(NamedTuple):
    """One decision, in the log's words: the diagnosis' cause, the plan's command, the verdict with its reasons."""

    event: str
    decision: str
    result: str | None
    cause: str | None
    command: str | None
    plan_digest: str | None
    reasons: tuple[str, ...]


class Compared(NamedTuple):
    """The same decision then and now; None where there was none, or where the replay did not get so far."""

    then: Decided | None
    now: Decided | None
    same: bool


def side_by_side(recorded: Sequence[Scheduled], replayed: Sequence[Scheduled]) -> tuple[Compared, ...]:
    """Every decision of a run in order."""
    pairs = itertools.zip_longest(_decided(recorded), _decided(replayed))
    return tuple(Compared(then, now, _same(then, now)) for then, now in pairs)


def _decided(scheduled: Sequence[Scheduled]) -> Iterator[Decided]:
    for one in scheduled:
        draft = _draft(one)
        if draft is not None:
            yield Decided(
                event=draft["event"],
                decision=draft["decision"],
                result=draft.get("result"),
                cause=draft.get("cause"),
                command=draft.get("command"),
                plan_digest=draft.get("plan_digest"),
                reasons=tuple(draft.get("reasons") or ()),
            )


def _draft(one: Scheduled) -> dict[str, Any] | None:
    """The record that an act sends; None for an act that sends none."""
    if one.name != RECORD.name and one.name not in _DRAFT_IN:
        return None
    (call,) = one.arguments
    found = call if one.name == RECORD.name else call[_DRAFT_IN[one.name]]
    return found if isinstance(found, dict) else None


def _same(then: Decided | None, now: Decided | None) -> bool:
    if then is None or now is None:
        return False
    return same_schedule(then._asdict(), now._asdict())
