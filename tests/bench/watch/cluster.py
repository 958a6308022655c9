"""A cluster of any size that is nowhere: each object is made as it is asked for, as an API server would have it.

Pods are of about 8 kB, managed fields and all. One in 500 crashes, one in 1,500 is stuck while it starts. Namespaces are
all enabled: whatever is not, costs less.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from byteport.kubernetes.enrolment import ENABLED_LABEL
from tests.bench.watch.shapes import (
    PODS_PER_DEPLOYMENT,
    autoscaler,
    deployment,
    measured,
    node,
    pod,
    replica_set,
)

JSON = dict[str, Any]

NAMESPACES = 200
AUTOSCALERS = 400
_MARKS = ("@NAME@", "@NAMESPACE@", "@UID@", "@VERSION@", "@NODE@", "@OWNER@", "@OWNERUID@")


class Template:
    """One object as text, with places for what tells objects apart."""

    def __init__(self, item: JSON) -> None:
        text = json.dumps(item, separators=(",", ":"))
        parts, self._order = [text], []
        for mark in _MARKS:
            parts = [piece for part in parts for piece in _split(part, mark)]
        self._parts = [part.encode() for part in parts]
        self._order = [(at, _MARKS.index(part)) for at, part in enumerate(parts) if part in _MARKS]

    def of(self, *values: str) -> bytes:
        """With the values of the marks, in their order."""
        parts = list(self._parts)
        for at, mark in self._order:
            parts[at] = values[mark].encode()
        return b"".join(parts)


class Virtual:
    """What a server of lists and watches holds: `pods` on `nodes`."""

    def __init__(self, pods: int, nodes: int) -> None:
        self.pods, self.nodes, self.version = pods, nodes, 1_000_000
        self.each = -(-pods // NAMESPACES)
        self._healthy, self._crashing, self._stuck = (Template(pod(how)) for how in ("healthy", "crashing", "stuck"))
        self._others = {
            "deployments": Template(deployment()),
            "nodes": Template(node()),
            "horizontalpodautoscalers": Template(autoscaler()),
            "replicasets": Template(replica_set()),
            "namespaces": Template({"metadata": {"name": "@NAME@", "uid": "@UID@", "labels": {ENABLED_LABEL: "true"}}}),
            "pods.metrics.k8s.io": Template(measured()),
        }

    def count(self, resource: str, namespace: str) -> int | None:
        pods = self._pods_of(namespace)
        counts = {
            "pods": pods,
            "pods.metrics.k8s.io": pods,
            "deployments": pods // PODS_PER_DEPLOYMENT,
            "horizontalpodautoscalers": AUTOSCALERS // (NAMESPACES if namespace else 1),
            "replicasets": pods // PODS_PER_DEPLOYMENT,
            "nodes": self.nodes,
            "namespaces": NAMESPACES,
            "events": 0,
        }
        return counts.get(resource)

    def items(self, resource: str, namespace: str, start: int, end: int) -> Sequence[bytes]:
        if resource == "namespaces":
            return [self._given(_namespace(at)) for at in range(start, end)]
        return [self._object(resource, *self._place(namespace, at)) for at in range(start, end)]

    def one(self, resource: str, namespace: str, name: str) -> bytes | None:
        if resource == "configmaps":
            return json.dumps(
                {"metadata": {"name": name}, "data": dict.fromkeys(map(_namespace, range(NAMESPACES)), "{}")}
            ).encode()
        if resource == "namespaces":
            return self._given(name)
        if resource == "nodes" or not name.rpartition("-")[2].isdecimal():
            return None
        return self._object(resource, namespace, int(name.rpartition("-")[2]))

    def changed(self, at: int) -> tuple[str, bytes]:
        """A healthy pod, as its kubelet has just written its status; its namespace comes first."""
        self.version += 1
        namespace, number = self._place("", at % self.pods)
        return namespace, self._object("pods", namespace, number, "healthy")

    def _given(self, name: str) -> bytes:
        return self._others["namespaces"].of(name, "", f"uid-{name}", "1", "", "", "")

    def _pods_of(self, namespace: str) -> int:
        return self.each if namespace else self.pods

    def _place(self, namespace: str, at: int) -> tuple[str, int]:
        """Of the whole cluster objects come namespace by namespace, as etcd keeps them."""
        return (namespace, at) if namespace else (_namespace(at // self.each % NAMESPACES), at)

    def _object(self, resource: str, namespace: str, number: int, how: str = "") -> bytes:
        owner = f"web-{number // PODS_PER_DEPLOYMENT}"
        node = f"node-{number % self.nodes}"
        uid = f"{number:08x}-7d5b-4e0f-9a51-{namespace}"
        values = (f"web-{number}", namespace, uid, str(self.version), node, owner, f"uid-{owner}")
        return self._template(resource, number, how).of(*values)

    def _template(self, resource: str, number: int, how: str) -> Template:
        if resource in self._others:
            return self._others[resource]
        if how == "healthy":
            return self._healthy
        return self._crashing if number % 500 == 7 else self._stuck if number % 1500 == 11 else self._healthy


def _namespace(number: int) -> str:
    return f"team-{number:03}"


def _split(text: str, mark: str) -> list[str]:
    if text in _MARKS:
        return [text]
    pieces = text.split(mark)
    return [piece for at, part in enumerate(pieces) for piece in ([mark, part] if at else [part])]
