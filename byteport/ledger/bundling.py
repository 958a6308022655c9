"""What an auditor is handed: the records as an export has them, what was signed of them, and the program that checks it.

Reads the log and writes files of its own, whole or not at all, over nothing that is there. Comes after `log` and
`extents`, which says where it ends; the command line calls it. The log is read record by record, however long it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from byteport.audit import bundle
from byteport.audit.heads import Chain
from byteport.audit.records import Entry, Removed
from byteport.audit.words import Removal
from byteport.errors import MalformedInput
from byteport.ledger import checkpoints
from byteport.ledger.bundle_files import RECORDS, Container, new_container
from byteport.ledger.extents import Times, extent_of, timestamp_of
from byteport.ledger.log import AuditLog

CHECKPOINT = "checkpoint.txt"
KEY = "log.vkey"
VERIFIER = "verify_byteport_log.py"
PARTIAL = """\
Records 1 to {before} come before it and are not in it. It is for reading: a chain is checked from its first record on, and
both programs say of this one that record 1 is missing. For a proof, have the whole log, or one that ends earlier."""
LONGER = """\
It goes on to record {last}, though record {asked} is the last one of the time that was asked for: only so are all the
records in it that say why bodies before that are gone, and the end was signed."""
UNCOVERED = """\
What was signed covers none of the last {count} record(s). Both programs say `partly` of this bundle, and end with 6."""
README = "README.txt"


class Bundle(NamedTuple):
    """What was written."""

    path: Path
    chain: Chain
    records: int
    first: int
    last: int
    since: str | None
    """Times of the first and the last record."""
    until: str | None
    head: int
    """The log's last record, whether it is among them or not."""
    checkpoint: int | None
    """How many records the newest checkpoint is about that is among them."""
    asked: int
    """The last record of the time that was asked for; `last` is later where bodies before it are gone by the word of later
    records, and earlier where what was signed ends earlier."""
    keyed: bool
    """Whether the key of the log lies in it."""

    @property
    def whole(self) -> bool:
        """Whether it holds the log from its first record to its last."""
        return self.first == 1 and self.last == self.head


def write_bundle(
    log: AuditLog,
    chain: Chain,
    path: Path,
    *,
    key: str | None,
    since: datetime | None = None,
    until: datetime | None = None,
    uncovered: bool = False,
) -> Bundle:
    """A folder, an archive (`.zip`) or the lines alone (`.ndjson`), by the name of `path`; `until` is exclusive.

    It ends with the newest checkpoint over records of that time, so that all of it was signed; `uncovered` adds the rest.
    Raises `MalformedInput` where something is at `path` already, or no record lies in that time, and `Unavailable` where
    it cannot be written; then nothing is left.
    """
    with new_container(path) as container:
        return _write(log, chain, container, path, key, Times(since, until, uncovered=uncovered))


def _write(log: AuditLog, chain: Chain, container: Container, path: Path, key: str | None, times: Times) -> Bundle:
    end = log.head(chain)
    if end is None:
        raise MalformedInput("export", "the log of this cluster has no record yet")
    removals = log.removals(chain)
    gone = [removed for _, removed in removals]
    extent = extent_of(log, chain, end.seq, times, removals)
    if extent is None:
        raise MalformedInput("export", "no record of this log lies in that time")
    counted = _Counted()
    with container.file(RECORDS) as out:
        for entry in counted.of(log.entries(chain, extent.first, extent.last)):
            out.write(bundle.line_of(entry, _cause(gone, entry)))
        with log.store.snapshot() as sql:
            newest = checkpoints.newest(sql, chain, counted.last)
        if newest is not None and newest.size >= counted.first:
            out.write(bundle.checkpoint_line(newest.note))
    size = newest.size if newest is not None and newest.size >= counted.first else None
    made = Bundle(
        path=path,
        chain=chain,
        records=counted.records,
        first=counted.first,
        last=counted.last,
        since=counted.since,
        until=counted.until,
        head=end.seq,
        checkpoint=size,
        asked=extent.asked,
        keyed=key is not None and container.holds_files,
    )
    if newest is not None and size is not None:
        container.text(CHECKPOINT, newest.note)
    if key is not None:
        container.text(KEY, f"{key}\n")
    container.text(VERIFIER, (files("byteport.audit") / "independent.py").read_text("utf-8"))
    container.text(README, readme(made))
    return made


class _Counted:
    """What goes by, as far as the README tells it."""

    def __init__(self) -> None:
        self.records = self.first = self.last = 0
        self.since: str | None = None
        self.until: str | None = None

    def of(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        for entry in entries:
            at = timestamp_of(entry)
            self.records += 1
            self.first = self.first or entry.seq
            self.last = entry.seq
            self.since = self.since or at
            self.until = at or self.until
            yield entry


def _cause(gone: Iterable[Removed], entry: Entry) -> Removal | None:
    if entry.payload is not None:
        return None
    return next((one.cause for one in gone if one.first <= entry.seq <= one.last), None)


def readme(made: Bundle) -> str:
    """What lies there, how to check it, and what that shows."""
    key = f"--key {KEY}" if made.keyed else "--key KEY"
    after = made.head - made.last
    uncovered = made.last - (made.checkpoint or 0)
    missing = [
        *([LONGER.format(last=made.last, asked=made.asked)] if made.last > made.asked else []),
        *([UNCOVERED.format(count=uncovered)] if made.checkpoint is not None and uncovered else []),
        *([PARTIAL.format(before=made.first - 1)] if made.first > 1 else []),
        *([f"{after} record(s) come after it and are not in it."] if after else []),
    ]
    signed = (
        f"{CHECKPOINT}  what was signed of the log: its first {made.checkpoint} record(s)"
        if made.checkpoint is not None
        else "Nothing that was signed of the log is in it: whether its end is missing cannot be told."
    )
    lines = [
        "An export of BytePort's audit log",
        "",
        f"Log         {made.chain.origin}",
        f"Records     {made.records}, from {made.first} ({made.since}) to {made.last} ({made.until})",
        *missing,
        "",
        f"{RECORDS}  the records, a line of JSON each; what was hashed stands under `sealed`",
        signed,
        *([f"{KEY}  the log's public key"] if made.keyed else []),
        f"{VERIFIER}  checks them; it needs Python 3.9 and nothing else, and no network",
        "",
        f"    python3 {VERIFIER} {RECORDS} {key}",
        "",
        "It says whether anything was edited (intact), and whether these are the records that were signed, all of them",
        "(complete). Of what came after the newest checkpoint in it nothing is shown by it.",
        "A key that lies beside what it is to prove proves little: have it from the people who run the log by another way",
        "(`byteport log-key`), before there is a reason to doubt them, and a checkpoint that you kept yourself from earlier.",
        "Whoever has BytePort can use `byteport verify-log --file` for the same, and with `--against` hold the log against the",
        "API server's own audit log.",
        "",
    ]
    return "\n".join(lines)
