"""Under which keys an act's records are appended, and so what became of it, told by its records' headers alone.

A header keeps the digest of its record's key, and an intent and its ends have keys that are derived. So what became of an
act can still be told when the payload has been pruned. The ledger's acts append under these keys; `acts` reads them back.

A key is a digest that nobody reads; people read the words beside it. So a record counts only if both say the same (`odd`).
"""

from __future__ import annotations

from enum import StrEnum

from byteport.audit.records import Header, Payload
from byteport.audit.words import Decision, Event, Result
from byteport.domain.canonical import digest


class Outcome(StrEnum):
    """What became of an act."""

    DONE = "done"
    NOT_DONE = "not_done"
    UNKNOWN = "unknown"
    """Sent, and never answered."""


def intent_key(action_id: str) -> str:
    """Of the record that is written before the act."""
    return f"intent:{action_id}"


def end_key(action_id: str, outcome: str, verified: bool | None) -> str:  # noqa: FBT001  part of a key's text
    """Of a record that ends it. `verified` is None while it is not known whether the act helped."""
    return f"finish:{action_id}:{outcome}:{verified}"


def is_intent(header: Header) -> bool:
    """Whether the header is that of its action's one intent."""
    return header.action_id is not None and header.key == digest(intent_key(header.action_id))


def outcome_of(header: Header) -> Outcome | None:
    """What the record says became of its act; None when it ends none."""
    end = _end_of(header)
    return None if end is None else end[0]


def odd(header: Header, payload: Payload | None) -> str | None:
    """What is odd about a record, by its key and its words; None where they agree, or it is about no act.

    Without its payload only what the header says is compared.
    """
    said = f"says {header.event.value} and {header.decision.value}"
    end = _end_of(header)
    if is_intent(header):
        if (header.event, header.decision) != (Event.STARTED, Decision.ACTED):
            return f"{said}, and its key is that of an intent"
        return "is an intent, and has a result" if payload is not None and payload.result is not None else None
    if end is None:
        return f"{said}, and its key is that of no act" if _claims_an_act(header) else None
    results = _ENDS.get((*end, header.event, header.decision))
    if results is None:
        return f"{said}, and its key is that of the end of an act that is called {end[0].value}"
    if payload is not None and payload.result not in results:
        return f"says {payload.result.value if payload.result else 'no result'}, and its key says {end[0].value}"
    return None


_ENDS: dict[tuple[Outcome, bool | None, Event, Decision], frozenset[Result | None]] = {
    (Outcome.DONE, True, Event.FINISHED, Decision.ACTED): frozenset({Result.SUCCESS}),
    (Outcome.DONE, False, Event.FINISHED, Decision.ACTED): frozenset({Result.FAILURE}),
    (Outcome.DONE, None, Event.FINISHED, Decision.ACTED): frozenset({None}),
    (Outcome.DONE, True, Event.REVERTED, Decision.ACTED): frozenset({Result.SUCCESS}),
    (Outcome.DONE, False, Event.REVERTED, Decision.ACTED): frozenset({Result.FAILURE}),
    (Outcome.DONE, None, Event.REVERTED, Decision.ACTED): frozenset({Result.SUCCESS}),
    (Outcome.NOT_DONE, None, Event.FINISHED, Decision.ACTED): frozenset({Result.FAILURE}),
    (Outcome.UNKNOWN, None, Event.FINISHED, Decision.ACTED): frozenset({None}),
    (Outcome.DONE, None, Event.FINISHED, Decision.ESCALATED): frozenset({Result.FAILURE}),
    (Outcome.UNKNOWN, None, Event.FINISHED, Decision.ESCALATED): frozenset({Result.FAILURE}),
}
"""Which words go with which key. The last two are those of a time box that was cancelled while its act was open."""


def _claims_an_act(header: Header) -> bool:
    """Whether the words alone say that an act began or ended. Only what was undone is also told without an act of its own."""
    if header.event is Event.STARTED:
        return True
    ended = header.event is Event.FINISHED or (header.event is Event.REVERTED and header.action_id is not None)
    return ended and header.decision is Decision.ACTED


def _end_of(header: Header) -> tuple[Outcome, bool | None] | None:
    if header.action_id is None:
        return None
    for outcome in Outcome:
        for verified in (None, True, False):
            if header.key == digest(end_key(header.action_id, outcome.value, verified)):
                return outcome, verified
    return None
