"""Files of AES-256 keys: who may read them, what a line is, and how a new one is made.

Those of Temporal's payloads (`byteport/temporal/keys.py`) and of the log's bodies (`byteport/ledger/keys.py`) are such
files. Of several keys the first encrypts and each decrypts, so that a key is changed by putting a new line on top. A text of the
same form may be kept elsewhere, in a secret backend.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from byteport.errors import ConfigError

KEY_BYTES = 32


@dataclass(frozen=True)
class SymmetricKey:
    """One AES-256 key. Its id is derived from it, so that what it encrypted can name its key and no two keys share a name."""

    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        return hashlib.sha256(b"byteport-payload-key-id\0" + self.secret).hexdigest()[:16]


@dataclass(frozen=True)
class KeyRing:
    """Keys in the order of the file: the first encrypts, all decrypt."""

    keys: tuple[SymmetricKey, ...]

    setting: str = field(compare=False)
    """Which setting names the file."""

    def __post_init__(self) -> None:
        if not self.keys:
            raise ConfigError(self.setting, "holds no key; one line is 32 bytes as 64 hex digits or as base64")

    @property
    def active(self) -> SymmetricKey:
        return self.keys[0]

    def named(self, key_id: str) -> SymmetricKey | None:
        return next((key for key in self.keys if key.id == key_id), None)


def read_private_file(path: Path, setting: str, *, remedy: str = "") -> str:
    """Text of a file that nobody but its owner may read; `ConfigError` naming `setting` otherwise.

    `remedy` is what to do when there is no such file.
    """
    try:
        with path.open(encoding="ascii") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ConfigError(setting, f"{path} is not a regular file")
            if status.st_mode & 0o077:
                mode = stat.S_IMODE(status.st_mode)
                raise ConfigError(setting, f"{path} has mode {mode:04o}, so others may read it; run: chmod 600 {path}")
            return file.read(65536)
    except FileNotFoundError:
        raise ConfigError(setting, f"{path} does not exist" + (f"; {remedy}" if remedy else "")) from None
    except UnicodeDecodeError:
        raise ConfigError(setting, f"{path} is not text; one line is 32 bytes as 64 hex digits or as base64") from None
    except OSError as error:
        raise ConfigError(setting, f"{path} cannot be read: {error.strerror}") from None


def read_key_ring(path: Path, setting: str) -> KeyRing:
    """The keys of `path`, one a line; empty lines and lines that start with `#` are skipped."""
    make = (
        "bring it back if anything was encrypted before, since a new key opens none of that; "
        f"else make one: openssl rand -hex {KEY_BYTES} > {path} && chmod 600 {path}"
    )
    return parse_key_ring(read_private_file(path, setting, remedy=make), str(path), setting)


def parse_key_ring(text: str, where: str, setting: str) -> KeyRing:
    """The keys of `text`, wherever it was kept; `where` is what a mistake in it is told of."""
    lines = enumerate(text.splitlines(), 1)
    keys = tuple(_key(line.strip(), where, n, setting) for n, line in lines if line.strip() and line[0] != "#")
    return KeyRing(keys, setting)


def make_key_file(path: Path, setting: str) -> bool:
    """Make `path` with one new key, mode 0600, unless there is such a file already. Returns whether it was made."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        return False
    except OSError as error:
        raise ConfigError(setting, f"{path} cannot be made: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        raise ConfigError(setting, f"{path} cannot be written: {error.strerror}") from None
    return True


def _key(line: str, where: str, number: int, setting: str) -> SymmetricKey:
    try:
        secret = bytes.fromhex(line) if len(line) == 2 * KEY_BYTES else base64.b64decode(line, validate=True)
    except (ValueError, binascii.Error):
        secret = b""
    if len(secret) != KEY_BYTES:
        raise ConfigError(setting, f"line {number} of {where} is not 32 bytes as 64 hex digits or as base64")
    return SymmetricKey(secret)
