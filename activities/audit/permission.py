"""By whose word an act may be done: the policy's own (`auto`), that of people, or that of the act which it takes back.

Asked by `reserve` inside its transaction. The mode and the approval's rule are the policy file's, the keys are the
signers' files'; of the request that Temporal carried only what narrows them is kept.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from activities.audit.said import claimed
from byteport.contracts.ledger import Reserve
from byteport.domain.approvals import Answer, ApprovalRequest, NotTaken, Rejection, Taken
from byteport.domain.policy import Mode, PolicyConfig
from byteport.domain.reasons import Reason
from byteport.trust.answers import quorum_met, verify_answers
from byteport.trust.files import Signers


class Permission(NamedTuple):
    """By whose word: nobody's (`auto`), or the people whose answers hold now, as claimed where nothing proves these."""

    people: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    """Digests of the answers that were taken."""
    signers: str | None = None
    passes: frozenset[Reason] = frozenset()
    """Stops that these people knew of when they said yes."""


def by_policy(call: Reserve, policy: PolicyConfig) -> Permission | Reason:
    """What the ledger itself can see of the left column: the mode of the place, and a plan without caveats."""
    mode = policy.mode_for(call.intent.runbook, call.plan.target.namespace)
    if mode is not Mode.AUTO:
        return Reason.MODE_OBSERVES if mode is Mode.OBSERVE else Reason.MODE_DRY_RUN
    return call.plan.caveats[0] if call.plan.caveats else Permission()


def by_the_raise(call: Reserve, policy: PolicyConfig) -> Permission | Reason:
    """The yes to a raise was the yes to taking it back; only where the agent may not write at all is it void."""
    mode = policy.mode_for(call.intent.runbook, call.plan.target.namespace)
    return Reason.MODE_OBSERVES if mode is Mode.OBSERVE else Permission()


def by_people(call: Reserve, policy: PolicyConfig, signers: Signers, *, now: datetime) -> Permission | Reason:
    """The people whose answers hold now, or why they are not enough. The rule is the policy's, never the request's."""
    mode = policy.mode_for(call.intent.runbook, call.plan.target.namespace)
    if mode is Mode.OBSERVE:
        return Reason.MODE_OBSERVES
    if call.request is None:
        return Reason.NOT_PERMITTED
    request = _as_ruled(call, call.request, policy)
    verdicts = verify_answers(
        call.answers,
        request,
        allowed=signers.allowed,
        revoked=signers.revoked,
        now=now,
        auto_possible=mode is Mode.AUTO,
        accept_unsigned=policy.accept_unsigned_answers,
        attesters=signers.attesters,
        least=policy.approval_rule(call.intent.runbook).least,
    )
    if not quorum_met(verdicts, request.quorum):
        return _why(verdicts)
    taken = [verdict for verdict in verdicts if isinstance(verdict, Taken)]
    return Permission(
        people=tuple(sorted(one.principal if one.proven else claimed(one.principal) for one in taken)),
        answers=tuple(verdict.answer_digest for verdict in taken),
        signers=signers.digest,
        passes=frozenset(request.reasons),
    )


def _as_ruled(call: Reserve, request: ApprovalRequest, policy: PolicyConfig) -> ApprovalRequest:
    """The request with what this ledger knows better: whose, for what, and by whom it may be answered."""
    rule = policy.approval_rule(call.intent.runbook)
    return request.model_copy(
        update={
            "tenant": call.intent.tenant,
            "cluster_uid": call.plan.target.cluster_uid,
            "incident_id": call.incident_id,
            "plan_digest": call.plan_digest,
            "quorum": max(rule.quorum, request.quorum),
            "approvers": rule.approvers or request.approvers,
        }
    )


def _why(verdicts: tuple[Taken | NotTaken, ...]) -> Reason:
    if any(isinstance(verdict, Taken) and verdict.answer is Answer.REJECT for verdict in verdicts):
        return Reason.REJECTED
    if any(isinstance(verdict, NotTaken) and verdict.because is Rejection.EXPIRED for verdict in verdicts):
        return Reason.EXPIRED
    return Reason.NOT_PERMITTED
