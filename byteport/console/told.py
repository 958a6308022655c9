"""What became of an answer, in words for the person who gave it."""

from __future__ import annotations

from collections.abc import Mapping

from byteport.contracts.workflows import AnswerReply, ApprovalOutcome
from byteport.domain.approvals import Answer, Rejection, Taken

REFUSED: Mapping[Rejection, str] = {
    Rejection.CLOSED: "nothing waits for an answer any more: it was decided, withdrawn, or has run out",
    Rejection.EXPIRED: "it came too late: the request, the answer or the sign-in has run out",
    Rejection.NOT_YET_VALID: "a clock is wrong: the answer is of a time that has not come where it is checked",
    Rejection.TOO_LONG: "it claims to hold for more than a day",
    Rejection.NOT_AN_APPROVER: "you are not among those who may answer this",
    Rejection.REQUESTER: "you asked for this act, and nobody approves what they asked for",
    Rejection.BAD_SIGNATURE: "the signature does not fit, or the provider's key is not in the list of those who check",
    Rejection.KEY_REVOKED: "the key was revoked",
    Rejection.UNSIGNED: "it is not signed",
    Rejection.TOO_WEAK: "this runbook takes signatures only; answer with `byteport approve` and your key",
    Rejection.UNKNOWN_ISSUER: "whoever checks does not list this identity provider",
    Rejection.OTHER_ANSWER: "the token attests another answer",
    Rejection.STALE_SIGN_IN: "the identity provider did not ask you to sign in anew; answer again, and do sign in",
    Rejection.OTHER_PLAN: "void: the plan changed, or what it was asked for; look at the new one",
    Rejection.OTHER_INCIDENT: "it is an answer to another incident",
    Rejection.OTHER_CLUSTER: "it is an answer for another cluster",
    Rejection.OTHER_TENANT: "it is another tenant's",
    Rejection.ALREADY_ANSWERED: "you have answered already",
    Rejection.MALFORMED: "it cannot be read",
}
"""By why it was not taken."""
ENDED: Mapping[ApprovalOutcome, str] = {
    ApprovalOutcome.APPROVED: "Approved. The act is done, or was found to be void at the act; its run tells.",
    ApprovalOutcome.REJECTED: "Rejected. Nothing is done.",
    ApprovalOutcome.EXPIRED: "It ran out without enough answers. Nothing is done.",
    ApprovalOutcome.WITHDRAWN: "It was withdrawn: what was to be treated has changed, recovered, or is somebody's already.",
    ApprovalOutcome.CLOSED: "Nothing ever waited for an answer to this plan.",
}
"""By how the wait ended."""


def told(reply: AnswerReply) -> tuple[str, bool]:
    """The words, and whether the answer was taken."""
    verdict = reply.verdict
    if not isinstance(verdict, Taken):
        return f"Not taken: {REFUSED[verdict.because]}. That you answered is on record.", False
    if verdict.answer is Answer.REJECT:
        return f"Taken: you rejected it as {verdict.principal}. Nothing is done.", True
    missing = reply.quorum - reply.approvals
    more = "That is enough: it is looked at once more, and done." if missing <= 0 else f"{missing} more must say yes."
    return f"Taken: you approved it as {verdict.principal}. {more}", True
