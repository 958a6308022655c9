"""What looks wrong at first sight: one object for the watch, a whole `World` for saved objects. It does not judge.

A symptom costs little and may turn out to be nothing; the runbook that it wakes reads everything and decides. So the
threshold is low where waiting hides the trouble (a crash loop at its back-off cap restarts three times in a quarter of
an hour, one jitter later not even that: `CrashLoopBackOff` now is enough), and high where starting takes its time.
Asked by `activities/kubernetes/sightings.py` for each event, and by `byteport/runbooks/explain.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from byteport.domain.base import Frozen
from byteport.domain.canonical import digest
from byteport.domain.reasons import Cause
from byteport.domain.signals import Signal, SignalType, Source
from byteport.domain.targets import Target
from byteport.kubernetes import fields
from byteport.kubernetes.crash import FLAPPING_RESTARTS
from byteport.kubernetes.load_symptoms import autoscaler_symptom, load_symptoms
from byteport.kubernetes.memory_symptoms import memory_symptoms
from byteport.kubernetes.node_symptoms import node_symptoms
from byteport.kubernetes.owners import OwnerKind
from byteport.kubernetes.pod_causes import classed
from byteport.kubernetes.pod_reading import read_pod
from byteport.kubernetes.pods import ContainerReading, PodReading, Waiting
from byteport.kubernetes.reading import read_pods
from byteport.kubernetes.replicas import WEDGED_AFTER, Wellbeing, wellbeing
from byteport.kubernetes.rollout_symptoms import rollout_symptom
from byteport.kubernetes.world import JSON, World

PULL_PATIENCE = timedelta(seconds=25)
"""A pull that fails is tried again after 10 s, and 20 s after that: so long the registry may just be out of breath."""


class Symptom(Frozen):
    """One object's trouble. Equal digests are the same observation, however often it is made."""

    type: SignalType
    value: float
    threshold: float
    evidence_digest: str


def symptom_of(kind: str, item: JSON, *, now: datetime) -> Symptom | None:
    """What is wrong with one Pod, Deployment or autoscaler as the API shows it, or None. Cheap for the healthy, never raises.

    Events and logs are not at hand here, so a class may be coarser than the diagnosis that follows.
    """
    if kind == "Deployment":
        return _of_deployment(item, now, ())
    if kind == "HorizontalPodAutoscaler":
        return _of_autoscaler(item, now)
    if kind != "Pod" or _calm(item):
        return None
    alone = World(now=now, objects=(item,), complete=False)
    pod = read_pod(item, alone, ())
    return None if pod is None else _of_pod(classed(pod, frozenset(), now), now)


def too_young(kind: str, item: JSON, *, now: datetime) -> datetime | None:
    """When a pod that cannot pull its image, and is younger than `PULL_PATIENCE`, is to be looked at again."""
    if kind != "Pod" or _calm(item):
        return None
    pod = read_pod(item, World(now=now, objects=(item,), complete=False), ())
    if pod is None or pod.created_at is None:
        return None
    blamed = classed(pod, frozenset(), now).blamed
    return pod.created_at + PULL_PATIENCE if blamed is not None and _has_just_begun_to_pull(pod, blamed, now) else None


def _has_just_begun_to_pull(pod: PodReading, blamed: ContainerReading, now: datetime) -> bool:
    return blamed.waiting.is_image and blamed.restarts == 0 and pod.age(now) < PULL_PATIENCE


def symptoms_of(world: World, cluster_uid: str = "unknown") -> tuple[Signal, ...]:
    """Every symptom of the world's pods and Deployments, folded to one per target and failure, worst first seen."""
    found: list[Signal] = []
    for pod in read_pods(world):
        symptom = _of_pod(pod, world.now)
        if symptom is not None:
            found.append(_signal(symptom, target_of(pod, cluster_uid), world.now))
    for deployment in world.of("Deployment"):
        meta = fields.metadata(deployment)
        namespace, name = fields.name(meta.get("namespace")), fields.name(meta.get("name"))
        symptom = _of_deployment(deployment, world.now, world.of("ReplicaSet", namespace)) if name else None
        if symptom is not None:
            uid = fields.uid(meta.get("uid"))
            target = Target(cluster_uid=cluster_uid, namespace=namespace, kind="Deployment", name=name, uid=uid)
            found.append(_signal(symptom, target, world.now))
    found += node_symptoms(world, cluster_uid)
    found += load_symptoms(world, cluster_uid)
    found += memory_symptoms(world, cluster_uid)
    return _folded(found)


def target_of(pod: PodReading, cluster_uid: str) -> Target:
    """The controlling owner that a pod's trouble is reported on."""
    owner = pod.owner
    kind = owner.kind.value
    if owner.kind is OwnerKind.FOREIGN:
        kind = owner.api_kind or kind
    return Target(cluster_uid=cluster_uid, namespace=pod.namespace, kind=kind, name=owner.name, uid=owner.uid)


