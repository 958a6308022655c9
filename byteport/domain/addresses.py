"""Which network addresses nothing of ours is sent to, in whatever spelling they come.

What is written in settings, what a name resolves to and where a receiver sends us on are other people's words. At some
addresses sits what hands out a machine's own credentials to whoever asks from inside. Before it come the settings of
receivers; after it `activities/export/guarded.py`, which asks before every connection.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address


class Place(StrEnum):
    """What an address is, as far as it matters here."""

    ORDINARY = "ordinary"
    LOOPBACK = "loopback"
    METADATA = "metadata"
    """Where a cloud answers for the machine itself: its credentials, its start-up data."""
    LINK_LOCAL = "link-local"
    UNSPECIFIED = "unspecified"
    MULTICAST = "multicast"
    RESERVED = "reserved"
    """Broadcast too."""


_METADATA = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",  # AWS, GCP, Azure, Oracle, DigitalOcean, OpenStack
            "169.254.170.2",  # ECS tasks
            "169.254.170.23",  # EKS pod identity
            "169.254.0.23",  # Tencent
            "168.63.129.16",  # Azure's wire server
            "100.100.100.200",  # Alibaba
            "192.0.0.192",  # Oracle, classic
            "fd00:ec2::254",  # AWS
            "fd00:ec2::23",  # EKS pod identity
            "fd20:ce::254",  # GCP
            "fd00:c1::a9fe:a9fe",  # Oracle
            "fe80::a9fe:a9fe",  # OpenStack
        ),
    )
)
_LINK_LOCAL = (IPv4Network("169.254.0.0/16"), IPv6Network("fe80::/10"))
_UNSPECIFIED = (IPv4Network("0.0.0.0/8"), IPv6Network("::/128"))
_LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
_MULTICAST = (IPv4Network("224.0.0.0/4"), IPv6Network("ff00::/8"))
_RESERVED = (IPv4Network("240.0.0.0/4"), IPv6Network("fec0::/10"))

_LAST_32 = tuple(
    map(
        IPv6Network,
        ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96"),  # compatible, mapped, translated, NAT64
    )
)
_NAT64_LOCAL = IPv6Network("64:ff9b:1::/48")
_6TO4 = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")
_ISATAP = (0x5EFE, 0x200_5EFE)
_32_BITS = 0xFFFFFFFF

LOOPBACK_NAME = "localhost"
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+", re.ASCII)
_LONGEST_NUMBER = 20


def place_of(address: Address) -> Place:
    """What `address` is; one that carries an IPv4 address within is the worst of what it is and what it carries.

    A network that translates would deliver to the address within.
    """
    found = _place_of(address)
    if found is Place.ORDINARY and isinstance(address, IPv6Address):
        for inner in _carried(address):
            if (place := _place_of(inner)) is not Place.ORDINARY:
                return place
        for inner in _perhaps_carried(address):
            if (place := _place_of(inner)) in (Place.METADATA, Place.LINK_LOCAL):
                return place
    return found


def literal(host: str) -> Address | None:
    """The address that `host` is in some spelling of numbers, or None for a name.

    Other resolvers than ours take the old spellings too: one number (`2852039166`), octal (`0251.0376.0251.0376`),
    hexadecimal (`0xa9fea9fe`), two or three parts (`169.16689662`).
    """
    bare = host.strip("[]").rstrip(".").partition("%")[0]
    try:
        return ip_address(bare)
    except ValueError:
        return _old_spelling(bare)


def names_loopback(host: str) -> bool:
    """Whether whoever wrote `host` plainly meant this machine."""
    if host.rstrip(".").lower() == LOOPBACK_NAME:
        return True
    address = literal(host)
    return address is not None and place_of(address) is Place.LOOPBACK


def _place_of(address: Address) -> Place:
    if address in _METADATA:
        return Place.METADATA
    for place, networks in (
        (Place.LOOPBACK, _LOOPBACK),
        (Place.LINK_LOCAL, _LINK_LOCAL),
        (Place.UNSPECIFIED, _UNSPECIFIED),
        (Place.MULTICAST, _MULTICAST),
        (Place.RESERVED, _RESERVED),
    ):
        if any(address in network for network in networks if network.version == address.version):
            return place
    return Place.ORDINARY


def _carried(address: IPv6Address) -> Iterator[IPv4Address]:
    """Each IPv4 address to which a translating network might deliver what is sent to `address`."""
    bits = int(address)
    if any(address in network for network in _LAST_32) or (bits >> 32) & _32_BITS in _ISATAP:
        yield IPv4Address(bits & _32_BITS)
    if address in _6TO4:
        yield IPv4Address((bits >> 80) & _32_BITS)
    if address in _TEREDO:
        yield IPv4Address(~bits & _32_BITS)
        yield IPv4Address((bits >> 64) & _32_BITS)


def _perhaps_carried(address: IPv6Address) -> Iterator[IPv4Address]:
    """Where NAT64 has a prefix of the network's own, the address within begins at one of these bits (RFC 6052)."""
    if address in _NAT64_LOCAL:
        bits = int(address)
        yield IPv4Address((bits >> 64 & 0xFFFF) << 16 | (bits >> 40 & 0xFFFF))  # a prefix of 48 bits
        yield IPv4Address((bits >> 64 & 0xFF) << 24 | (bits >> 32 & 0xFFFFFF))  # of 56
        yield IPv4Address((bits >> 24) & _32_BITS)  # of 64
        yield IPv4Address(bits & _32_BITS)  # of 96


def _old_spelling(host: str) -> IPv4Address | None:
    """As `inet_aton` reads it."""
    parts = host.split(".")
    if not 1 <= len(parts) <= 4 or not all(len(part) <= _LONGEST_NUMBER and _NUMBER.fullmatch(part) for part in parts):
        return None
    try:
        numbers = [_number(part) for part in parts]
    except ValueError:
        return None
    *first, last = numbers
    if any(number > 255 for number in first) or last >= 256 ** (4 - len(first)):
        return None
    value = last
    for at, number in enumerate(first):
        value |= number << (24 - 8 * at)
    return IPv4Address(value)


def _number(part: str) -> int:
    if part[:2].lower() == "0x":
        return int(part[2:] or "0", 16)
    return int(part, 8) if part.startswith("0") else int(part)
