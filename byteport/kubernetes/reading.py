"""From a `World` to a `Situation`: the one function by which production and `byteport explain` see a target.

`activities/kubernetes/situations.py` calls it on what it read of a cluster, `byteport/runbooks/explain.py` on saved
objects. It puts the readings of the other modules together and decides nothing; the text ends with the `World`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from byteport.domain.failures import Failure
from byteport.domain.targets import Target
from byteport.kubernetes import fields
from byteport.kubernetes.around import read_surroundings
from byteport.kubernetes.crash import proven_images
from byteport.kubernetes.events import EventReading, read_events
from byteport.kubernetes.fitting import fitted
from byteport.kubernetes.logs import log_signature
from byteport.kubernetes.node_reading import read_node_state
from byteport.kubernetes.owners import OwnerKind
from byteport.kubernetes.pod_causes import classed
from byteport.kubernetes.pod_reading import read_pod, with_loose_log
from byteport.kubernetes.pods import PodReading
from byteport.kubernetes.rollout_reading import read_rollout
from byteport.kubernetes.scaling_reading import read_scaling
from byteport.kubernetes.situation import Situation
from byteport.kubernetes.strange import strange_objects
from byteport.kubernetes.told_events import REPORTER
from byteport.kubernetes.world import JSON, World

FULL_FAILING = 50
FULL_HEALTHY = 10
FINISHED = 20
"""So many pods keep their detail in a `Situation`, per kind; a thousand replicas would not fit into one payload."""

_READ_KINDS = ("Deployment", "ReplicaSet", "Pod", "Node")
_OF_LOAD = frozenset({Failure.MEMORY, Failure.CPU})


def read_situation(world: World, target: Target, failure: Failure) -> Situation:
    """Everything that a runbook for `failure` may ask about `target`, as typed facts. Never raises for what it reads."""
    found = world.named(target.kind, target.namespace, target.name)
    if _gone(world, target, found):
        return Situation(target=target, now=world.now, gone=True, denied=world.denied, partial=not world.complete)
    known = _with_uid(target, found)
    everyone = read_pods(world)
    own = [pod for pod in everyone if _belongs(pod, known)]
    events = read_events(world)
    key = (target.namespace, target.kind, target.name)
    whole = Situation(
        target=known,
        now=world.now,
        pods=_slim(own),
        rollout=read_rollout(world, known) if known.kind == "Deployment" else None,
        surroundings=read_surroundings(world, found, key, own, everyone, events, holds=failure is Failure.CRASHLOOP),
        node=read_node_state(world, known.name) if known.kind == "Node" else None,
        scaling=read_scaling(world, known) if failure in _OF_LOAD and known.kind != "Node" else None,
        denied=world.denied,
        strange=strange_objects(world, known, [(pod.namespace, pod.name) for pod in own]),
        partial=not world.complete,
    )
    return fitted(whole)


class _Pods(NamedTuple):
    """The pods of one world in the order they were read, None for one that has no name: as it reads, and classed."""

    read: tuple[PodReading | None, ...]
    classed: tuple[PodReading | None, ...]
    proven: frozenset[str]


def read_pods(world: World) -> list[PodReading]:
    """Every pod of the world, read and classed, oldest first."""
    shared = world.shared
    if shared is None or _bears_on_all(world, shared):
        pods: Iterable[PodReading | None] = world.once(_every_pod).classed
    else:
        pods = _with_own(world, shared)
    return sorted(filter(None, pods), key=lambda pod: (pod.created_at or world.now, pod.namespace, pod.name))


def _every_pod(world: World) -> _Pods:
    events, loose = world.once(_by_pod), log_signature(world.log_tail)
    found = (read_pod(item, world, events.get(_place(item), ())) for item in world.of("Pod"))
    read = tuple(None if pod is None else with_loose_log(pod, loose) for pod in found)
    proven = proven_images(world, filter(None, read))
    return _Pods(read, tuple(None if pod is None else classed(pod, proven, world.now) for pod in read), proven)


def _bears_on_all(world: World, shared: World) -> bool:
    """Whether what a world has of its own may change how the shared pods read, other than those whose logs it has."""
    alike = (world.now, world.complete) == (shared.now, shared.complete)
    owners = any(world.own.of(kind) for kind in ("ReplicaSet", "Deployment"))
    return not alike or owners or bool(shared.logs or shared.log_tail or world.log_tail) or bool(_by_pod(world.own))


def _with_own(world: World, shared: World) -> list[PodReading | None]:
    """The shared pods, of which those whose logs this world has are read anew, and its own.

    An image that ran in a pod of its own is proven for the others, too: those that wait for it are classed anew.
    """
    known, events = shared.once(_every_pod), shared.once(_by_pod)
    places, items = shared.once(_pods_by_place), shared.of("Pod")

    def read(item: JSON) -> PodReading | None:
        return read_pod(item, world, events.get(_place(item), ()))

    with_logs = {number for key in world.logs for number in places.get((key.namespace, key.pod), ())}
    anew = {number: read(items[number]) for number in with_logs}
    more = [read(item) for item in world.own.of("Pod")]
    proven = known.proven | proven_images(world.own, filter(None, [*anew.values(), *more]))
    news = proven - known.proven
    if news:
        waiting = (number for number, pod in enumerate(known.read) if pod is not None and _has_image(pod, news))
        anew |= {number: known.read[number] for number in waiting if number not in anew}
    pods = [*known.classed, *more]
    for number in (*anew, *range(len(known.classed), len(pods))):
        pod = anew.get(number, pods[number])
        pods[number] = None if pod is None else classed(pod, proven, world.now)
    return pods


def _has_image(pod: PodReading, marks: frozenset[str]) -> bool:
    return any(item.image_mark in marks for item in pod.containers)


def _pods_by_place(world: World) -> dict[tuple[str, str], list[int]]:
    """Numbers of the pods of each namespace and name, in the order they were read."""
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, item in enumerate(world.of("Pod")):
        found[_place(item)].append(number)
    return found


def _by_pod(world: World) -> dict[tuple[str, str], tuple[EventReading, ...]]:
    """Events of pods by namespace and name; those that say the same are folded into one. What we said ourselves is no evidence."""
    found: dict[tuple[str, str], list[EventReading]] = defaultdict(list)
    for event, item in zip(read_events(world), world.of("Event"), strict=True):
        about = fields.mapping(item.get("involvedObject")) or fields.mapping(item.get("regarding"))
        if about.get("kind") == "Pod" and item.get("reportingComponent") != REPORTER:
            namespace = fields.name(about.get("namespace")) or fields.name(fields.metadata(item).get("namespace"))
            found[namespace, fields.name(about.get("name"))].append(event)
    return {key: folded(events) for key, events in found.items()}


def folded(events: Iterable[EventReading]) -> tuple[EventReading, ...]:
    """Events that differ in count and time only become one: counts added, first and last widened."""
    kept: dict[EventReading, EventReading] = {}
    for event in events:
        same = event.model_copy(update={"count": 1, "first": None, "last": None})
        before = kept.get(same)
        if before is None:
            kept[same] = event
            continue
        firsts = [when for when in (before.first, event.first) if when is not None]
        lasts = [when for when in (before.last, event.last) if when is not None]
        total = min(2**31 - 1, before.count + event.count)
        wider = {"count": total, "first": min(firsts, default=None), "last": max(lasts, default=None)}
        kept[same] = before.model_copy(update=wider)
    return tuple(kept.values())


def _place(item: JSON) -> tuple[str, str]:
    meta = fields.metadata(item)
    return fields.name(meta.get("namespace")), fields.name(meta.get("name"))


def _gone(world: World, target: Target, found: JSON | None) -> bool:
    """Not there, or another object of the same name. A saved bundle need not hold the target's own object."""
    if found is None:
        return world.complete and target.kind in _READ_KINDS
    uid = fields.metadata(found).get("uid")
    return bool(target.uid) and isinstance(uid, str) and bool(uid) and uid != target.uid


