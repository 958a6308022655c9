"""The autoscaler of a plan as it is now, and whether it is still the one that the plan was made for.

Comes before `floor_raising.py` and `floor_restoring.py`, which make their patches from what is read here.
"""

from __future__ import annotations

from activities.kubernetes.grounds import Ground, stale
from byteport.domain.plans import RaiseFloorPlan, RestoreFloorPlan
from byteport.errors import TargetGone
from byteport.kubernetes import fields, port
from byteport.kubernetes.autoscalers import floor_of, rest_digest
from byteport.kubernetes.port import JSON, ClusterPort

FloorPlan = RaiseFloorPlan | RestoreFloorPlan


async def autoscaler_of(cluster: ClusterPort, plan: FloorPlan) -> JSON:
    """The plan's autoscaler. Raises `TargetGone` when there is none, or another one of its name."""
    autoscaler = await cluster.get(port.AUTOSCALERS, plan.target.namespace, plan.autoscaler)
    if fields.metadata(autoscaler).get("uid") != plan.autoscaler_uid:
        raise TargetGone(f"{Ground.TARGET.value}: another autoscaler has this name now")
    return autoscaler


def as_planned(autoscaler: JSON, plan: FloorPlan) -> bool:
    """Whether its whole spec is what the plan would change it from."""
    try:
        same = rest_digest(autoscaler) == plan.rest_digest
    except (ValueError, TypeError, RecursionError):
        return False
    return same and floor_of(autoscaler) == plan.floor_from


def refuse_unless_as_planned(autoscaler: JSON, plan: FloorPlan) -> None:
    """Raises `PreconditionFailed` when it is on its way out, scales another workload, or has been changed."""
    if fields.metadata(autoscaler).get("deletionTimestamp") is not None:
        raise stale(Ground.BEING_DELETED, "the autoscaler is being deleted")
    scaled = fields.mapping(fields.at(autoscaler, "spec", "scaleTargetRef"))
    group = str(scaled.get("apiVersion", "")).partition("/")[0]
    if (group, scaled.get("kind"), scaled.get("name")) != ("apps", plan.target.kind, plan.target.name):
        raise stale(Ground.OWNER, "the autoscaler scales another workload")
    if not as_planned(autoscaler, plan):
        raise stale(Ground.CHANGED, "somebody has changed the autoscaler since")
