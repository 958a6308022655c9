"""Names of records: UUIDv7, so that they sort by time; ULID text is understood where a person types one.

Time and chance are arguments; the ledger supplies both.
"""

from __future__ import annotations

import re
import uuid

from byteport.errors import MalformedInput

RANDOM_BYTES = 10
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID = re.compile(rf"[0-7][{_CROCKFORD}]{{25}}")
_MEANT = str.maketrans("ILO", "110")


def uuid7(milliseconds: int, chance: bytes) -> str:
    """RFC 9562 §5.7: 48 bits of Unix time in ms, then 74 of the 80 random bits."""
    if not 0 <= milliseconds < 1 << 48 or len(chance) != RANDOM_BYTES:
        raise ValueError("a UUIDv7 takes a 48-bit time and 10 random bytes")
    random = int.from_bytes(chance, "big")
    value = milliseconds << 80 | 0x7 << 76 | (random >> 68) << 64 | 0b10 << 62 | random & ((1 << 62) - 1)
    return str(uuid.UUID(int=value))


def parse_record_id(text: str) -> str:
    """The id that a person typed, as it is stored: a UUID in any of its spellings, or a ULID of the same 128 bits.

    Raises `MalformedInput`.
    """
    plain = text.strip()
    ulid = plain.upper().translate(_MEANT)
    if _ULID.fullmatch(ulid):
        value = 0
        for digit in ulid:
            value = value << 5 | _CROCKFORD.index(digit)
        return str(uuid.UUID(int=value))
    try:
        return str(uuid.UUID(plain))
    except ValueError as error:
        raise MalformedInput("record id", "is neither a UUID nor a ULID") from error
