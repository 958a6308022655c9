"""A Deployment with its revisions, pods, nodes and namespace: healthy when made, broken by what a test does to it.

`Workload().crash(0)` is a world in which one of five replicas crash-loops and nothing else is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from byteport.kubernetes.world import LogKey, World
from tests.builders.objects import (
    JSON,
    NOW,
    When,
    container,
    event,
    namespace,
    node,
    owner,
    pod,
    stamp,
    status,
    terminated,
    uid_of,
    waiting,
)

IMAGE = "registry.example.internal/shop/web"


class Workload:
    """One Deployment. Change its objects freely before `world()`; counts in statuses are computed from the pods."""

    def __init__(
        self,
        name: str = "web",
        *,
        space: str = "shop",
        replicas: int = 5,
        nodes: int = 5,
        revision: int = 4,
        image: str = f"{IMAGE}:7",
        age: When = 6 * 24 * 60,
    ) -> None:
        self.name, self.space, self.revision = name, space, revision
        self.uid = uid_of("Deployment", space, name)
        self.nodes = [node(f"node-{number + 1}") for number in range(nodes)]
        self.namespace = namespace(space)
        self.replica_sets: list[JSON] = []
        self.pods: list[JSON] = []
        self.events: list[JSON] = []
        self.extra: list[JSON] = []
        self.logs: dict[LogKey, str] = {}
        self.deployment = self._deployment(replicas, image)
        self.current = self.release(image, number=revision, created=age, replicas=replicas, promote=True)
        for index in range(replicas):
            self.add_pod(self.current, index=index, created=age)

    # what it is made of

    def _deployment(self, replicas: int, image: str) -> JSON:
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {
                "name": self.name,
                "namespace": self.space,
                "uid": self.uid,
                "generation": 7,
                "creationTimestamp": stamp(90 * 24 * 60),
                "labels": {"app": self.name},
                "annotations": {"deployment.kubernetes.io/revision": str(self.revision)},
            },
            "spec": {
                "replicas": replicas,
                "progressDeadlineSeconds": 600,
                "revisionHistoryLimit": 10,
                "selector": {"matchLabels": {"app": self.name}},
                "strategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
                },
                "template": self._template(image),
            },
            "status": {"observedGeneration": 7, "conditions": []},
        }

    def _template(self, image: str) -> JSON:
        return {
            "metadata": {"labels": {"app": self.name}},
            "spec": {"containers": [container(self.name, image)]},
        }

    def release(self, image: str, *, number: int, created: When, replicas: int, promote: bool = False) -> JSON:
        """A ReplicaSet; with `promote` the Deployment's template becomes its own."""
        hash_ = uid_of(image, str(number))[:8]
        template = self._template(image)
        template["metadata"]["labels"]["pod-template-hash"] = hash_
        found: JSON = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{self.name}-{hash_}",
                "namespace": self.space,
                "uid": uid_of("ReplicaSet", self.space, self.name, hash_),
                "creationTimestamp": stamp(created),
                "labels": {"app": self.name, "pod-template-hash": hash_},
                "annotations": {"deployment.kubernetes.io/revision": str(number)},
                "ownerReferences": [owner("Deployment", self.name, self.uid)],
            },
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": self.name, "pod-template-hash": hash_}},
                "template": template,
            },
            "status": {},
        }
        self.replica_sets.append(found)
        if promote:
            self.revision = number
            self.deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = str(number)
            self.deployment["spec"]["template"] = self._template(image)
        return found

    def add_pod(self, replica_set: JSON, *, index: int, created: When = 600, **more: Any) -> JSON:
        """A healthy pod of `replica_set` on the node of its turn."""
        meta = replica_set["metadata"]
        spec = replica_set["spec"]["template"]["spec"]
        on = more.pop("node", self.nodes[index % len(self.nodes)]["metadata"]["name"] if self.nodes else "node-1")
        found = pod(
            f"{meta['name']}-p{index}",
            namespace=self.space,
            owners=[owner("ReplicaSet", meta["name"], meta["uid"])],
            containers=[dict(item) for item in spec["containers"]],
            statuses=more.pop("statuses", [status(item["name"], image=item["image"]) for item in spec["containers"]]),
            labels=meta["labels"],
            created=created,
            node=on,
            **more,
        )
        self.pods.append(found)
        return found

    # what goes wrong

    def unready(self, index: int, *, since: When = 48) -> JSON:
        """A replica that runs and is not Ready any more."""
        return self._set(index, status(self.name, ready=False, started=True), since=since)

    def crash(
        self,
        index: int,
        *,
        code: int = 1,
        reason: str = "Error",
        restarts: int = 7,
        since: When = 30,
        log: str = "",
        message: str = "",
    ) -> JSON:
        """A replica in CrashLoopBackOff that was Ready until `since`."""
        broken = status(
            self.name,
            state=waiting("CrashLoopBackOff"),
            last=terminated(code, reason, message=message),
            restarts=restarts,
            ready=False,
        )
        found = self._set(index, broken, since=since)
        self.events.append(
            event(
                found, "BackOff", "Back-off restarting failed container", count=restarts * 4, container_name=self.name
            )
        )
        if log:
            self.logs[LogKey(self.space, found["metadata"]["name"], self.name)] = log
        return found

    def stuck(self, index: int, reason: str, message: str = "", *, since: When = 30) -> JSON:
        """A replica whose container waits for `reason` and never ran."""
        return self._set(index, status(self.name, state=waiting(reason, message), ready=False), since=since)

    def _set(self, index: int, new: JSON, *, since: When) -> JSON:
        found = self.pods[index]
        new["image"] = found["spec"]["containers"][0]["image"]
        found["status"]["containerStatuses"] = [new]
        for condition in found["status"]["conditions"]:
            if condition["type"] in ("Ready", "ContainersReady"):
                condition |= {"status": "False", "lastTransitionTime": stamp(since)}
        return found

    def name_of(self, index: int) -> str:
        return str(self.pods[index]["metadata"]["name"])

    # how it is shown

    def objects(self) -> list[JSON]:
        """Everything, with statuses that agree with the pods."""
        self._count()
        return [
            self.namespace,
            self.deployment,
            *self.replica_sets,
            *self.pods,
            *self.nodes,
            *self.events,
            *self.extra,
        ]

    def world(self, *beside: JSON, now: datetime = NOW, **more: Any) -> World:
        """What production would have read; `beside` are further objects."""
        return World(now=now, objects=(*self.objects(), *beside), logs=dict(self.logs), **more)

    def _count(self) -> None:
        current = str(self.revision)
        for replica_set in self.replica_sets:
            own = [item for item in self.pods if _owned(item, replica_set)]
            ready = sum(1 for item in own if _ready(item))
            replica_set["status"] |= {"replicas": len(own), "readyReplicas": ready, "availableReplicas": ready}
        newest = [item for item in self.replica_sets if _number(item) == current]
        ready = sum(item["status"]["readyReplicas"] for item in self.replica_sets)
        present = sum(item["status"]["replicas"] for item in self.replica_sets)
        wanted = self.deployment["spec"]["replicas"]
        self.deployment["status"] |= {
            "replicas": present,
            "updatedReplicas": sum(item["status"]["replicas"] for item in newest),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "unavailableReplicas": max(0, wanted - ready),
        }
        if not self.deployment["status"]["conditions"]:
            self.deployment["status"]["conditions"] = self.conditions("NewReplicaSetAvailable")

    def conditions(self, reason: str, *, since: When = 6 * 24 * 60, status: str = "True") -> list[JSON]:
        """`Progressing` with `reason`, and `Available`."""
        at = {"lastUpdateTime": stamp(since), "lastTransitionTime": stamp(since)}
        available = {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}
        return [available | at, {"type": "Progressing", "status": status, "reason": reason} | at]


def _owned(item: JSON, by: JSON) -> bool:
    return any(ref["uid"] == by["metadata"]["uid"] for ref in item["metadata"]["ownerReferences"])


def _ready(item: JSON) -> bool:
    conditions: Iterable[JSON] = item["status"]["conditions"]
    return any(found["type"] == "Ready" and found["status"] == "True" for found in conditions)


def _number(replica_set: JSON) -> str:
    return str(replica_set["metadata"]["annotations"]["deployment.kubernetes.io/revision"])
