"""Whether anything is missing, the end included: the log held against what was signed about it.

A checkpoint counts when a given key that bears this log's name has signed it. Each such checkpoint must be of these records,
its root computed anew; the newest that enough witnesses have cosigned says how far the log is complete, and records after it
are shown by nothing. Comes after `walk` and `checkpoint`, before `verify`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from byteport.audit.checkpoint import Opened, open_checkpoint, parse_checkpoint
from byteport.audit.findings import MOST_FINDINGS, Completeness, Coverage, Fault, Finding, NotChecked
from byteport.audit.heads import Chain
from byteport.audit.notes import BadSignature, UnknownKey, VerifierKey, parse_note
from byteport.audit.walk import Place, Walk
from byteport.errors import MalformedInput

NO_KEY = NotChecked(needs="the log's public key (--key), and a checkpoint that was kept outside this store")
NO_CHECKPOINT = NotChecked(needs="a checkpoint signed by the log's key: in the export, or given by --checkpoint")


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose word counts: keys of logs, keys of witnesses, and how many of these must have cosigned."""

    keys: tuple[VerifierKey, ...] = ()
    witnesses: tuple[VerifierKey, ...] = ()
    quorum: int = 0


NOBODY = Trust()


class Given(NamedTuple):
    """A checkpoint as it came, and where it stood."""

    note: str
    place: Place | None = None
    kept: bool = False
    """It was kept elsewhere: it did not come out of the log that is checked."""

    @property
    def origin(self) -> str:
        """Whose log it says that it is of."""
        return self.note.partition("\n")[0]


class Signed(NamedTuple):
    """A checkpoint that a given key of this log has signed."""

    opened: Opened
    note: str
    place: Place | None

    @property
    def size(self) -> int:
        return self.opened.checkpoint.size


class Young(NamedTuple):
    """Records of these times, and no others, need not have been signed yet."""

    since: str
    until: str


