"""`byteport show --why`: the chain from the symptom to the decision, each reason in words."""

from __future__ import annotations

from datetime import UTC, datetime

from byteport.cli.show import box_summary, reasons_chain
from byteport.contracts.ledger import Decision
from byteport.contracts.workflows import Phase, State, TimeboxState
from byteport.domain.diagnoses import Fact
from byteport.domain.reasons import Cause, Reason
from byteport.domain.signals import Signal, SignalType, Source
from byteport.domain.targets import Target

WEB = Target(cluster_uid="c", namespace="shop", kind="Deployment", name="web")
SEEN = Signal(
    type=SignalType.POD_CRASHLOOP,
    value=5,
    threshold=3,
    target=WEB,
    observed_at=datetime(2026, 3, 1, tzinfo=UTC),
    source=Source.WATCH,
    evidence_digest="d",
)
ESCALATED = State(
    phase=Phase.ESCALATED,
    incident_id="inc-1",
    incident_no=0,
    target=WEB,
    runbook="PodCrashloopRunbook",
    signal=SEEN,
    reports=2,
    cause=Cause.DEPENDENCY_DOWN,
    facts=(Fact(name="restarts", value=5, about="Pod/shop/web-1"),),
    plan_digest=None,
    command=None,
    inverse_command=None,
    verdict="escalate",
    reasons=(Reason.VICTIM_OF_ANOTHER,),
    approvals=(),
    decision=Decision.ESCALATED,
    result=None,
    timeline=(),
)


def test_each_step_rests_on_the_one_before() -> None:
    steps = [line.split()[0] for line in reasons_chain(ESCALATED)]
    assert steps == ["seen", "fact", "cause", "verdict", "because", "decision", "next", "next"]


def test_a_reason_is_told_in_words_and_followed_by_what_to_do() -> None:
    chain = "\n".join(reasons_chain(ESCALATED))
    assert "because   victim of another: The target only suffers" in chain
    assert "next      Look at the dependency that is named" in chain


def test_a_run_that_knows_nothing_yet_has_nothing_to_tell() -> None:
    nothing = ESCALATED.model_copy(
        update={"signal": None, "facts": (), "cause": None, "verdict": None, "reasons": (), "decision": None}
    )
    assert reasons_chain(nothing) == []


def test_a_time_box_tells_the_floor_before_the_floor_now_and_until_when() -> None:
    box = TimeboxState(
        autoscaler="shop/web",
        first_floor=2,
        raised_to=5,
        until=datetime(2026, 3, 1, 12, tzinfo=UTC),
        raises=1,
        outcome="held, halted",
    )
    told = {name: str(value) for name, value in box_summary("timebox:c:shop:web", box)}
    assert told["run"] == "timebox:c:shop:web"
    assert (told["floor before"], told["raised to"], told["until"]) == ("2", "5", "2026-03-01 12:00:00Z")
    assert "held, halted" in told["outcome"]
