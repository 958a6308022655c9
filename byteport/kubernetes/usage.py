"""What the containers of a workload use, joined with what they may have: `PodMetrics` against the pods' own limits.

A measurement is somebody else's word about the past. One without a window, from the future, or beyond what a node has is
not used; how old it is stays visible (`measured_at`, `window_seconds`), because the end of a fix is only proved by a
window that began after the act. Several measurements of one pod in a `World` are its history.

Called by `scaling_reading.py`; `usage_trend.py` comes after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction

from byteport.domain.base import Frozen
from byteport.domain.targets import Target
from byteport.kubernetes import fields
from byteport.kubernetes.node_memory import CLOCK_SKEW, MOST_BYTES
from byteport.kubernetes.owners import OwnerKind, deleted, pod_owner
from byteport.kubernetes.quantities import quantity
from byteport.kubernetes.scaling import ContainerUsage, UsageSample
from byteport.kubernetes.world import JSON, World

MOST_CORES = 2**20
OVER_LIMIT = Fraction(3, 2)
"""The kernel lets nobody use so many times its limit; a limit lowered under a running container comes nowhere near it."""
UNMEASURED = timedelta(minutes=2)
"""A container that has run for less may not have been measured yet."""
MOST_SAMPLES = 60
MOST_CONTAINERS = 200
MOST_UNMEASURED = 20
"""So many containers are kept in a reading, which crosses Temporal."""
_WINDOW = re.compile(r"(?:([0-9]{1,3})h)?(?:([0-9]{1,4})m)?(?:([0-9]{1,5}(?:\.[0-9]{1,9})?)s)?\Z")


class UsageReading(Frozen):
    """The newest measurement of each container, and what it and earlier ones in the world add up to."""

    usage: tuple[ContainerUsage, ...] = ()
    unmeasured: tuple[ContainerUsage, ...] = ()
    """Containers that nobody measured, with what they may have."""
    sample: UsageSample | None = None
    earlier: tuple[UsageSample, ...] = ()
    """Oldest first; the newest measurement is not among them."""
    missing: bool = False
    """Pods run and nobody measured any of them."""
    absurd: bool = False
    """Something was measured that cannot be."""


def read_usage(world: World, target: Target) -> UsageReading:
    """What the live pods of `target` use. Never raises for what it reads."""
    pods = own_pods(world, target)
    by_name = {fields.name(fields.metadata(pod).get("name")): pod for pod in pods}
    measured: list[tuple[datetime, str, list[ContainerUsage]]] = []
    absurd = False
    for item in world.of("PodMetrics", target.namespace):
        name = fields.name(fields.metadata(item).get("name"))
        if name not in by_name:
            continue
        at, window = fields.instant(item.get("timestamp")), window_seconds(item.get("window"))
        if at is None or window is None or at - world.now > CLOCK_SKEW:
            absurd = absurd or at is not None
            continue
        found, wrong = _joined(by_name[name], item, (at, window), _capacity(world, by_name[name]))
        absurd = absurd or wrong
        if found:
            measured.append((at, name, found))
    rounds = _rounds(sorted(measured, key=lambda entry: (entry[0], entry[1])))
    newest = {name: found for _, name, found in sorted(measured, key=lambda entry: entry[0])}
    usage = [one for name in sorted(newest) for one in newest[name]]
    known = {(one.pod, one.container) for one in usage}
    unmeasured = [one for pod in pods for one in _declared(pod) if (one.pod, one.container) not in known]
    ran = any(_has_run_for(pod, UNMEASURED, world.now) for pod in pods)
    return UsageReading(
        usage=_kept(usage),
        unmeasured=tuple(unmeasured[:MOST_UNMEASURED]),
        sample=summed(usage),
        earlier=tuple(sample for sample in map(summed, rounds[:-1]) if sample is not None)[-MOST_SAMPLES:],
        missing=ran and not usage and world.complete,
        absurd=absurd,
    )


def _kept(usage: Sequence[ContainerUsage]) -> tuple[ContainerUsage, ...]:
    """All of a workload of usual size; of a large one the fullest, the oldest and the youngest."""
    if len(usage) <= MOST_CONTAINERS:
        return tuple(usage)
    fullest = sorted(usage, key=lambda one: memory_share(one) or 0.0, reverse=True)
    busiest = sorted(usage, key=lambda one: (one.cpu or 0.0) / (one.cpu_limit or one.cpu_request or 1.0), reverse=True)
    aged = sorted(usage, key=lambda one: str(one.started_at))
    part = MOST_CONTAINERS // 4
    kept = {(one.pod, one.container) for one in (*fullest[:part], *busiest[:part], *aged[:part], *aged[-part:])}
    return tuple(one for one in usage if (one.pod, one.container) in kept)


def own_pods(world: World, target: Target) -> list[JSON]:
    """The live pods whose controller chain ends at `target`, by uid where both are known."""
    return [pod for pod in world.of("Pod", target.namespace) if _alive(pod) and _belongs(pod, target, world)]


def summed(usage: Sequence[ContainerUsage]) -> UsageSample | None:
    """All pods together at one moment; None where nothing was measured. The oldest measurement gives the time."""
    times = [one.measured_at for one in usage if one.measured_at is not None]
    if not times:
        return None
    return UsageSample(
        at=min(times),
        pods=len({one.pod for one in usage}),
        cpu=sum(one.cpu or 0.0 for one in usage),
        memory=sum(one.memory or 0 for one in usage),
        worst_memory_share=max((memory_share(one) or 0.0 for one in usage), default=0.0),
    )


def memory_share(one: ContainerUsage) -> float | None:
    """Working set over limit; None without a limit or a measurement."""
    return one.memory / one.memory_limit if one.memory is not None and one.memory_limit else None


def window_seconds(value: object) -> float | None:
    """A Go duration (`30s`, `1m0.5s`) in seconds; None when it is none or nothing."""
    if not isinstance(value, str) or not 0 < len(value) <= 32:
        return None
    form = _WINDOW.match(value)
    if form is None:
        return None
    hours, minutes, seconds = form.groups()
    total = int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds or 0)
    return total if 0 < total <= 3600 else None


def _rounds(measured: Sequence[tuple[datetime, str, list[ContainerUsage]]]) -> list[list[ContainerUsage]]:
    """Measurements in order of time, cut where a pod comes for the second time: nodes are not scraped at one moment."""
    rounds: list[list[ContainerUsage]] = []
    seen: set[str] = set()
    for _, name, found in measured:
        if not rounds or name in seen:
            rounds.append([])
            seen = set()
        seen.add(name)
        rounds[-1].extend(found)
    return rounds


def _capacity(world: World, pod: JSON) -> int:
    """Bytes of the pod's node, or more than any has where it is not known."""
    node = world.named("Node", "", fields.name(fields.at(pod, "spec", "nodeName")))
    amount = quantity(fields.at(node, "status", "capacity", "memory"))
    return MOST_BYTES if amount is None or not 0 < amount < MOST_BYTES else int(amount)