def _with_uid(target: Target, found: JSON | None) -> Target:
    uid = fields.uid(fields.metadata(found).get("uid")) if found is not None else ""
    return target if target.uid or not uid else target.model_copy(update={"uid": uid})


def _belongs(pod: PodReading, target: Target) -> bool:
    """Whether the pod's controller chain ends at the target: by uid where both are known."""
    if pod.namespace != target.namespace:
        return False
    if target.kind == "Pod":
        return pod.name == target.name and target.uid in ("", pod.uid)
    owner = pod.owner
    if target.kind == "ReplicaSet" and owner.replica_set == target.name:
        return target.uid in ("", owner.replica_set_uid)
    kind = owner.api_kind if owner.kind is OwnerKind.FOREIGN else owner.kind.value
    if kind != target.kind or owner.name != target.name:
        return False
    return not target.uid or not owner.uid or owner.uid == target.uid


def _slim(pods: Sequence[PodReading]) -> tuple[PodReading, ...]:
    """All live pods, but the detail of the many that say nothing new is dropped; of finished ones the newest."""
    kept: list[PodReading] = []
    full: dict[tuple[bool, str], int] = defaultdict(int)
    ended = frozenset([pod.uid for pod in pods if pod.finished][:-FINISHED])
    for pod in pods:
        if pod.uid in ended:
            continue
        healthy = pod.ready and pod.cause is None
        full[healthy, pod.template_hash] += 1
        most = FULL_HEALTHY if healthy else FULL_FAILING
        if full[healthy, pod.template_hash] <= most:
            kept.append(pod)
        else:
            blamed = tuple(item for item in pod.containers if item.name == pod.culprit)
            kept.append(pod.model_copy(update={"containers": blamed, "events": (), "references": ()}))
    return tuple(kept)
