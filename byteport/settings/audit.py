"""What can be set of the log: which receivers it goes to and where they are, and how long what it says is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, field_validator

from byteport.contracts.receivers import GcsConfig, S3Config, TargetKind
from byteport.contracts.stream_receivers import FileConfig, ProxyUrl, SplunkConfig, SyslogConfig, WebhookConfig
from byteport.domain.retention import RetentionConfig


def _one_or_several(value: object) -> object:
    """`s3`, as well as `s3, syslog` and a list."""
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


class ExportConfig(BaseModel):
    """Where the log is sent; nothing leaves for anywhere else."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: Annotated[tuple[TargetKind, ...], BeforeValidator(_one_or_several)] = ()
    """Kinds of receivers, one or several: `s3`, `gcs`, `syslog`, `splunk`, `webhook`, `file`, `api`. Default: none;
    nothing leaves."""
    s3: S3Config = S3Config()
    gcs: GcsConfig = GcsConfig()
    syslog: SyslogConfig = SyslogConfig()
    splunk: SplunkConfig = SplunkConfig()
    webhook: WebhookConfig = WebhookConfig()
    file: FileConfig = FileConfig()
    ca_file: Path | None = None
    """PEM of authorities that signed receivers' certificates, besides those that the system trusts. There is no setting by
    which a certificate would not be verified."""
    proxy: ProxyUrl | None = None
    """Proxy that opens tunnels (CONNECT) to receivers that speak HTTP. Default: none; the environment's is not taken."""

    @field_validator("target")
    @classmethod
    def _each_once(cls, kinds: tuple[TargetKind, ...]) -> tuple[TargetKind, ...]:
        if len(set(kinds)) != len(kinds):
            raise ValueError("names a kind twice; there is one receiver of each")
        return kinds


class AuditConfig(RetentionConfig):
    """The log: its receivers, and how long what it says is kept."""

    export: ExportConfig = ExportConfig()