def _joined(pod: JSON, item: JSON, taken: tuple[datetime, float], capacity: int) -> tuple[list[ContainerUsage], bool]:
    """The containers of one measurement that the pod knows, and whether a figure could not be."""
    declared = {one.container: one for one in _declared(pod)}
    found, absurd = [], False
    for entry in fields.entries(item.get("containers")):
        known = declared.get(fields.name(entry.get("name")))
        if known is None:
            continue
        memory, wrong = _measured(fields.at(entry, "usage", "memory"), capacity)
        if memory is not None and known.memory_limit is not None and memory > known.memory_limit * OVER_LIMIT:
            memory, wrong = None, True
        cpu, cpu_wrong = _measured(fields.at(entry, "usage", "cpu"), MOST_CORES)
        absurd = absurd or wrong or cpu_wrong
        if memory is None and cpu is None:
            continue
        figures = {"cpu": None if cpu is None else float(cpu), "memory": None if memory is None else int(memory)}
        found.append(known.model_copy(update={"measured_at": taken[0], "window_seconds": taken[1], **figures}))
    return found, absurd


def _declared(pod: JSON) -> Iterator[ContainerUsage]:
    """The containers that run, with what they may have. A limit that was changed in place is the status's."""
    statuses = _statuses(pod)
    for name, spec in _specs(pod).items():
        declared = fields.mapping(spec.get("resources"))
        actual = fields.mapping(fields.mapping(statuses.get(name)).get("resources"))
        limit = _resource(actual, "limits", "memory") or _resource(declared, "limits", "memory")
        if not name:
            continue
        yield ContainerUsage(
            pod=fields.name(fields.metadata(pod).get("name")),
            container=name,
            measured_at=None,
            cpu_request=_float(_resource(declared, "requests", "cpu") or _resource(declared, "limits", "cpu")),
            cpu_limit=_float(_resource(declared, "limits", "cpu")),
            memory_request=_whole(_resource(declared, "requests", "memory") or limit),
            memory_limit=_whole(limit),
            started_at=fields.instant(fields.at(statuses.get(name), "state", "running", "startedAt")),
            revision=fields.name(fields.labels(pod).get("pod-template-hash")),
        )


