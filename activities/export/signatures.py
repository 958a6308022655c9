"""Signatures of Standard Webhooks (its specification 1.0.0): over id, time and body, by each secret of the file.

Comes before `webhook.py`. Of several secrets all sign, so that a receiver who is given a new one takes both until the old
one is taken out of the file.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from byteport.errors import ConfigError
from byteport.trust.key_files import read_private_file

SYMMETRIC, PRIVATE = "whsec_", "whsk_"
SHORTEST, LONGEST = 24, 64
"""Bytes of a symmetric secret, by the specification."""
_SEED, _SEED_AND_PUBLIC = 32, 64
_MAKE = "make one: printf 'whsec_%s\\n' \"$(openssl rand -base64 32)\""


class Secret(Protocol):
    """What signs."""

    def sign(self, content: bytes) -> str:
        """Version and signature, as the header has them."""


@dataclass(frozen=True)
class Symmetric:
    """`whsec_…`: HMAC-SHA256."""

    key: bytes = field(repr=False)

    def sign(self, content: bytes) -> str:
        return "v1," + base64.b64encode(hmac.new(self.key, content, hashlib.sha256).digest()).decode("ascii")


@dataclass(frozen=True)
class Private:
    """`whsk_…`: Ed25519."""

    key: Ed25519PrivateKey = field(repr=False)

    def sign(self, content: bytes) -> str:
        return "v1a," + base64.b64encode(self.key.sign(content)).decode("ascii")


def read_secrets(path: Path, setting: str) -> tuple[Secret, ...]:
    """The secrets of a file, one a line; empty lines and lines that start with `#` are skipped. Raises `ConfigError`."""
    return parse_secrets(
        read_private_file(path, setting, remedy=f"{_MAKE} > {path} && chmod 600 {path}"), path, setting
    )


def parse_secrets(text: str, named: Path | str, setting: str) -> tuple[Secret, ...]:
    """The same, where the text was read elsewhere: `named` is what a message calls the place. Raises `ConfigError`."""
    secrets = tuple(
        _secret(line.strip(), number, named, setting)
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    )
    if not secrets:
        raise ConfigError(setting, f"{named} holds no secret; {_MAKE} > {named}")
    return secrets


def signed_headers(secrets: Sequence[Secret], message_id: str, at: int, body: bytes) -> dict[str, str]:
    """The three headers of one attempt; `at` is its time in seconds since 1970."""
    content = b"%b.%d.%b" % (message_id.encode("ascii"), at, body)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(secret.sign(content) for secret in secrets),
    }


def _secret(line: str, number: int, named: Path | str, setting: str) -> Secret:
    for prefix, make in ((SYMMETRIC, _symmetric), (PRIVATE, _private)):
        if line.startswith(prefix):
            try:
                return make(base64.b64decode(line.removeprefix(prefix), validate=True))
            except (binascii.Error, ValueError):
                break
    raise ConfigError(
        setting,
        f"{named} line {number} is no secret: write whsec_ and {SHORTEST} to {LONGEST} bytes in base64, "
        f"or whsk_ and an Ed25519 key of {_SEED} bytes",
    )


def _symmetric(key: bytes) -> Secret:
    if not SHORTEST <= len(key) <= LONGEST:
        raise ValueError("length")
    return Symmetric(key)


def _private(key: bytes) -> Secret:
    if len(key) not in (_SEED, _SEED_AND_PUBLIC):
        raise ValueError("length")
    made = Ed25519PrivateKey.from_private_bytes(key[:_SEED])
    if key[_SEED:] not in (b"", made.public_key().public_bytes_raw()):
        raise ValueError("another key's public half")
    return Private(made)
