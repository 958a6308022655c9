"""The lines of an export checked as the log that they are of: nothing but the lines is needed, and no store.

They are gone through twice: `survey` finds whose log they are and the checkpoints among them, so that `verify_lines` knows at
which sizes to keep the root, and memory does not grow with the log. Comes after `bundle` and `verify`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from byteport.audit.bundle import BadLine, CheckpointLine, EntryLine, Line, read
from byteport.audit.chain import record_hash
from byteport.audit.completeness import NOBODY, Checkpoints, Given, Trust
from byteport.audit.findings import Fault, Finding, Report
from byteport.audit.heads import Chain
from byteport.audit.records import Entry, read_header
from byteport.audit.verify import report_of
from byteport.audit.walk import BATCH, Place, Walk
from byteport.errors import MalformedInput

NO_CHAIN = Chain(tenant="", cluster_uid="")


class Survey(NamedTuple):
    """What a first look at some lines tells."""

    chain: Chain | None
    """Whose log the first record says that it is of."""
    first: int
    """Its number, by which several files are put in order; 0 where no record can be read."""
    checkpoints: tuple[Given, ...]


def survey(lines: Iterable[bytes], file: str = "") -> Survey:
    """The first look at one file."""
    chain, first, found = None, 0, []
    for number, raw in enumerate(lines, start=1):
        is_checkpoint = b'"checkpoint"' in raw and b'"sealed"' not in raw
        if chain is not None and not is_checkpoint:
            continue
        (line,) = read([raw], file)
        if isinstance(line, CheckpointLine):
            found.append(Given(line.note, Place(file, number)))
        elif isinstance(line, EntryLine) and chain is None:
            chain, first = chain_of_entry(line.entry), line.entry.seq
    return Survey(chain, first, tuple(found))


def chain_of(surveys: Sequence[Survey], trust: Trust = NOBODY) -> Chain:
    """Whose log is checked: that of the given keys where they are of one log, else that of the first record."""
    named = {found for key in trust.keys if (found := Chain.of_origin(key.name)) is not None}
    if len(named) == 1:
        return named.pop()
    return next((one.chain for one in surveys if one.chain is not None), NO_CHAIN)


def verify_lines(
    lines: Iterable[Line], chain: Chain, *, checkpoints: Sequence[Given] = (), trust: Trust = NOBODY
) -> Report:
    """Every line there is, in the order of the log. `checkpoints` are those of the survey, and whatever was given besides.

    Each line that is none of ours, or that says something else than what was hashed, is a finding; so is each record of
    somebody else.
    """
    signed = Checkpoints(chain, trust, checkpoints)
    walk = Walk(chain, sizes=signed.sizes)
    known = {one.note for one in checkpoints}
    entries: list[Entry] = []
    places: list[Place] = []
    for line in lines:
        for finding in _amiss(line, known):
            walk.find(finding)
        if isinstance(line, EntryLine):
            entries.append(line.entry)
            places.append(Place(line.file, line.number))
        if len(entries) == BATCH:
            walk.feed(entries, places)
            entries, places = [], []
    walk.feed(entries, places)
    return report_of(walk, signed)


def _amiss(line: Line, known: set[str]) -> Iterator[Finding]:
    match line:
        case BadLine():
            yield Finding(fault=Fault(line.cause.value), seq=0, says=line.says, file=line.file, line=line.number)
        case EntryLine(differs=str(field)) if record_hash(line.entry.header) == line.entry.hash:
            says = f"says another {field[:60]!r} in its fields than what was hashed"
            yield Finding(fault=Fault.EDITED, seq=line.entry.seq, says=says, file=line.file, line=line.number)
        case CheckpointLine() if line.note not in known:
            says = "is a checkpoint that is written as none is"
            yield Finding(fault=Fault.NOT_OURS, seq=0, says=says, file=line.file, line=line.number)
        case _:
            return


def chain_of_entry(entry: Entry) -> Chain | None:
    """Whose chain a record says that it is of; None where it cannot be read."""
    try:
        header = read_header(entry.header)
    except MalformedInput:
        return None
    return Chain(tenant=header.tenant, cluster_uid=header.cluster_uid)
