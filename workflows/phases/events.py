"""What `kubectl describe` tells of an incident: an Event for each of its moments, beside the story and never in its way.

Called by `gate.py` (planned), `remediation.py` (acted, verified, handed over) and `verify.py` (undone); `activities/kubernetes/telling.py`
makes the words and writes them. Only where the run's input asks for it, so that nothing of this is in any other run. Each moment
is told once: when a target changes under its plan and another is made, what stands is the first. What fails is given up.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from byteport.contracts.events import TELL_EVENT, TellEvent
from byteport.domain.plans import AnyPlan, PruneImagesPlan, RaiseFloorPlan, RestoreFloorPlan, RollbackPlan
from byteport.domain.reasons import Reason
from byteport.kubernetes.told_events import MOST_REASONS, TREATED, Deed, EventReason, Telling
from temporalio import workflow

from workflows.incident import Incident
from workflows.perform import perform

LONGEST_LEFT = timedelta(seconds=30)
"""How long Events that are still to be told may hold up the end of a run: a little longer than one can take."""


def planned(incident: Incident, plan: AnyPlan, because: tuple[Reason, ...], *, alone: bool) -> None:
    """A plan stands, and is carried out alone or waits for a yes."""
    _tell(incident, EventReason.PLANNED, plan, because, alone=alone)


def acted(incident: Incident, plan: AnyPlan) -> None:
    """The call was made, or was found done."""
    _tell(incident, EventReason.ACTED, plan)


def verified(incident: Incident, plan: AnyPlan) -> None:
    """It helped, and held for the settle time."""
    _tell(incident, EventReason.VERIFIED, plan, seconds=incident.mttr_seconds)


def undone(incident: Incident, inverse: AnyPlan, because: tuple[Reason, ...]) -> None:
    """It did not help, and was taken back."""
    _tell(incident, EventReason.UNDONE, inverse, because)


def handed_over(incident: Incident, because: tuple[Reason, ...]) -> None:
    """A person is asked to take it."""
    _tell(incident, EventReason.ESCALATED, None, because)


async def all_told(incident: Incident) -> None:
    """Wait until what was begun is told, but not for long: an API server that is down keeps no run open."""
    if incident.events.idle:
        return
    try:
        await workflow.wait_condition(
            lambda: incident.events.idle, timeout=LONGEST_LEFT, timeout_summary="until its Events are written"
        )
    except TimeoutError:
        incident.note("its last Kubernetes Events could not be written")


def _tell(
    incident: Incident,
    reason: EventReason,
    plan: AnyPlan | None,
    because: tuple[Reason, ...] = (),
    *,
    alone: bool = False,
    seconds: int | None = None,
) -> None:
    target = incident.target
    if not incident.start.events or not target.namespace or target.kind not in TREATED:
        return
    if reason in incident.events_told:
        return
    incident.events_told.add(reason)
    deed, number = _deed(plan)
    telling = Telling(
        reason=reason,
        target=target,
        incident_id=incident.incident_id,
        cause=incident.diagnosis.cause if incident.diagnosis else None,
        deed=deed,
        number=number,
        alone=alone,
        seconds=seconds,
        because=because[:MOST_REASONS],
    )
    call = TellEvent(telling=telling, failure=incident.the_signal.failure)
    incident.events.do_in_turn(
        partial(perform, TELL_EVENT, call, cluster_uid=incident.cluster_uid, summary=reason.value)
    )


def _deed(plan: AnyPlan | None) -> tuple[Deed | None, int | None]:
    """What a plan does, and to which revision or floor. One for a node is about no object of a namespace."""
    match plan:
        case None | PruneImagesPlan():
            return None, None
        case RollbackPlan():
            return Deed.ROLLBACK, plan.to_revision
        case RaiseFloorPlan():
            return Deed.RAISE_FLOOR, plan.floor_to
        case RestoreFloorPlan():
            return Deed.RESTORE_FLOOR, plan.floor_to
        case _:
            return Deed.DELETE_POD, None
