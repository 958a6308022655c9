"""The order of the deadlines of a mutation: reads, call and a look at its outcome fit into one attempt."""

import pytest

from activities.kubernetes.admit import MutatingAct
from activities.kubernetes.client import CALL_SECONDS
from activities.kubernetes.halt import ANSWER_WITHIN_SECONDS
from activities.kubernetes.mutations import MARGIN_SECONDS, REREAD_SECONDS, before_the_call
from byteport.contracts.kubernetes import DELETE_POD, ROLL_BACK


@pytest.mark.parametrize("act", [DELETE_POD, ROLL_BACK])
def test_reads_call_and_outcome_fit_into_one_attempt(act: MutatingAct) -> None:
    whole = before_the_call(act) + act.client_timeout.total_seconds() + REREAD_SECONDS + MARGIN_SECONDS
    assert whole == pytest.approx(act.deadline.total_seconds())
    assert before_the_call(act) > ANSWER_WITHIN_SECONDS + 2


@pytest.mark.parametrize("act", [DELETE_POD, ROLL_BACK])
def test_the_clients_own_deadline_ends_a_call_before_ours_does(act: MutatingAct) -> None:
    """So that a lost answer is told as one, with what was asked, and not by our stop-watch."""
    assert act.client_timeout.total_seconds() > CALL_SECONDS
