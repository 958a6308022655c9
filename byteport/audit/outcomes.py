"""Under which keys an act's records are appended, and so what became of it, told by its records' headers alone.

A header keeps the digest of its record's key, and an intent and its ends have keys that are derived. So what became of an
act can still be told when the payload has been pruned. The ledger's acts append under these keys; `acts` reads them back.
"""

from __future__ import annotations

from enum import StrEnum

from byteport.audit.records import Header
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
    if header.action_id is None:
        return None
    for outcome in Outcome:
        for verified in (None, True, False):
            if header.key == digest(end_key(header.action_id, outcome.value, verified)):
                return outcome
    return None