class Checkpoints:
    """The checkpoints of one log, opened one after the other; what is wrong with any of them is found at once.

    Of each size its root is kept, and of all of them the newest: so many may come as there are records.
    """

    def __init__(self, chain: Chain, trust: Trust, given: Iterable[Given] = ()) -> None:
        self.chain = chain
        self.keys = tuple(key for key in trust.keys if key.name == chain.origin)
        """Those that are of this log. A key of another log says nothing of it."""
        self.trust = trust
        self.given = 0
        self.signed = 0
        """So many of those given that a given key of the log has signed."""
        self._newest: Signed | None = None
        self._top: Signed | None = None
        self._kept = 0
        self._roots: dict[int, tuple[bytes, Place | None]] = {}
        self._forked: list[tuple[int, bytes, Place | None]] = []
        self._findings: list[Finding] = []
        self._codes: Counter[Fault] = Counter()
        self._seen: set[int] = set()
        for one in given:
            self.take(one)

    def take(self, one: Given) -> None:
        """One more. The same note again adds nothing, but that it was kept elsewhere too."""
        self.given += 1
        known = hash(one.note)
        if not self.keys or (known in self._seen and not one.kept):
            return
        signed = self._opened(one, quietly=known in self._seen)
        self._seen.add(known)
        if signed is not None and one.kept:
            self._kept = max(self._kept, signed.size)

    @property
    def sizes(self) -> Iterable[int]:
        """At which sizes the root of the log must be known."""
        return self._roots

    @property
    def moments(self) -> tuple[int, ...]:
        """Of which records the time must be known."""
        covered = self._newest.size if self._newest is not None else 0
        return covered, covered + 1

    def _opened(self, one: Given, *, quietly: bool) -> Signed | None:
        try:
            claimed = parse_checkpoint(parse_note(one.note).text)
            if claimed.origin != self.chain.origin:
                says = f"is of another log, not of {self.chain.origin}"
                self._find(Fault.FOREIGN_ORIGIN, one.place, claimed.size, says, quietly=quietly)
                return None
            opened = open_checkpoint(one.note, (*self.keys, *self.trust.witnesses))
        except MalformedInput:
            self._find(Fault.BAD_CHECKPOINT, one.place, 0, "is no checkpoint", quietly=quietly)
        except UnknownKey:
            says = "is not signed by a given key of this log"
            self._find(Fault.UNKNOWN_KEY, one.place, claimed.size, says, quietly=quietly)
        except BadSignature:
            says = "has a signature that does not fit a given key and its text"
            self._find(Fault.BAD_SIGNATURE, one.place, claimed.size, says, quietly=quietly)
        else:
            found = Signed(opened, one.note, one.place)
            if not quietly:
                self._add(found)
            return found
        return None

    def _add(self, one: Signed) -> None:
        self.signed += 1
        root = one.opened.checkpoint.root
        known, _ = self._roots.setdefault(one.size, (root, one.place))
        if known != root:
            says = "is of another log than a checkpoint of the same size; the key signed both"
            self._find(Fault.FORK, one.place, one.size, says)
            if len(self._forked) < MOST_FINDINGS:
                self._forked.append((one.size, root, one.place))
        if self._top is None or one.size > self._top.size:
            self._top = one
        is_newer = self._newest is None or one.size > self._newest.size
        if is_newer and len(self._witnesses(one.opened)) >= self.trust.quorum:
            self._newest = one

    def newest(self) -> Signed | None:
        """The one of the largest size that enough witnesses have cosigned."""
        return self._newest

    def against(self, walk: Walk, young: Young | None = None) -> Completeness | NotChecked:
        """What they say of the log that was walked, with `sizes` and `moments`. To be asked once."""
        if not self.keys:
            return NO_KEY
        if not self.given:
            return NO_CHECKPOINT
        last = walk.last[0] if walk.last else 0
        for size, (root, place) in self._roots.items():
            self._compare(size, root, place, walk, last)
        for size, root, place in self._forked:
            self._compare(size, root, place, walk, last)
        newest = self._newest.opened if self._newest is not None else None
        if newest is None and self._top is not None:
            has = len(self._witnesses(self._top.opened))
            says = f"has {has} of the {self.trust.quorum} cosignatures that it needs"
            self._find(Fault.TOO_FEW_WITNESSES, self._top.place, self._top.size, says)
        covered = self._newest.size if self._newest else 0
        if newest is not None and not covered:
            self._list(Finding(fault=Fault.EMPTY, seq=0, says="the newest checkpoint is of an empty log"))
        not_covered = max(0, last - covered)
        is_young = bool(not_covered) and _is_young(walk, covered + 1, young)
        verdict = Coverage.PARTLY if not_covered and not is_young else Coverage.COMPLETE
        return Completeness(
            verdict=Coverage.INCOMPLETE if self._codes or newest is None else verdict,
            checkpoints=self.signed,
            covered=covered,
            not_covered=not_covered,
            young=is_young,
            as_of=walk.times.get(covered),
            kept=self._kept,
            witnesses=tuple(sorted({each.witness.name for each in newest.cosigned})) if newest else (),
            cosigned_at=max((each.at for each in newest.cosigned), default=None) if newest else None,
            findings=tuple(self._findings),
            not_listed=self._codes.total() - len(self._findings),
            codes=dict(self._codes),
        )

    def _compare(self, size: int, root: bytes, place: Place | None, walk: Walk, last: int) -> None:
        if size > last:
            gone = size - last
            says = f"covers {size} records: the last {gone} of them are gone"
            self._find(Fault.CUT_TAIL, place, last + 1, says, count=gone)
            return
        found = walk.root_at(size)
        if found is None:
            says = f"covers {size} records, and not all of them are there"
            self._find(Fault.MISSING, place, walk.frontier.size + 1, says)
        elif found != root:
            says = f"covers {size} records, which are not those that are here"
            self._find(Fault.ROOT_MISMATCH, place, size, says)

    def _witnesses(self, opened: Opened) -> set[bytes]:
        """By their keys: a witness under two names is one."""
        return {each.witness.public for each in opened.cosigned}

    def _find(
        self, fault: Fault, place: Place | None, seq: int, says: str, *, count: int = 1, quietly: bool = False
    ) -> None:
        file, line = place or (None, None)
        if not quietly:
            self._list(Finding(fault=fault, seq=seq, count=count, says=f"a checkpoint {says}", file=file, line=line))

    def _list(self, finding: Finding) -> None:
        self._codes[finding.fault] += 1
        if len(self._findings) < MOST_FINDINGS:
            self._findings.append(finding)


def _is_young(walk: Walk, first: int, young: Young | None) -> bool:
    """Whether the records from `first` on are; the times of a log never go back, so that the first and the last tell."""
    at = walk.times.get(first)
    return young is not None and at is not None and young.since <= at and walk.latest <= young.until


def quorum_of(witnesses: Sequence[VerifierKey], asked: int | None) -> int:
    """How many must have cosigned: as many as was asked for, else all that were named."""
    return len({witness.public for witness in witnesses}) if asked is None else asked
