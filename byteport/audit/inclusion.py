"""Whether one record is in the log that was signed: proved, so that whoever holds record, proof and checkpoint needs no log.

Comes after `completeness`, which opens the checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256

from byteport.audit.chain import LEAF_PREFIX
from byteport.audit.completeness import NO_CHECKPOINT, NO_KEY, Checkpoints
from byteport.audit.findings import NotChecked
from byteport.audit.merkle import inclusion_proof, is_included
from byteport.audit.records import Entry
from byteport.domain.base import Frozen

TOO_NEW = NotChecked(needs="a checkpoint that covers this record")


class Inclusion(Frozen):
    """The proof, and whether it leads from the record to the root that was signed."""

    included: bool
    index: int
    """Of the leaf, from 0."""
    size: int
    """Of the tree."""
    proof: tuple[str, ...]
    """The hashes of RFC 6962 §2.1.1 in hex, the nearest first."""
    checkpoint: str
    """The signed note."""


def inclusion_of(
    entry: Entry, checkpoints: Checkpoints, headers: Callable[[int], Iterable[Entry]]
) -> Inclusion | NotChecked:
    """Of `entry` in the newest checkpoint that a given key has signed. `headers` gives the first so many records."""
    if not checkpoints.keys:
        return NO_KEY
    newest = checkpoints.newest()
    if newest is None:
        return NO_CHECKPOINT
    checkpoint = newest.opened.checkpoint
    if not 1 <= entry.seq <= checkpoint.size:
        return TOO_NEW
    leaves = (_leaf(each) for each in headers(checkpoint.size))
    try:
        proof = inclusion_proof(leaves, entry.seq - 1, checkpoint.size)
    except ValueError:
        proof = ()  # records of the signed log are not there: nothing leads to its root
    return Inclusion(
        included=is_included(_leaf(entry), entry.seq - 1, checkpoint.size, proof, checkpoint.root),
        index=entry.seq - 1,
        size=checkpoint.size,
        proof=tuple(node.hex() for node in proof),
        checkpoint=newest.note,
    )


def _leaf(entry: Entry) -> bytes:
    return sha256(LEAF_PREFIX + entry.header).digest()
