"""Checkpoints that were handed in: signed by the enrolled key, and over exactly the records that are kept here.

Comes after `lines`; `archive` calls it inside the transaction that keeps the records. Of each chain the frontier at the
last checkpoint is remembered, so that the next one costs only the records since; it is remembered after a commit alone.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import islice

from byteport.api.lines import SentCheckpoint
from byteport.api.problems import Code, Held, Problem
from byteport.audit.checkpoint import Checkpoint, open_checkpoint
from byteport.audit.heads import Chain
from byteport.audit.merkle import Frontier
from byteport.audit.notes import parse_vkey
from byteport.errors import MalformedInput, NotPermitted
from byteport.ledger import checkpoints
from byteport.ledger.store import Sql, Transaction

MOST_REMEMBERED = 10_000
_LEAVES = 4096
_PREFIX = len("sha256:")


def opened(sent: SentCheckpoint, vkey: str | None) -> Checkpoint:
    """What the note says, its signature checked. Raises `Problem`."""
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
    return found


class Roots:
    """What is remembered of every chain."""

    def __init__(self) -> None:
        self._frontiers: OrderedDict[Chain, Frontier] = OrderedDict()

    def begin(self, chain: Chain) -> Checks:
        """For one transaction."""
        return Checks(self, chain, self._frontiers.get(chain, Frontier()))

    def remember(self, chain: Chain, frontier: Frontier) -> None:
        """Forgets the chain that was longest not asked for when there are too many."""
        if frontier.size >= self._frontiers.get(chain, Frontier()).size:
            self._frontiers[chain] = frontier
            self._frontiers.move_to_end(chain)
        while len(self._frontiers) > MOST_REMEMBERED:
            self._frontiers.popitem(last=False)


class Checks:
    """Checkpoints of one request. `keep` when its transaction is committed."""

    def __init__(self, roots: Roots, chain: Chain, frontier: Frontier) -> None:
        self._roots = roots
        self._chain = chain
        self._frontier = frontier

    def keep(self) -> None:
        self._roots.remember(self._chain, self._frontier)

    def check(self, tx: Transaction, sent: SentCheckpoint, checkpoint: Checkpoint, head: Held) -> bool:
        """Whether it is new, and then it is kept. Raises `Problem` when it is over other records than those kept here."""
        if checkpoint.size > head.seq:
            raise Problem(
                Code.CHECKPOINT_AHEAD, "hand in the records first", line=sent.line, field="checkpoint", head=head
            )
        if self._root(tx.sql, checkpoint.size) != checkpoint.root:
            raise Problem(
                Code.CHECKPOINT_FORK,
                "the enrolled key has signed another history than the one that is kept here; keep this note as proof",
                line=sent.line,
                field="checkpoint",
                head=head,
            )
        last = checkpoints.latest(tx.sql, self._chain)
        if last is not None and (checkpoint.size < last.size or sent.note == last.note):
            return False
        checkpoints.add(tx, self._chain, checkpoint.size, checkpoint.root, sent.note)
        return True

    def _root(self, sql: Sql, size: int) -> bytes:
        frontier = self._frontier if self._frontier.size <= size else Frontier()
        rows = sql.stream(
            "SELECT hash FROM agent_actions WHERE tenant = ? AND cluster_uid = ? AND seq > ? AND seq <= ? ORDER BY seq",
            (self._chain.tenant, self._chain.cluster_uid, frontier.size, size),
        )
        while leaves := [bytes.fromhex(row[0][_PREFIX:]) for row in islice(rows, _LEAVES)]:
            frontier = frontier.extend(leaves)
        if frontier.size > self._frontier.size:
            self._frontier = frontier
        return frontier.root()


def _refused(sent: SentCheckpoint, says: str) -> Problem:
    return Problem(Code.CHECKPOINT_REFUSED, says, line=sent.line, field="checkpoint")
