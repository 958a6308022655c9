"""Whether people's answers to a request hold now, and whether they are enough.

The same function is asked by the approval's activity (for the record), by the ledger before it grants, and by the
cluster worker just before the call, each with the files of its own mount: what counts is the last one, at the act.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from byteport.domain.approvals import (
    SIGNATURE_NAMESPACE,
    Answer,
    AnswerText,
    ApprovalRequest,
    Least,
    NotTaken,
    Rejection,
    SignedAnswer,
    Taken,
    reasons_digest,
    text_mismatch,
)
from byteport.domain.canonical import digest
from byteport.errors import MalformedInput
from byteport.trust import sshsig
from byteport.trust.allowed_signers import AllowedSigners, RevokedKeys
from byteport.trust.attested import attested_by
from byteport.trust.attested_issuers import NOBODY, Attesters
from byteport.trust.public_keys import BadSignature, PublicKey

LONGEST = timedelta(hours=24)
"""How long an answer may be valid; a request that ends sooner ends it sooner."""
CLOCK_DIFFERENCE = timedelta(seconds=60)
"""How far a person's clock may be ahead of the worker's before their answer counts as not yet valid."""


def answer_text(request: ApprovalRequest, answer: Answer, *, reason: str, now: datetime, answer_id: str) -> AnswerText:
    """The text that a person signs. `answer_id` is 32 random hex digits, used once."""
    return AnswerText(
        tenant=request.tenant,
        cluster_uid=request.cluster_uid,
        incident_id=request.incident_id,
        plan_digest=request.plan_digest,
        answer=answer,
        reason_digest=reason_digest(reason),
        asked_because=reasons_digest(request.reasons),
        not_before=now - CLOCK_DIFFERENCE,
        expires_at=min(now - CLOCK_DIFFERENCE + LONGEST, request.expires_at),
        id=answer_id,
    )


def sign_answer(text: AnswerText, signer: sshsig.Signer, *, reason: str) -> SignedAnswer:
    """`text` signed in the approvals' namespace. Raises `ValueError` unless `reason` is the one that `text` names."""
    if text.reason_digest != reason_digest(reason):
        raise ValueError("the reason is not the one whose digest is signed")
    return SignedAnswer(
        text=text, reason=reason, signature=sshsig.sign(text.signed_bytes(), signer, namespace=SIGNATURE_NAMESPACE)
    )


def reason_digest(reason: str) -> str:
    return digest(reason)


def verify_answers(
    answers: Sequence[SignedAnswer],
    request: ApprovalRequest,
    *,
    allowed: AllowedSigners,
    revoked: RevokedKeys,
    now: datetime,
    auto_possible: bool,
    accept_unsigned: bool,
    attesters: Attesters = NOBODY,
    least: Least = Least.SIGNED,
    first_heard: bool = False,
) -> tuple[Taken | NotTaken, ...]:
    """One verdict per answer, in the same order.

    A key must be valid *now*: removed, revoked or past its `valid-before`, it voids what it signed, however early. So must an
    identity provider's be that attested an answer, and the person be in its list; what it attests is taken only where the
    runbook's `least` is no more than that. `first_heard`: its token must not have ended yet, which later counts no more. An
    unsigned answer is taken only where `accept_unsigned` says so and `auto` is not possible. The second answer of one
    person to the same effect is `already_answered`; a no after a yes is taken, so that it can stop the act.
    """
    verdicts: list[Taken | NotTaken] = []
    said: set[tuple[str, Answer]] = set()
    for answer in answers:
        verdict: Taken | NotTaken
        if (
            answer.signature is None
            and answer.token is None
            and accept_unsigned
            and not auto_possible
            and answer.claimed_by
        ):
            proven: Proven | Rejection = Proven(allowed.person(answer.claimed_by))
        else:
            proven = given_by(
                answer, allowed=allowed, revoked=revoked, attesters=attesters, now=now, first_heard=first_heard
            )
        verdict = _verdict(answer, request, proven, allowed, now, least)
        if isinstance(verdict, Taken):
            if (verdict.principal, verdict.answer) in said:
                verdict = NotTaken(because=Rejection.ALREADY_ANSWERED, principal=verdict.principal)
            else:
                said.add((verdict.principal, verdict.answer))
        verdicts.append(verdict)
    return tuple(verdicts)


