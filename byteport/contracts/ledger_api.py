"""What the settings say of the ledger's HTTP face: how it is served, what one tenant may have of it, and how an agent
reaches it.

Composed into the settings by `byteport/settings`; `byteport/api` serves, `activities/export/api.py` sends.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TID251  as a type: nothing here opens a file
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from byteport.contracts.receiver_addresses import ReceiverUrl
from byteport.domain.base import Frozen, whole
from byteport.domain.listening import Address, LoopbackAddress
from byteport.domain.retention import LONGEST_WAIT_DAYS

AUDIENCE = "byteport-ledger"
"""Whom a workload token for the ledger's HTTP face is meant for: what a projected volume asks for, and what is checked."""
TOKEN_FILE = "/var/run/secrets/byteport-ledger/token"  # noqa: S105  where it lies, not what it is
RECORDS_PATH = "/v1/records"
NDJSON = "application/x-ndjson"


_Count = Annotated[int, BeforeValidator(whole), Field(ge=1, le=1_000_000)]
_Bytes = Annotated[int, BeforeValidator(whole), Field(ge=1024, le=64 << 20)]
_Flow = Annotated[int, BeforeValidator(whole), Field(ge=1024, le=16 << 30)]
_Seconds = Annotated[int, BeforeValidator(whole), Field(ge=1, le=600)]


class ApiLimits(Frozen):
    """What one request and one tenant may have. Each process counts for itself."""

    requests_per_minute: _Count = 120
    """Requests of one tenant. Default: two a second, four times what an agent with a backlog sends."""
    records_per_minute: _Count = 60_000
    """Lines that one tenant hands in, repeated ones too. Default: an outage of a day is caught up in minutes."""
    bytes_per_minute: _Flow = 128 << 20
    """Bytes of bodies that one tenant hands in, unpacked, refused ones too. Default: 128 MiB, the records above at 2 KiB."""
    concurrent: _Count = 32
    """Requests being answered at once. Default: what two processors and a pool of connections answer in time."""
    concurrent_per_tenant: _Count = 4
    """The same of one tenant, so that it cannot have them all."""
    connections: _Count = 512
    """Open connections for TLS; one more is closed at once."""
    connections_per_peer: _Count = 64
    """The same from one address (IPv6: one /64), so that a stranger cannot have them all. More where a proxy stands before it."""
    body_bytes: _Bytes = 8 << 20
    """A body, before and after it is unpacked. Default: 8 MiB, twice what an agent sends at once."""
    line_bytes: _Bytes = 1 << 20
    """One line. Default: 1 MiB; a record with many signed answers has some 100 KiB."""
    lines: _Count = 2000
    """Lines in one request."""
    checkpoints: _Count = 10
    """Checkpoints among them. An agent sends one."""
    header_bytes: _Bytes = 16 << 10
    """Request line and headers together. Default: 16 KiB; a workload token has 1 to 2."""
    header_seconds: _Seconds = 10
    """Seconds until the header has come, after a connection or the first byte of a further request."""
    body_seconds: _Seconds = 30
    """Seconds until the body has come."""
    answer_seconds: _Seconds = 30
    """Seconds that a receiver may take over one piece of an answer."""

    @model_validator(mode="after")
    def _one_request_fits(self) -> Self:
        if self.lines > self.records_per_minute:
            raise ValueError("lines is more than records_per_minute, so that a full request is never taken")
        if self.body_bytes > self.bytes_per_minute:
            raise ValueError("body_bytes is more than bytes_per_minute, so that a full request is never taken")
        return self


class ApiConfig(Frozen):
    """The ledger's HTTP face, `byteport api`. Its database and key of bodies are those of `ledger`."""

    address: Address = "0.0.0.0:8443"
    """`ip:port` for TLS. Default: every address, port 8443."""
    health_address: LoopbackAddress | None = None
    """`ip:port` on loopback that answers `/healthz` and `/readyz` without TLS. Default: none."""
    certificate: Path | None = None
    """PEM of the server's certificate and its chain. Needed; read again when it changes."""
    key: Path | None = None
    """PEM of its key, which others may not read. Needed; read again when it changes."""
    client_ca: Path | None = None
    """PEM of the authority for clients' certificates. Default: none; then only workload tokens let in."""
    enrolment: Path | None = None
    """YAML of who may come in, as whose tenant and for which cluster. Needed; read again when it changes."""
    retention_days: Annotated[int, BeforeValidator(whole), Field(ge=LONGEST_WAIT_DAYS, le=3660)] = 90
    """Days for which what records say is kept here, at least 30; headers and hashes stay for ever. Default: 90.

    They count from when this copy took a record in, or from its own time, whichever is later; and nothing goes before its
    cluster has said that it pruned it too.
    """
    erasure_delay_hours: Annotated[int, BeforeValidator(whole), Field(ge=0, le=48)] = 24
    """Hours between the arrival of a record that says that bodies were erased and their erasure here. Default: 24.

    In these a person can notice that an agent was taken over, and put a hold into the enrolment file.
    """
    stop_seconds: _Seconds = 20
    """Seconds that requests have to finish when the process is told to stop."""
    limits: ApiLimits = ApiLimits()


class ApiTargetConfig(Frozen):
    """The agent's side: the ledger's HTTP face as a receiver of the log."""

    url: ReceiverUrl | None = None
    """Where it is, as in `https://ledger.example.com`; `BYTEPORT_API_URL` says the same."""
    token_file: Path | None = None
    """File of the workload token, read anew for each request. Default: `/var/run/secrets/byteport-ledger/token` where no
    client certificate is named."""
    certificate: Path | None = None
    """PEM of a client certificate and its chain. Default: none; the token alone tells who we are."""
    key: Path | None = None
    """PEM of its key."""

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("write certificate and key, or neither")
        return self
