"""The keys that encrypt payloads: where they lie, who may read them, and how a new one is made.

`codec.py` encrypts with the first key of the ring and decrypts with whichever key a payload names, so that a key is
rotated by putting a new line on top of the file, restarting, and taking the old line out when no open run needs it.
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

SETTING = "temporal.payload_key_file"
KEY_BYTES = 32


@dataclass(frozen=True)
class PayloadKey:
    """One AES-256 key. Its id is derived from it, so that a payload can name its key and no two keys share a name."""

    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        return hashlib.sha256(b"byteport-payload-key-id\0" + self.secret).hexdigest()[:16]


@dataclass(frozen=True)
class KeyRing:
    """Keys in the order of the file: the first encrypts, all decrypt."""

    keys: tuple[PayloadKey, ...]

    def __post_init__(self) -> None:
        if not self.keys:
            raise ConfigError(SETTING, "holds no key; one line is 32 bytes as 64 hex digits or as base64")

    @property
    def active(self) -> PayloadKey:
        return self.keys[0]

    def named(self, key_id: str) -> PayloadKey | None:
        return next((key for key in self.keys if key.id == key_id), None)


def read_private_file(path: Path, setting: str) -> str:
    """Text of a file that nobody but its owner may read; `ConfigError` naming `setting` otherwise."""
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
        make = f"; make one: openssl rand -hex {KEY_BYTES} > {path} && chmod 600 {path}" if setting == SETTING else ""
        raise ConfigError(setting, f"{path} does not exist{make}") from None
    except UnicodeDecodeError:
        raise ConfigError(setting, f"{path} is not text; one line is 32 bytes as 64 hex digits or as base64") from None
    except OSError as error:
        raise ConfigError(setting, f"{path} cannot be read: {error.strerror}") from None


def read_key_ring(path: Path) -> KeyRing:
    """The keys of `path`, one a line; empty lines and lines that start with `#` are skipped."""
    lines = enumerate(read_private_file(path, SETTING).splitlines(), 1)
    return KeyRing(tuple(_key(line.strip(), path, n) for n, line in lines if line.strip() and line[0] != "#"))


def make_key_file(path: Path) -> bool:
    """Make `path` with one new key, mode 0600, unless there is such a file already. Returns whether it was made."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        return False
    except OSError as error:
        raise ConfigError(SETTING, f"{path} cannot be made: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        raise ConfigError(SETTING, f"{path} cannot be written: {error.strerror}") from None
    return True


def _key(line: str, path: Path, number: int) -> PayloadKey:
    try:
        secret = bytes.fromhex(line) if len(line) == 2 * KEY_BYTES else base64.b64decode(line, validate=True)
    except (ValueError, binascii.Error):
        secret = b""
    if len(secret) != KEY_BYTES:
        raise ConfigError(SETTING, f"line {number} of {path} is not 32 bytes as 64 hex digits or as base64")
    return PayloadKey(secret)
