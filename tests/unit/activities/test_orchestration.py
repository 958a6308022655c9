"""REPORT_SIGNAL hands a symptom to the one door, and nothing else."""

from datetime import UTC, datetime

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.orchestration import Orchestration
from byteport.contracts.kubernetes import Report, Reported
from byteport.domain.signals import Signal, SignalType, Source
from byteport.domain.targets import Target
from byteport.errors import Unavailable

SIGNAL = Signal(
    type=SignalType.FAILED_DEPLOY,
    value=1,
    threshold=0,
    target=Target(cluster_uid="c", namespace="shop", kind="Deployment", name="web"),
    observed_at=datetime(2026, 3, 10, tzinfo=UTC),
    source=Source.HANDOVER,
    evidence_digest="e" * 64,
)


class Door:
    """A sink that remembers, or is closed."""

    def __init__(self, *, closed: bool = False) -> None:
        self.taken: list[Signal] = []
        self._closed = closed

    async def report(self, signal: Signal) -> Reported:
        if self._closed:
            raise Unavailable("Temporal does not answer")
        self.taken.append(signal)
        return Reported(workflow_id="remediate:c:shop:Deployment:web:bad_rollout")


async def test_a_symptom_handed_over_is_reported_as_it_is() -> None:
    door = Door()
    reported = await ActivityEnvironment().run(Orchestration(door).report_signal, Report(signal=SIGNAL))
    assert door.taken == [SIGNAL]
    assert reported.workflow_id == "remediate:c:shop:Deployment:web:bad_rollout"


async def test_a_door_that_does_not_answer_is_tried_again() -> None:
    with pytest.raises(ApplicationError) as caught:
        await ActivityEnvironment().run(Orchestration(Door(closed=True)).report_signal, Report(signal=SIGNAL))
    assert not caught.value.non_retryable
