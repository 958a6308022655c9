"""SSH signatures over a text (OpenSSH's PROTOCOL.sshsig), as `ssh-keygen -Y sign` makes and `-Y verify` checks them.

A signature names its *namespace*, so that one made for git or for a file can never be an approval. Comes after
`public_keys`; `answers` asks it about approvals, `private_keys` and `agent` sign through it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Protocol

from byteport.errors import MalformedInput
from byteport.trust.public_keys import BadSignature, PublicKey, public_key_from_blob
from byteport.trust.wire import Reader, string

MAGIC = b"SSHSIG"
VERSION = 1
WHERE = "ssh signature"
HASHES = ("sha512", "sha256")
"""The two that the format allows; we sign with the first."""

_ARMOUR = re.compile(r"-----BEGIN SSH SIGNATURE-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END SSH SIGNATURE-----\s*\Z")
_LINE = 70


class Signer(Protocol):
    """Something that holds a private key: a key file, or an agent."""

    @property
    def public_key(self) -> PublicKey: ...

    def sign(self, data: bytes) -> bytes:
        """An SSH signature blob (algorithm, signature) over `data`."""


@dataclass(frozen=True)
class Signature:
    """An SSH signature, taken apart but not yet checked."""

    key: PublicKey
    namespace: str
    hash_algorithm: str
    blob: bytes

    def armoured(self) -> str:
        """As `ssh-keygen -Y sign` writes it, with a line break at the end."""
        raw = (
            MAGIC
            + VERSION.to_bytes(4, "big")
            + string(self.key.blob)
            + string(self.namespace.encode("ascii"))
            + string(b"")
            + string(self.hash_algorithm.encode("ascii"))
            + string(self.blob)
        )
        text = base64.b64encode(raw).decode("ascii")
        lines = [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
        return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])


def parse(armoured: str) -> Signature:
    """Take an armoured signature apart. Raises `MalformedInput`; nothing around the armour is accepted."""
    found = _ARMOUR.match(armoured)
    if found is None:
        raise MalformedInput(WHERE, "is not an armoured SSH signature")
    try:
        raw = base64.b64decode(re.sub(r"[\r\n]", "", found.group(1)), validate=True)
    except binascii.Error as error:
        raise MalformedInput(WHERE, "is not base64") from error
    reader = Reader(raw, WHERE)
    if reader.take(len(MAGIC)) != MAGIC:
        raise MalformedInput(WHERE, "does not start with its magic")
    if (version := reader.uint32()) != VERSION:
        raise MalformedInput(WHERE, f"has version {version}; only {VERSION} is known")
    key = public_key_from_blob(reader.string())
    namespace = reader.text()
    if reader.string():
        raise MalformedInput(WHERE, "uses the reserved field")
    algorithm = reader.text()
    if algorithm not in HASHES:
        raise MalformedInput(WHERE, f"hashes with {algorithm!r}; only {' and '.join(HASHES)} are allowed")
    blob = reader.string()
    reader.end()
    return Signature(key=key, namespace=namespace, hash_algorithm=algorithm, blob=blob)


def check(signature: Signature, message: bytes, *, namespace: str) -> PublicKey:
    """The key whose signature over `message` this is, in `namespace`. Raises `BadSignature`.

    Says nothing about whose key it is and whether it may still be used: that is `allowed_signers`.
    """
    if signature.namespace != namespace:
        raise BadSignature(f"the signature is for {signature.namespace!r}, not for {namespace!r}")
    signature.key.check(signature.blob, signed_data(message, namespace=namespace, algorithm=signature.hash_algorithm))
    return signature.key


def sign(message: bytes, signer: Signer, *, namespace: str) -> str:
    """An armoured signature over `message`, in `namespace`."""
    algorithm = HASHES[0]
    blob = signer.sign(signed_data(message, namespace=namespace, algorithm=algorithm))
    return Signature(signer.public_key, namespace, algorithm, blob).armoured()


def signed_data(message: bytes, *, namespace: str, algorithm: str) -> bytes:
    """What the key itself signs: magic, namespace, reserved, hash algorithm, and the hash of the message."""
    return (
        MAGIC
        + string(namespace.encode("ascii"))
        + string(b"")
        + string(algorithm.encode("ascii"))
        + string(hashlib.new(algorithm, message).digest())
    )
