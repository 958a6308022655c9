"""Whether a Deployment, as it is shown, has a rollout in trouble: cheap enough to ask of every event of a watch.

`symptoms.py` asks, and makes a signal of the answer; the rollback runbook then reads everything and judges. A symptom is
kubectl's *failed* (deadline exceeded, or not available past the deadline), and two cases in which that never comes: a
paused rollout with pods that do not serve, and a revision whose short spells of readiness reset the controller's clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from byteport.domain.base import Frozen, Instant
from byteport.kubernetes import fields
from byteport.kubernetes.owners import deleted, owned_by
from byteport.kubernetes.rollout_reading import newest_of, revision_number
from byteport.kubernetes.rollout_status import rollout_began
from byteport.kubernetes.rollouts import NO_DEADLINE, USUAL_DEADLINE
from byteport.kubernetes.world import JSON


class RolloutTrouble(StrEnum):
    DEADLINE_EXCEEDED = "deadline_exceeded"
    UNAVAILABLE = "unavailable"
    """Below its minimum for longer than the deadline."""
    PAUSED = "paused"
    """Held by a person half-way, with pods that do not serve."""
    NEVER_DONE = "never_done"
    """Under way for longer than the deadline, though the controller still calls it progressing."""


class RolloutSymptom(Frozen):
    """What is wrong with a rollout at first sight. Equal for the same trouble of the same revision."""

    trouble: RolloutTrouble
    revision: int
    unavailable: int
    since: Instant | None = None


def rollout_symptom(deployment: JSON, now: datetime, replica_sets: Sequence[JSON] = ()) -> RolloutSymptom | None:
    """The trouble of `deployment`'s rollout, or None. Never raises.

    While the controller has not observed the present spec nothing is judged: the status still speaks of another one.
    A Deployment that has once taken over, and still has a replica that serves, is the business of the pod runbook.
    `replica_sets` may be left out (a watch keeps none): `NEVER_DONE` is then not seen, and the pods' own restarts tell.
    """
    meta, spec, status = fields.metadata(deployment), fields.mapping(deployment.get("spec")), deployment.get("status")
    wanted = 1 if spec.get("replicas") is None else fields.count(spec.get("replicas"))
    if deleted(deployment) or wanted == 0:
        return None
    if fields.count(meta.get("generation")) > fields.count(fields.at(status, "observedGeneration")):
        return None
    trouble, since = _trouble(deployment, wanted, now, replica_sets)
    if trouble is None:
        return None
    missing = fields.count(fields.at(status, "unavailableReplicas"))
    return RolloutSymptom(trouble=trouble, revision=revision_number(deployment), unavailable=missing, since=since)


def _trouble(
    deployment: JSON, wanted: int, now: datetime, replica_sets: Sequence[JSON]
) -> tuple[RolloutTrouble | None, datetime | None]:
    status = fields.mapping(deployment.get("status"))
    progressing, available = fields.condition(deployment, "Progressing"), fields.condition(deployment, "Available")
    updated, serving = fields.count(status.get("updatedReplicas")), fields.count(status.get("availableReplicas"))
    late = now - _deadline(deployment)
    since = fields.instant(progressing.get("lastUpdateTime")) or fields.instant(progressing.get("lastTransitionTime"))
    took_over = progressing.get("reason") == "NewReplicaSetAvailable"
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return RolloutTrouble.DEADLINE_EXCEEDED, since
    if fields.at(deployment, "spec", "paused") is True:
        half = fields.count(status.get("unavailableReplicas")) > 0 and updated < wanted
        return (RolloutTrouble.PAUSED, since) if half and since is not None and since < late else (None, None)
    fell = fields.instant(available.get("lastTransitionTime"))
    if available.get("status") == "False" and fell is not None and fell < late and (serving == 0 or not took_over):
        return RolloutTrouble.UNAVAILABLE, fell
    if took_over or (updated >= wanted and serving >= wanted):
        return None, None
    began = _began(deployment, replica_sets)
    return (RolloutTrouble.NEVER_DONE, began) if began is not None and began < late else (None, None)


def _began(deployment: JSON, replica_sets: Sequence[JSON]) -> datetime | None:
    uid = fields.uid(fields.metadata(deployment).get("uid"))
    own = sorted((item for item in replica_sets if owned_by(item, uid)), key=revision_number, reverse=True)
    try:
        newest = newest_of(deployment, own)
    except ValueError:
        return None
    return rollout_began(newest, own, None) if newest is not None else None


def _deadline(deployment: JSON) -> timedelta:
    seconds = fields.whole(fields.at(deployment, "spec", "progressDeadlineSeconds"))
    return timedelta(seconds=USUAL_DEADLINE if seconds is None or not 0 <= seconds < NO_DEADLINE else seconds)
