"""What is taken over is the incident whose page was read, while people are still paged for it."""

import pytest

from byteport.console.runs import must_be_shown
from byteport.contracts.workflows import Phase, State
from byteport.errors import PreconditionFailed
from tests.unit.domain.values import TARGET

READ, NEXT = "inc-000000000000000000000001", "inc-000000000000000000000002"


def state(incident: str = READ, phase: Phase = Phase.ESCALATED) -> State:
    nothing = dict.fromkeys(("signal", "cause", "plan_digest", "command", "inverse_command", "verdict", "decision"))
    said = {"facts": (), "reasons": (), "approvals": (), "timeline": (), "result": None, "reports": 1, "incident_no": 1}
    return State.model_validate(
        {**nothing, **said, "phase": phase, "incident_id": incident, "target": TARGET, "runbook": "PodCrashloopRunbook"}
    )


def test_an_incident_that_people_are_paged_for_is_taken_over_by_its_own_name() -> None:
    assert must_be_shown(state(), READ) == READ


@pytest.mark.claim("C-453")
@pytest.mark.parametrize(
    ("now", "sent"),
    [
        (state(NEXT), READ),
        (state(), ""),
        *((state(phase=phase), READ) for phase in Phase if phase is not Phase.ESCALATED),
    ],
)
def test_nobody_takes_over_what_they_have_not_read_of(now: State, sent: str) -> None:
    with pytest.raises(PreconditionFailed, match="open the run again"):
        must_be_shown(now, sent)
