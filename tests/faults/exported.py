"""I6: what was exported contains the log. What a receiver holds, line by line, against the records of the ledger.

Nothing here asks the code that shipped. A receiver may hold records twice, and may hold some that its cursor does not count
yet: a batch is sent again whenever nobody knows that it arrived. It may lack none up to the cursor, hold none that the log
has not, and no line of it may say anything else than the log does. `invariants.py` calls this.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from byteport.audit.bundle import BadLine, EntryLine, read
from byteport.audit.heads import Chain
from byteport.audit.records import Entry
from byteport.contracts.receivers import TargetKind
from byteport.ledger import cursors
from byteport.ledger.opening import open_reader
from byteport.settings import Settings


class Exported(NamedTuple):
    """One receiver, when everything has come to its end."""

    target: str
    cursor: int
    """Up to which record of the chain the ledger takes it for shipped."""
    lines: tuple[bytes, ...]
    """What it holds, each with its newline, in whatever order."""


def held_in_files(settings: Settings, chain: Chain) -> tuple[Exported, ...]:
    """What lies in the folder of files, where the settings name one as a receiver; nothing where they do not."""
    export = settings.audit.export
    if TargetKind.FILE not in export.target or export.file.folder is None:
        return ()
    with open_reader(settings.ledger, settings.tenant).snapshot() as sql:
        cursor = cursors.read(sql, chain, export.cursor(TargetKind.FILE, chain.cluster_uid))
    folder = export.file.folder / chain.tenant / chain.cluster_uid
    lines = [line for path in sorted(folder.glob("*.ndjson*")) for line in path.read_bytes().splitlines(keepends=True)]
    return (Exported(TargetKind.FILE.value, cursor, tuple(lines)),)


def not_contained(exported: Iterable[Exported], entries: Sequence[Entry]) -> Iterator[str]:
    """Each violation in one line that begins with `I6`."""
    for receiver in exported:
        yield from (f"I6: {receiver.target} {wrong}" for wrong in _wrong(receiver, {one.seq: one for one in entries}))


def _wrong(receiver: Exported, log: dict[int, Entry]) -> Iterator[str]:
    held: set[int] = set()
    for line in read(receiver.lines, receiver.target):
        if isinstance(line, BadLine):
            yield f"holds a line that is none: {line.cause.value} at {line.number}"
        elif isinstance(line, EntryLine):
            kept, told = log.get(line.entry.seq), line.entry
            if kept is None:
                yield f"holds record {told.seq}, which the log has not"
            elif not _same(told, kept):
                yield f"holds another record {told.seq} than the log"
            elif line.differs is not None:
                yield f"holds a record {told.seq} whose {line.differs} is not what was hashed"
            else:
                held.add(told.seq)
    if receiver.cursor > max(log, default=0):
        yield f"is said to hold {receiver.cursor} records, which is more than there are"
    for seq in sorted(seq for seq in log if seq <= receiver.cursor and seq not in held):
        yield f"lacks record {seq}, which counts as shipped"


def _same(told: Entry, kept: Entry) -> bool:
    """Header and body, byte for byte. A body that the log has destroyed since, the receiver may still have."""
    body_gone = kept.payload is None
    return (told.header, told.hash) == (kept.header, kept.hash) and (
        body_gone or (told.payload, told.salt) == (kept.payload, kept.salt)
    )
