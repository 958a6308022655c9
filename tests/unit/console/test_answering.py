"""Who can answer on the page, and that an answer is to what was read there and to nothing that was asked since."""

from types import SimpleNamespace
from typing import cast

import pytest

from byteport.console.answering import begin, must_be_shown, shown, why_not
from byteport.console.face import Face
from byteport.console.sessions import Person, Session, Sessions
from byteport.contracts.console import ConsoleLimits
from byteport.contracts.workflows import ApprovalState, Installation
from byteport.domain.approvals import Answer, ApprovalRequest, Least
from byteport.domain.plans import plan_digest
from byteport.domain.reasons import Reason
from byteport.errors import PreconditionFailed
from tests.unit.domain.values import rollback
from tests.unit.trust.people import NOW, request

HERE = Installation(tenant="acme", cluster_uid="11111111-1111-4111-8111-111111111111", cluster_name="prod")


def asked(**changes: object) -> ApprovalRequest:
    plan, version = rollback(), "b" * 64
    honest = {
        "plan": plan,
        "policy_version": version,
        "plan_digest": plan_digest(plan, version),
        "command": plan.command,
        "target": plan.target.ref,
        "least": Least.ATTESTED,
    }
    return request(**honest | changes)


@pytest.fixture
def face() -> Face:
    sessions = Sessions(ConsoleLimits(), 3600, lambda: 0.0)
    return cast("Face", SimpleNamespace(now=lambda: NOW, installation=HERE, sessions=sessions))


@pytest.fixture
def session(face: Face) -> Session:
    return face.sessions.sign_in(face.sessions.begin(), Person("sub-ada", "ada", "ada"))


def refused(face: Face, session: Session, request: ApprovalRequest) -> str:
    closed = why_not(face, session, ApprovalState(request=request, taken=(), refused=(), outcome=None))
    return "" if closed is None else closed.words


def test_whoever_is_in_the_list_can_answer_what_is_what_it_says(face: Face, session: Session) -> None:
    assert refused(face, session, asked()) == ""


@pytest.mark.claim("C-451")
@pytest.mark.parametrize(
    "lie",
    [
        {"command": "kubectl get pods"},
        {"target": "staging/Deployment/web"},
        {"cluster_name": "staging"},
        {"plan_digest": "a" * 64},
    ],
    ids=lambda lie: next(iter(lie)),
)
def test_a_plan_of_which_something_else_is_said_cannot_be_answered(
    face: Face, session: Session, lie: dict[str, object]
) -> None:
    assert "tell your security team" in refused(face, session, asked(**lie))


@pytest.mark.claim("C-451")
@pytest.mark.parametrize(
    "since",
    [{"incident_id": "inc-000000000000000000000002"}, {"reasons": (Reason.MODE_DRY_RUN, Reason.FROZEN)}],
    ids=["incident", "reasons"],
)
def test_a_form_of_before_answers_nothing_that_the_same_plan_is_asked_for_since(since: dict[str, object]) -> None:
    must_be_shown(asked(), shown(asked()))
    with pytest.raises(PreconditionFailed, match="asked for anew"):
        must_be_shown(asked(**since), shown(asked()))
    with pytest.raises(PreconditionFailed):
        must_be_shown(asked(), "")


def test_what_is_signed_is_what_was_shown(face: Face) -> None:
    journey = begin(face, asked(), Answer.APPROVE, "looks right")
    assert journey.text is not None
    assert journey.nonce == journey.text.digest
    assert (journey.text.plan_digest, journey.text.answer) == (asked().plan_digest, Answer.APPROVE)
