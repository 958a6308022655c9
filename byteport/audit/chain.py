"""The hashes of the chain, over bytes only: records stay outside, so that writer and checker share nothing but this.

Comes before `records` (which makes the bytes) and `verify` (which checks them).
"""

from __future__ import annotations

import hashlib

SALT_BYTES = 32
GENESIS = "sha256:" + "0" * 64
"""What the first record of a chain names as its predecessor."""

LEAF_PREFIX = b"\x00"
"""RFC 6962's prefix of a leaf, so that a record's hash can be the leaf of a Merkle tree as it is."""
COMMITMENT_PREFIX = b"byteport-payload-v1\n"


def record_hash(header: bytes) -> str:
    """Hash of a record: SHA-256 over 0x00 and the canonical header, printed `sha256:` and 64 hex digits."""
    return _printed(LEAF_PREFIX + header)


def commitment(salt: bytes, payload: bytes) -> str:
    """What a header says of its payload. Once the salt is destroyed, it tells nothing of what the payload was."""
    return _printed(COMMITMENT_PREFIX + salt + payload)


def _printed(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
