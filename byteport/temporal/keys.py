"""The keys that encrypt payloads: where they lie and how a new one is made.

`codec.py` encrypts with the first key of the ring and decrypts with whichever key a payload names. The file is read when a
process starts. A key is rotated in three steps, each of them in every process before the next: the new line below the first,
the new line on top, the old line out when no run that is kept needs it (`docs/how-to/keys.md`).
"""

from __future__ import annotations

from pathlib import Path

from byteport.trust import key_files
from byteport.trust.key_files import KEY_BYTES, read_private_file
from byteport.trust.key_files import SymmetricKey as PayloadKey

SETTING = "temporal.payload_key_file"


class KeyRing(key_files.KeyRing):
    """Keys in the order of the file: the first encrypts, all decrypt."""

    def __init__(self, keys: tuple[PayloadKey, ...]) -> None:
        super().__init__(keys, SETTING)


def read_key_ring(path: Path) -> KeyRing:
    """The keys of `path`, one a line; empty lines and lines that start with `#` are skipped."""
    return KeyRing(key_files.read_key_ring(path, SETTING).keys)


def make_key_file(path: Path) -> bool:
    """Make `path` with one new key, mode 0600, unless there is such a file already. Returns whether it was made."""
    return key_files.make_key_file(path, SETTING)


__all__ = ["KEY_BYTES", "SETTING", "KeyRing", "PayloadKey", "make_key_file", "read_key_ring", "read_private_file"]
