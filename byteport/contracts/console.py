"""What the settings say of the approvals page, `byteport console`: how it is served, who may see it, and which provider signs in.

Composed into the settings by `byteport/settings`; `byteport/console` serves.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TID251  as a type: nothing here opens a file
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from byteport.domain.base import Frozen, whole
from byteport.domain.listening import Address, LoopbackAddress


def _origin(url: str) -> str:
    parts = urlsplit(url)
    if not parts.hostname or parts.path or parts.username or parts.password:
        raise ValueError("is https://, a host and perhaps a port, without a path")
    return url


def _issuer(url: str) -> str:
    if not urlsplit(url).hostname:
        raise ValueError("names no host")
    return url


_Count = Annotated[int, BeforeValidator(whole), Field(ge=1, le=100_000)]
_Seconds = Annotated[int, BeforeValidator(whole), Field(ge=1, le=600)]


class ConsoleLimits(Frozen):
    """What one request and one session may have."""

    requests_per_minute: _Count = 120
    """Requests of one session. Default: two a second."""
    sign_ins_per_minute: _Count = 120
    """Sign-ins that are begun, of everybody together, and half of them from one address; a stranger can begin one too."""
    sessions: _Count = 1000
    """People who are signed in at once; of more the oldest is signed out."""
    concurrent: _Count = 32
    """Requests being answered at once."""
    connections: _Count = 512
    """Open connections for TLS; one more is closed at once."""
    connections_per_peer: _Count = 64
    """The same from one address (IPv6: one /64). More where a proxy stands before it."""
    body_bytes: Annotated[int, BeforeValidator(whole), Field(ge=1024, le=1 << 20)] = 16 << 10
    """A form that is sent."""
    header_bytes: Annotated[int, BeforeValidator(whole), Field(ge=1024, le=1 << 20)] = 32 << 10
    """Request line and headers together."""
    header_seconds: _Seconds = 10
    """Seconds until the header has come, after a connection or the first byte of a further request."""
    body_seconds: _Seconds = 10
    """Seconds until the body has come."""
    answer_seconds: _Seconds = 30
    """Seconds that a receiver may take over one piece of an answer."""


class ConsoleConfig(Frozen):
    """The approvals page. It holds no credential of a cluster, and nothing by which an answer could be signed."""

    address: Address = "0.0.0.0:8444"
    """`ip:port` for TLS. Default: every address, port 8444."""
    health_address: LoopbackAddress | None = None
    """`ip:port` on loopback that answers `/healthz` and `/readyz` without TLS. Default: none."""
    certificate: Path | None = None
    """PEM of the server's certificate and its chain. Needed; read again when it changes."""
    key: Path | None = None
    """PEM of its key, which others may not read. Needed; read again when it changes."""
    url: Annotated[str, Field(pattern=r"^https://[^\s/?#]{1,300}$"), AfterValidator(_origin)] | None = None
    """Where people reach it, as in `https://approve.example.com`. Needed; the provider is told `URL/callback`."""
    issuer: Annotated[str, Field(pattern=r"^https://[^\s?#]{1,490}$"), AfterValidator(_issuer)] | None = None
    """The identity provider, exactly as its tokens have it in `iss`. Needed."""
    client_id: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    """Ours at the provider. Needed; the same as in the file `approvals.issuers`."""
    client_secret_file: Path | None = None
    """File with the client's secret, read at each use. Default: none; a public client, with PKCE alone."""
    ca_file: Path | None = None
    """PEM of the authority that vouches for the provider. Default: the system's own."""
    scopes: Annotated[str, Field(pattern=r"^[\x21-\x7e]+( [\x21-\x7e]+)*$", max_length=300)] = "openid"
    """Scopes of a sign-in, for the claim that says who may see. An answer asks for `openid` alone. Default: `openid`."""
    viewers_claim: Annotated[str, Field(pattern=r"^[A-Za-z0-9_:/.-]{1,200}$")] = "groups"
    """Claim of the ID token that says who may see: a text, or a list of them; `email` needs `email_verified`. Default: `groups`."""
    viewers: Annotated[frozenset[str], Field(max_length=1000)] = frozenset()
    """Values of that claim that may see what waits here. Needed: without one nobody may. Answering is another matter."""
    session_seconds: Annotated[int, BeforeValidator(whole), Field(ge=60, le=43200)] = 3600
    """Seconds after which a person signs in again. Default: an hour."""
    log_key: Path | None = None
    """File with the log's public key, as `byteport log-key` prints it, to tell whether the log is complete. Default: none."""
    stop_seconds: _Seconds = 10
    """Seconds that requests have to finish when the process is told to stop."""
    limits: ConsoleLimits = ConsoleLimits()
