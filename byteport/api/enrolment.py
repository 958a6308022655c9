"""Who may come in: the file that says which credential is which tenant's, and for which cluster.

Comes after `byteport/serving`, whose `tokens` and `certificates` say what a credential proves, `callers` looks it up here. The file is
read again when it has changed, so that a line taken out is out with the next request. A file that cannot be read lets
nobody in: an old list may hold somebody who was taken out for a reason.
"""

from __future__ import annotations

import os
import threading
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from byteport.audit.heads import Chain
from byteport.audit.notes import SignatureType, parse_vkey
from byteport.contracts.issuers import CertificateIdentity, Issuer, Name, TokenIdentity
from byteport.domain.base import Frozen, Instant
from byteport.domain.yaml_text import read_strict
from byteport.errors import ConfigError, MalformedInput

SETTING = "api.enrolment"
LARGEST = 1 << 20
MOST_HOLDS = 1000
"""Each is asked for every portion that is destroyed."""
Tenant = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
_State = tuple[int, int, int]
ClusterUid = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class Role(StrEnum):
    """What an identity may do. There is none that writes and reads."""

    AGENT = "agent"
    """Hands in its own chain, and sees its head."""
    READER = "reader"
    """Reads its tenant's chains, or the one that is named."""


class Identity(Frozen):
    """One that may come in. With both kinds of credential named, both are needed."""

    name: Name
    role: Role
    tenant: Tenant
    cluster_uid: ClusterUid | None = None
    """An agent's own cluster. A reader without one reads all chains of its tenant."""
    token: TokenIdentity | None = None
    certificate: CertificateIdentity | None = None
    vkey: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    """The verifier key of the cluster's signer, as `byteport` prints it. Without one no checkpoint of it is taken."""
    witnesses: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=500)], ...], Field(max_length=16)] = ()
    """Verifier keys of witnesses of that log. Their cosignatures are checked and kept; of others' nothing is."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.token is None and self.certificate is None:
            raise ValueError("write a token, a certificate or both")
        if self.role is Role.AGENT and self.cluster_uid is None:
            raise ValueError("an agent needs its cluster_uid")
        if self.vkey is not None:
            self._check_key(self.vkey)
        elif self.witnesses:
            raise ValueError("witnesses go with a vkey")
        for text in self.witnesses:
            self._check_witness(text)
        return self

    def _check_witness(self, text: str) -> None:
        try:
            key = parse_vkey(text)
        except MalformedInput as error:
            raise ValueError(f"a witness {error.message}") from None
        if key.type is not SignatureType.COSIGNATURE:
            raise ValueError("one of the witnesses is not the key of a witness (type 4)")

    def _check_key(self, text: str) -> None:
        if self.role is Role.READER or self.cluster_uid is None:
            raise ValueError("a vkey belongs to an agent")
        try:
            key = parse_vkey(text)
        except MalformedInput as error:
            raise ValueError(f"vkey {error.message}") from None
        origin = Chain(tenant=self.tenant, cluster_uid=self.cluster_uid).origin
        if key.type is not SignatureType.ED25519 or key.name != origin:
            raise ValueError(f"vkey is not the key of this chain's signer, whose name is {origin}")


class Hold(Frozen):
    """A legal hold: what this copy keeps of a tenant, whatever records say is gone and however old it is."""

    name: Name
    tenant: Tenant
    cluster_uid: ClusterUid | None = None
    """Default: every chain of the tenant."""
    since: Instant | None = None
    """Records from this time on."""
    until: Instant | None = None
    """Records before this time."""

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.since is not None and self.until is not None and self.until <= self.since:
            raise ValueError("until must be later than since")
        return self


class Enrolment(Frozen):
    """The whole file."""

    issuers: tuple[Issuer, ...] = ()
    identities: Annotated[tuple[Identity, ...], Field(min_length=1)]
    holds: Annotated[tuple[Hold, ...], Field(max_length=MOST_HOLDS)] = ()

    @property
    def tenants(self) -> tuple[str, ...]:
        """Every tenant that is named, in a fixed order."""
        return tuple(sorted({one.tenant for one in self.identities} | {hold.tenant for hold in self.holds}))

    @property
    def chains(self) -> tuple[Chain, ...]:
        """Those that an agent is enrolled for, in a fixed order."""
        found = {(one.tenant, one.cluster_uid) for one in self.identities if one.role is Role.AGENT and one.cluster_uid}
        return tuple(Chain(tenant=tenant, cluster_uid=uid) for tenant, uid in sorted(found))

    def holds_on(self, chain: Chain) -> tuple[Hold, ...]:
        """The holds that are about a chain."""
        return tuple(
            hold for hold in self.holds if hold.tenant == chain.tenant and hold.cluster_uid in (None, chain.cluster_uid)
        )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        issuers = [issuer.name for issuer in self.issuers]
        _once("issuers", issuers)
        _once("identities", [identity.name for identity in self.identities])
        _once("holds", [hold.name for hold in self.holds])
        _once("token", [one.token for one in self.identities if one.token])
        _once("certificate", [one.certificate for one in self.identities if one.certificate])
        for identity in self.identities:
            if identity.token is not None and identity.token.issuer not in issuers:
                raise ValueError(f"identity {identity.name} names an issuer that is not listed")
        keys = {(one.tenant, one.cluster_uid): one.vkey for one in self.identities if one.vkey}
        if any(one.vkey and keys[one.tenant, one.cluster_uid] != one.vkey for one in self.identities):
            raise ValueError("one chain has two keys; a chain has one signer")
        return self


def _once(what: str, values: list[object] | list[str] | list[TokenIdentity] | list[CertificateIdentity]) -> None:
    if len(set(values)) != len(values):
        raise ValueError(f"{what}: one of them is there twice")


class EnrolmentFile:
    """The file, read again when it has changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._turn = threading.Lock()
        self._read: tuple[_State, Enrolment | ConfigError] | None = None

    def unchanged(self) -> Enrolment | None:
        """What was read before, if the file is the same still; else None. Takes no time."""
        try:
            state = _state(self.path.stat())
        except OSError:
            return None
        read = self._read
        return read[1] if read is not None and read[0] == state and isinstance(read[1], Enrolment) else None

    def current(self) -> Enrolment:
        """Raises `ConfigError` when the file is not there or says what cannot be; nobody comes in then. Blocks."""
        with self._turn:
            found = self._current()
        if isinstance(found, ConfigError):
            raise found
        return found

    def _current(self) -> Enrolment | ConfigError:
        """Read once for each change, one that is wrong too: reading a long one takes seconds."""
        try:
            with self.path.open("rb") as file:
                state = _state(os.fstat(file.fileno()))
                if self._read is not None and self._read[0] == state:
                    return self._read[1]
                self._read = None
                data = file.read(LARGEST + 1)
        except OSError as error:
            self._read = None
            return ConfigError(SETTING, f"{self.path}: {error.strerror or 'cannot be read'}")
        found: Enrolment | ConfigError
        try:
            found = parse(data, str(self.path))
        except ConfigError as error:
            found = error
        self._read = (state, found)
        return found


def _state(status: os.stat_result) -> _State:
    return (status.st_ino, status.st_mtime_ns, status.st_size)


def parse(data: bytes, where: str) -> Enrolment:
    """Raises `ConfigError` that names the first key at fault."""
    if len(data) > LARGEST:
        raise ConfigError(SETTING, f"{where} is larger than {LARGEST} bytes")
    try:
        return Enrolment.model_validate(read_strict(data))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(map(str, first["loc"])) or "the file"
        says = str(first["msg"]).removeprefix("Value error, ")
        raise ConfigError(SETTING, f"{where}: {key}: {says[:1].lower()}{says[1:]}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(SETTING, f"{where} line {line}: {error.problem or 'not YAML'}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ConfigError(SETTING, f"{where}: not YAML") from None
