"""The Merkle tree of RFC 6962 over the hashes of records: its root, and proofs that something is in it or came after it.

Bytes only; a leaf is the 32 bytes of a record's hash as they are, prefix included. Nothing here holds a tree: a
`Frontier` is what is left of one when only its right edge can still change. Comes after `chain`, before `checkpoint`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256().digest()

Proof = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Frontier:
    """The roots of the perfect trees that `size` leaves make, largest first. A value: to extend makes another one."""

    size: int = 0
    nodes: Proof = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.nodes) != self.size.bit_count():
            raise ValueError(f"{self.size} leaves do not make {len(self.nodes)} perfect trees")
        if any(len(node) != HASH_BYTES for node in self.nodes):
            raise ValueError("a node is a SHA-256")

    def extend(self, leaves: Iterable[bytes]) -> Frontier:
        """With more leaves at the end. They are held in memory, so a long log is fed in batches."""
        row, waiting, left, kept = list(leaves), list(self.nodes), self.size, []
        size = left + len(row)
        while row or left:
            if left & 1:
                row.insert(0, waiting.pop())
            if len(row) & 1:
                kept.append(row.pop())
            pairs = iter(row)
            row = [_node(one, two) for one, two in zip(pairs, pairs, strict=True)]
            left >>= 1
        return Frontier(size, tuple(reversed(kept)))

    def join(self, right: Frontier) -> Frontier:
        """With the leaves that `right` was made of, by whoever had only those.

        Raises `ValueError` where the perfect trees of `right` are not trees of the whole: it must begin at a multiple of
        the largest of them, as it does when a log is cut into parts of one power of two.
        """
        nodes, size = list(self.nodes), self.size
        for node, leaves in zip(right.nodes, _sizes(right.size), strict=True):
            if size % leaves:
                raise ValueError(f"a tree of {leaves} leaves cannot stand at {size}")
            size += leaves
            while not size & leaves:
                node, leaves = _node(nodes.pop(), node), leaves * 2
            nodes.append(node)
        return Frontier(size, tuple(nodes))

    def root(self) -> bytes:
        return _bagged(self.nodes) if self.nodes else EMPTY_ROOT


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Root of the tree over all of `leaves`."""
    return Frontier().extend(leaves).root()


def inclusion_proof(leaves: Iterable[bytes], index: int, size: int) -> Proof:
    """Proof that leaf `index` (from 0) is in the tree of the first `size` leaves; they are gone through once.

    Raises `ValueError` when there are fewer, or no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    siblings = list(_siblings(index, 0, size))
    found: dict[range, bytes] = {}
    stream, at = iter(leaves), 0
    for part in sorted(siblings, key=lambda part: part.start):
        _taken(stream, part.start - at)
        found[part], at = _taken(stream, len(part)).root(), part.stop
    _taken(stream, size - at)
    return tuple(found[part] for part in siblings)


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """RFC 9162 §2.1.3.2: whether `proof` leads from `leaf` at `index` to `root` of a tree of `size` leaves."""
    if not 0 <= index < size or not _are_hashes((leaf, root, *proof)):
        return False
    at, last, node = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            node = _node(sibling, node)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = _node(node, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and node == root


def consistency_proof(old: Frontier, leaves: Sequence[bytes]) -> Proof:
    """Proof that the tree of `old` and then `leaves` begins with the tree of `old`; empty when one of them is."""
    if not old.size or not leaves:
        return ()
    return tuple(_consistent(old, leaves, 0, old.size + len(leaves), whole=True))


def is_consistent(size: int, root: bytes, proof: Sequence[bytes], new_size: int, new_root: bytes) -> bool:
    """RFC 9162 §2.1.4.2: whether `proof` shows that the tree of `new_size` leaves begins with that of `size`.

    Every tree begins with the empty one, so that nothing is shown of it, its root included.
    """
    if not 0 <= size <= new_size or not _are_hashes((root, new_root, *proof)):
        return False
    if size in (0, new_size):
        return not proof and (size == 0 or root == new_root)
    path = list(proof) if size & (size - 1) else [root, *proof]
    if not path:
        return False
    at, last = size - 1, new_size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = path[0]
    for node in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            before, after = _node(node, before), _node(node, after)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            after = _node(after, node)
        at, last = at >> 1, last >> 1
    return last == 0 and before == root and after == new_root


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _are_hashes(values: Iterable[bytes]) -> bool:
    return all(len(value) == HASH_BYTES for value in values)


def _sizes(size: int) -> Iterator[int]:
    """Of the perfect trees, largest first."""
    return (1 << bit for bit in reversed(range(size.bit_length())) if size >> bit & 1)


def _bagged(nodes: Sequence[bytes]) -> bytes:
    """One root over perfect trees of falling size."""
    node = nodes[-1]
    for left in reversed(nodes[:-1]):
        node = _node(left, node)
    return node


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _taken(stream: Iterator[bytes], count: int, batch: int = 4096) -> Frontier:
    frontier = Frontier()
    while frontier.size < count:
        leaves = list(islice(stream, min(batch, count - frontier.size)))
        if not leaves:
            raise ValueError("there are fewer leaves than the tree has")
        frontier = frontier.extend(leaves)
    return frontier


def _siblings(index: int, start: int, size: int) -> Iterator[range]:
    """The leaves under each node of the proof, the nearest first (RFC 6962 §2.1.1)."""
    if size == 1:
        return
    cut = _split(size)
    if index < cut:
        yield from _siblings(index, start, cut)
        yield range(start + cut, start + size)
    else:
        yield from _siblings(index - cut, start + cut, size - cut)
        yield range(start, start + cut)


def _consistent(old: Frontier, leaves: Sequence[bytes], start: int, stop: int, *, whole: bool) -> Iterator[bytes]:
    """SUBPROOF of RFC 6962 §2.1.2 over the leaves from `start` to `stop`; `old` ends among them, or with them."""
    if stop == old.size:
        if not whole:
            yield _bagged(_from(old, start))
        return
    cut = start + _split(stop - start)
    if old.size <= cut:
        yield from _consistent(old, leaves, start, cut, whole=whole)
        yield root_of(leaves[cut - old.size : stop - old.size])
    else:
        yield from _consistent(old, leaves, cut, stop, whole=False)
        yield _from(old, start)[0]


def _from(old: Frontier, start: int) -> Proof:
    """Its perfect trees from the one on that begins at `start`."""
    at = 0
    for number, leaves in enumerate(_sizes(old.size)):
        if at == start:
            return old.nodes[number:]
        at += leaves
    raise ValueError(f"no perfect tree begins at {start}")
