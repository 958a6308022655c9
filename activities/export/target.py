"""What every receiver of the log has in common: it takes a batch, and says how far it holds the log now.

Before it comes `byteport/audit/bundle.py`, which writes the lines; after it the act that reads the cursor, ships and
moves the cursor. A receiver keeps nothing between two batches but its connections: the cursor is the ledger's.

At least once, never a gap: whoever ships sends a batch again whenever it does not know that it arrived. So each
receiver gives what it sends an identity that depends on the records alone (the record's `id`, its hour, its sequence
number), by which the other side tells a repetition from news.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from byteport.audit import bundle
from byteport.audit.verify import Chain
from byteport.errors import MalformedInput

SHARE_SECONDS = 10.0
"""After so long a receiver that is given a batch piece by piece says what it has of it, and comes again for the rest."""
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""No record of ours was made outside of these."""
_WITH_ZONE = re.compile(r"(?:Z|[+-]\d\d:?\d\d(?::?\d\d(?:\.\d+)?)?)\Z")
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


@dataclass(frozen=True)
class Batch:
    """Records `first` to `last` of one chain, without a gap, each as the line that exports have."""

    chain: Chain
    first: int
    last: int
    """`first - 1` where there are no new records and the batch brings a checkpoint alone."""
    lines: tuple[bytes, ...]
    """Each one line of canonical JSON without its newline, in the order of the records."""
    checkpoint: str | None = None
    """The newest signed note over the chain, where there is one that the receiver was not given yet."""
    hour: datetime | None = None
    """The hour (UTC, whole) in which all records of the batch lie, for receivers that keep an object per hour."""

    def __post_init__(self) -> None:
        if len(self.lines) != self.last - self.first + 1:
            raise ValueError("a batch has one line for each of its records")


@dataclass(frozen=True)
class Shipped:
    """What the receiver holds now.

    `last` may lie before the batch's own: what was taken up to there is taken, and whoever ships moves the cursor to
    there and comes again with the rest. It never lies before `first`; where nothing was taken there is an error.
    """

    last: int
    checkpoint: bool = False
    """Whether it holds the batch's checkpoint too."""


class Share:
    """The time that one batch has. Over it, nothing more of it is begun: what was taken must be known before the call that
    ships is given up, or all of it would be sent again, for ever."""

    def __init__(self) -> None:
        self._ends = time.monotonic() + SHARE_SECONDS

    @property
    def over(self) -> bool:
        return time.monotonic() >= self._ends


class Target(Protocol):
    """One receiver."""

    @property
    def name(self) -> str:
        """The word by which settings, cursors and workflows know it: `s3`, `syslog`, …"""

    async def ship(self, batch: Batch) -> Shipped:
        """Give it to the receiver, and return once the receiver says that it holds it.

        The same batch again is a repetition with the same identities, never something new. One that goes in pieces ends
        when its `Share` is over, with what was taken until then.

        Raises `Throttled` with the receiver's own delay, `Unavailable` when it cannot be reached or answers that it is
        at fault, `NotPermitted` when it refuses us or lies where nothing may be sent, and `ConfigError` naming the
        setting when what it says can only be mended there.
        """

    async def close(self) -> None:
        """Give connections and files back."""


@dataclass(frozen=True)
class Line:
    """One line of a batch, and the little of it that receivers want to know."""

    seq: int
    text: bytes
    """The line with every character escaped that a terminal or a page could act on; as JSON it is the same."""
    record: dict[str, Any]

    @property
    def id(self) -> str:
        """The record's own, or for a record that was damaged one that depends on its line alone."""
        told = self.record.get("id")
        return told if isinstance(told, str) and _ID.fullmatch(told) else f"damaged-{_digest(self.text)}"

    @property
    def at(self) -> datetime | None:
        """None where a damaged record does not say."""
        return moment(self.record.get("timestamp"))

    def word(self, name: str) -> str:
        """The field as text, empty where it is not known."""
        value = self.record.get(name)
        return "" if value is None else str(value)


def moment(told: object) -> datetime | None:
    """The time that a record says, in UTC; None for one that is damaged, or so far off that no calendar can go on from it."""
    try:
        at = datetime.fromisoformat(told).astimezone(UTC) if isinstance(told, str) and _WITH_ZONE.search(told) else None
    except (ValueError, OverflowError):
        return None
    return at if at is not None and EARLIEST <= at < LATEST else None


def lines_of(batch: Batch) -> tuple[Line, ...]:
    """The batch's records. Raises `MalformedInput` for a line that is none of ours, which is a mistake in the program."""
    found = []
    for seq, text in enumerate(batch.lines, batch.first):
        try:
            record = json.loads(text)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict) or b"\n" in text:
            raise MalformedInput(f"record {seq}", "is not a line of an export")
        found.append(Line(seq, inert(text), record))
    return tuple(found)


def checkpoint_line(note: str) -> bytes:
    """The line of a checkpoint, without its newline."""
    return inert(bundle.checkpoint_line(note).removesuffix(b"\n"))


def checkpoint_id(note: str) -> str:
    """By which a receiver knows a checkpoint again: it depends on the note alone."""
    return f"checkpoint-{_digest(note.encode('utf-8'))}"


def inert(line: bytes) -> bytes:
    """A line of JSON, in which such characters stand in texts alone: each that is not printable becomes its escape."""
    text = line.decode("utf-8")
    if text.isprintable():
        return line
    return "".join(char if char.isprintable() else _escaped(char) for char in text).encode("utf-8")


def _escaped(char: str) -> str:
    """As JSON escapes it; what lies beyond the first plane is two halves."""
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]
