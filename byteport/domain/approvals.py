"""A person's yes or no to one plan digest: the text that is signed, and what becomes of an answer."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from byteport.domain.base import Frozen, Instant
from byteport.domain.canonical import canonical_bytes, digest
from byteport.domain.plans import Plan, plan_digest
from byteport.domain.reasons import Reason

SIGNATURE_NAMESPACE = "byteport-approval"
"""The `sshsig` namespace: a signature made for git or a file can never be an approval."""

FORMAT = "byteport-approval-v1"
LONGEST_TOKEN = 16_000
"""Characters of an ID token; one that lists hundreds of groups is longer, and is asked for with a smaller scope."""

Token = Annotated[str, Field(max_length=LONGEST_TOKEN)]


class Answer(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"


class Least(StrEnum):
    """The least that a runbook takes for an answer."""

    SIGNED = "signed"
    """A signature by the person's own key, which nobody else can make."""
    ATTESTED = "attested"
    """That, or the identity provider's word on a fresh sign-in for exactly this answer: whoever has its key can make it."""


class AnswerText(Frozen):
    """Exactly what a person signs, as RFC 8785 bytes. It cannot be replayed on another tenant, cluster, incident or plan."""

    format: str = FORMAT
    tenant: str
    cluster_uid: str
    incident_id: str
    plan_digest: str
    answer: Answer
    reason_digest: str
    """Digest of the reason text, which itself travels beside the signature."""
    asked_because: str
    """Digest of the request's reasons: a yes passes a freeze or a limit only where that is what was shown."""
    not_before: Instant
    expires_at: Instant
    """At most 24 h after `not_before`."""
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    """Random, used once."""

    def signed_bytes(self) -> bytes:
        return canonical_bytes(self)

    @property
    def digest(self) -> str:
        """Idempotency key of this answer, and the `nonce` of a token that attests it."""
        return digest(self)


class SignedAnswer(Frozen):
    """An answer as it travels, with what proves whose it is: an armoured SSH signature, or an identity provider's token."""

    text: AnswerText
    reason: Annotated[str, Field(max_length=1000)] = ""
    signature: Annotated[str, Field(max_length=20_000)] | None = None
    token: Annotated[Token | None, Field(exclude_if=lambda token: token is None)] = None
    """An OIDC ID token whose `nonce` is the digest of `text`. Left out while there is none, as older records have it."""
    claimed_by: Annotated[str, Field(max_length=200)] = ""
    """Who says they answer; believed only of unsigned answers, where those are accepted at all."""


class ApprovalRequest(Frozen):
    """What waits for people: the input of one approval workflow."""

    tenant: str
    cluster_uid: str
    cluster_name: str
    incident_id: str
    remediation_id: str
    runbook: str
    signal_type: str
    signal_value: float
    target: str
    plan: Plan
    policy_version: str
    plan_digest: str
    """Of `plan` under `policy_version`: whoever signs computes it again from what they were shown."""
    command: str
    inverse_command: str | None
    reasons: tuple[Reason, ...]
    evidence: tuple[str, ...]
    requester: str
    """Principal who may not answer (whoever caused the request); `byteport-agent` for the agent's own plans."""
    quorum: int
    approvers: frozenset[str]
    expires_at: Instant
    least: Annotated[Least, Field(exclude_if=lambda least: least is Least.SIGNED)] = Least.SIGNED
    """What people are shown; what counts is the policy of whoever checks."""


def reasons_digest(reasons: tuple[Reason, ...]) -> str:
    """What `AnswerText.asked_because` is for a request with these reasons."""
    return digest([reason.value for reason in reasons])


def names_its_plan(request: ApprovalRequest) -> bool:
    """Whether the digest is that of the plan beside it, so that a yes to the one is a yes to the other."""
    return plan_digest(request.plan, request.policy_version) == request.plan_digest


class Rejection(StrEnum):
    """Why an answer was not taken."""

    CLOSED = "closed"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    TOO_LONG = "too_long"
    NOT_AN_APPROVER = "not_an_approver"
    REQUESTER = "requester"
    BAD_SIGNATURE = "bad_signature"
    KEY_REVOKED = "key_revoked"
    UNSIGNED = "unsigned"
    TOO_WEAK = "too_weak"
    """It is attested by the identity provider, and this runbook takes signatures only."""
    UNKNOWN_ISSUER = "unknown_issuer"
    """No provider and client that the issuers file lists has issued the token."""
    OTHER_ANSWER = "other_answer"
    """The token attests another text than the one beside it."""
    STALE_SIGN_IN = "stale_sign_in"
    """The person did not sign in anew for this answer."""
    OTHER_PLAN = "other_plan"
    OTHER_INCIDENT = "other_incident"
    OTHER_CLUSTER = "other_cluster"
    OTHER_TENANT = "other_tenant"
    ALREADY_ANSWERED = "already_answered"
    MALFORMED = "malformed"


class Taken(Frozen):
    """A valid answer by `principal`. Quorum counts principals, not keys."""

    principal: str
    answer: Answer
    answer_digest: str
    signed: bool
    """By the person's own key."""
    key_fingerprint: str | None = None
    """Of the person's key, or of the identity provider's."""
    attested_by: Annotated[str | None, Field(exclude_if=lambda issuer: issuer is None)] = None
    """The identity provider whose token it came with."""

    @property
    def proven(self) -> bool:
        """Whether it is more than what somebody claimed."""
        return self.signed or self.attested_by is not None


class NotTaken(Frozen):
    because: Rejection
    principal: str | None = None


def text_mismatch(text: AnswerText, request: ApprovalRequest, now: datetime) -> Rejection | None:
    """What is wrong with the *text* of an answer for `request` at `now`, or None. Signatures are checked elsewhere."""
    checks = (
        (text.format != FORMAT, Rejection.MALFORMED),
        (text.tenant != request.tenant, Rejection.OTHER_TENANT),
        (text.cluster_uid != request.cluster_uid, Rejection.OTHER_CLUSTER),
        (text.plan_digest != request.plan_digest, Rejection.OTHER_PLAN),
        (text.incident_id != request.incident_id, Rejection.OTHER_INCIDENT),
        (text.asked_because != reasons_digest(request.reasons), Rejection.OTHER_PLAN),
        ((text.expires_at - text.not_before).total_seconds() > 86400, Rejection.TOO_LONG),
        (now < text.not_before, Rejection.NOT_YET_VALID),
        (now >= text.expires_at or now >= request.expires_at, Rejection.EXPIRED),
    )
    return next((rejection for wrong, rejection in checks if wrong), None)
