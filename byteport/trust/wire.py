"""SSH's wire format (RFC 4251 §5): length-prefixed strings and big-endian integers, read strictly.

Every reader of untrusted bytes in this room goes through `Reader`, which never reads past the end, never allocates by a
claimed length, and tells bytes left over from bytes expected.
"""

from __future__ import annotations

from byteport.errors import MalformedInput


class Reader:
    """Takes fields off the front of `blob`. Raises `MalformedInput(where, …)` for whatever does not fit."""

    def __init__(self, blob: bytes, where: str) -> None:
        self._blob = blob
        self._where = where

    def take(self, length: int) -> bytes:
        if length > len(self._blob):
            raise self.malformed("ends too early")
        head, self._blob = self._blob[:length], self._blob[length:]
        return head

    def byte(self) -> int:
        return self.take(1)[0]

    def uint32(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        return self.take(self.uint32())

    def text(self) -> str:
        """A string that must be printable ASCII: the names of algorithms, curves and namespaces."""
        raw = self.string()
        if not all(0x20 <= byte < 0x7F for byte in raw):
            raise self.malformed("holds a name that is not printable ASCII")
        return raw.decode("ascii")

    def mpint(self) -> int:
        """A non-negative integer in its shortest form."""
        raw = self.string()
        if raw and (raw[0] & 0x80 or (raw[0] == 0 and (len(raw) == 1 or not raw[1] & 0x80))):
            raise self.malformed("holds a negative or padded integer")
        return int.from_bytes(raw, "big")

    def end(self) -> None:
        """Raises when anything is left."""
        if self._blob:
            raise self.malformed(f"has {len(self._blob)} bytes too many")

    def malformed(self, message: str) -> MalformedInput:
        return MalformedInput(self._where, message)


def string(value: bytes) -> bytes:
    """`value` with its length before it."""
    return len(value).to_bytes(4, "big") + value


def mpint(value: int) -> bytes:
    """A non-negative integer, with the leading zero that keeps it from reading as negative."""
    return string(value.to_bytes(value.bit_length() // 8 + 1, "big") if value else b"")
