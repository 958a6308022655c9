"""The lines of an export checked as the log that they are of: nothing but the lines is needed, and no store.

They are gone through several times, and memory does not grow with them: `look` finds whose log they are, `given_in` the
checkpoints among them, so that `verify_lines` knows at which sizes to keep the root. Comes after `bundle` and `verify`.
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


class Look(NamedTuple):
    """What a first look at some lines tells."""

    chain: Chain | None
    """Whose log the first record that can be read says that it is of; else the first checkpoint."""
    first: int
    """That record's number, by which several files are put in order; 0 where there is none."""


class Survey(NamedTuple):
    """A look, and the checkpoints."""

    chain: Chain | None
    first: int
    checkpoints: tuple[Given, ...]


def look(lines: Iterable[bytes], file: str = "") -> Look:
    """Whose lines they are. Read as far as the first record."""
    signed: Chain | None = None
    for line in read(lines, file):
        if isinstance(line, EntryLine) and (chain := chain_of_entry(line.entry)) is not None:
            return Look(chain, line.entry.seq)
        if isinstance(line, CheckpointLine) and signed is None:
            signed = Chain.of_origin(Given(line.note).origin)
    return Look(signed, 0)


def given_in(lines: Iterable[bytes], file: str = "") -> Iterator[Given]:
    """The checkpoints. What surely is a record is not read for that."""
    for number, raw in enumerate(lines, start=1):
        if b'"sealed"' in raw and b'"header"' in raw:
            continue
        (line,) = read([raw], file)
        if isinstance(line, CheckpointLine):
            yield Given(line.note, Place(file, number))


def survey(lines: Sequence[bytes], file: str = "") -> Survey:
    """Both of lines that are at hand."""
    return Survey(*look(lines, file), tuple(given_in(lines, file)))


def chain_of(looks: Sequence[Look | Survey], trust: Trust = NOBODY) -> Chain:
    """Whose log is checked: that of the given keys where they are of one log, else that of the first record."""
    named = chains_named(trust)
    if len(named) == 1:
        return named[0]
    found = [one.chain for one in sorted(looks, key=lambda one: not one.first) if one.chain is not None]
    return found[0] if found else NO_CHAIN


def chains_named(trust: Trust) -> list[Chain]:
    """The logs that the given keys are of."""
    return list(dict.fromkeys(found for key in trust.keys if (found := Chain.of_origin(key.name)) is not None))


def verify_lines(
    lines: Iterable[Line],
    chain: Chain,
    *,
    checkpoints: Iterable[Given] = (),
    trust: Trust = NOBODY,
    at_least_once: bool = False,
) -> Report:
    """Every line there is, in the order of the log. `checkpoints` are those among the lines, and whatever was given besides.

    Each line that is none of ours, or that says something else than what was hashed, is a finding; so is each record of
    somebody else. `at_least_once`: a line that is the same as one before it, to the byte, is passed over.
    """
    signed = Checkpoints(chain, trust, checkpoints)
    walk = Walk(chain, sizes=signed.sizes, moments=signed.moments, labelled=True)
    entries: list[Entry] = []
    places: list[Place] = []
    once = _Once() if at_least_once else None
    for line in lines:
        if once is not None and once.knows(line):
            continue
        for finding in _amiss(line):
            walk.find(finding)
        if isinstance(line, EntryLine):
            entries.append(line.entry if line.removed is None else line.entry._replace(label=line.removed))
            places.append(Place(line.file, line.number))
        if len(entries) == BATCH:
            walk.feed(entries, places)
            entries, places = [], []
    walk.feed(entries, places)
    return report_of(walk, signed, repeated=once.repeated if once is not None else 0)


class _Once:
    """Which lines there were: of each some bytes are kept."""

    def __init__(self) -> None:
        self.repeated = 0
        self._seen: set[int] = set()

    def knows(self, line: Line) -> bool:
        match line:
            case EntryLine(differs=None):
                mark = hash((line.entry, line.removed))
            case CheckpointLine():
                mark = hash(line.note)
            case _:
                return False
        if mark in self._seen:
            self.repeated += 1
            return True
        self._seen.add(mark)
        return False


def _amiss(line: Line) -> Iterator[Finding]:
    match line:
        case BadLine():
            yield Finding(fault=Fault(line.cause.value), seq=0, says=line.says, file=line.file, line=line.number)
        case EntryLine(differs=str(field)) if record_hash(line.entry.header) == line.entry.hash:
            says = f"says another {field[:60]!r} in its fields than what was hashed"
            yield Finding(fault=Fault.EDITED, seq=line.entry.seq, says=says, file=line.file, line=line.number)
        case _:
            return


def chain_of_entry(entry: Entry) -> Chain | None:
    """Whose chain a record says that it is of; None where it cannot be read."""
    try:
        header = read_header(entry.header)
    except MalformedInput:
        return None
    return Chain(tenant=header.tenant, cluster_uid=header.cluster_uid)
