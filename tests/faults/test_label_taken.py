"""Fault 11, with the agent's own check out of the way: the API server refuses what the label does not cover any more.

The request has passed every check of ours and is on its way when an administrator takes the label from the namespace.
Nothing but the API server can refuse it then. The very same request is sent once more with the agent's own token, and
passes, as a dry run, as soon as the label is back: nothing else had been wrong with it.
"""

from __future__ import annotations

import pytest

from byteport.boundary.names import ENABLED_LABEL
from byteport.boundary.policies import deployments, pods
from byteport.contracts.workflows import Phase
from byteport.domain.failures import Failure
from byteport.domain.reasons import Reason
from tests.agent.places import eventually
from tests.agent.real import RealPlace
from tests.agent.stolen import Thief
from tests.agent.trouble import CALL, trouble
from tests.faults.conftest import Begin

NOT_LABELLED = f"the namespace has no label {ENABLED_LABEL}=true"
POLICY = {Failure.CRASHLOOP: pods.DELETE, Failure.BAD_ROLLOUT: deployments.NAME}
FORBIDDEN = 403

pytestmark = [pytest.mark.control_plane, pytest.mark.timeout(240)]


@pytest.mark.claim("C-022", "C-208")
@pytest.mark.parametrize("failure", list(POLICY), ids=lambda failure: failure.value)
async def test_fault_11_the_label_is_taken_away_under_a_request_that_is_on_its_way(
    on_control_plane: RealPlace, begin: Begin, failure: Failure
) -> None:
    place = on_control_plane
    async with begin(place, "auto") as agent:
        await trouble(place, failure)
        call = place.stops.hold(*CALL[failure])
        remediation = await agent.report(failure)
        await call.until_reached()
        assert place.attempts() == []
        await place.enable(enabled=False)
        call.let()
        state = await agent.until(remediation, Phase.ESCALATED)
        assert state.reasons == (Reason.NOT_PERMITTED,)
        await agent.until_event("escalated")
        (refused,) = place.attempts()
        assert refused["responseStatus"]["code"] == FORBIDDEN
        assert_by_policy(refused["responseStatus"]["message"], failure)
        assert place.writes() == []
        thief = Thief(place)
        assert_by_policy(await thief.refused(refused), failure)
        await place.enable()

        async def passes() -> bool:
            return await thief.refused(refused) == ""

        await eventually("the request to pass", passes)


def assert_by_policy(message: str, failure: Failure) -> None:
    assert f"ValidatingAdmissionPolicy '{POLICY[failure]}'" in message
    assert NOT_LABELLED in message
