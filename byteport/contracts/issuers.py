"""Who signs workload tokens, and how a credential is written down in settings: a token's subject, a certificate's name.

Comes before `keysets` (where an issuer's keys are) and `tokens`; each face says which of these may come in, and as whom.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TID251  as a type: nothing here opens a file
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from byteport.contracts.receiver_addresses import ReceiverUrl
from byteport.domain.base import Frozen

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a private key. `none` and the HS family, whose key would be the public one, cannot be written here."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$")]


def _splits(url: str) -> str:
    """What the library that asks there cannot take apart, it should not be given. Raises `ValueError`."""
    if not urlsplit(url).hostname:
        raise ValueError("names no host")
    return url


class Issuer(Frozen):
    """One cluster's issuer of tokens. Two clusters may use the same `issuer` text: the keys tell them apart."""

    name: Name
    issuer: Annotated[str, Field(min_length=1, max_length=500)]
    jwks_file: Path | None = None
    jwks_url: Annotated[ReceiverUrl, Field(max_length=500), AfterValidator(_splits)] | None = None
    ca_file: Path | None = None
    """Authority that vouches for `jwks_url`. Default: the system's own."""
    algorithms: Annotated[tuple[str, ...], Field(min_length=1, max_length=len(ALGORITHMS))] = ("RS256", "ES256")

    @field_validator("algorithms")
    @classmethod
    def _by_private_keys(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in ALGORITHMS:
                raise ValueError(f"one of them is not taken; there are {', '.join(ALGORITHMS)}")
        return names

    @model_validator(mode="after")
    def _keys_from_one_place(self) -> Self:
        if (self.jwks_file is None) == (self.jwks_url is None):
            raise ValueError("write either jwks_file or jwks_url")
        if self.ca_file is not None and self.jwks_url is None:
            raise ValueError("ca_file goes with jwks_url")
        return self


class TokenIdentity(Frozen):
    """A workload token: whose issuer, and exactly which subject."""

    issuer: Name
    subject: Annotated[str, Field(min_length=1, max_length=500)]


class CertificateIdentity(Frozen):
    """A client certificate: by its SPIFFE id or by its SHA-256 fingerprint."""

    spiffe: Annotated[str, Field(pattern=r"^spiffe://[a-z0-9._-]{1,255}(/[A-Za-z0-9._-]+)+$")] | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None

    @model_validator(mode="after")
    def _named_one_way(self) -> Self:
        if (self.spiffe is None) == (self.sha256 is None):
            raise ValueError("write either spiffe or sha256")
        return self
