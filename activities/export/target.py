"""What every receiver of the log has in common: it takes a batch, and says how far it holds the log now.

Before it comes `byteport/audit/bundle.py`, which writes the lines; after it the act that reads the cursor, ships and
moves the cursor. A receiver keeps nothing between two batches but its connections: the cursor is the ledger's.

At least once, never a gap: whoever ships sends a batch again whenever it does not know that it arrived. So each
receiver gives what it sends an identity that depends on the records alone (the record's `id`, its hour, its sequence
number), by which the other side tells a repetition from news.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from byteport.audit.verify import Chain
from byteport.errors import MalformedInput


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


class Target(Protocol):
    """One receiver."""

    @property
    def name(self) -> str:
        """The word by which settings, cursors and workflows know it: `s3`, `syslog`, …"""

    async def ship(self, batch: Batch) -> Shipped:
        """Give it to the receiver, and return once the receiver says that it holds it.

        The same batch again is a repetition with the same identities, never something new.

        Raises `Throttled` with the receiver's own delay, `Unavailable` when it cannot be reached or answers that it is
        at fault, `NotPermitted` when it refuses us or lies where nothing may be sent, and `ConfigError` naming the
        setting when what it says can only be mended there.
        """

    async def close(self) -> None:
        """Give connections and files back."""


@dataclass(frozen=True)
class Line:
    """One line of a batch, and the little of it that receivers want to know."""

    text: bytes
    record: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.record["id"])

    @property
    def seq(self) -> int:
        return int(self.record["seq"])

    @property
    def at(self) -> datetime:
        return datetime.fromisoformat(str(self.record["timestamp"]))


def lines_of(batch: Batch) -> tuple[Line, ...]:
    """The batch's records. Raises `MalformedInput` for a line that is none of ours, which is a mistake in the program."""
    found = []
    for seq, text in enumerate(batch.lines, batch.first):
        try:
            line = Line(text, json.loads(text))
            fits = line.seq == seq and bool(line.id) and line.at.tzinfo is not None and b"\n" not in text
        except (ValueError, KeyError, TypeError):
            fits = False
        if not fits:
            raise MalformedInput(f"record {seq}", "is not a line of an export")
        found.append(line)
    return tuple(found)
