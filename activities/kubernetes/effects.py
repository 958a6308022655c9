"""What every mutation has: a trace by which it is found in place, and a call made from what was just read.

`pod_deletion.py` and `rollback.py` are the two; `mutations.py` carries them out, `resolve.py` looks for their traces.
They know nothing of warrants' signatures: `admit.py` has seen to those.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from byteport.domain.ids import audit_id
from byteport.domain.plans import (
    AnyPlan,
    DeletePodPlan,
    PruneImagesPlan,
    RaiseFloorPlan,
    RestoreFloorPlan,
    RollbackPlan,
)
from byteport.domain.warrants import Warrant
from byteport.kubernetes.port import Attribution

FIELD_MANAGER = "byteport-agent"


class Trace(StrEnum):
    """Whether an action's effect is found on the cluster."""

    IN_PLACE = "in_place"
    ABSENT = "absent"
    """What the action was to change is still as the plan found it."""
    CANNOT_TELL = "cannot_tell"
    """Somebody else has changed it since, or it is gone."""


class Prepared(NamedTuple):
    """A call that is ready to be sent."""

    arguments: dict[str, Any]
    """Computed from what will be sent, in the form of the plan's own `arguments()`."""
    send: Callable[[Attribution], Awaitable[str]]
    """Makes the call; gives the object's new resourceVersion, empty when there is none."""
    available: int | None = None
    """Available pods in the read that the call was made from, where that tells."""


class Effect(Protocol):
    """One kind of mutation."""

    async def trace(self, warrant: Warrant) -> Trace:
        """Look for the effect of this very action. Reads, and nothing else."""

    async def prepare(self, warrant: Warrant) -> Prepared:
        """Read the target, check each precondition, and make the call. Raises `PreconditionFailed`, `TargetGone`,
        `BudgetRefuses` or `AlreadyInPlace`."""


class AlreadyInPlace(Exception):
    """The effect of this very action was found while its call was being prepared."""


def attribution(warrant: Warrant) -> Attribution:
    """What carries the action id into the API server's own audit log; the same for every attempt of one action."""
    action = warrant.grant.body.action_id
    return Attribution(action_id=action, audit_id=audit_id(action), field_manager=FIELD_MANAGER)


def object_uid(plan: AnyPlan) -> str:
    """uid of the object that the call itself is sent to."""
    match plan:
        case DeletePodPlan():
            return plan.pod.uid
        case RaiseFloorPlan() | RestoreFloorPlan():
            return plan.autoscaler_uid
        case RollbackPlan() | PruneImagesPlan():
            return plan.target.uid
