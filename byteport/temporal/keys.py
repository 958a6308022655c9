"""The keys that encrypt payloads: where they lie, how a new one is made, and which of them a process knows while it runs.

`codec.py` encrypts with the first key of a ring and decrypts with whichever key a payload names. Keys of a file are those of the
process's start. Keys of a secret are read again while it runs (`workers/payload_keys.py`, which knows the backends): `KnownKeys`
holds what it read last, and asks once more before it says that it does not know a key. How a key is changed:
`docs/how-to/keys.md`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from byteport.errors import BytePortError
from byteport.trust import key_files
from byteport.trust.key_files import KEY_BYTES, parse_key_ring, read_private_file
from byteport.trust.key_files import SymmetricKey as PayloadKey

SETTING = "temporal.payload_key_file"
SECRET = "temporal.payload_keys"  # noqa: S105  the setting's name
AGAIN_SECONDS = 10.0
"""How long after the end of a look a key that is not known is not looked for again: anybody may write a payload that names one."""


class Ring(Protocol):
    """What the codec asks of keys, whether or not they may change."""

    @property
    def keys(self) -> tuple[PayloadKey, ...]: ...

    @property
    def active(self) -> PayloadKey:
        """The one that encrypts."""

    @property
    def where(self) -> str:
        """Where a key that is missing has to be put back, and what to do then."""

    def named(self, key_id: str) -> PayloadKey | None: ...

    async def sought(self, key_id: str) -> PayloadKey | None:
        """As `named`, after another look at where the keys lie, if they may have changed there."""


class KeyRing(key_files.KeyRing):
    """Keys in the order of their file or secret: the first encrypts, all decrypt."""

    def __init__(self, keys: tuple[PayloadKey, ...], setting: str = SETTING) -> None:
        super().__init__(keys, setting)

    @property
    def where(self) -> str:
        return f"put that key back into {self.setting}, below the first line, and start the process again"

    async def sought(self, key_id: str) -> PayloadKey | None:
        return self.named(key_id)


class KnownKeys:
    """The keys of a process that reads them again while it runs.

    A look that fails leaves the keys that are known. A new key that stands first at once does not encrypt before `every`
    seconds have passed, as long as the one that did is still there: by then the other processes have looked too. A key
    that is gone from there is gone from here.
    """

    def __init__(
        self, ring: KeyRing, read: Callable[[], Awaitable[KeyRing]], *, every: float, seconds: Callable[[], float]
    ) -> None:
        """`ring` is what `read` gave when the process started; `seconds` is a clock that only goes forward."""
        self._ring = ring
        self._read = read
        self._seconds = seconds
        self._since = {key.id: seconds() - every for key in ring.keys}
        self._looked = seconds()
        self._turn = asyncio.Lock()
        self.every = every

    @property
    def keys(self) -> tuple[PayloadKey, ...]:
        return self._ring.keys

    @property
    def active(self) -> PayloadKey:
        return self._ring.active

    @property
    def where(self) -> str:
        return f"put that key back into the secret of {SECRET}, below the first line; it is read every {self.every:g} s"

    def named(self, key_id: str) -> PayloadKey | None:
        return self._ring.named(key_id)

    async def sought(self, key_id: str) -> PayloadKey | None:
        if self.named(key_id) is None:
            with contextlib.suppress(
                BytePortError
            ):  # the timer's look tells of it, and this error which keys there are
                await self._look(unless_known=key_id)
        return self.named(key_id)

    async def look(self) -> bool:
        """Read once more; whether anything is otherwise than before. Raises what reading raises, and keeps what is known."""
        return await self._look()

    async def _look(self, *, unless_known: str | None = None) -> bool:
        async with self._turn:
            if unless_known is not None and (self.named(unless_known) is not None or self._looked_just_now()):
                return False  # whoever was waited for has, too
            try:
                found = await self._read()
            finally:
                self._looked = self._seconds()
            before, self._ring = self._ring, self._settled(found)
            return before.keys != self._ring.keys

    def _looked_just_now(self) -> bool:
        """Counted from the end of a look, so that one which takes long is not followed by another at once."""
        return self._seconds() - self._looked < AGAIN_SECONDS

    def _settled(self, found: KeyRing) -> KeyRing:
        now, old = self._seconds(), self._ring.active
        self._since = {key.id: self._since.get(key.id, now) for key in found.keys}
        if found.active != old and now - self._since[found.active.id] < self.every and found.named(old.id) is not None:
            return KeyRing((old, *(key for key in found.keys if key != old)), found.setting)
        return found


def read_key_ring(path: Path) -> KeyRing:
    """The keys of `path`, one a line; empty lines and lines that start with `#` are skipped."""
    return KeyRing(key_files.read_key_ring(path, SETTING).keys)


def key_ring_of(text: str, name: str) -> KeyRing:
    """The keys of a secret of that name: one a line as in a file, or several on a line with blanks or commas between them,
    since not every backend keeps lines."""
    return KeyRing(parse_key_ring(_one_a_line(text), f"the secret {name}", SECRET).keys, SECRET)


def _one_a_line(text: str) -> str:
    lines = text.splitlines()
    return "\n".join(line if line.startswith("#") else "\n".join(line.replace(",", " ").split()) for line in lines)


def make_key_file(path: Path) -> bool:
    """Make `path` with one new key, mode 0600, unless there is such a file already. Returns whether it was made."""
    return key_files.make_key_file(path, SETTING)


__all__ = [
    "KEY_BYTES",
    "SECRET",
    "SETTING",
    "KeyRing",
    "KnownKeys",
    "PayloadKey",
    "Ring",
    "key_ring_of",
    "make_key_file",
    "read_key_ring",
    "read_private_file",
]
