"""Check one answer against the signers' files as they are now. It does not count a quorum, and it decides nothing.

The ledger checks again before it grants, and the cluster worker just before the call: this check is for the person, who
hears at once what is wrong.
"""

from __future__ import annotations

import asyncio

from activities.clock import Clock
from activities.kubernetes.policy_source import PolicySource
from activities.performs import performs
from byteport.contracts.people import CHECK_ANSWER, AnswerChecked, CheckAnswer
from byteport.domain.approvals import NotTaken, Rejection
from byteport.trust.answers import given_by, verify_answers
from byteport.trust.files import SignersFiles


class Approvals:
    """What the `ledger` queue serves to approvals."""

    def __init__(self, *, signers: SignersFiles, policy: PolicySource, clock: Clock) -> None:
        self._signers = signers
        self._policy = policy
        self._clock = clock

    @performs(CHECK_ANSWER)
    async def check_answer(self, call: CheckAnswer) -> AnswerChecked:
        return await asyncio.to_thread(self.check, call)

    def check(self, call: CheckAnswer) -> AnswerChecked:
        """The verdict on one answer. Nothing waits for an answer without a request: it is `closed`, whoever signed it.

        Raises `ConfigError` when the signers' files are missing or wrong, `Unavailable` when the policy is.
        """
        signers, now = self._signers.read(), self._clock()
        if call.request is None:
            given = given_by(
                call.answer, allowed=signers.allowed, revoked=signers.revoked, attesters=signers.attesters, now=now
            )
            who = None if isinstance(given, Rejection) else given.principal
            closed = NotTaken(because=Rejection.CLOSED, principal=who)
            return AnswerChecked(verdict=closed, allowed_signers_digest=signers.digest)
        policy = self._policy.read()
        rule = policy.approval_rule(call.request.runbook)
        request = call.request.model_copy(update={"approvers": rule.approvers or call.request.approvers})
        (verdict,) = verify_answers(
            [call.answer],
            request,
            allowed=signers.allowed,
            revoked=signers.revoked,
            now=now,
            auto_possible=call.auto_possible,
            accept_unsigned=policy.accept_unsigned_answers,
            attesters=signers.attesters,
            least=rule.least,
            first_heard=True,
        )
        return AnswerChecked(verdict=verdict, allowed_signers_digest=signers.digest)
