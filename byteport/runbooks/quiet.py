"""Why there is nothing at a workload to be treated at all: asked first by every runbook of workloads."""

from __future__ import annotations

from byteport.domain.reasons import Reason
from byteport.kubernetes.situation import Situation


def nothing_to_treat(situation: Situation) -> Reason | None:
    """Gone, not ours to look at, on its way out, or put to sleep on purpose; None where there is something to look at."""
    rollout = situation.rollout
    if situation.gone:
        return Reason.TARGET_GONE
    if situation.surroundings.not_enabled:
        return Reason.NAMESPACE_NOT_ENABLED
    if situation.surroundings.terminating or (rollout is not None and rollout.deleting):
        return Reason.BEING_DELETED
    return Reason.SCALED_TO_ZERO if rollout is not None and rollout.replicas == 0 else None
