"""What the settings say of the receivers that take each record as soon as there is one: webhook, Splunk, syslog, a file.

Composed into the settings by `byteport/settings/audit.py`; `activities/export` holds one file for each. There is no
setting by which a certificate would not be verified.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TID251  as a type: nothing here opens a file
from typing import Annotated

from pydantic import Field, model_validator

from byteport.contracts.receiver_addresses import HostAndPort, ReceiverUrl
from byteport.domain.base import Frozen

DOCUMENTATION_ENTERPRISE = 32473
"""IANA's number for examples (RFC 5612)."""


class WebhookConfig(Frozen):
    """A receiver of one POST per record, signed as Standard Webhooks says."""

    url: ReceiverUrl | None = None
    """Where each record is posted to; `https` only."""
    secret_file: Path | None = None
    """Secrets that sign, one a line, `whsec_…` or `whsk_…` (Ed25519); mode 0600, read at every batch. All of them sign,
    so that a receiver can change to a new one while both stand here."""


class SplunkConfig(Frozen):
    """Splunk's HTTP Event Collector."""

    url: ReceiverUrl | None = None
    """Where the collector listens, without its path: `https://splunk.example:8088`."""
    token_file: Path | None = None
    """File with the collector's token; mode 0600, read at every batch."""
    index: Annotated[str, Field(pattern=r"^[a-z0-9_][a-z0-9_-]{0,254}$")] | None = None
    """Index. Default: the token's own."""
    source: Annotated[str, Field(pattern=r"^[!-~]{1,200}$")] = "byteport"
    """Source of each event."""
    sourcetype: Annotated[str, Field(pattern=r"^[!-~]{1,200}$")] = "byteport:audit"
    """Sourcetype of each event."""
    acknowledged: bool = False
    """Whether the token has indexer acknowledgement switched on. Default: no. With it, a record counts as shipped once the
    indexers say that they hold it; without, once the collector has taken it."""
    acknowledge_seconds: Annotated[int, Field(ge=1, le=90)] = 60
    """Seconds in which the indexers have to say so, before the batch is sent again."""
    gzip: bool = False
    """Whether bodies are compressed. Default: no."""
    batch_bytes: Annotated[int, Field(ge=65536, le=16 << 20)] = 512 << 10
    """Largest body, in bytes before it is compressed; the collector's `max_content_length` must allow it."""


class SyslogConfig(Frozen):
    """A syslog server that takes RFC 5424 over TLS (RFC 5425)."""

    address: HostAndPort | None = None
    """`host:port` of the server; the port that RFC 5425 gives it is 6514."""
    client_certificate_file: Path | None = None
    """PEM of our certificate, where the server asks for one. Needs `client_key_file`."""
    client_key_file: Path | None = None
    """PEM of its key; mode 0600. Needs `client_certificate_file`."""
    facility: Annotated[int, Field(ge=0, le=23)] = 13
    """Facility by its number. Default: 13, log audit."""
    app_name: Annotated[str, Field(pattern=r"^[!-~]{1,48}$")] = "byteport-agent"
    """APP-NAME of each message."""
    enterprise_id: Annotated[int, Field(ge=1, le=4294967295)] = DOCUMENTATION_ENTERPRISE
    """Private enterprise number behind the `@` of our structured data. Default: 32473, which IANA keeps for examples."""
    largest_message: Annotated[int, Field(ge=2048, le=1 << 20)] = 8096
    """Largest message that the server takes, in bytes; a longer record goes in several. Default: rsyslog's own limit, which
    is a little less than the 8192 that RFC 5425 asks a receiver to take."""

    @model_validator(mode="after")
    def _certificate_and_key_belong_together(self) -> SyslogConfig:
        if (self.client_certificate_file is None) != (self.client_key_file is None):
            raise ValueError("client_certificate_file and client_key_file belong together; set both or neither")
        return self


class FileConfig(Frozen):
    """A folder of NDJSON files, one an hour."""

    folder: Path | None = None
    """Folder, in which there is one for each chain. It lies where something outside of the cluster collects it."""
