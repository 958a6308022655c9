"""What can be set of the log: which receivers it goes to, how long what it says is kept, who signs it and who witnesses that."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from byteport.audit.notes import SignatureType, VerifierKey, parse_vkey
from byteport.contracts.checkpoints import SLOWEST_SECONDS
from byteport.contracts.ledger_api import ApiTargetConfig
from byteport.contracts.receiver_addresses import ProxyUrl, ReceiverUrl
from byteport.contracts.receivers import BUCKET, GcsConfig, S3Config, TargetKind, cursor_name
from byteport.contracts.stream_receivers import FileConfig, SplunkConfig, SyslogConfig, WebhookConfig
from byteport.domain.retention import RetentionConfig
from byteport.errors import MalformedInput


def one_or_several(value: object) -> object:
    """`s3`, as well as `s3, syslog` and a list."""
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


def _witness_key(text: str) -> str:
    try:
        key = parse_vkey(text)
    except MalformedInput as error:
        raise ValueError(f"the key of a witness {error.message}; byteport witness key prints it") from None
    if key.type is not SignatureType.COSIGNATURE:
        raise ValueError("this is the key of a log; byteport witness key prints that of a witness")
    return text


class ExportConfig(BaseModel):
    """Where the log is sent; nothing leaves for anywhere else."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: Annotated[tuple[TargetKind, ...], BeforeValidator(one_or_several)] = ()
    """Kinds of receivers, one or several: `s3`, `gcs`, `syslog`, `splunk`, `webhook`, `file`, `api`. Default: none;
    nothing leaves."""
    s3: S3Config = S3Config()
    gcs: GcsConfig = GcsConfig()
    syslog: SyslogConfig = SyslogConfig()
    splunk: SplunkConfig = SplunkConfig()
    webhook: WebhookConfig = WebhookConfig()
    file: FileConfig = FileConfig()
    api: ApiTargetConfig = ApiTargetConfig()
    ca_file: Path | None = None
    """PEM of authorities that signed receivers' certificates, besides those that the system trusts. There is no setting by
    which a certificate would not be verified."""
    proxy: ProxyUrl | None = None
    """Proxy that opens tunnels (CONNECT) to receivers that speak HTTP. Default: none; the environment's is not taken."""

    def cursor(self, kind: TargetKind, cluster_uid: str) -> str:
        """The name of the cursor of the receiver of that kind, as it lies where the settings say now."""
        bucket = BUCKET.format(cluster_uid=cluster_uid)
        s3, gcs = self.s3, self.gcs
        destination: dict[TargetKind, tuple[str | None, ...]] = {
            TargetKind.S3: (s3.endpoint, s3.bucket or bucket, s3.prefix),
            TargetKind.GCS: (gcs.endpoint, gcs.bucket or bucket, gcs.prefix),
            TargetKind.SYSLOG: (self.syslog.address,),
            TargetKind.SPLUNK: (self.splunk.url, self.splunk.index),
            TargetKind.WEBHOOK: (self.webhook.url,),
            TargetKind.FILE: (None if self.file.folder is None else str(self.file.folder),),
            TargetKind.API: (self.api.url,),
        }
        return cursor_name(kind, *destination[kind])

    def cursors(self, cluster_uid: str) -> list[str]:
        """Of the receivers that are named."""
        return [self.cursor(kind, cluster_uid) for kind in self.target]

    @field_validator("target")
    @classmethod
    def _each_once(cls, kinds: tuple[TargetKind, ...]) -> tuple[TargetKind, ...]:
        if len(set(kinds)) != len(kinds):
            raise ValueError("names a kind twice; there is one receiver of each")
        return kinds


class SignerConfig(BaseModel):
    """The process that signs checkpoints of the log, with a key that no other one reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Path | None = None
    """Ed25519 key (OpenSSH) by which checkpoints are signed; mode 0600. Default: none; the log is not signed."""
    retiring_key: Path | None = None
    """The key before it, which signs one more checkpoint together with it, by which others believe the new one."""
    state_file: Path | None = None
    """What was signed last; not where the database and its backups are. Default: `signer/state.json` in `state_dir`."""


class WitnessConfig(BaseModel):
    """A witness that is asked to sign that the log only grew."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: ReceiverUrl
    key: Annotated[str, AfterValidator(_witness_key)]

    @property
    def verifier(self) -> VerifierKey:
        return parse_vkey(self.key)

    @property
    def name(self) -> str:
        return self.verifier.name


class AuditConfig(RetentionConfig):
    """The log: its receivers, how long what it says is kept, and how it is signed."""

    export: ExportConfig = ExportConfig()
    checkpoint_seconds: Annotated[int, Field(ge=1, le=SLOWEST_SECONDS)] = 60
    """Seconds between two looks at whether the log has grown and is to be signed."""
    signer: SignerConfig = SignerConfig()
    witnesses: Annotated[tuple[WitnessConfig, ...], Field(max_length=16)] = ()
    """Witnesses, each with its `url` and the `key` that `byteport witness key` prints. Default: none."""

    @field_validator("witnesses")
    @classmethod
    def _each_name_once(cls, witnesses: tuple[WitnessConfig, ...]) -> tuple[WitnessConfig, ...]:
        if len({one.name for one in witnesses}) != len(witnesses):
            raise ValueError("names a witness twice")
        return witnesses
