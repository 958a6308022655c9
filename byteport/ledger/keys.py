"""The keys of bodies: for each tenant one that encrypts, and one under which searchable words become blind indexes.

Both are derived from a line of the key ring (`ledger.body_key`), of which the first encrypts and each decrypts. Comes
after `byteport/trust/key_files.py`; `bodies` uses them.
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from byteport.trust.key_files import KeyRing, SymmetricKey, make_key_file, read_key_ring

SETTING = "ledger.body_key"
NONCE_BYTES = 12
INDEX_BYTES = 12
"""So few that an index tells less than a digest would, and so many that two words do not meet by chance."""
_ID_BYTES = 8
_FORMAT = b"\x01"


class _Derived(NamedTuple):
    id: bytes
    cipher: AESGCM
    blind: bytes


class BodyKeys:
    """The ring for every tenant."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._of = lru_cache(maxsize=1024)(self._derived)

    def seal(self, tenant: str, place: bytes, plain: bytes, nonce: bytes) -> bytes:
        """`plain` under the tenant's newest key, to be opened at the same `place` only. A nonce is never used twice."""
        key = self._of(tenant)[0]
        return _FORMAT + key.id + nonce + key.cipher.encrypt(nonce, plain, place)

    def open(self, tenant: str, place: bytes, sealed: bytes) -> bytes | None:
        """What was sealed at `place`; None when it is not what was sealed there, or when its key is not in the ring."""
        head = len(_FORMAT) + _ID_BYTES
        if sealed[: len(_FORMAT)] != _FORMAT or len(sealed) < head + NONCE_BYTES:
            return None
        for key in self._of(tenant):
            if key.id == sealed[len(_FORMAT) : head]:
                try:
                    return key.cipher.decrypt(sealed[head : head + NONCE_BYTES], sealed[head + NONCE_BYTES :], place)
                except InvalidTag:
                    return None
        return None

    def knows(self, sealed: bytes) -> bool:
        """Whether the key that `sealed` names is in the ring."""
        named = sealed[len(_FORMAT) : len(_FORMAT) + _ID_BYTES]
        return any(bytes.fromhex(key.id) == named for key in self._ring.keys)

    def indexes(self, tenant: str, field: str, word: str) -> tuple[bytes, ...]:
        """The blind indexes of a word under each key: the first is written, each may have been."""
        text = field.encode() + b"\0" + word.encode("utf-8", "replace")
        return tuple(hmac.digest(key.blind, text, "sha256")[:INDEX_BYTES] for key in self._of(tenant))

    def _derived(self, tenant: str) -> tuple[_Derived, ...]:
        return tuple(
            _Derived(
                bytes.fromhex(key.id),
                AESGCM(_derive(key, b"byteport-body-v1\0", tenant)),
                _derive(key, b"byteport-index-v1\0", tenant),
            )
            for key in self._ring.keys
        )


def read_body_keys(path: Path) -> BodyKeys:
    """The keys in the file of `ledger.body_key`. Raises `ConfigError`."""
    return BodyKeys(read_key_ring(path, SETTING))


def make_body_keys(path: Path) -> bool:
    """Make that file with one new key, unless there is one. Returns whether it was made."""
    return make_key_file(path, SETTING)


def _derive(key: SymmetricKey, purpose: bytes, tenant: str) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=purpose + tenant.encode()).derive(key.secret)
