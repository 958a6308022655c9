"""Whom a failing pod could not reach, and whether that is there: from the host and port of a log to an object.

The crashing pod is often a victim. A log names an address at best; the object behind it is found by Service and
selector, by name, or by the port's usual tenant, and what was found is named to a person as the culprit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from byteport.domain.reasons import Cause
from byteport.kubernetes import fields
from byteport.kubernetes.events import EventClass, EventReading
from byteport.kubernetes.logs import LogReading
from byteport.kubernetes.pods import PodReading
from byteport.kubernetes.surroundings import Dependency, DependencyState
from byteport.kubernetes.world import World

_TENANTS: dict[int, tuple[str, ...]] = {
    1433: ("mssql", "sqlserver"),
    2181: ("zookeeper",),
    2379: ("etcd",),
    3306: ("mysql", "mariadb", "percona"),
    4222: ("nats",),
    5432: ("postgres", "postgresql", "pgbouncer", "pg"),
    5672: ("rabbitmq", "rabbit"),
    6379: ("redis", "valkey"),
    8200: ("vault", "openbao"),
    9042: ("cassandra", "scylla"),
    9092: ("kafka", "redpanda"),
    9200: ("elasticsearch", "opensearch"),
    11211: ("memcached",),
    26257: ("cockroach",),
    27017: ("mongo", "mongodb"),
}
_TROUBLE = (
    EventClass.UNSCHEDULABLE,
    EventClass.CRASH_BACKOFF,
    EventClass.PULL_FAILED,
    EventClass.PULL_BACKOFF,
    EventClass.START_FAILED,
    EventClass.MOUNT_FAILED,
    EventClass.ATTACH_FAILED,
    EventClass.READINESS_FAILED,
    EventClass.EVICTED,
    EventClass.LIVENESS_FAILED,
)


def dependencies(
    world: World, pods: Sequence[PodReading], everyone: Sequence[PodReading], events: tuple[EventReading, ...]
) -> tuple[Dependency, ...]:
    """For each of `pods` that fails by a dependency: what it is, and how it stands."""
    own = {pod.uid for pod in pods}
    others = [pod for pod in everyone if pod.uid not in own]
    found = []
    for pod in pods:
        log = next((item.log for item in pod.containers if item.cause is Cause.DEPENDENCY_DOWN), None)
        if log is None and pod.cause is Cause.DEPENDENCY_DOWN:
            log = next((item.log for item in pod.containers if item.log.host or item.log.port), LogReading())
        if log is not None:
            found.append(_dependency(world, pod, log, others, events))
    return tuple(found)


def _dependency(
    world: World, pod: PodReading, log: LogReading, others: Sequence[PodReading], events: tuple[EventReading, ...]
) -> Dependency:
    bare = Dependency(pod=pod.name, host=log.host, port=log.port, culprit=_address(log))
    first, _, rest = log.host.partition(".")
    namespace = rest.partition(".")[0] or pod.namespace
    service = world.named("Service", namespace, first) if first else None
    selector = fields.mapping(fields.at(service, "spec", "selector"))
    if service is not None and selector:
        behind = _behind(world, namespace, selector, others)
        if not behind and world.complete:
            return bare.model_copy(update={"culprit": f"Service/{first}", "state": DependencyState.DOWN})
        return _judged(bare, behind, f"Service/{first}")
    names = (first,) if first and not first.isdigit() else _TENANTS.get(log.port, ())
    by_name = [other for other in others if other.namespace == namespace and _called(other.name, names)]
    if by_name:
        return _judged(bare, by_name, bare.culprit)
    troubled = _troubled(events, names)
    if troubled:
        return bare.model_copy(update={"culprit": f"Pod/{troubled}", "state": DependencyState.DOWN})
    return bare


def _behind(
    world: World, namespace: str, selector: Mapping[str, Any], others: Sequence[PodReading]
) -> list[PodReading]:
    matching = {
        fields.metadata(item).get("name")
        for item in world.of("Pod", namespace)
        if selector.items() <= fields.labels(item).items()
    }
    return [pod for pod in others if pod.namespace == namespace and pod.name in matching and not pod.finished]


def _judged(bare: Dependency, behind: Sequence[PodReading], otherwise: str) -> Dependency:
    if not behind:
        return bare.model_copy(update={"culprit": otherwise})
    down = [pod for pod in behind if not pod.ready]
    if len(down) == len(behind):
        return bare.model_copy(update={"culprit": f"Pod/{down[0].name}", "state": DependencyState.DOWN})
    since = _serving_since([pod for pod in behind if pod.ready])
    culprit = f"Pod/{down[0].name}" if down else otherwise
    return bare.model_copy(update={"culprit": culprit, "state": DependencyState.UP, "up_since": since})


def _serving_since(ready: Sequence[PodReading]) -> datetime | None:
    """Since when somebody has been there to answer; None when that is not known."""
    return min((pod.ready_changed_at for pod in ready if pod.ready_changed_at is not None), default=None)


def _called(name: str, names: Sequence[str]) -> bool:
    return any(name == wanted or name.startswith(f"{wanted}-") or f"-{wanted}-" in name for wanted in names)


def _troubled(events: tuple[EventReading, ...], names: Sequence[str]) -> str:
    """A pod of such a name that events speak ill of, though it was not read itself."""
    about = (event.about for event in events if event.about_kind == "Pod" and event.kind in _TROUBLE)
    return next((pod for pod in about if _called(pod, names)), "")


def _address(log: LogReading) -> str:
    if log.host and log.port:
        return f"{log.host}:{log.port}"
    return log.host or (f"port {log.port}" if log.port else "")
