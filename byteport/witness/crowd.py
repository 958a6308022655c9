"""Who is connected: so many in all, and so many from one address, with whoever has said nothing yet giving way to the next.

A connection counts from the moment it is accepted, its handshake included. There is nobody to authenticate, so that nobody can be
told from anybody else but by this: an honest client sends its request at once, and one that keeps silent has nothing to lose.
Comes before `server`.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Iterator

V6_PREFIX = 64
"""One customer has as many IPv6 addresses as it likes within one of these."""


class Guest:
    """One connection, from its acceptance on."""

    def __init__(self, peer: str, end: Callable[[], object]) -> None:
        self.peer = peer
        self.end = end
        """Ends it at once, wherever it is."""
        self.is_heard = False
        """Its request is whole and is being answered: it does not give way."""


class Crowd:
    """All connections of one port."""

    def __init__(self, most: int, most_per_peer: int) -> None:
        self._most = most
        self._most_per_peer = most_per_peer
        self._guests: dict[Guest, None] = {}
        """The longest there first."""
        self._of: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._guests)

    def enters(self, address: str, end: Callable[[], object]) -> Guest | None:
        """A place, at the cost of the one who has kept silent longest; None when all who would have to give way are heard."""
        peer = peer_of(address)
        if self._of[peer] >= self._most_per_peer:
            giving_way = next(self._silent(peer), None)
        elif len(self) >= self._most:
            giving_way = next(self._silent(None), None)
        else:
            return self._placed(Guest(peer, end))
        if giving_way is None:
            return None
        self.leaves(giving_way)
        giving_way.end()
        return self._placed(Guest(peer, end))

    def leaves(self, guest: Guest) -> None:
        """However often it is said."""
        if guest not in self._guests:
            return
        del self._guests[guest]
        self._of[guest.peer] -= 1
        if not self._of[guest.peer]:
            del self._of[guest.peer]

    def _placed(self, guest: Guest) -> Guest:
        self._guests[guest] = None
        self._of[guest.peer] += 1
        return guest

    def _silent(self, peer: str | None) -> Iterator[Guest]:
        return (one for one in self._guests if not one.is_heard and peer in (None, one.peer))


def peer_of(address: str) -> str:
    """What counts as one: an IPv4 address, in an IPv6 socket too, or the network of an IPv6 one."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped or ipaddress.ip_network((found, V6_PREFIX), strict=False))
    return str(found)
