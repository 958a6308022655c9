"""Which further reads are worth their cost, from the objects of the first reading: logs, nodes, budgets.

It chooses what to *look at*, never what to do: a pod that is left out here is only read less closely. Called by
`activities/kubernetes/gather.py` between its two rounds of reading. Everything is bounded, because a Deployment may
have a thousand failing pods that all say the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from byteport.domain.targets import Target
from byteport.kubernetes import fields
from byteport.kubernetes.owners import controlled
from byteport.kubernetes.world import JSON, LogKey, World

MOST_LOG_PODS = 6
MOST_BUDGET_QUESTIONS = 6
MOST_NODES = 100
MOST_SUSPECTS = 5


class LogRead(NamedTuple):
    """One container's log, and whether a former instance left one too."""

    key: LogKey
    previous: bool


def pods_of(target: Target, uid: str, world: World) -> list[JSON]:
    """The pods that the object `uid` controls, directly or through one of its ReplicaSets; or the pod that it is."""
    through = dict.fromkeys([*(_uid(item) for item in controlled(world, "ReplicaSet", uid)), uid])
    own = {id(pod) for owner in through for pod in controlled(world, "Pod", owner)}
    return [pod for pod in world.of("Pod") if id(pod) in own or (target.kind == "Pod" and _uid(pod) == uid)]


def unwell(pod: JSON) -> bool:
    """Not Ready although it should be: neither finished well, nor being deleted."""
    if fields.at(pod, "status", "phase") == "Succeeded" or fields.metadata(pod).get("deletionTimestamp") is not None:
        return False
    return fields.condition(pod, "Ready").get("status") != "True"


def unwell_pods(world: World) -> tuple[JSON, ...]:
    """Every pod that is, in the order they were read."""
    return world.each(_unwell_pods)


def _unwell_pods(world: World) -> tuple[JSON, ...]:
    return tuple(pod for pod in world.of("Pod") if unwell(pod))


def log_reads(pods: Sequence[JSON]) -> list[LogRead]:
    """Every container that is or was failing, init containers and sidecars included, of the worst few pods."""
    worst = sorted((pod for pod in pods if unwell(pod)), key=_restarts, reverse=True)[:MOST_LOG_PODS]
    reads = []
    for pod in worst:
        namespace, name = _name(pod, "namespace"), _name(pod, "name")
        for status in _statuses(pod):
            container = fields.name(status.get("name"))
            if container and _has_failed(status):
                former = bool(fields.at(status, "lastState", "terminated"))
                reads.append(LogRead(LogKey(namespace, name, container), former))
    return reads


def budget_questions(pods: Sequence[JSON]) -> list[str]:
    """Names of the pods that might be deleted: a disruption budget is asked about them and no others."""
    worst = sorted((pod for pod in pods if unwell(pod)), key=_restarts, reverse=True)
    return [_name(pod, "name") for pod in worst[:MOST_BUDGET_QUESTIONS]]


def nodes_worth_reading(own: Sequence[JSON], beside: Sequence[JSON]) -> list[str]:
    """Nodes of the target's unwell pods, then of its other pods, then of the unwell pods `beside` it; each once."""
    order = [pod for pod in own if unwell(pod)] + [*own, *beside]
    return list(dict.fromkeys(node for pod in order if (node := node_of(pod))))[:MOST_NODES]


def suspects(own: Sequence[JSON]) -> list[str]:
    """Nodes that carry unwell pods of the target: what else fails there tells whether the node is the cause."""
    return list(dict.fromkeys(node for pod in own if unwell(pod) and (node := node_of(pod))))[:MOST_SUSPECTS]


def node_of(pod: JSON) -> str:
    """Name of the node that the pod is bound to; empty while it waits for one."""
    return fields.name(fields.at(pod, "spec", "nodeName"))


def _statuses(pod: JSON) -> list[JSON]:
    kinds = ("initContainerStatuses", "containerStatuses")
    return [dict(status) for kind in kinds for status in fields.entries(fields.at(pod, "status", kind))]


def _has_failed(status: JSON) -> bool:
    """It ended once, ended badly, or runs without becoming ready; one that never started has no log."""
    if fields.count(status.get("restartCount")) or fields.at(status, "lastState", "terminated"):
        return True
    state = fields.mapping(status.get("state"))
    if "terminated" in state:
        return fields.whole(fields.at(state, "terminated", "exitCode")) != 0
    return "running" in state and status.get("ready") is not True


def _restarts(pod: JSON) -> int:
    return sum(fields.count(status.get("restartCount")) for status in _statuses(pod))


def _uid(item: JSON) -> str:
    return fields.uid(fields.metadata(item).get("uid"))


def _name(item: JSON, field: str) -> str:
    return fields.name(fields.metadata(item).get(field))