def quorum_met(verdicts: Sequence[Taken | NotTaken], quorum: int) -> bool:
    """Whether at least `quorum` different people said yes, and nobody said no. Counts people, not keys or answers."""
    taken = [verdict for verdict in verdicts if isinstance(verdict, Taken)]
    if any(verdict.answer is Answer.REJECT for verdict in taken):
        return False
    return len({verdict.principal for verdict in taken}) >= max(quorum, 1)


class Proven(NamedTuple):
    """Whose an answer is, and by what; by nothing where there is no fingerprint."""

    principal: str
    fingerprint: str | None = None
    attested_by: str | None = None
    """The identity provider, where the fingerprint is that of its key."""


def given_by(
    answer: SignedAnswer,
    *,
    allowed: AllowedSigners,
    revoked: RevokedKeys,
    attesters: Attesters,
    now: datetime,
    first_heard: bool = False,
) -> Proven | Rejection:
    """Whose answer it is, whatever it answers, or why it is nobody's who may answer now."""
    if answer.token is not None:
        if answer.signature is not None:
            return Rejection.MALFORMED
        said = attested_by(answer.token, answer.text, attesters, now=now, first_heard=first_heard)
        if isinstance(said, Rejection):
            return said
        return Proven(allowed.person(said.name), said.thumbprint, said.issuer)
    if answer.signature is None:
        return Rejection.UNSIGNED
    try:
        key = sshsig.check(sshsig.parse(answer.signature), answer.text.signed_bytes(), namespace=SIGNATURE_NAMESPACE)
    except MalformedInput:
        return Rejection.MALFORMED
    except BadSignature:
        return Rejection.BAD_SIGNATURE
    principal = _principal(key, allowed, revoked, now)
    return principal if isinstance(principal, Rejection) else Proven(principal, key.fingerprint)


def _verdict(
    answer: SignedAnswer,
    request: ApprovalRequest,
    proven: Proven | Rejection,
    allowed: AllowedSigners,
    now: datetime,
    least: Least,
) -> Taken | NotTaken:
    if isinstance(proven, Rejection):
        return NotTaken(because=proven)
    because = _refusal(answer, request, proven.principal, allowed, now)
    if because is None and proven.attested_by is not None and least is not Least.ATTESTED:
        because = Rejection.TOO_WEAK
    if because is not None:
        return NotTaken(because=because, principal=proven.principal)
    return Taken(
        principal=proven.principal,
        answer=answer.text.answer,
        answer_digest=answer.text.digest,
        signed=proven.fingerprint is not None and proven.attested_by is None,
        key_fingerprint=proven.fingerprint,
        attested_by=proven.attested_by,
    )


def _principal(key: PublicKey, allowed: AllowedSigners, revoked: RevokedKeys, now: datetime) -> str | Rejection:
    """Whose key this is, if it may sign approvals now."""
    if revoked.holds(key):
        return Rejection.KEY_REVOKED
    entries = [entry for entry in allowed.of_key(key) if entry.covers(SIGNATURE_NAMESPACE)]
    if any(entry.valid_at(now) for entry in entries):
        return entries[0].names[0]
    return Rejection.KEY_REVOKED if any(entry.ended(now) for entry in entries) else Rejection.NOT_AN_APPROVER


def _refusal(
    answer: SignedAnswer, request: ApprovalRequest, principal: str, allowed: AllowedSigners, now: datetime
) -> Rejection | None:
    """What is wrong with an answer whose signature and person are known."""
    if answer.text.reason_digest != reason_digest(answer.reason):
        return Rejection.MALFORMED
    mismatch = text_mismatch(answer.text, request, now)
    if mismatch is not None:
        return mismatch
    if principal == allowed.person(request.requester):
        return Rejection.REQUESTER
    if request.approvers and principal not in {allowed.person(name) for name in request.approvers}:
        return Rejection.NOT_AN_APPROVER
    return None
