"""CRC-32C (Castagnoli), by which Google says what it kept. Python's own CRC-32 is another one. Comes before `gcp_sm.py`."""

from __future__ import annotations

_POLYNOMIAL = 0x82F63B78


def _entry(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE = tuple(map(_entry, range(256)))


def crc32c(content: bytes) -> int:
    """As RFC 3720 has it: 0xE3069283 of the digits 1 to 9."""
    found = 0xFFFFFFFF
    for byte in content:
        found = found >> 8 ^ _TABLE[(found ^ byte) & 0xFF]
    return found ^ 0xFFFFFFFF
