"""What a mutating act takes, and nothing else: plan, digest, the ledger's signed grant, and the answers or `auto`."""

from __future__ import annotations

from datetime import timedelta

from byteport.domain.approvals import ApprovalRequest, SignedAnswer
from byteport.domain.base import Frozen, Instant
from byteport.domain.canonical import canonical_bytes
from byteport.domain.plans import Plan
from byteport.domain.signals import Signal

LONGEST_LEASE = timedelta(minutes=15)
"""No grant is good for longer; the write of an act is made by then, or not at all."""


class GrantBody(Frozen):
    """What the ledger promises: this action, these arguments, on this cluster, until then."""

    action_id: str
    act: str
    arguments_digest: str
    plan_digest: str
    cluster_uid: str
    record_hash: str
    """Hash of the intent record."""
    seq: int
    lease_until: Instant
    again: bool
    """The intent was there before (a retry, a reset): the act may have been done, so its trace is looked for first."""

    def signed_bytes(self) -> bytes:
        return b"byteport-grant-v1\n" + canonical_bytes(self)


class Grant(Frozen):
    """A grant with the ledger's Ed25519 signature (hex, 128 digits)."""

    body: GrantBody
    signature: str


class Warrant(Frozen):
    """Everything by which the cluster worker convinces itself, trusting nothing that Temporal carried."""

    tenant: str
    incident_id: str
    signal: Signal
    plan: Plan
    plan_digest: str
    policy_version: str
    grant: Grant
    request: ApprovalRequest | None
    """The request that was answered; None when the act is `auto`."""
    answers: tuple[SignedAnswer, ...]
    auto: bool
    inverse_of: Plan | None = None
    """For an inverse: the plan it undoes. A yes to a plan is a yes to its inverse, and `plan_digest` names that plan."""
