"""What the settings say of the door for alerts, `byteport alerts`: how it is served, who may send, and how much.

Composed into the settings by `byteport/settings`; `byteport/alerts` serves.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TID251  as a type: nothing here opens a file
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from byteport.contracts.issuers import CertificateIdentity, Issuer, TokenIdentity
from byteport.domain.base import Frozen, whole
from byteport.domain.listening import Address, LoopbackAddress
from byteport.kubernetes.alerts import MOST_ALERTS

AUDIENCE = "byteport-alerts"
"""Whom a workload token for the door is meant for."""
ALERTMANAGER_PATH = "/v1/alertmanager"
SNS_PATH = "/v1/sns"


_Count = Annotated[int, BeforeValidator(whole), Field(ge=1, le=100_000)]
_Bytes = Annotated[int, BeforeValidator(whole), Field(ge=1024, le=8 << 20)]
_Seconds = Annotated[int, BeforeValidator(whole), Field(ge=1, le=600)]
TopicArn = Annotated[
    str, Field(pattern=r"^arn:(aws|aws-cn|aws-us-gov):sns:[a-z0-9-]{1,32}:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$")
]


class AlertsLimits(Frozen):
    """What one request and one sender may have. Each process counts for itself."""

    requests_per_minute: _Count = 300
    """Requests of one sender. Default: five a second; Alertmanager sends one for each group that changed."""
    symptoms_per_minute: _Count = 1000
    """Symptoms of one sender that are handed on, and alerts that nobody treats; of more it is told to come again. At least the
    500 alerts that one body may bring."""
    strangers_per_minute: _Count = 300
    """Requests without a credential that holds, and of SNS, of everybody together. Default: five a second."""
    concurrent: _Count = 16
    """Requests being answered at once."""
    connections: _Count = 256
    """Open connections for TLS; one more is closed at once."""
    connections_per_peer: _Count = 32
    """The same from one address (IPv6: one /64). More where a proxy stands before it."""
    body_bytes: _Bytes = 1 << 20
    """A body; packed ones are not taken. Default: 1 MiB, some thousand alerts."""
    header_bytes: _Bytes = 16 << 10
    """Request line and headers together."""
    header_seconds: _Seconds = 5
    """Seconds until the header has come, after a connection or the first byte of a further request."""
    body_seconds: _Seconds = 5
    """Seconds until the body has come."""
    answer_seconds: _Seconds = 10
    """Seconds that a receiver may take over one piece of an answer."""

    @model_validator(mode="after")
    def _one_request_fits(self) -> Self:
        if self.symptoms_per_minute < MOST_ALERTS:
            raise ValueError(f"symptoms_per_minute is less than the {MOST_ALERTS} that one request may bring")
        return self


class SnsConfig(Frozen):
    """CloudWatch alarms by way of SNS, which signs what it sends."""

    topics: tuple[TopicArn, ...] = ()
    """ARNs of the topics that are heard, and whose subscription is confirmed. Default: none; then SNS is not taken at all."""
    window_seconds: Annotated[int, BeforeValidator(whole), Field(ge=60, le=86_400)] = 3600
    """Seconds that a message may be old, or its time ahead. Default: an hour, as long as SNS tries again."""


class AlertsConfig(Frozen):
    """The door for alerts. It holds no credential of a cluster or of the database: it validates, reduces and hands over."""

    address: Address = "0.0.0.0:8445"
    """`ip:port` for TLS. Default: every address, port 8445."""
    health_address: LoopbackAddress | None = None
    """`ip:port` on loopback that answers `/healthz`, `/readyz` and `/metrics` without TLS. Default: none."""
    certificate: Path | None = None
    """PEM of the server's certificate and its chain. Needed; read again when it changes."""
    key: Path | None = None
    """PEM of its key, which others may not read. Needed; read again when it changes."""
    client_ca: Path | None = None
    """PEM of the authority for clients' certificates. Default: none; then only tokens let in."""
    tokens_file: Path | None = None
    """File of bearer tokens, one a line, each of at least 32 characters, after its sender's name (lower-case letters, digits, `-` and `.`) and a
    space; several of one name while one is changed. Those without a name are one sender together. Read again when it changes, and not
    readable for others. Default: none."""
    client_certificates: tuple[CertificateIdentity, ...] = ()
    """Client certificates that let in, each by `spiffe` or `sha256`. They need `client_ca`."""
    issuers: tuple[Issuer, ...] = ()
    """Issuers of workload tokens, as in the ledger's enrolment file. Paths start at the config file's folder."""
    workloads: tuple[TokenIdentity, ...] = ()
    """Workloads whose tokens let in: `issuer` and `subject`. The audience is `byteport-alerts`."""
    clusters: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = ()
    """What this cluster is called in the label `cluster` and the dimension `ClusterName`, beside `cluster.name`. An alert that
    names another one is not ours, and nothing follows of it."""
    tell_untreated: bool = True
    """Whether people are told, once, of an alert about an object that no runbook treats. Default: yes. No where the same
    alerts page them already."""
    sns: SnsConfig = SnsConfig()
    pagerduty_secrets_file: Path | None = None
    """File of secrets that sign PagerDuty's webhooks to us, one a line; several while one is changed. Read at each of them,
    and not readable for others. Default: none; an acknowledgement in PagerDuty is not heard here."""
    slack_secrets_file: Path | None = None
    """The same of the Slack app's signing secret, by which presses of its buttons are believed. Default: none is answered."""
    stop_seconds: _Seconds = 10
    """Seconds that requests have to finish when the process is told to stop."""
    limits: AlertsLimits = AlertsLimits()

    @model_validator(mode="after")
    def _whole_credentials(self) -> Self:
        if self.client_certificates and self.client_ca is None:
            raise ValueError("client_certificates need client_ca, the authority that has signed them")
        listed = {issuer.name for issuer in self.issuers}
        if unknown := sorted({one.issuer for one in self.workloads} - listed):
            raise ValueError(f"workloads names the issuer {unknown[0]}, which issuers does not list")
        return self
