"""People with keys, and what they are asked: the words of this folder's tests."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from byteport.domain.approvals import SIGNATURE_NAMESPACE, Answer, ApprovalRequest, SignedAnswer
from byteport.domain.reasons import Reason
from byteport.trust.allowed_signers import AllowedSigners, allowed_signers_line, parse_allowed_signers
from byteport.trust.answers import answer_text, sign_answer
from byteport.trust.private_keys import PrivateKey, new_private_key
from tests.unit.domain.values import rollback

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Person:
    name: str
    key: PrivateKey

    @property
    def line(self) -> str:
        return allowed_signers_line(self.name, self.key.public_key, SIGNATURE_NAMESPACE)

    def with_another_key(self) -> Person:
        return replace(self, key=new_private_key())

    def says(
        self,
        request: ApprovalRequest,
        answer: Answer = Answer.APPROVE,
        *,
        reason: str = "looks right",
        at: datetime = NOW,
        number: int = 1,
    ) -> SignedAnswer:
        text = answer_text(request, answer, reason=reason, now=at, answer_id=_id(self.name, number))
        return sign_answer(text, self.key, reason=reason)


def _id(name: str, number: int) -> str:
    return hashlib.sha256(f"{name}{number}".encode()).hexdigest()[:32]


def person(name: str) -> Person:
    return Person(name, new_private_key())


def allowing(*people: Person) -> AllowedSigners:
    return parse_allowed_signers("\n".join(each.line for each in people).encode())


def request(**changes: object) -> ApprovalRequest:
    plain = ApprovalRequest(
        tenant="acme",
        cluster_uid="11111111-1111-4111-8111-111111111111",
        cluster_name="prod",
        incident_id="inc-000000000000000000000001",
        remediation_id="remediate:1",
        runbook="FailedDeployAutoRollbackRunbook",
        signal_type="failed_deploy",
        signal_value=3,
        target="shop/Deployment/web",
        plan=rollback(),
        policy_version="b" * 64,
        plan_digest="a" * 64,
        command="kubectl rollout undo deployment/web -n shop --to-revision=1",
        inverse_command=None,
        reasons=(Reason.MODE_DRY_RUN,),
        evidence=(),
        requester="byteport-agent",
        quorum=1,
        approvers=frozenset(),
        expires_at=NOW + timedelta(hours=4),
    )
    return plain.model_copy(update=changes)
