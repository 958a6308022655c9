"""Which fields the first look at an object reads, per kind, and when what they say is calm. Decided on the safe side.

`glimpses.py` decodes objects into these forms, everything else in them unread. Each rule is a part of those of
`symptoms.py` and `node_symptoms.py`: of what is calm here they find nothing, now or later (`tests/unit/kubernetes/
test_glimpses.py` holds both against each other).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from byteport.kubernetes.crash import FLAPPING_RESTARTS
from byteport.kubernetes.enrolment import ENABLED_LABEL

HOUSEKEEPING = frozenset({"FreeDiskSpaceFailed", "ImageGCFailed", "SystemOOM"})
"""Reasons of the events by which a kubelet says that its node is in trouble."""
_PRESSURES = frozenset({"DiskPressure", "MemoryPressure"})


class Labelled(msgspec.Struct, gc=False):
    """`Named` with labels, which only a node's first look needs."""

    namespace: str = ""
    name: str = ""
    uid: str = ""
    resourceVersion: str = ""  # noqa: N815  the API's own name, as are those below
    deletionTimestamp: str | None = None  # noqa: N815
    labels: dict[str, str] | None = None


class Named(msgspec.Struct, gc=False):
    """What an object is called, and whether it is on its way out."""

    namespace: str = ""
    name: str = ""
    uid: str = ""
    resourceVersion: str = ""  # noqa: N815
    deletionTimestamp: str | None = None  # noqa: N815


class _Condition(msgspec.Struct, gc=False):
    type: str = ""
    status: str = ""
    reason: str | None = None


class _Container(msgspec.Struct, gc=False):
    restartCount: int = 0  # noqa: N815


class _PodStatus(msgspec.Struct, gc=False):
    conditions: list[_Condition] | None = None
    initContainerStatuses: list[_Container] | None = None  # noqa: N815
    containerStatuses: list[_Container] | None = None  # noqa: N815


class _Conditions(msgspec.Struct, gc=False):
    conditions: list[_Condition] | None = None


class _Paused(msgspec.Struct, gc=False):
    paused: bool | None = None


class _Kind(msgspec.Struct, gc=False):
    kind: str | None = None


class _Any(msgspec.Struct, gc=False):
    metadata: Named


class _Pod(msgspec.Struct, gc=False):
    metadata: Named
    status: _PodStatus | None = None


class _Deployment(msgspec.Struct, gc=False):
    metadata: Named
    spec: _Paused | None = None
    status: _Conditions | None = None


class _Node(msgspec.Struct, gc=False):
    metadata: Labelled
    status: _Conditions | None = None


class _Event(msgspec.Struct, gc=False):
    metadata: Named
    reason: str | None = None


def _pod_is_calm(pod: _Pod) -> bool:
    """Ready and hardly ever restarted, or on its way out: `symptoms.py` finds nothing in it, now or later."""
    if pod.metadata.deletionTimestamp is not None:
        return True
    status = pod.status
    if status is None:
        return False
    for one in status.conditions or ():
        if one.type == "Ready":
            if one.status != "True":
                return False
            break
    else:
        return False
    for one in (*(status.containerStatuses or ()), *(status.initContainerStatuses or ())):
        if one.restartCount >= FLAPPING_RESTARTS:
            return False
    return True


def _deployment_is_calm(deployment: _Deployment) -> bool:
    """Neither paused nor said to be late, short of pods or refused any: time alone makes no trouble of it."""
    if deployment.metadata.deletionTimestamp is not None:
        return True
    if deployment.spec is not None and deployment.spec.paused:
        return False
    return not any(
        one.reason == "ProgressDeadlineExceeded"
        or (one.type, one.status) in (("Available", "False"), ("ReplicaFailure", "True"))
        for one in (deployment.status.conditions if deployment.status is not None else None) or ()
    )


def _autoscaler_is_calm(item: _Any) -> bool:
    """One that lives is looked at whole: what is wrong with it lies in how its numbers compare."""
    return item.metadata.deletionTimestamp is not None


def _node_is_calm(node: _Node) -> bool:
    if (node.metadata.labels or {}).get(ENABLED_LABEL) != "true" or node.metadata.deletionTimestamp is not None:
        return True
    conditions = (node.status.conditions if node.status is not None else None) or ()
    return not any(one.type in _PRESSURES and one.status == "True" for one in conditions)


def _event_is_calm(event: _Event) -> bool:
    return event.reason not in HOUSEKEEPING


class Shape(NamedTuple):
    """How objects of one resource are looked at first."""

    form: type[Any]
    is_calm: Callable[[Any], bool]


SHAPES: Mapping[tuple[str, str], Shape] = {
    ("", "pods"): Shape(_Pod, _pod_is_calm),
    ("apps", "deployments"): Shape(_Deployment, _deployment_is_calm),
    ("autoscaling", "horizontalpodautoscalers"): Shape(_Any, _autoscaler_is_calm),
    ("", "nodes"): Shape(_Node, _node_is_calm),
    ("", "events"): Shape(_Event, _event_is_calm),
}
UNKNOWN = Shape(_Any, lambda _: False)
"""Of any other resource nothing is calm."""
