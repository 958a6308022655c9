"""The keys of bodies: for each tenant one that encrypts, and one under which searchable words become blind indexes.

Both are derived from a line of the key ring (`ledger.body_key`), of which the first encrypts and each decrypts. Where that
names a folder each tenant has a ring of its own there, so that one tenant's key can be destroyed, and with it what every
backup holds of that tenant. Comes after `byteport/trust/key_files.py`; `sealing` uses them.
"""

from __future__ import annotations

import hmac
import re
import stat
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from byteport.errors import ConfigError
from byteport.trust.key_files import KeyRing, SymmetricKey, make_key_file, read_key_ring

SETTING = "ledger.body_key"
NONCE_BYTES = 12
INDEX_BYTES = 12
"""So few that an index tells less than a digest would, and so many that two words do not meet by chance."""
_ID_BYTES = 8
_TENANT = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""A name that is a file's too; the same as in the enrolment file of `byteport/api`."""
_FORMAT = b"\x01"


class _Derived(NamedTuple):
    id: bytes
    cipher: AESGCM
    blind: bytes


class BodyKeys:
    """One ring for every tenant."""

    def __init__(self, ring: KeyRing) -> None:
        self._of = lru_cache(maxsize=1024)(lambda tenant: _derived(ring, tenant))

    def at_hand(self, tenant: str) -> bool:  # noqa: ARG002  the one ring is every tenant's
        """Whether there is a key of this tenant."""
        return True

    def make(self, tenant: str) -> None:
        """Make one for a tenant that has none and never had."""

    def seal(self, tenant: str, place: bytes, plain: bytes, nonce: bytes) -> bytes:
        """`plain` under the tenant's newest key, to be opened at the same `place` only. A nonce is never used twice."""
        key = self._keys(tenant)[0]
        return _FORMAT + key.id + nonce + key.cipher.encrypt(nonce, plain, place)

    def open(self, tenant: str, place: bytes, sealed: bytes) -> bytes | None:
        """What was sealed at `place`; None when it is not what was sealed there, or when its key is not in the ring."""
        head = len(_FORMAT) + _ID_BYTES
        if sealed[: len(_FORMAT)] != _FORMAT or len(sealed) < head + NONCE_BYTES:
            return None
        for key in self._keys(tenant) if self.at_hand(tenant) else ():
            if key.id == sealed[len(_FORMAT) : head]:
                try:
                    return key.cipher.decrypt(sealed[head : head + NONCE_BYTES], sealed[head + NONCE_BYTES :], place)
                except InvalidTag:
                    return None
        return None

    def knows(self, tenant: str, sealed: bytes) -> bool:
        """Whether the key that `sealed` names is in the tenant's ring."""
        named = sealed[len(_FORMAT) : len(_FORMAT) + _ID_BYTES]
        return self.at_hand(tenant) and any(key.id == named for key in self._keys(tenant))

    def indexes(self, tenant: str, field: str, word: str) -> tuple[bytes, ...]:
        """The blind indexes of a word under each key: the first is written, each may have been. None without a key."""
        text = field.encode() + b"\0" + word.encode("utf-8", "replace")
        found = self._keys(tenant) if self.at_hand(tenant) else ()
        return tuple(hmac.digest(key.blind, text, "sha256")[:INDEX_BYTES] for key in found)

    def _keys(self, tenant: str) -> tuple[_Derived, ...]:
        return self._of(tenant)


class TenantKeys(BodyKeys):
    """A ring for each tenant: `acme.key` in one folder. Looked at for each body, so that a key that is gone opens nothing."""

    def __init__(self, folder: Path) -> None:
        """Raises `ConfigError` for a folder into which others may put keys."""
        if (mode := stat.S_IMODE(folder.stat().st_mode)) & 0o022:
            raise ConfigError(SETTING, f"{folder} has mode {mode:04o}, so others may write it; run: chmod 700 {folder}")
        self._folder = folder
        self._read: dict[str, tuple[tuple[int, int, int], tuple[_Derived, ...]]] = {}

    def at_hand(self, tenant: str) -> bool:
        return _TENANT.fullmatch(tenant) is not None and self._file(tenant).is_file()

    def make(self, tenant: str) -> None:
        if _TENANT.fullmatch(tenant) is None:
            raise ConfigError(SETTING, "is a folder, and a tenant's name cannot be a file's there")
        make_key_file(self._file(tenant), SETTING)

    def _file(self, tenant: str) -> Path:
        return self._folder / f"{tenant}.key"

    def _keys(self, tenant: str) -> tuple[_Derived, ...]:
        file = self._file(tenant)
        try:
            status = file.stat()
        except OSError as error:
            self._read.pop(tenant, None)
            raise ConfigError(SETTING, f"{file}: {error.strerror or 'cannot be read'}") from None
        seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        known = self._read.get(tenant)
        if known is None or known[0] != seen:
            known = self._read[tenant] = (seen, _derived(read_key_ring(file, SETTING), tenant))
        return known[1]


def read_body_keys(path: Path) -> BodyKeys:
    """The keys in the file of `ledger.body_key`, or of its folder. Raises `ConfigError`."""
    return TenantKeys(path) if path.is_dir() else BodyKeys(read_key_ring(path, SETTING))


def make_body_keys(path: Path) -> bool:
    """Make that file with one new key, unless there is one. Returns whether it was made."""
    return make_key_file(path, SETTING)


def _derived(ring: KeyRing, tenant: str) -> tuple[_Derived, ...]:
    return tuple(
        _Derived(
            bytes.fromhex(key.id),
            AESGCM(_derive(key, b"byteport-body-v1\0", tenant)),
            _derive(key, b"byteport-index-v1\0", tenant),
        )
        for key in ring.keys
    )


def _derive(key: SymmetricKey, purpose: bytes, tenant: str) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=purpose + tenant.encode()).derive(key.secret)
