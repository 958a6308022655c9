"""REPORT_SIGNAL, START_TIMEBOX, REPORT_TROUBLE and START_ERASURE hand what they are given to the one door, and do nothing else."""

from datetime import UTC, datetime

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.orchestration import Orchestration
from byteport.contracts.kubernetes import Report, Reported
from byteport.contracts.orchestration import ReportTrouble, Started, StartTimebox, TroubleHeard
from byteport.contracts.retention import OpenErasure, StartErasure
from byteport.contracts.workflows import Box, Installation, Trouble
from byteport.domain.failures import Failure
from byteport.domain.plans import RaiseFloorPlan
from byteport.domain.reasons import Cause
from byteport.domain.retention import RetentionConfig, times
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


BOX = Box(
    installation=Installation(tenant="acme", cluster_uid="c", cluster_name="production"),
    incident_id="inc-1",
    remediation_id="remediate:c:shop:Deployment:web:cpu",
    runbook="CpuSpikeRunbook",
    signal=SIGNAL,
    plan=RaiseFloorPlan(
        target=SIGNAL.target,
        autoscaler="web",
        autoscaler_uid="u",
        rest_digest="d" * 64,
        floor_before=2,
        floor_from=2,
        floor_to=5,
        box_seconds=3600,
    ),
    plan_digest="p" * 64,
    policy_version="v" * 64,
    action_id="a" * 64,
)

TROUBLE = Trouble(
    target=SIGNAL.target,
    failure=Failure.CRASHLOOP,
    cause=Cause.CRASHING,
    incident_id="inc-1",
    factors=("Node/a",),
    at=SIGNAL.observed_at,
)

ERASURE = OpenErasure(request_id="0198", times=times(SIGNAL.observed_at, RetentionConfig()))


class Door:
    """A door that remembers, or is closed."""

    def __init__(self, *, closed: bool = False) -> None:
        self.taken: list[Signal | Box | Trouble | OpenErasure] = []
        self._closed = closed

    async def report(self, signal: Signal) -> Reported:
        if self._closed:
            raise Unavailable("Temporal does not answer")
        self.taken.append(signal)
        return Reported(workflow_id="remediate:c:shop:Deployment:web:bad_rollout")

    async def start_timebox(self, box: Box) -> Started:
        if self._closed:
            raise Unavailable("Temporal does not answer")
        self.taken.append(box)
        return Started(workflow_id="timebox:c:shop:web")

    async def report_trouble(self, trouble: Trouble) -> TroubleHeard:
        if self._closed:
            raise Unavailable("Temporal does not answer")
        self.taken.append(trouble)
        return TroubleHeard(workflow_id="storm:c", many=True)

    async def see_to_erasure(self, request: OpenErasure) -> Started:
        if self._closed:
            raise Unavailable("Temporal does not answer")
        self.taken.append(request)
        return Started(workflow_id="erasure:0198")


async def test_a_symptom_handed_over_is_reported_as_it_is() -> None:
    door = Door()
    reported = await ActivityEnvironment().run(Orchestration(door).report_signal, Report(signal=SIGNAL))
    assert door.taken == [SIGNAL]
    assert reported.workflow_id == "remediate:c:shop:Deployment:web:bad_rollout"


async def test_a_box_is_started_as_it_is() -> None:
    door = Door()
    started = await ActivityEnvironment().run(Orchestration(door).start_timebox, StartTimebox(box=BOX))
    assert door.taken == [BOX]
    assert started.workflow_id == "timebox:c:shop:web"


async def test_a_trouble_is_told_as_it_is() -> None:
    door = Door()
    heard = await ActivityEnvironment().run(Orchestration(door).report_trouble, ReportTrouble(trouble=TROUBLE))
    assert door.taken == [TROUBLE]
    assert (heard.workflow_id, heard.many) == ("storm:c", True)


async def test_a_request_for_erasure_is_seen_to_as_it_is() -> None:
    door = Door()
    started = await ActivityEnvironment().run(Orchestration(door).start_erasure, StartErasure(request=ERASURE))
    assert door.taken == [ERASURE]
    assert started.workflow_id == "erasure:0198"


async def test_a_door_that_does_not_answer_is_tried_again() -> None:
    with pytest.raises(ApplicationError) as caught:
        await ActivityEnvironment().run(Orchestration(Door(closed=True)).report_signal, Report(signal=SIGNAL))
    assert not caught.value.non_retryable
    with pytest.raises(ApplicationError) as caught:
        await ActivityEnvironment().run(Orchestration(Door(closed=True)).start_timebox, StartTimebox(box=BOX))
    assert not caught.value.non_retryable
    with pytest.raises(ApplicationError) as caught:
        await ActivityEnvironment().run(Orchestration(Door(closed=True)).report_trouble, ReportTrouble(trouble=TROUBLE))
    assert not caught.value.non_retryable
    with pytest.raises(ApplicationError) as caught:
        await ActivityEnvironment().run(Orchestration(Door(closed=True)).start_erasure, StartErasure(request=ERASURE))
    assert not caught.value.non_retryable
