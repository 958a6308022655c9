"""What the settings say of the codec server, `byteport codec`: how it is served, to which page, and who may read payloads.

Composed into the settings by `byteport/settings`; `byteport/codec` serves.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TID251  as a type: nothing here opens a file
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from byteport.domain.base import Frozen, whole
from byteport.domain.listening import Address, LoopbackAddress
from byteport.trust.attested_issuers import CHOSEN


def _origin(url: str) -> str:
    """As a browser writes it in `Origin`. In clear only this machine's own."""
    parts = urlsplit(url)
    if not parts.hostname or url != f"{parts.scheme}://{parts.netloc}".lower() or parts.username or parts.password:
        raise ValueError("is https://, a host in small letters and perhaps a port, without a path or a slash behind it")
    if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1"):
        raise ValueError("is https://, save for a page of this machine")
    if (parts.scheme, parts.port) in (("https", 443), ("http", 80)):
        raise ValueError("is written without the port that goes without saying, as a browser does")
    return url


def _issuer(url: str) -> str:
    if not urlsplit(url).hostname:
        raise ValueError("names no host")
    return url


def _nobodys_choice(claim: str) -> str:
    if claim in CHOSEN:
        raise ValueError(
            "people may choose it for themselves, another's too; take a claim of groups or roles, or `sub`"
        )
    return claim


_Count = Annotated[int, BeforeValidator(whole), Field(ge=1, le=100_000)]
_Seconds = Annotated[int, BeforeValidator(whole), Field(ge=1, le=600)]


class CodecLimits(Frozen):
    """What one request and one person may have."""

    requests_per_minute: _Count = 3000
    """Requests of one person. Default: fifty a second, since the page asks for the payloads of each event by themselves."""
    concurrent: _Count = 32
    """Requests being answered at once."""
    connections: _Count = 512
    """Open connections for TLS; one more is closed at once."""
    connections_per_peer: _Count = 64
    """The same from one address (IPv6: one /64). More where a proxy stands before it."""
    body_bytes: Annotated[int, BeforeValidator(whole), Field(ge=1024, le=32 << 20)] = 8 << 20
    """A body. Default: 8 MiB; Temporal takes payloads of 2 MiB, and JSON writes them a third longer."""
    header_bytes: Annotated[int, BeforeValidator(whole), Field(ge=1024, le=1 << 20)] = 32 << 10
    """Request line and headers together, the token among them."""
    header_seconds: _Seconds = 10
    """Seconds until the header has come, after a connection or the first byte of a further request."""
    body_seconds: _Seconds = 10
    """Seconds until the body has come."""
    answer_seconds: _Seconds = 30
    """Seconds that a receiver may take over one piece of an answer."""


class CodecConfig(Frozen):
    """The codec server: it shows Temporal's payloads, decrypted, to people who have signed in to Temporal UI."""

    address: Address = "0.0.0.0:8446"
    """`ip:port` for TLS. Default: every address, port 8446."""
    health_address: LoopbackAddress | None = None
    """`ip:port` on loopback that answers `/healthz` and `/readyz` without TLS. Default: none."""
    certificate: Path | None = None
    """PEM of the server's certificate and its chain. Needed; read again when it changes."""
    key: Path | None = None
    """PEM of its key, which others may not read. Needed; read again when it changes."""
    ui_origin: Annotated[str, Field(max_length=300), AfterValidator(_origin)] | None = None
    """Where people open Temporal UI, as in `https://temporal.example.com`: pages of no other origin are answered. Needed."""
    issuer: Annotated[str, Field(pattern=r"^https://[^\s?#]{1,490}$"), AfterValidator(_issuer)] | None = None
    """The identity provider that people sign in to Temporal UI with, exactly as its tokens have it in `iss`. Needed."""
    audience: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    """Whom the tokens are meant for that Temporal UI passes on: a value of `aud`. Needed."""
    ca_file: Path | None = None
    """PEM of the authority that vouches for the provider. Default: the system's own."""
    readers_claim: Annotated[str, Field(pattern=r"^[A-Za-z0-9_:/.-]{1,200}$"), AfterValidator(_nobodys_choice)] = (
        "groups"
    )
    """Claim of the token that says who may read: a text, or a list of them; `email` needs `email_verified`. Default: `groups`."""
    readers: Annotated[frozenset[str], Field(max_length=1000)] = frozenset()
    """Values of that claim that may read payloads. Needed: without one nobody may."""
    stop_seconds: _Seconds = 10
    """Seconds that requests have to finish when the process is told to stop."""
    limits: CodecLimits = CodecLimits()
