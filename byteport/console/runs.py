"""The page of one run: what was seen, why it went as it did, its timeline; and that a person takes an escalation over.

Comes after `face`; asks the run itself, which answers from what it knows.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from byteport.console.face import Face, for_people
from byteport.console.forms import form_of
from byteport.console.pages import go, page
from byteport.console.plans import by_object
from byteport.console.sessions import Session
from byteport.contracts.workflows import Acknowledge, Phase, State
from byteport.domain.explanations import meanings, next_steps
from byteport.errors import MalformedInput, NotPermitted, PreconditionFailed, TargetGone
from byteport.temporal import intake
from byteport.temporal.views import remediation_state

_RUN = re.compile(r"remediate:[A-Za-z0-9:._/-]{1,600}")
LONGEST_NOTE = 1000


@for_people
async def run(request: Request, face: Face, session: Session) -> Response:
    workflow_id = _id(request)
    state = await remediation_state(face.client, workflow_id)
    return page(
        "run.html",
        session,
        face.now(),
        workflow_id=workflow_id,
        state=state,
        because=list(zip(state.reasons, meanings(state.reasons), strict=True)),
        facts=by_object([f"{fact.about}: {fact.name} = {fact.value}" for fact in state.facts]),
        steps=() if state.phase is Phase.CLOSED else next_steps(state.target, state.cause, state.reasons),
        escalated=state.phase is Phase.ESCALATED,
        waits=state.phase is Phase.AWAITING_APPROVAL,
        longest=LONGEST_NOTE,
    )


@for_people
async def acknowledge(request: Request, face: Face, session: Session) -> Response:
    """The person takes it over, by the name that the list of approvers has for them now: whoever was taken out of it since they
    signed in keeps nobody from being paged."""
    workflow_id = _id(request)
    fields = await form_of(request, session, face.reached.url, face.config.limits)
    note = fields.get("note", "").replace("\r\n", "\n").strip()
    if len(note) > LONGEST_NOTE:
        raise MalformedInput("note", f"has at most {LONGEST_NOTE} characters")
    if not workflow_id.startswith(f"remediate:{face.installation.cluster_uid}:"):
        raise NotPermitted("this is another installation's run; it is taken over there")
    principal = None if session.person is None else await face.approvers.principal(session.person.claims)
    if principal is None:
        raise NotPermitted("only people whom the list of approvers names can take an escalation over here")
    incident = must_be_shown(await remediation_state(face.client, workflow_id), fields.get("incident", ""))
    await intake.acknowledge(face.client, workflow_id, Acknowledge(by=principal, note=note, of_incident=incident))
    session.tell("You have taken it over. Nobody else is paged for it.", well=True)
    return go("/runs/" + quote(workflow_id, safe=":/"))


def must_be_shown(state: State, sent: str) -> str:
    """The incident that is taken over: the one whose page was read, which people are still paged for. A run goes on to the
    next incident of its target, and nobody has read of that one. Raises `PreconditionFailed`."""
    if state.incident_id != sent or state.phase is not Phase.ESCALATED:
        raise PreconditionFailed("this incident does not wait for anybody any more; open the run again")
    return sent


def _id(request: Request) -> str:
    workflow_id: str = request.path_params["workflow_id"]
    if not _RUN.fullmatch(workflow_id):
        raise TargetGone("that is no remediation's id; the list names them")
    return workflow_id
