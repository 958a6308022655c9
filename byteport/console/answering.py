"""An answer from the browser: its text is made here, the provider's token for it is the answer, and others judge it.

Comes after `signin` has brought the token back; `byteport/temporal/intake` takes it to whatever waits. Nothing of ours is
added that would count: with no listed provider's signature on this very text an answer is refused by the ledger, and by the
cluster worker.
"""

from __future__ import annotations

import secrets
from typing import Any, NamedTuple

from starlette.responses import Response

from byteport.console.face import Face
from byteport.console.pages import go
from byteport.console.provider import new_verifier
from byteport.console.sessions import UNKNOWN_SECONDS, Journey, Session
from byteport.console.told import told
from byteport.contracts.workflows import ApprovalState, Installation
from byteport.domain.approvals import Answer, ApprovalRequest, Least, SignedAnswer, names_its_plan
from byteport.domain.canonical import digest
from byteport.errors import BytePortError, NotPermitted, PreconditionFailed
from byteport.temporal import intake
from byteport.trust.answers import answer_text

LONGEST_REASON = 1000


class Closed(NamedTuple):
    """Why there is no form, in words; `by_hand`: that somebody with a key can still answer from a command line."""

    words: str
    by_hand: bool = False


def why_not(face: Face, session: Session, state: ApprovalState) -> Closed | None:
    """Why this person cannot answer here; None where they can. Only a help: whoever checks decides."""
    request, person = state.request, session.person
    if request is None or state.outcome is not None or face.now() >= request.expires_at:
        return Closed("Nothing waits for an answer here any more.")
    if not _is_ours(request, face.installation):
        return Closed("This is another installation's plan.")
    if not names_its_plan(request) or not _says_what_it_does(request, face.installation):
        return Closed(
            "The plan is not the one that its digest names, or not what is said of it. "
            "Nothing can be answered; tell your security team."
        )
    if person is not None and any(one.principal == person.principal for one in state.taken):
        return Closed("You have answered.")
    if request.least is not Least.ATTESTED:
        return Closed("This runbook takes signatures only. Answer from a machine that has your key:", by_hand=True)
    if person is None or person.principal is None:
        words = "You may look, and are not among the people whom the list of approvers knows at this identity provider."
        return Closed(words, by_hand=True)
    return None


def shown(request: ApprovalRequest) -> str:
    """What an answer is bound to beside its plan. In the form, because the same plan may be asked for anew in the meantime,
    for another incident, or past a freeze that whoever reads the page has not seen."""
    return digest([request.incident_id, *(reason.value for reason in request.reasons)])


def must_be_shown(request: ApprovalRequest, sent: str) -> None:
    """Raises `PreconditionFailed` unless the form was made from this very request."""
    if sent != shown(request):
        raise PreconditionFailed("the plan is asked for anew since the page was made; read it again, then answer")


def begin(face: Face, request: ApprovalRequest, answer: Answer, reason: str) -> Journey:
    """The way to a token for exactly this answer: its `nonce` is the digest of the text."""
    text = answer_text(request, answer, reason=reason, now=face.now(), answer_id=secrets.token_hex(16))
    return Journey(
        nonce=text.digest,
        verifier=new_verifier(),
        until=face.sessions.now() + UNKNOWN_SECONDS,
        back_to=f"/plans/{request.plan_digest}",
        text=text,
        reason=reason,
    )


async def attested(face: Face, session: Session, journey: Journey, token: str, claims: dict[str, Any]) -> Response:
    """Give the answer that the token attests, and tell what became of it."""
    if session.person is None or claims.get("sub") != session.person.subject:
        raise NotPermitted("somebody else signed in at the identity provider than here; nothing was answered")
    if journey.text is None:
        raise PreconditionFailed("this was a sign-in and no answer")
    signed = SignedAnswer(text=journey.text, reason=journey.reason, token=token)
    try:
        words, well = told(await intake.answer(face.client, face.installation, signed))
    except BytePortError as error:
        words, well = f"Nobody knows yet: {error.message}.", False
    session.tell(words, well=well)
    return go(journey.back_to)


def _says_what_it_does(request: ApprovalRequest, installation: Installation) -> bool:
    """Whether the words beside the plan, which nobody's answer binds, are the plan's own and this cluster's."""
    said = (request.target, request.command, request.cluster_name)
    return said == (request.plan.target.ref, request.plan.command, installation.cluster_name)


def _is_ours(request: ApprovalRequest, installation: Installation) -> bool:
    return (request.tenant, request.cluster_uid) == (installation.tenant, installation.cluster_uid)
