"""Checkpoints that were handed in: signed by the enrolled key, and over exactly the records that are kept here.

Comes after `lines`; `archive` calls it inside the transaction that keeps the records, which nobody else can write in
meanwhile. So of each chain frontiers are remembered, and a note costs only the records since the nearest one, however old
it is and however often it comes. Of the signatures those of enrolled keys are kept, each key's once.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from byteport.api.lines import SentCheckpoint
from byteport.api.problems import Contradiction, Held, LedgerCode
from byteport.audit.checkpoint import Checkpoint, open_checkpoint
from byteport.audit.heads import Chain
from byteport.audit.merkle import Frontier
from byteport.audit.notes import Signature, VerifierKey, add_lines, parse_note, parse_vkey
from byteport.errors import MalformedInput, NotPermitted
from byteport.ledger import checkpoints
from byteport.ledger.store import Sql, Transaction
from byteport.serving.problems import Problem

MOST_REMEMBERED = 10_000
STRIDE = 2048
"""Of a chain a frontier is remembered each so many records: no note, however old, has more read again than that."""
_PREFIX = len("sha256:")


class Signed(NamedTuple):
    """A note whose signature was checked: what it says, and the lines of enrolled keys on it, the log's own first."""

    line: int
    checkpoint: Checkpoint
    signatures: tuple[Signature, ...]

    @property
    def note(self) -> str:
        """Without what nobody here knows."""
        return add_lines(f"{self.checkpoint.text()}\n", [signature.line() for signature in self.signatures])


def opened(sent: SentCheckpoint, vkey: str | None, witnesses: Sequence[str] = ()) -> Signed:
    """What the note says, its signature checked. A line of a witness that does not hold is left out. Raises `Problem`."""
    if vkey is None:
        raise _refused(sent, "no vkey is enrolled for this chain; its operator has to add it")
    try:
        key = parse_vkey(vkey)
        found = open_checkpoint(sent.note, [key]).checkpoint
    except MalformedInput as error:
        raise _refused(sent, f"the note is none: {error.message}") from None
    except NotPermitted:
        raise _refused(sent, "the enrolled key has not signed this text") from None
    if found.size < 1:
        raise _refused(sent, "it is over no record")
    known = [key, *(one for one in map(parse_vkey, witnesses) if _has_signed(sent.note, key, one))]
    return Signed(sent.line, found, tuple(_line_of(sent.note, one) for one in known))


def _has_signed(note: str, key: VerifierKey, witness: VerifierKey) -> bool:
    try:
        return bool(open_checkpoint(note, [key, witness]).cosigned)
    except NotPermitted:
        return False


def _line_of(note: str, key: VerifierKey) -> Signature:
    """The first line of a key, which is the one that was checked."""
    return next(one for one in parse_note(note).signatures if (one.name, one.key_id) == (key.name, key.id))


class Roots:
    """Frontiers of every chain, of committed records alone: one now and then, and the newest. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: OrderedDict[Chain, dict[int, Frontier]] = OrderedDict()

    def begin(self, chain: Chain, committed: int) -> Checks:
        """For one transaction, before which `committed` records were there; a store that went back forgets what was newer."""
        with self._lock:
            known = self._of.get(chain, {})
            for size in [one for one in known if one > committed]:
                del known[size]
        return Checks(self, chain, committed)

    def nearest(self, chain: Chain, size: int) -> Frontier:
        """The largest that is remembered of at most `size` records."""
        with self._lock:
            known = self._of.get(chain, {})
            return known[max(at)] if (at := [one for one in known if one <= size]) else Frontier()

    def remember(self, chain: Chain, frontier: Frontier) -> None:
        """Forgets the chain that was longest not asked for when there are too many."""
        with self._lock:
            known = self._of.setdefault(chain, {})
            newest = max(known, default=0)
            known[frontier.size] = frontier
            for size in {newest, frontier.size} - {max(known)}:
                if size % STRIDE:
                    known.pop(size, None)
            self._of.move_to_end(chain)
            while len(self._of) > MOST_REMEMBERED:
                self._of.popitem(last=False)


class Checks:
    """Checkpoints of one request."""

    def __init__(self, roots: Roots, chain: Chain, committed: int) -> None:
        self._roots = roots
        self._chain = chain
        self._committed = committed
        self._new: list[Frontier] = []

    def keep(self) -> None:
        """Once the transaction is committed. What was there before it is remembered without that."""
        for frontier in self._new:
            self._roots.remember(self._chain, frontier)

    def check(self, tx: Transaction, signed: Signed, head: Held) -> bool:
        """Whether something of it is new, and then it is kept. Raises `Problem` when it is over other records than those
        kept here. Of one size one note is kept, and another of it only for a signature that it adds."""
        checkpoint, last = signed.checkpoint, checkpoints.latest(tx.sql, self._chain)
        if checkpoint.size > head.seq:
            raise Contradiction(
                LedgerCode.CHECKPOINT_AHEAD,
                "hand in the records first",
                line=signed.line,
                field="checkpoint",
                head=head,
            )
        known = last is not None and checkpoint.size == last.size
        if checkpoint.root != (last.root if last is not None and known else self._root(tx.sql, checkpoint.size)):
            raise Contradiction(
                LedgerCode.CHECKPOINT_FORK,
                "the enrolled key has signed another history than the one that is kept here; keep this note as proof",
                line=signed.line,
                field="checkpoint",
                head=head,
            )
        if last is not None and checkpoint.size < last.size:
            return False
        note = signed.note if last is None or not known else _with(last.note, signed.signatures)
        if last is not None and note == last.note:
            return False
        checkpoints.add(tx, self._chain, checkpoint.size, checkpoint.root, note)
        return True

    def _root(self, sql: Sql, size: int) -> bytes:
        """Of the first `size` records. Each is read once and remembered, however often requests are refused afterwards;
        for a size between two that are remembered at most `STRIDE` are read again."""
        frontier = self._roots.nearest(self._chain, size)
        frontier = max((frontier, *(one for one in self._new if one.size <= size)), key=lambda one: one.size)
        rows = sql.stream(
            "SELECT hash FROM agent_actions WHERE tenant = ? AND cluster_uid = ? AND seq > ? AND seq <= ? ORDER BY seq",
            (self._chain.tenant, self._chain.cluster_uid, frontier.size, size),
        )
        while leaves := [bytes.fromhex(row[0][_PREFIX:]) for row in islice(rows, STRIDE - frontier.size % STRIDE)]:
            frontier = frontier.extend(leaves)
            if frontier.size <= self._committed:
                self._roots.remember(self._chain, frontier)
            else:
                self._new.append(frontier)
        return frontier.root()


def _with(note: str, signatures: Sequence[Signature]) -> str:
    """`note` with the lines of keys that are not on it yet."""
    there = {(one.name, one.key_id) for one in parse_note(note).signatures}
    return add_lines(note, [one.line() for one in signatures if (one.name, one.key_id) not in there])


def _refused(sent: SentCheckpoint, says: str) -> Problem:
    return Problem(LedgerCode.CHECKPOINT_REFUSED, says, line=sent.line, field="checkpoint")
