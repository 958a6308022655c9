"""Places for connections: so many of a port, and so many from one address, handshakes that nobody finishes among them.

Comes before `serve`, which takes a place before it spends anything on a connection.
"""

from __future__ import annotations

import ipaddress
from collections import Counter

V6_PREFIX = 64
"""One IPv6 customer has as many addresses as it likes within one of these."""


class Places:
    """The places of one port."""

    def __init__(self, most: int, most_per_peer: int) -> None:
        self._most = most
        self._most_per_peer = most_per_peer
        self._of: Counter[str] = Counter()
        self._taken = 0

    def take(self, address: tuple[object, ...]) -> Place | None:
        """None when the port, or the address that the socket gave as its peer's, has had all of its."""
        peer = peer_of(str(address[0]))
        if self._taken >= self._most or self._of[peer] >= self._most_per_peer:
            return None
        self._taken += 1
        self._of[peer] += 1
        return Place(self, peer)

    def give_back(self, peer: str) -> None:
        self._taken -= 1
        self._of[peer] -= 1
        if not self._of[peer]:
            del self._of[peer]


class Place:
    """One connection's place, given back once however often it is said."""

    def __init__(self, places: Places, peer: str) -> None:
        self._places = places
        self._peer = peer
        self._held = True

    def give_back(self) -> None:
        if self._held:
            self._held = False
            self._places.give_back(self._peer)


def peer_of(address: str) -> str:
    """What counts as one peer: an IPv4 address, in an IPv6 socket too, or the network of an IPv6 one."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, V6_PREFIX), strict=False))