def _specs(pod: JSON) -> dict[str, Mapping[str, object]]:
    """Main containers and native sidecars by name: what runs, and so is measured."""
    spec = fields.mapping(pod.get("spec"))
    beside = [item for item in fields.entries(spec.get("initContainers")) if item.get("restartPolicy") == "Always"]
    return {fields.name(item.get("name")): item for item in (*fields.entries(spec.get("containers")), *beside)}


def _statuses(pod: JSON) -> dict[str, Mapping[str, object]]:
    kinds = ("initContainerStatuses", "containerStatuses")
    return {fields.name(item.get("name")): item for kind in kinds for item in _entries(pod, kind)}


def _entries(pod: JSON, kind: str) -> Iterator[Mapping[str, object]]:
    yield from fields.entries(fields.at(pod, "status", kind))


def _resource(resources: Mapping[str, object], section: str, name: str) -> Fraction | None:
    return quantity(fields.at(resources.get(section), name))


def _measured(value: object, most: int) -> tuple[Fraction | None, bool]:
    """A usage that can be, else None; and whether it was a number that cannot."""
    amount = quantity(value)
    if amount is None:
        return None, False
    return (amount, False) if 0 <= amount <= most else (None, True)


def _positive(amount: Fraction | None, most: int) -> Fraction | None:
    return amount if amount is not None and 0 < amount <= most else None


def _whole(amount: Fraction | None) -> int | None:
    return None if _positive(amount, MOST_BYTES) is None or amount is None else int(amount)


def _float(amount: Fraction | None) -> float | None:
    return None if _positive(amount, MOST_CORES) is None or amount is None else float(amount)


def _alive(pod: JSON) -> bool:
    return not deleted(pod) and fields.at(pod, "status", "phase") not in ("Succeeded", "Failed")


def _belongs(pod: JSON, target: Target, world: World) -> bool:
    owner = pod_owner(pod, world)
    if target.kind == "ReplicaSet" and owner.replica_set == target.name:
        return target.uid in ("", owner.replica_set_uid)
    kind = owner.api_kind if owner.kind is OwnerKind.FOREIGN else owner.kind.value
    return (kind, owner.name) == (target.kind, target.name) and (
        not target.uid or not owner.uid or owner.uid == target.uid
    )


def _has_run_for(pod: JSON, time: timedelta, now: datetime) -> bool:
    begun = [fields.instant(fields.at(item, "state", "running", "startedAt")) for item in _statuses(pod).values()]
    return any(since is not None and now - since >= time for since in begun)
