"""Every effect there is on one cluster, by the plan that wants it.

`mutations.py` carries them out, `resolve.py` looks for their traces: both must mean the same.
"""

from __future__ import annotations

from activities.clock import Clock
from activities.kubernetes.effects import Effect
from activities.kubernetes.floor_raising import FloorRaising
from activities.kubernetes.floor_restoring import FloorRestoring
from activities.kubernetes.image_pruning import ImagePruning
from activities.kubernetes.pod_deletion import PodDeletion
from activities.kubernetes.rollback import Rollback
from byteport.domain.plans import (
    AnyPlan,
    DeletePodPlan,
    PruneImagesPlan,
    RaiseFloorPlan,
    RestoreFloorPlan,
    RollbackPlan,
)
from byteport.kubernetes.port import ClusterPort


class Repertoire:
    """On one cluster."""

    def __init__(self, cluster: ClusterPort, *, cluster_uid: str, clock: Clock) -> None:
        self.deletion: Effect = PodDeletion(cluster, cluster_uid)
        self.rollback: Effect = Rollback(cluster, cluster_uid)
        self.pruning: Effect = ImagePruning(cluster, cluster_uid)
        self.raising: Effect = FloorRaising(cluster, cluster_uid, clock)
        self.restoring: Effect = FloorRestoring(cluster, cluster_uid)

    def effect_of(self, plan: AnyPlan) -> Effect:
        match plan:
            case DeletePodPlan():
                return self.deletion
            case RollbackPlan():
                return self.rollback
            case PruneImagesPlan():
                return self.pruning
            case RaiseFloorPlan():
                return self.raising
            case RestoreFloorPlan():
                return self.restoring
