"""Whether what a receiver holds already is the record that we would bring it, and not another's under its number.

Comes after `target.py`; `objects.py` and `file.py` ask, whose receivers can be read. A record that is said to be held is never
sent again and may be pruned: so nothing less than the record itself will do, neither its number nor its header alone.
"""

from __future__ import annotations

from byteport.audit import bundle
from byteport.audit.bundle import EntryLine
from byteport.audit.chain import commitment
from byteport.audit.records import Entry, read_header
from byteport.errors import MalformedInput, PreconditionFailed


class Occupied(PreconditionFailed):
    """Where we write lies something that we have not written: somebody else writes there. `key` is the object's or file's."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"{key} is there already and is not this part of the log: somebody else writes there, or the log is another than it "
            "was. Keep it as evidence, move it away, and find out who may write there and whether the ledger was restored"
        )
        self.key = key


def is_held(there: bytes, ours: bytes) -> bool:
    """Whether the line that is there holds the record of our line: the same line, or the whole record where ours says that its
    body is gone since. Both without a newline."""
    if there == ours:
        return True
    old, new = (_record(line) for line in (there, ours))
    if old is None or new is None or old.differs is not None or old.entry.header != new.entry.header:
        return False
    if new.entry.payload is None:
        return new.removed is not None and _is_whole(old.entry)
    return old.entry == new.entry and old.removed == new.removed


def _record(line: bytes) -> EntryLine | None:
    (read,) = bundle.read([line + b"\n"])
    return read if isinstance(read, EntryLine) else None


def _is_whole(entry: Entry) -> bool:
    """With the very body that its header commits to."""
    if entry.payload is None or entry.salt is None:
        return False
    try:
        return commitment(entry.salt, entry.payload) == read_header(entry.header).payload
    except MalformedInput:
        return False
