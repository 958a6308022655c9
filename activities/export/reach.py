"""Which addresses a connection to a receiver may go to, asked of the very address that it goes to.

What was asked of a name is worth nothing a moment later: its owner can answer differently the second time. So it is
asked twice, of all that the name resolves to, and of the socket's own address just before it connects. Before it comes
`byteport/domain/addresses.py`, which knows the addresses; after it `guarded.py` and `syslog.py`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Iterable

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from byteport.domain.addresses import Place, literal, names_loopback, place_of
from byteport.errors import NotPermitted

AddrInfo = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]
_PLAIN_NAME = re.compile(r"[A-Za-z0-9._:-]{1,253}")


class Reach:
    """Where connections for one host may go: to ordinary addresses, or, where the settings plainly name this machine,
    to this machine alone."""

    def __init__(self, *, this_machine: bool) -> None:
        self._allowed = Place.LOOPBACK if this_machine else Place.ORDINARY

    @classmethod
    def of(cls, named_in_settings: str) -> Reach:
        """For the host that a setting names."""
        return cls(this_machine=names_loopback(named_in_settings))

    def check_name(self, host: str) -> None:
        """Raises `NotPermitted` when `host` is an address, in some spelling of numbers, to which nothing is sent."""
        address = literal(host)
        if address is not None:
            self._check(host, place_of(address))

    def check_all(self, host: str, addresses: Iterable[str]) -> None:
        """Raises `NotPermitted` when any of the addresses that `host` resolves to is one to which nothing is sent."""
        for address in addresses:
            self._check(host, _place(address))

    async def check_as_seen_here(self, host: str) -> None:
        """What `host` resolves to here, for a connection that a proxy makes: it may not resolve here at all, and where
        it goes at last is the proxy's to decide. Raises `NotPermitted`."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError:
            return
        self.check_all(host, [str(address[0]) for *_, address in found])

    def new_socket(self, info: AddrInfo) -> socket.socket:
        """A socket that is about to be connected to the address in `info`. Raises `NotPermitted`."""
        family, kind, protocol, _, address = info
        host = str(address[0])
        self._check(host, _place(host))
        return socket.socket(family=family, type=kind, proto=protocol)

    def _check(self, host: str, place: Place) -> None:
        if place is not self._allowed:
            why = "an address of another kind than its own" if place is Place.ORDINARY else f"a {place.value} address"
            raise NotPermitted(f"{shown(host)} is {why}, to which nothing is sent")


class CheckedResolver(AbstractResolver):
    """The machine's own resolver, none of whose answers is taken when one of them is not allowed."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        self._reach.check_all(host, [one["host"] for one in found])
        return found

    async def close(self) -> None:
        await self._resolver.close()


def shown(host: str) -> str:
    """`host` as a message may show it: it may be what a receiver sent."""
    return host if _PLAIN_NAME.fullmatch(host) else "a host that has no plain name"


def _place(address: str) -> Place:
    try:
        return place_of(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return Place.RESERVED
