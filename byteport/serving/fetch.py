"""One small document over HTTPS from a place that the enrolment file names, and from nowhere that its name may lead to.

A name can be made to point elsewhere after somebody wrote it down, so every address is judged just before it is
connected to; this machine is an answer only where the URL itself says so. TLS is verified; redirects are not followed.
Comes after `byteport/domain/addresses`; `keysets` asks for issuers' keys.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from byteport.domain.addresses import Address, Place, literal, names_loopback, place_of
from byteport.errors import Unavailable

LARGEST = 256 * 1024
TIMEOUT = aiohttp.ClientTimeout(total=5)


@dataclass(frozen=True)
class Form:
    """What is posted there, instead of asking for what lies there."""

    fields: Mapping[str, str]
    authorization: str | None = None


async def fetch(
    url: str, ca_file: Path | None = None, *, form: Form | None = None, what: str = "an issuer's keys"
) -> bytes:
    """The body of a 200, at most `LARGEST` bytes. Raises `Unavailable` for everything else, and says which it was, of `what`."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError as error:
        raise Unavailable(f"the place of {what} is no URL") from error
    here = names_loopback(host)
    if (address := literal(host)) is not None and not _allowed(address, here=here):
        raise Unavailable(f"{what}: at an address that is not spoken to")
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise Unavailable(f"the authority for {what} cannot be read") from error
    connector = aiohttp.TCPConnector(resolver=_Judged(here=here), ssl=context, use_dns_cache=False, force_close=True)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=TIMEOUT, trust_env=False) as session,
            session.request(
                "GET" if form is None else "POST",
                url,
                allow_redirects=False,
                headers=_headers(form),
                data=None if form is None else dict(form.fields),
            ) as answer,
        ):
            if answer.status != 200:
                raise Unavailable(f"the place of {what} answers {answer.status}")
            body = b""
            while more := await answer.content.read(LARGEST + 1 - len(body)):
                body += more
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise Unavailable(f"{what} cannot be had: {type(error).__name__}") from error
    if len(body) > LARGEST:
        raise Unavailable(f"{what}: larger than is read")
    return body


def _headers(form: Form | None) -> dict[str, str]:
    found = {"Accept": "application/json"}
    if form is not None and form.authorization is not None:
        found["Authorization"] = form.authorization
    return found


class _Judged(AbstractResolver):
    """Resolves as the system does, and gives no answer when one of the addresses may not be spoken to."""

    def __init__(self, *, here: bool) -> None:
        self._system = ThreadedResolver(asyncio.get_running_loop())
        self._here = here

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._system.resolve(host, port, family)
        if not all(_allowed(ip_address(one["host"].partition("%")[0]), here=self._here) for one in found):
            raise OSError("the name leads to an address that is not spoken to")
        return found

    async def close(self) -> None:
        await self._system.close()


def _allowed(address: Address, *, here: bool) -> bool:
    place = place_of(address)
    return place is Place.ORDINARY or (here and place is Place.LOOPBACK)
