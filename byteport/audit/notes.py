"""Signed text: C2SP's signed-note, and the keys that it is checked with, as one prints and types them (vkeys).

    <text, ending in a newline>
    <an empty line>
    — <key name> <base64 of key id and signature>

Which keys are believed is the caller's argument; a signature of any other is passed over. Comes before `checkpoint`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from byteport.errors import MalformedInput, NotPermitted

WHERE = "signed note"
KEY_WHERE = "verifier key"
LARGEST_NOTE = 256 * 1024
MOST_SIGNATURES = 100
_DASH = "— "
_UNPRINTABLE = re.compile("[\x00-\x09\x0b-\x1f\ud800-\udfff]")
"""Control characters but the newline, and halves of characters, which are no UTF-8."""
_KEY_ID = re.compile(r"[0-9a-f]{8}")


_PRIME = (1 << 255) - 19
_D = -121665 * pow(121666, -1, _PRIME) % _PRIME
"""Of the curve -x² + y² = 1 + dx²y² (RFC 8032, 5.1)."""
_WEAK = frozenset(
    {
        *(0, 1, _PRIME - 1),
        int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"),
        int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"),
    }
)
"""The y of the eight points under which a signature says nothing."""


class UnknownKey(NotPermitted):
    """No key that was given has signed it."""

    code = "unknown_key"


class BadSignature(NotPermitted):
    """A line names a key that was given, and its signature is not of that key over this text."""

    code = "bad_signature"


class SignatureType(IntEnum):
    """What a key's signatures are over, by the byte that the format gives it."""

    ED25519 = 0x01
    """The text of the note."""
    COSIGNATURE = 0x04
    """A witness's statement about a checkpoint, with its time."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key, its name, and what it signs. Two lines of a note are one key's when name and id are the same."""

    name: str
    type: SignatureType
    public: bytes

    @property
    def id(self) -> bytes:
        """Four bytes that tell a name's keys apart. Not a proof of anything."""
        return _key_id(self.name, bytes([self.type]) + self.public)

    def __str__(self) -> str:
        """The vkey: `<name>+<id in hex>+<base64 of type and public key>`."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([self.type]) + self.public).decode('ascii')}"

    def check(self, signature: bytes, data: bytes) -> None:
        """Raises `BadSignature` unless `signature` is this key's over `data`."""
        if not is_sound(self.public):
            raise BadSignature("a key under which a signature says nothing")
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, data)
        except (InvalidSignature, ValueError) as error:
            raise BadSignature("a signature does not fit its key and the text") from error


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line. What `raw` is, the type of its key says."""

    name: str
    key_id: bytes
    raw: bytes

    def line(self) -> str:
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.raw).decode('ascii')}"


@dataclass(frozen=True, slots=True)
class Note:
    """A note taken apart; nothing of it is checked."""

    text: str
    signatures: tuple[Signature, ...]


def key_of(name: str, kind: SignatureType, key: Ed25519PrivateKey) -> VerifierKey:
    """What others check the signatures of `key` with. Raises `MalformedInput` for a name that no key can have."""
    if not _is_name(name):
        raise MalformedInput(KEY_WHERE, "a name is not empty and holds no space, no control character and no plus")
    return VerifierKey(name, kind, key.public_key().public_bytes_raw())


def parse_vkey(text: str) -> VerifierKey:
    """A key as somebody typed it. Raises `MalformedInput`, for a type that is not ours too."""
    name, _, rest = text.partition("+")
    claimed, _, encoded = rest.partition("+")
    raw = _base64(encoded, KEY_WHERE)
    if not _is_name(name) or not _KEY_ID.fullmatch(claimed) or _key_id(name, raw).hex() != claimed:
        raise MalformedInput(KEY_WHERE, "is not `<name>+<id>+<key>`, or its id is of another key")
    if raw[:1] not in (bytes([kind]) for kind in SignatureType):
        raise MalformedInput(KEY_WHERE, "is neither an Ed25519 key (type 1) nor that of a witness (type 4)")
    if len(raw) != 33:
        raise MalformedInput(KEY_WHERE, "an Ed25519 key has 32 bytes")
    if not is_sound(raw[1:]):
        raise MalformedInput(
            KEY_WHERE, "is no point of the curve, or one under which a signature says nothing, or in another spelling"
        )
    return VerifierKey(name, SignatureType(raw[0]), raw[1:])


def parse_note(note: str) -> Note:
    """A note taken apart. Raises `MalformedInput`."""
    if len(note) > LARGEST_NOTE:
        raise MalformedInput(WHERE, f"is longer than {LARGEST_NOTE} characters")
    if _UNPRINTABLE.search(note):
        raise MalformedInput(WHERE, "holds a control character")
    text, found, block = note.rpartition("\n\n")
    lines = block.split("\n")
    if not found or lines.pop() or not lines:
        raise MalformedInput(WHERE, "has no text, or no signature lines that end in a newline")
    if len(lines) > MOST_SIGNATURES:
        raise MalformedInput(WHERE, f"has more than {MOST_SIGNATURES} signatures")
    return Note(f"{text}\n", tuple(_signature(line) for line in lines))


def opened(note: Note, keys: Sequence[VerifierKey]) -> Iterator[tuple[VerifierKey, bytes]]:
    """Each given key that has a line on `note`, with its signature, which is still to be checked. The first line counts.

    Raises `BadSignature` for a signature that cannot be one of its key's type, or of one line for two given keys.
    """
    named: dict[tuple[str, bytes], VerifierKey] = {}
    for key in keys:
        if named.setdefault((key.name, key.id), key) != key:
            raise BadSignature(f"two given keys are both {key.name}+{key.id.hex()}")
    for signature in note.signatures:
        found = named.pop((signature.name, signature.key_id), None)
        if found is None:
            continue
        if len(signature.raw) != (72 if found.type is SignatureType.COSIGNATURE else 64):
            raise BadSignature("a signature has not the length that its key's have")
        yield found, signature.raw


def add_lines(note: str, lines: Sequence[str]) -> str:
    """`note` with these signature lines at its end. Raises `MalformedInput` for a line that is none."""
    for line in lines:
        _signature(line)
    return note + "".join(f"{line}\n" for line in lines)


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not _is_name(name):
        raise MalformedInput(WHERE, "a line after its text is no signature")
    raw = _base64(encoded, WHERE)
    if len(raw) < 5:
        raise MalformedInput(WHERE, "a signature is too short")
    return Signature(name, raw[:4], raw[4:])


def is_sound(public: bytes) -> bool:
    """Whether an Ed25519 key is a point of the curve, spelled in the one way there is, and none that anybody can sign under."""
    y = int.from_bytes(public, "little") & ((1 << 255) - 1)
    if y >= _PRIME or y in _WEAK:
        return False
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _PRIME) % _PRIME
    return pow(square, (_PRIME - 1) // 2, _PRIME) == 1


def _key_id(name: str, key: bytes) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass") + b"\n" + key).digest()[:4]


def _base64(text: str, where: str) -> bytes:
    """Strictly: what decodes to the same bytes in two spellings would make two notes of one."""
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError as error:
        raise MalformedInput(where, "holds what is not base64") from error
    if base64.b64encode(raw).decode("ascii") != text:
        raise MalformedInput(where, "holds base64 with something in its padding")
    return raw


def _is_name(name: str) -> bool:
    return bool(name) and not any(char.isspace() or char < " " or char == "+" for char in name)
