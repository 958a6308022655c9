"""From a Pod object to a `PodReading`: conditions, owner, references, events, and each container, without a verdict.

Total: a missing status, an unknown enum value, a null list or a clock in the future becomes *unknown*, never an error.
`container_reading.py` reads the containers, `crash.py` says afterwards what is wrong; `reading.py` calls both.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import TypeVar

from byteport.kubernetes import fields
from byteport.kubernetes.container_reading import read_containers
from byteport.kubernetes.events import EventClass, EventReading, about
from byteport.kubernetes.logs import LogReading, merged
from byteport.kubernetes.messages import unfit
from byteport.kubernetes.owners import deleted, pod_owner
from byteport.kubernetes.pods import ContainerReading, Phase, PodReading, PodReason, RestartPolicy, Role, State
from byteport.kubernetes.references import references_of
from byteport.kubernetes.world import JSON, World

Word = TypeVar("Word", bound=StrEnum)

READY_SLACK = timedelta(seconds=30)
"""The kubelet sets Ready=False once when it first sees a pod; a later change means that it was Ready in between."""

_POD_REASON = {
    "Evicted": PodReason.EVICTED,
    "Preempting": PodReason.PREEMPTED,
    "Terminated": PodReason.NODE_SHUTDOWN,
    "Shutdown": PodReason.NODE_SHUTDOWN,
    "NodeShutdown": PodReason.NODE_SHUTDOWN,
    "NodeLost": PodReason.NODE_LOST,
    "NodeAffinity": PodReason.NOT_ADMITTED,
    "UnexpectedAdmissionError": PodReason.NOT_ADMITTED,
}


_KEPT = {
    "karpenter.sh/do-not-disrupt": "true",
    "karpenter.sh/do-not-evict": "true",
    "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
}


def read_pod(pod: JSON, world: World, events: tuple[EventReading, ...]) -> PodReading | None:
    """`pod` as typed facts; None when it has no name or uid by which it could be spoken of."""
    meta, spec, status = fields.metadata(pod), fields.mapping(pod.get("spec")), fields.mapping(pod.get("status"))
    namespace, name, uid = (
        fields.name(meta.get("namespace")),
        fields.name(meta.get("name")),
        fields.uid(meta.get("uid")),
    )
    if not namespace or not name or not uid:
        return None
    own = with_unscheduled(about(events, "Pod", name, uid), pod)
    owner = pod_owner(pod, world)
    containers = read_containers(pod, owner, world, own)
    started = fields.instant(status.get("startTime"))
    condition = fields.condition(pod, "Ready")
    ready = condition.get("status") == "True"
    changed = fields.instant(condition.get("lastTransitionTime"))
    ran = all(_has_run(item) for item in containers if item.role is Role.MAIN)
    template_hash = fields.labels(pod).get("pod-template-hash")
    found = PodReading(
        namespace=namespace,
        name=name,
        uid=uid,
        resource_version=fields.version(meta.get("resourceVersion")),
        owner=owner,
        node=fields.name(spec.get("nodeName")),
        phase=_enum(Phase, status.get("phase"), Phase.UNKNOWN),
        reason=_pod_reason(status.get("reason")),
        created_at=fields.instant(meta.get("creationTimestamp")),
        started_at=started,
        ended_at=_ended_at(pod),
        deleting=deleted(pod),
        scheduled=fields.condition(pod, "PodScheduled").get("status") != "False"
        and bool(fields.name(spec.get("nodeName"))),
        restart_policy=_enum(RestartPolicy, spec.get("restartPolicy"), RestartPolicy.UNKNOWN),
        template_hash=fields.name(template_hash),
        ready=ready,
        ready_known=condition.get("status") in ("True", "False"),
        ready_changed_at=changed,
        unproven_seconds=0 if deleted(pod) else max((_unproven(item, world.now) for item in containers), default=0),
        gated=not ready and fields.condition(pod, "ContainersReady").get("status") == "True",
        kept=any(fields.annotated(pod).get(key) == word for key, word in _KEPT.items()),
        references=references_of(spec),
        containers=containers,
        events=own,
    )
    return found.model_copy(update={"was_ready": not ready and ran and _has_served(found)})


def _unproven(container: ContainerReading, now: datetime) -> int:
    return ceil(container.unproven_for(now).total_seconds())


def _has_served(pod: PodReading) -> bool:
    """Whether it has been Ready for longer than a container without a readiness probe is between two crashes."""
    changed, born = pod.ready_changed_at, pod.started_at or pod.created_at
    if changed is None or born is None or changed - born <= READY_SLACK:
        return False
    mains = [item for item in pod.containers if item.role is not Role.INIT]
    ends = [item.final for item in mains if item.final is not None]
    begun = [at for end in ends if (at := end.started_at or end.finished_at) is not None]
    if not ends or (begun and changed < max(begun)):
        return True  # it did not crash, or has not been Ready in its latest run: what it lost was no moment in between
    runs = [end.lasted for end in ends if end.lasted is not None]
    runs += [changed - item.running_since for item in mains if item.running_since is not None]
    return max((*runs, pod.longest_run)) > READY_SLACK


def with_unscheduled(events: tuple[EventReading, ...], pod: JSON) -> tuple[EventReading, ...]:
    """`events`, with the scheduler's word added where it is in the pod's condition alone: events expire, it stays."""
    condition = fields.condition(pod, "PodScheduled")
    told = any(event.kind is EventClass.UNSCHEDULABLE for event in events)
    if told or condition.get("status") != "False" or condition.get("reason") != "Unschedulable":
        return events
    said = EventReading(
        kind=EventClass.UNSCHEDULABLE,
        about_kind="Pod",
        about=fields.name(fields.metadata(pod).get("name")),
        first=fields.instant(condition.get("lastTransitionTime")),
        last=fields.instant(condition.get("lastTransitionTime")),
        unfit=unfit(condition.get("message")),
    )
    return (*events, said)


def _has_run(container: ContainerReading) -> bool:
    return container.state in (State.RUNNING, State.TERMINATED) or container.last is not None or container.restarts > 0


def _ended_at(pod: JSON) -> datetime | None:
    """When the pod was driven away, or its containers ended for good; None while it lives."""
    if fields.at(pod, "status", "phase") not in (Phase.SUCCEEDED.value, Phase.FAILED.value):
        return None
    kinds = ("DisruptionTarget", "Ready")
    times = [fields.instant(fields.condition(pod, kind).get("lastTransitionTime")) for kind in kinds]
    return next((when for when in times if when is not None), None)


def _pod_reason(value: object) -> PodReason:
    if not isinstance(value, str) or not value:
        return PodReason.NONE
    if value.startswith("OutOf"):
        return PodReason.NOT_ADMITTED
    return _POD_REASON.get(value, PodReason.OTHER)


def _enum(kind: type[Word], value: object, otherwise: Word) -> Word:
    try:
        return kind(value) if isinstance(value, str) else otherwise
    except ValueError:
        return otherwise


def with_loose_log(pod: PodReading, loose: LogReading) -> PodReading:
    """`pod` with a log tail of unknown origin added to each container that is not well."""
    if not loose.lines or (pod.ready and not pod.restarts) or pod.finished:
        return pod
    changed = tuple(
        item if _well(item) else item.model_copy(update={"log": merged(item.log, loose)}) for item in pod.containers
    )
    return pod.model_copy(update={"containers": changed})


def _well(container: ContainerReading) -> bool:
    if container.role is Role.INIT:
        done = container.ended is not None and container.ended.exit_code == 0
        return container.ready or done or container.state is State.UNKNOWN
    return container.ready and not container.restarts
