"""A log with a key of its own, as far as a witness meets one: leaves, checkpoints and proofs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from byteport.audit.checkpoint import Checkpoint, sign
from byteport.audit.merkle import Frontier, consistency_proof
from byteport.audit.notes import SignatureType, VerifierKey, key_of
from byteport.audit.witnessing import AddCheckpoint, request_body

ORIGIN = "byteport.io/log/acme/uid-1"


def leaf(number: int, of: str = "") -> bytes:
    return hashlib.sha256(f"{of}{number}".encode()).digest()


@dataclass
class Log:
    """As many leaves as are asked for; another `history` from `since` on is a fork."""

    origin: str = ORIGIN
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    forked_at: int | None = None

    @property
    def vkey(self) -> VerifierKey:
        return key_of(self.origin, SignatureType.ED25519, self.key)

    def leaves(self, first: int, last: int) -> list[bytes]:
        fork = self.forked_at
        return [leaf(n, "fork" if fork is not None and n >= fork else "") for n in range(first, last)]

    def upto(self, size: int) -> Frontier:
        return Frontier().extend(self.leaves(0, size))

    def note(self, size: int) -> str:
        return sign(Checkpoint(self.origin, size, self.upto(size).root()), self.key)

    def ask(self, old: int, size: int, *, proof: tuple[bytes, ...] | None = None) -> bytes:
        """The body that asks to go on from `old` to `size`."""
        made = consistency_proof(self.upto(old), self.leaves(old, size)) if size >= old else ()
        return request_body(AddCheckpoint(old, made if proof is None else proof, self.note(size)))


@dataclass
class Seconds:
    """A clock that moves a second at each look."""

    now: datetime = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now
