"""Whether anything is missing, the end included: the log held against what was signed about it.

A checkpoint counts when a given key that bears this log's name has signed it. Each such checkpoint must be of these records,
its root computed anew; the newest that enough witnesses have cosigned says how far the log is complete. Comes after `walk`
and `checkpoint`, before `verify`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from byteport.audit.checkpoint import Opened, open_checkpoint, parse_checkpoint
from byteport.audit.findings import Completeness, Coverage, Fault, Finding, NotChecked
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

    @property
    def origin(self) -> str:
        """Whose log it says that it is of."""
        return self.note.partition("\n")[0]


class Signed(NamedTuple):
    """A checkpoint that a given key of this log has signed."""

    opened: Opened
    note: str
    place: Place | None


class Checkpoints:
    """The checkpoints of one log, opened; what is wrong with any of them is found at once."""

    def __init__(self, chain: Chain, trust: Trust, given: Iterable[Given]) -> None:
        self.keys = tuple(key for key in trust.keys if key.name == chain.origin)
        """Those that are of this log. A key of another log says nothing of it."""
        self.trust = trust
        self.signed: list[Signed] = []
        self.findings: list[Finding] = []
        self.given = 0
        self._roots: dict[int, bytes] = {}
        seen: set[str] = set()
        for one in given:
            self.given += 1
            if self.keys and one.note not in seen:
                seen.add(one.note)
                self._open(chain, one)

    @property
    def sizes(self) -> list[int]:
        """At which sizes the root of the log must be known."""
        return list(self._roots)

    def _open(self, chain: Chain, one: Given) -> None:
        try:
            claimed = parse_checkpoint(parse_note(one.note).text)
            if claimed.origin != chain.origin:
                self._find(Fault.FOREIGN_ORIGIN, one, claimed.size, f"is of another log, not of {chain.origin}")
                return
            opened = open_checkpoint(one.note, (*self.keys, *self.trust.witnesses))
        except MalformedInput:
            self._find(Fault.BAD_CHECKPOINT, one, 0, "is no checkpoint")
        except UnknownKey:
            self._find(Fault.UNKNOWN_KEY, one, claimed.size, "is not signed by a given key of this log")
        except BadSignature:
            self._find(
                Fault.BAD_SIGNATURE, one, claimed.size, "has a signature that does not fit a given key and its text"
            )
        else:
            if self._roots.setdefault(claimed.size, claimed.root) != claimed.root:
                self._find(
                    Fault.FORK,
                    one,
                    claimed.size,
                    "is of another log than a checkpoint of the same size; the key signed both",
                )
            self.signed.append(Signed(opened, one.note, one.place))

    def newest(self) -> Signed | None:
        """The one of the largest size that enough witnesses have cosigned."""
        return max(
            (one for one in self.signed if self._is_witnessed(one)), key=lambda one: _size(one.opened), default=None
        )

    def against(self, walk: Walk) -> Completeness | NotChecked:
        """What they say of the log that was walked, with `sizes`."""
        if not self.keys:
            return NO_KEY
        if not self.given:
            return NO_CHECKPOINT
        last = walk.last[0] if walk.last else 0
        for one in self.signed:
            self._compare(one, walk, last)
        found = self.newest()
        newest = found.opened if found is not None else None
        if newest is None and self.signed:
            top = max(self.signed, key=lambda one: _size(one.opened))
            says = f"has {len(self._witnesses(top.opened))} of the {self.trust.quorum} cosignatures that it needs"
            self._find(Fault.TOO_FEW_WITNESSES, top, _size(top.opened), says)
        if newest is not None and not _size(newest):
            self.findings.append(Finding(fault=Fault.EMPTY, seq=0, says="the newest checkpoint is of an empty log"))
        covered = _size(newest) if newest else 0
        return Completeness(
            verdict=Coverage.INCOMPLETE if self.findings or newest is None else Coverage.COMPLETE,
            checkpoints=len(self.signed),
            covered=covered,
            not_covered=max(0, last - covered),
            witnesses=tuple(sorted({each.witness.name for each in newest.cosigned})) if newest else (),
            cosigned_at=max((each.at for each in newest.cosigned), default=None) if newest else None,
            findings=tuple(self.findings),
        )

    def _compare(self, one: Signed, walk: Walk, last: int) -> None:
        checkpoint = one.opened.checkpoint
        if checkpoint.size > last:
            gone = checkpoint.size - last
            says = f"covers {checkpoint.size} records: the last {gone} of them are gone"
            self._find(Fault.CUT_TAIL, one, last + 1, says, count=gone)
            return
        root = walk.root_at(checkpoint.size)
        if root is None:
            says = f"covers {checkpoint.size} records, and not all of them are there"
            self._find(Fault.MISSING, one, walk.frontier.size + 1, says)
        elif root != checkpoint.root:
            says = f"covers {checkpoint.size} records, which are not those that are here"
            self._find(Fault.ROOT_MISMATCH, one, checkpoint.size, says)

    def _is_witnessed(self, one: Signed) -> bool:
        return len(self._witnesses(one.opened)) >= self.trust.quorum

    def _witnesses(self, opened: Opened) -> set[bytes]:
        """By their keys: a witness under two names is one."""
        return {each.witness.public for each in opened.cosigned}

    def _find(self, fault: Fault, one: Given | Signed, seq: int, says: str, *, count: int = 1) -> None:
        file, line = one.place or (None, None)
        self.findings.append(
            Finding(fault=fault, seq=seq, count=count, says=f"a checkpoint {says}", file=file, line=line)
        )


def _size(opened: Opened) -> int:
    return opened.checkpoint.size


def quorum_of(witnesses: Sequence[VerifierKey], asked: int | None) -> int:
    """How many must have cosigned: as many as was asked for, else all that were named."""
    return len({witness.public for witness in witnesses}) if asked is None else asked
