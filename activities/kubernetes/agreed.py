"""Whether enough people have said yes to exactly this plan, by keys that are valid now: `admit.py` asks for acts by people.

The request that they answered is compared with what the cluster worker itself knows; who may answer, and how many must,
is the policy's word and never the request's.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from activities.kubernetes.grounds import Ground, deny
from byteport.domain.approvals import Answer, Taken
from byteport.domain.policy import PolicyConfig
from byteport.domain.warrants import Warrant
from byteport.errors import ConfigError, Unavailable
from byteport.trust.answers import quorum_met, verify_answers
from byteport.trust.files import SignersFiles


class Agreed(NamedTuple):
    """What a yes must be to, by the cluster worker's own knowledge."""

    tenant: str
    cluster_uid: str
    runbook: str
    policy: PolicyConfig

    def refuse_unless_said(
        self, warrant: Warrant, signers_files: SignersFiles, *, now: datetime, auto_possible: bool
    ) -> None:
        """Raises `NotPermitted` when too few have said it, and `Unavailable` when the signers cannot be read."""
        request, rule = warrant.request, self.policy.approval_rule(self.runbook)
        if request is None:
            raise deny(Ground.REQUEST, "neither `auto` nor anybody's answer")
        agreed = (
            self.tenant,
            self.cluster_uid,
            warrant.incident_id,
            warrant.plan_digest,
            self.runbook,
            warrant.inverse_of or warrant.plan,
            self.policy.version,
        )
        asked = (
            request.tenant,
            request.cluster_uid,
            request.incident_id,
            request.plan_digest,
            request.runbook,
            request.plan,
            request.policy_version,
        )
        if asked != agreed:
            raise deny(Ground.REQUEST, "the answers are to another request")
        try:
            signers = signers_files.read()
        except ConfigError as error:
            raise Unavailable(f"{Ground.ANSWERS.value}: {error.message}") from error
        verdicts = verify_answers(
            warrant.answers,
            request.model_copy(update={"quorum": rule.quorum, "approvers": rule.approvers}),
            allowed=signers.allowed,
            revoked=signers.revoked,
            now=now,
            auto_possible=auto_possible,
            accept_unsigned=self.policy.accept_unsigned_answers,
            attesters=signers.attesters,
            least=rule.least,
        )
        reporter = signers.allowed.person(warrant.signal.reporter)
        counted = [v for v in verdicts if not (isinstance(v, Taken) and v.principal == reporter and _yes(v))]
        if not quorum_met(counted, rule.quorum):
            why = ", ".join(sorted({v.because.value for v in verdicts if not isinstance(v, Taken)}))
            raise deny(Ground.ANSWERS, f"{rule.quorum} valid yes needed" + (f"; not taken: {why}" if why else ""))


def _yes(taken: Taken) -> bool:
    return taken.answer is Answer.APPROVE
