"""What a signer says of a log: so many records, with this root. C2SP's tlog-checkpoint, and cosignatures of witnesses.

Comes after `notes` (signed text and its keys), and before `verify` (which compares it with a log). A checkpoint is signed
by the key that bears the log's own name, its origin; a witness adds a `cosignature/v1` with its time.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from byteport.audit.merkle import HASH_BYTES
from byteport.audit.notes import (
    BadSignature,
    Signature,
    SignatureType,
    UnknownKey,
    VerifierKey,
    add_lines,
    key_of,
    opened,
    parse_note,
)
from byteport.errors import MalformedInput

WHERE = "checkpoint"
LARGEST_TIME = (1 << 63) - 1
LARGEST_SIZE = (1 << 63) - 1
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`size` records of the log named `origin` have this root. `extensions` are lines that nobody here writes or reads."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """The text that is signed."""
        root = base64.b64encode(self.root).decode("ascii")
        return "\n".join((self.origin, str(self.size), root, *self.extensions)) + "\n"


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A witness's word, and when it was given (seconds since 1970)."""

    witness: VerifierKey
    at: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A checkpoint with those of the given keys that signed it; each of these signatures was checked."""

    checkpoint: Checkpoint
    signed_by: tuple[VerifierKey, ...]
    cosigned: tuple[Cosigned, ...]


def sign(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> str:
    """The checkpoint as a signed note. The signing key's name is the origin, so that it signs for no other log."""
    text = checkpoint.text()
    verifier = key_of(checkpoint.origin, SignatureType.ED25519, key)
    return add_lines(f"{text}\n", [Signature(verifier.name, verifier.id, key.sign(text.encode("utf-8"))).line()])


def cosign(note: str, name: str, key: Ed25519PrivateKey, *, at: int) -> str:
    """The line that the witness `name` adds to the checkpoint `note` at `at` (seconds since 1970).

    Raises `MalformedInput` for a note that is no checkpoint. That it is consistent, the witness has found out before.
    """
    text = parse_note(note).text
    parse_checkpoint(text)
    if not 0 <= at <= LARGEST_TIME:
        raise MalformedInput(WHERE, "a cosignature's time is out of range")
    verifier = key_of(name, SignatureType.COSIGNATURE, key)
    return Signature(verifier.name, verifier.id, at.to_bytes(8, "big") + key.sign(_cosigned(text, at))).line()


def with_cosignatures(note: str, lines: Sequence[str]) -> str:
    """`note` with signature lines added that are not on it yet. Raises `MalformedInput` for a line that is none."""
    known = {signature.line() for signature in parse_note(note).signatures}
    return add_lines(note, [line for line in dict.fromkeys(lines) if line not in known])


def parse_checkpoint(text: str) -> Checkpoint:
    """A checkpoint from the text of a note, which is signed or not. Raises `MalformedInput`."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() or not all(lines):
        raise MalformedInput(WHERE, "has not the three lines of a checkpoint")
    origin, size, encoded, *extensions = lines
    if not _SIZE.fullmatch(size) or int(size) > LARGEST_SIZE:
        raise MalformedInput(WHERE, "its second line is no size")
    try:
        root = base64.b64decode(encoded.encode("ascii"), validate=True)
    except ValueError as error:
        raise MalformedInput(WHERE, "its third line is no root hash") from error
    if len(root) != HASH_BYTES or base64.b64encode(root).decode("ascii") != encoded:
        raise MalformedInput(WHERE, "its third line is no root hash")
    return Checkpoint(origin, int(size), root, tuple(extensions))


def open_checkpoint(note: str, keys: Sequence[VerifierKey]) -> Opened:
    """The checkpoint in `note`, which one of `keys` that bears its origin as its name must have signed.

    Signatures of other keys are passed over, as the format demands; witnesses' keys may be among `keys`. Raises
    `MalformedInput` for what is no checkpoint, `BadSignature` when a given key's signature does not hold, `UnknownKey` when
    no given key of the log has signed.
    """
    found = parse_note(note)
    checkpoint = parse_checkpoint(found.text)
    text = found.text.encode("utf-8")
    signed_by, cosigned = [], []
    for key, raw in opened(found, keys):
        if key.type is SignatureType.COSIGNATURE:
            at = int.from_bytes(raw[:8], "big")
            key.check(raw[8:], _cosigned(found.text, at))
            cosigned.append(Cosigned(key, at))
            continue
        key.check(raw, text)
        if key.name == checkpoint.origin:
            signed_by.append(key)
    if not signed_by:
        raise UnknownKey("the checkpoint is not signed by a given key of this log")
    return Opened(checkpoint, tuple(signed_by), tuple(cosigned))


def cosigned_by(note: str, witness: VerifierKey) -> bool:
    """Whether `witness` has signed the text of `note`, whoever else has. What is no note, nobody has signed."""
    try:
        found = parse_note(note)
        for key, raw in opened(found, (witness,)):
            key.check(raw[8:], _cosigned(found.text, int.from_bytes(raw[:8], "big")))
            return True
    except (MalformedInput, BadSignature):
        return False
    return False


def _cosigned(text: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()
