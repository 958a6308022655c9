"""The ledger's grant: signed when an act is reserved, and checked in the cluster worker just before the call.

The ledger alone holds the private key; a cluster worker holds the public one. Ed25519 over the body's own bytes, which
start with a word of their own (`GrantBody.signed_bytes`), so that the key signs nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from byteport.domain.warrants import Grant, GrantBody
from byteport.errors import ConfigError, NotPermitted, PreconditionFailed
from byteport.trust.private_keys import PrivateKey
from byteport.trust.public_keys import PublicKey

KEY_SETTING = "ledger.grant_key"
PUBLIC_KEY_SETTING = "cluster.grant_public_key"


class GrantSigner:
    """What the ledger signs with. Raises `ConfigError` for a key that is not Ed25519."""

    def __init__(self, key: PrivateKey) -> None:
        if not isinstance(key.key, ed25519.Ed25519PrivateKey):
            raise ConfigError(KEY_SETTING, f"must be an Ed25519 key, not {key.public_key.type}")
        self._key = key.key
        self.public_key = key.public_key

    def sign(self, body: GrantBody) -> Grant:
        return Grant(body=body, signature=self._key.sign(body.signed_bytes()).hex())


@dataclass(frozen=True)
class Call:
    """The call that is about to be sent, as the cluster worker itself knows it."""

    act: str
    action_id: str
    arguments_digest: str
    """Computed from the very bytes that will be sent."""
    plan_digest: str
    cluster_uid: str
    """Of the cluster that this worker talks to, read from it."""
    client_timeout: timedelta


class GrantVerifier:
    """What a cluster worker checks with. Raises `ConfigError` for a key that is not Ed25519."""

    def __init__(self, key: PublicKey) -> None:
        loaded = load_ssh_public_key(key.line.encode("ascii"))
        if not isinstance(loaded, ed25519.Ed25519PublicKey):
            raise ConfigError(PUBLIC_KEY_SETTING, f"must be an Ed25519 key, not {key.type}")
        self._key = loaded

    def verify(self, grant: Grant) -> None:
        """Raises `NotPermitted` unless the ledger signed exactly this body."""
        try:
            self._key.verify(bytes.fromhex(grant.signature), grant.body.signed_bytes())
        except (InvalidSignature, ValueError):
            raise NotPermitted("the grant is not signed by the ledger") from None

    def admit(self, grant: Grant, call: Call, *, now: datetime) -> None:
        """The last line before a request, on each attempt.

        Raises `NotPermitted` for a forged grant or one for another act, action, target, plan or cluster, and
        `PreconditionFailed` when the lease would end before the call could.
        """
        self.verify(grant)
        body = grant.body
        for granted, wanted, what in (
            (body.act, call.act, "act"),
            (body.action_id, call.action_id, "action"),
            (body.arguments_digest, call.arguments_digest, "target or arguments"),
            (body.plan_digest, call.plan_digest, "plan"),
            (body.cluster_uid, call.cluster_uid, "cluster"),
        ):
            if granted != wanted:
                raise NotPermitted(f"the grant is for another {what}")
        if now + call.client_timeout > body.lease_until:
            raise PreconditionFailed("the lease would end before the call could")
