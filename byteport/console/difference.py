"""What a plan would change, before and after, from its typed fields alone: no text of a cluster is in it but names.

The page of a plan shows it. Templates are pod specs and stay where they are, so a rollback shows which revision and which
digest comes in place of which.
"""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple, assert_never

from byteport.console.text import span
from byteport.domain.plans import (
    AnyPlan,
    DeletePodPlan,
    PruneImagesPlan,
    RaiseFloorPlan,
    RestoreFloorPlan,
    RollbackPlan,
)


class Change(NamedTuple):
    """One thing, as it is and as it would be."""

    what: str
    before: str
    after: str


def difference(plan: AnyPlan) -> tuple[Change, ...]:
    """Every change that the plan makes, the plainest first."""
    match plan:
        case DeletePodPlan():
            after = "deleted; its ReplicaSet makes a new one in its place"
            return (Change("Pod", f"{plan.pod.namespace}/{plan.pod.name}, uid {plan.pod.uid}", after),)
        case RollbackPlan():
            return (
                Change("Revision", str(plan.from_revision), str(plan.to_revision)),
                Change(
                    "Template", f"sha256 {plan.from_template_digest[:16]}…", f"sha256 {plan.to_template_digest[:16]}…"
                ),
                Change("Taken from", "—", f"ReplicaSet {plan.to_replica_set}"),
            )
        case PruneImagesPlan():
            return (
                Change(f"Images on {plan.target.name} that no container uses", "kept", "removed"),
                Change("Run there", "—", " ".join(plan.argv)),
                Change("Disk in use, when it is well again", "—", f"below {plan.below_percent} %"),
            )
        case RaiseFloorPlan():
            back = f"back to {plan.floor_before} after {span(timedelta(seconds=plan.box_seconds))}"
            return (
                Change(f"minReplicas of {plan.autoscaler}", str(plan.floor_from), str(plan.floor_to)),
                Change("For how long", "—", back),
            )
        case RestoreFloorPlan():
            return (Change(f"minReplicas of {plan.autoscaler}", str(plan.floor_from), str(plan.floor_to)),)
        case _:
            assert_never(plan)
