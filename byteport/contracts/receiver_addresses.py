"""How the address of a receiver, a witness or a proxy is written: as one pattern, which the chart's schema has word for word.

So that what the chart takes the agent takes, and no mistyped receiver keeps processes from starting that never speak to it.
Comes before `receivers.py` and `stream_receivers.py`; after it `domain/addresses.py` says what no pattern can.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from byteport.domain.addresses import Place, literal, place_of
from byteport.domain.listening import HIGHEST_PORT

PORT = "(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_LAST_LABEL = (
    "(?:[A-Za-z_-][A-Za-z0-9_-]*|[1-9][0-9]*[A-Za-z_-][A-Za-z0-9_-]*|0[0-9]+[A-Za-z_-][A-Za-z0-9_-]*"
    "|0[A-WYZa-wyz_-][A-Za-z0-9_-]*|0[Xx][0-9A-Fa-f]*[G-Zg-z_-][A-Za-z0-9_-]*)"
)
NAME = rf"(?:[A-Za-z0-9_-]+[.])*{_LAST_LABEL}[.]?"
"""A name does not end in a number, in any spelling of one: there are resolvers that take it for an address."""
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
IPV4 = rf"{_OCTET}(?:[.]{_OCTET}){{3}}"
_GROUP = "[0-9A-Fa-f]{1,4}"
_IPV6_FORMS = (
    f"(?:{_GROUP}:){{7}}{_GROUP}",
    f"(?:{_GROUP}:){{1,7}}:",
    *(f"(?:{_GROUP}:){{1,{7 - after}}}(?::{_GROUP}){{1,{after}}}" for after in range(1, 7)),
    f":(?::{_GROUP}){{1,7}}",
)
IPV6 = "(?:" + "|".join(_IPV6_FORMS) + ")"
HOST = rf"(?:{NAME}|{IPV4}|\[{IPV6}\])"
RECEIVER_URL = rf"^https://{HOST}(?::{PORT})?(?:/[!-\"$-~]*)?$"
HOST_AND_PORT = rf"^{HOST}:{PORT}$"
PROXY_URL = rf"^https?://{HOST}(?::{PORT})?/?$"

_LOOSE = re.compile(r"(?:https?://)?(?P<host>\[[^\]]*\]|[^/:?#@\s]*)(?::(?P<port>[0-9]+))?(?:/.*)?", re.DOTALL)


def may_be_named(host: str) -> str:
    """`host`, unless it is an address to which nothing is sent. This machine's own may be named: a forwarder listens there."""
    address = literal(host)
    if address is not None and (place := place_of(address)) not in (Place.ORDINARY, Place.LOOPBACK):
        raise ValueError(f"{host} is a {place.value} address, to which nothing is sent")
    return host


def receiver_url(url: str) -> str:
    """`url`, where the log may be sent to, or what shows who we are. Raises `ValueError`."""
    return _written(url, RECEIVER_URL, "https://receiver.example/path: https alone, without user and fragment")


def host_and_port(address: str) -> str:
    """`host:port`. Raises `ValueError`."""
    return _written(address, HOST_AND_PORT, "syslog.example:6514, an IPv6 address in brackets")


def proxy_url(url: str) -> str:
    """Raises `ValueError`."""
    return _written(url, PROXY_URL, "http://proxy.example:3128, without a user")


def _written(text: str, pattern: str, how: str) -> str:
    loose = _LOOSE.fullmatch(text)
    if loose is not None:
        if loose["port"] and not 0 < int(loose["port"][:6]) <= HIGHEST_PORT:
            raise ValueError(f"a port lies between 1 and {HIGHEST_PORT}")
        may_be_named(loose["host"].strip("[]"))
    if re.fullmatch(pattern.removeprefix("^").removesuffix("$"), text) is None:
        raise ValueError(f"write it as {how}; a host as a name, as 10.0.0.7 or as [fd00::7]")
    return text


ReceiverUrl = Annotated[
    str, Field(max_length=2000, json_schema_extra={"pattern": RECEIVER_URL}), AfterValidator(receiver_url)
]
"""`https` alone, without user and fragment, and not an address to which nothing is sent."""
HostAndPort = Annotated[
    str, Field(max_length=300, json_schema_extra={"pattern": HOST_AND_PORT}), AfterValidator(host_and_port)
]
"""`host:port`; an IPv6 address in brackets."""
ProxyUrl = Annotated[str, Field(max_length=300, json_schema_extra={"pattern": PROXY_URL}), AfterValidator(proxy_url)]
"""A proxy that opens tunnels (CONNECT): the TLS within is ours, whatever leads to the proxy."""