def _calm(item: JSON) -> bool:
    """Ready and hardly ever restarted, or on its way out: nothing that a closer look could find."""
    if fields.metadata(item).get("deletionTimestamp") is not None:
        return True
    if fields.condition(item, "Ready").get("status") != "True":
        return False
    kinds = ("initContainerStatuses", "containerStatuses")
    statuses = [status for kind in kinds for status in fields.entries(fields.at(item, "status", kind))]
    return all(fields.count(status.get("restartCount")) < FLAPPING_RESTARTS for status in statuses)


def _of_pod(pod: PodReading, now: datetime) -> Symptom | None:
    if pod.cause is None or pod.deleting:
        return None
    if pod.finished:
        return _of_ended(pod)
    blamed = pod.blamed
    if blamed is None:
        return _of_unready(pod, now)
    if _has_just_begun_to_pull(pod, blamed, now):
        return None
    again = blamed.waiting is Waiting.CRASH_LOOP_BACKOFF or blamed.restarts >= FLAPPING_RESTARTS
    if not again and not blamed.waiting.is_failure:
        return None
    return Symptom(
        type=SignalType.POD_CRASHLOOP,
        value=float(blamed.restarts),
        threshold=float(FLAPPING_RESTARTS),
        evidence_digest=digest(["crash", pod.uid, blamed.name, blamed.restarts, pod.cause.value]),
    )


def _of_unready(pod: PodReading, now: datetime) -> Symptom | None:
    """A replica that does not serve, and for long enough: fallen out, or never let in."""
    if wellbeing(pod, now) is not Wellbeing.TROUBLE:
        return None
    since = pod.ready_changed_at.isoformat() if pod.ready_changed_at is not None else ""
    return Symptom(
        type=SignalType.POD_WEDGED,
        value=pod.unready_for(now).total_seconds(),
        threshold=WEDGED_AFTER.total_seconds(),
        evidence_digest=digest(["unready", pod.uid, since, str(pod.cause)]),
    )


def _of_ended(pod: PodReading) -> Symptom | None:
    """An ended pod is a record where something makes it again; a bare one, or an evicted one, is trouble."""
    if pod.owner.kind is OwnerKind.JOB or (pod.owner.kind is not OwnerKind.POD and pod.cause is not Cause.EVICTED):
        return None
    return Symptom(
        type=SignalType.POD_CRASHLOOP,
        value=float(pod.restarts),
        threshold=float(FLAPPING_RESTARTS),
        evidence_digest=digest(["ended", pod.uid, str(pod.cause)]),
    )


def _of_deployment(deployment: JSON, now: datetime, replica_sets: Sequence[JSON]) -> Symptom | None:
    found = rollout_symptom(deployment, now, replica_sets)
    uid = fields.uid(fields.metadata(deployment).get("uid"))
    if not uid:
        return None
    if found is None:
        return _of_refused(deployment, uid)
    since = found.since.isoformat() if found.since is not None else ""
    return Symptom(
        type=SignalType.FAILED_DEPLOY,
        value=float(found.unavailable),
        threshold=0.0,
        evidence_digest=digest(["rollout", uid, found.trouble.value, found.revision, since]),
    )


def _of_refused(deployment: JSON, uid: str) -> Symptom | None:
    """Too few pods, because the API server refuses to make them: seen long before any deadline, or after it."""
    refused = fields.condition(deployment, "ReplicaFailure")
    missing = fields.count(fields.at(deployment, "status", "unavailableReplicas"))
    if (
        refused.get("status") != "True"
        or not missing
        or fields.metadata(deployment).get("deletionTimestamp") is not None
    ):
        return None
    since = fields.instant(refused.get("lastTransitionTime"))
    return Symptom(
        type=SignalType.FAILED_DEPLOY,
        value=float(missing),
        threshold=0.0,
        evidence_digest=digest(["refused", uid, since.isoformat() if since is not None else ""]),
    )


def _of_autoscaler(item: JSON, now: datetime) -> Symptom | None:
    found = autoscaler_symptom(World(now=now, objects=(item,), complete=False), item)
    if found is None:
        return None
    return Symptom(
        type=SignalType.CPU_SPIKE,
        value=found.value,
        threshold=found.threshold,
        evidence_digest=found.evidence_digest,
    )


def _signal(symptom: Symptom, target: Target, now: datetime) -> Signal:
    return Signal(
        type=symptom.type,
        value=symptom.value,
        threshold=symptom.threshold,
        target=target,
        observed_at=now,
        source=Source.WATCH,
        evidence_digest=symptom.evidence_digest,
    )


def _folded(signals: Iterable[Signal]) -> tuple[Signal, ...]:
    """One signal per target and failure: the largest value stands for all, and the digest covers them all."""
    groups: dict[tuple[str, str], list[Signal]] = {}
    for signal in signals:
        groups.setdefault((signal.target.ref, signal.failure.value), []).append(signal)
    folded = []
    for group in groups.values():
        crashes = [signal for signal in group if signal.type is not SignalType.POD_WEDGED] or group
        worst = max(crashes, key=lambda signal: (bool(signal.target.uid), signal.value))
        together = digest(sorted(signal.evidence_digest for signal in group))
        folded.append(worst if len(group) == 1 else worst.model_copy(update={"evidence_digest": together}))
    return tuple(folded)
