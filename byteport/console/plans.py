"""The page of one plan: what would change, why it was not done alone, who has answered, and the answer.

Comes after `face` and `lists`; an answer goes on to `answering`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from byteport.console.answering import LONGEST_REASON, begin, must_be_shown, shown, why_not
from byteport.console.difference import difference
from byteport.console.face import Face, for_people
from byteport.console.forms import form_of
from byteport.console.pages import page
from byteport.console.sessions import Session
from byteport.console.signin import away
from byteport.console.text import words
from byteport.console.told import ENDED
from byteport.contracts.workflows import ApprovalState
from byteport.domain.approvals import Answer, ApprovalRequest
from byteport.domain.explanations import meanings, not_undone
from byteport.domain.legible import legible
from byteport.errors import MalformedInput, NotPermitted, TargetGone
from byteport.temporal import views

_DIGEST = re.compile(r"[0-9a-f]{64}")


@for_people
async def plan(request: Request, face: Face, session: Session) -> Response:
    """One plan, whoever looks."""
    digest = _digest(request)
    state = await views.approval_state(face.client, digest)
    asked = state.request
    if asked is None:
        raise TargetGone("nothing ever waited for an answer to this plan")
    return page(
        "plan.html",
        session,
        face.now(),
        asked=asked,
        state=state,
        ended=ENDED[state.outcome] if state.outcome is not None else "",
        changes=difference(asked.plan),
        because=list(zip(asked.reasons, meanings(asked.reasons), strict=True)),
        refused=[(one.principal, words(one.because.value)) for one in state.refused],
        evidence=by_object(asked.evidence),
        not_undone=not_undone(asked.runbook),
        closed=why_not(face, session, state),
        longest=LONGEST_REASON,
        shown=shown(asked),
    )


@for_people
async def answer(request: Request, face: Face, session: Session) -> Response:
    """The form of that page: from here to the provider, which is asked to sign exactly this answer."""
    digest = _digest(request)
    fields = await form_of(request, session, face.reached.url, face.config.limits)
    reason = fields.get("reason", "").replace("\r\n", "\n").strip()
    if not 1 <= len(reason) <= LONGEST_REASON:
        raise MalformedInput("reason", f"is needed, and has at most {LONGEST_REASON} characters")
    try:
        chosen = Answer(fields.get("answer", ""))
    except ValueError:
        raise MalformedInput("answer", "is approve or reject") from None
    state = await views.approval_state(face.client, digest)
    asked = _answerable(face, session, state)
    must_be_shown(asked, fields.get("shown", ""))
    where = await away(face, session, begin(face, asked, chosen, reason))
    return page("onward.html", session, face.now(), where=where, chosen=chosen, asked=asked)


def _answerable(face: Face, session: Session, state: ApprovalState) -> ApprovalRequest:
    closed = why_not(face, session, state)
    if state.request is None or closed is not None:
        raise NotPermitted(closed.words if closed is not None else "nothing waits for an answer to this plan")
    return state.request


def by_object(lines: Sequence[str]) -> list[tuple[str, list[str]]]:
    """What was seen, as `object: name = value`, gathered under each object once."""
    found: dict[str, list[str]] = {}
    for line in map(legible, lines):
        about, split, fact = line.partition(": ")
        found.setdefault(about if split else "", []).append(fact if split else line)
    return list(found.items())


def _digest(request: Request) -> str:
    digest: str = request.path_params["digest"]
    if not _DIGEST.fullmatch(digest):
        raise TargetGone("a plan is named by the 64 digits of its digest")
    return digest
