"""Many records held against their shape, their hashes and their links at once: nothing is amiss, or it is not said what.

Comes after `shapes` and before `walk`, which looks closer wherever this does not pass.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import sha256
from typing import NamedTuple

from byteport.audit.chain import COMMITMENT_PREFIX, LEAF_PREFIX, SALT_BYTES
from byteport.audit.heads import Chain
from byteport.audit.records import Entry
from byteport.audit.shapes import are_payloads, header_pattern, is_hash
from byteport.audit.words import REMOVALS

_REMOVALS = frozenset(event.value.encode() for event in REMOVALS)


class Passed(NamedTuple):
    """Records of which nothing is amiss."""

    leaves: list[bytes]
    opening: str
    """What the first of them names as the one before it."""
    last: str
    """The hash of the last."""
    bodiless: list[int]


def passed(batch: Sequence[Entry], chain: Chain, first: int, before: Collection[str]) -> Passed | None:
    """`batch`, if it surely is what stands in `chain` from number `first` on, after a record with a hash of `before`.

    An empty `before` is any. None does not mean that something is wrong: records that tell of destroyed bodies, bodies that
    could not be opened and the rarer spellings of JSON are left to whoever looks closer.
    """
    seqs, headers, payloads, salts, hashes, unopened = zip(*batch, strict=True)
    if seqs != tuple(range(first, first + len(batch))) or any(unopened):
        return None
    matches = [*map(header_pattern(chain), headers)]
    if None in matches:
        return None
    events, commitments, prevs, numbers = zip(*[match.groups() for match in matches if match], strict=True)
    if b",".join(numbers) != ",".join(map(str, seqs)).encode() or not _REMOVALS.isdisjoint(events):
        return None
    leaves = [sha256(LEAF_PREFIX + header).digest() for header in headers]
    hashed = ["sha256:" + leaf.hex() for leaf in leaves]
    opening = prevs[0].decode("latin-1")
    if tuple(hashed) != hashes or b"".join(prevs[1:]) != "".join(hashed[:-1]).encode():
        return None
    if opening not in before if before else is_hash(prevs[0]) is None:
        return None
    bodiless = _bodiless(seqs, payloads, salts, commitments)
    return None if bodiless is None else Passed(leaves, opening, hashed[-1], bodiless)


def _bodiless(
    seqs: Sequence[int],
    payloads: Sequence[bytes | None],
    salts: Sequence[bytes | None],
    commitments: Sequence[bytes],
) -> list[int] | None:
    """Those that have neither payload nor salt, if every other one is committed to and in canonical form."""
    gone: list[int] = []
    bodies: list[bytes] = []
    found: list[str] = []
    claimed: list[bytes] = []
    for seq, payload, salt, commitment in zip(seqs, payloads, salts, commitments, strict=True):
        if payload is None:
            if salt is not None or is_hash(commitment) is None:
                return None
            gone.append(seq)
        elif salt is None or len(salt) != SALT_BYTES:
            return None
        else:
            bodies.append(payload)
            found.append("sha256:" + sha256(COMMITMENT_PREFIX + salt + payload).hexdigest())
            claimed.append(commitment)
    if "".join(found).encode() != b"".join(claimed) or not are_payloads(bodies):
        return None
    return gone
