"""Many records held against their shape, their hashes and their links at once: nothing is amiss, or it is not said what.

Comes after `headers` and `shapes`, before `walk`, which looks closer wherever this does not pass.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from hashlib import sha256
from typing import NamedTuple

from byteport.audit.chain import COMMITMENT_PREFIX, LEAF_PREFIX, SALT_BYTES
from byteport.audit.headers import are_headers
from byteport.audit.heads import Chain
from byteport.audit.records import Entry
from byteport.audit.shapes import are_payloads
from byteport.audit.words import Removal

_PREV_HASH = re.compile(rb'"prev_hash":"(sha256:[0-9a-f]{64})","seq":')


class Passed(NamedTuple):
    """Records of which nothing is amiss."""

    leaves: list[bytes]
    opening: str
    """What the first of them names as the one before it."""
    last: str
    """The hash of the last."""
    bodiless: list[tuple[int, Removal | None]]
    """With what an export says of why."""
    times: list[bytes]


def passed(batch: Sequence[Entry], chain: Chain, first: int, before: Collection[str]) -> Passed | None:
    """`batch`, if it surely is what stands in `chain` from number `first` on, after a record with a hash of `before`.

    An empty `before` is any. None does not mean that something is wrong: records that tell of destroyed bodies, bodies that
    could not be opened and the rarer spellings of JSON are left to whoever looks closer.
    """
    seqs, headers, payloads, salts, hashes, unopened, labels = zip(*batch, strict=True)
    if seqs != tuple(range(first, first + len(batch))) or any(unopened):
        return None
    leaves = [sha256(LEAF_PREFIX + header).digest() for header in headers]
    if [f"sha256:{leaf.hex()}" for leaf in leaves] != [*hashes]:
        return None
    opening = next(iter(before)) if len(before) == 1 else _named_by(headers[0])
    if before and opening not in before:
        return None
    commitments = _commitments(payloads, salts)
    if commitments is None:
        return None
    times = are_headers(headers, chain, first, [opening, *hashes[:-1]], commitments)
    if times is None:
        return None
    if not are_payloads([payload for payload in payloads if payload is not None]):
        return None
    gone = (
        [(seq, label) for seq, payload, label in zip(seqs, payloads, labels, strict=True) if payload is None]
        if None in payloads
        else []
    )
    return Passed(leaves, opening, hashes[-1], gone, times)


def _named_by(header: bytes) -> str:
    """What a header says of the record before it, where nothing is known of that."""
    found = _PREV_HASH.search(header)
    return found[1].decode() if found else ""


def _commitments(payloads: Sequence[bytes | None], salts: Sequence[bytes | None]) -> list[str | None] | None:
    """To each body; None for one that is gone with its salt. None where only half of one is there."""
    if None not in payloads and {SALT_BYTES}.issuperset([len(salt) if salt is not None else 0 for salt in salts]):
        return [
            f"sha256:{sha256(COMMITMENT_PREFIX + salt + payload).hexdigest()}"
            for salt, payload in zip(salts, payloads, strict=True)
            if salt is not None and payload is not None
        ]
    found: list[str | None] = []
    for salt, payload in zip(salts, payloads, strict=True):
        if payload is None and salt is None:
            found.append(None)
        elif payload is None or salt is None or len(salt) != SALT_BYTES:
            return None
        else:
            found.append(f"sha256:{sha256(COMMITMENT_PREFIX + salt + payload).hexdigest()}")
    return found
