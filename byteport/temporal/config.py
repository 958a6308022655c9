"""Which Temporal, and with what credentials: the part of the settings that this room owns.

`byteport/settings.py` composes it; `connect.py` and `keys.py` read it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from byteport.contracts.secret_names import SecretName
from byteport.domain.base import whole


class TemporalConfig(BaseModel):
    """Connection to one Temporal namespace."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: Annotated[str, Field(pattern=r"^[^\s:/]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$", max_length=300)] = (
        "127.0.0.1:7233"
    )
    """`host:port` of the frontend. Default: where `temporal server start-dev` listens."""
    namespace: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=200)] = "default"
    """Temporal namespace. Default: the one that every server has."""
    tls: bool = False
    """Whether to use TLS with the system's trust. Implied by any of the files below, and by an API key."""
    tls_ca_file: Path | None = None
    """PEM of the CA that signed the server's certificate, when it is not one the system trusts."""
    tls_cert_file: Path | None = None
    """PEM of our client certificate, for mTLS. Needs `tls_key_file`."""
    tls_key_file: Path | None = None
    """PEM of the client certificate's key; mode 0600. Needs `tls_cert_file`."""
    api_key_file: Path | None = None
    """File that holds an API key; mode 0600, read at each start, never an environment variable."""
    payload_key_file: Path | None = None
    """Keys that encrypt payloads, one a line (32 bytes as hex or base64), the first encrypts; mode 0600.

    Default: `keys/payload.key` in the state directory, which `byteport keys init` makes; none where `payload_keys` is set.
    """
    payload_keys: SecretName | None = None
    """Name of the secret that holds those keys in the backend of `secret`, in the place of the file. Default: none.

    It is kept in memory alone, and read again while a process runs.
    """
    payload_keys_seconds: Annotated[int, BeforeValidator(whole), Field(ge=5, le=3600)] = 60
    """Seconds between two reads of `payload_keys`, the same in every process: a new key encrypts no sooner. Default: a minute."""

    @model_validator(mode="after")
    def _certificate_and_key_belong_together(self) -> TemporalConfig:
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_cert_file and tls_key_file belong together; set both or neither")
        return self

    @model_validator(mode="after")
    def _keys_are_in_one_place(self) -> TemporalConfig:
        if self.payload_key_file is not None and self.payload_keys is not None:
            raise ValueError("payload_key_file and payload_keys are two places for the same keys; set one of them")
        return self

    @property
    def uses_tls(self) -> bool:
        return self.tls or any((self.tls_ca_file, self.tls_cert_file, self.api_key_file))
