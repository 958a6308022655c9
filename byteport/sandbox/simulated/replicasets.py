"""The ReplicaSet controller: as many pods as the spec says, and a status that counts them.

Comes after `templates.py` and `admission.py` (which may refuse a pod), before `simulation.py`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from byteport.kubernetes.port import PODS, REPLICA_SETS
from byteport.sandbox.simulated import events
from byteport.sandbox.simulated.admission import Refused, admit_pod, prioritize
from byteport.sandbox.simulated.clocks import instant, stamp
from byteport.sandbox.simulated.conditions import condition, drop_condition, is_true, set_condition
from byteport.sandbox.simulated.store import Store, owner_reference
from byteport.sandbox.simulated.templates import generated_name, pod_of

JSON = dict[str, Any]

RETRY = timedelta(seconds=5)
"""After a refused pod. The real controller backs off from milliseconds to minutes."""


class ReplicaSets:
    """All ReplicaSets of the cluster. `due` is when a count changes by itself (`minReadySeconds`, a retry)."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._retry: dict[str, datetime] = {}
        self.due: datetime | None = None

    def sync(self, now: datetime) -> None:
        self._dues: list[datetime] = []
        for replica_set in self._store.all(REPLICA_SETS):
            if not replica_set["metadata"].get("deletionTimestamp"):
                self._sync(replica_set, now)
        self.due = min(self._dues, default=None)

    def _sync(self, replica_set: JSON, now: datetime) -> None:
        pods = [pod for pod in self._store.owned(PODS, replica_set) if is_active(pod)]
        missing = int(replica_set["spec"].get("replicas", 1)) - len(pods)
        uid, refused = replica_set["metadata"]["uid"], ""
        if missing > 0 and self._retry.get(uid, now) <= now:
            self._retry.pop(uid, None)
            for _ in range(missing):
                if refused := self._create(replica_set, now):
                    self._retry[uid] = now + RETRY
                    break
        elif missing > 0:
            refused = condition(replica_set.get("status", {}), "ReplicaFailure").get("message", "")
        else:
            self._retry.pop(uid, None)
        for pod in sorted(pods, key=_worth)[: max(0, -missing)]:
            self._delete(replica_set, pod, now)
        if uid in self._retry:
            self._dues.append(self._retry[uid])
        self._count(replica_set, now, refused)

    def _create(self, replica_set: JSON, now: datetime) -> str:
        """One pod; what was refused, if it was."""
        metadata, template = replica_set["metadata"], replica_set["spec"]["template"]
        annotations: dict[str, str] = template["metadata"].get("annotations") or {}
        pod: JSON = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": generated_name(metadata["name"] + "-"),
                "generateName": metadata["name"] + "-",
                "namespace": metadata["namespace"],
                "labels": dict(template["metadata"].get("labels") or {}),
                **({"annotations": dict(annotations)} if annotations else {}),
                "ownerReferences": [owner_reference(replica_set)],
            },
            "spec": pod_of(template["spec"]),
            "status": {"phase": "Pending", "qosClass": "BestEffort"},
        }
        try:
            prioritize(self._store, pod)
            admit_pod(self._store, pod)
        except Refused as refusal:
            message = f"Error creating: {refusal}"
            self._says(replica_set, now, "Warning", "FailedCreate", message)
            return str(refusal)
        created = self._store.create(pod)
        self._says(replica_set, now, "Normal", "SuccessfulCreate", f"Created pod: {created['metadata']['name']}")
        return ""

    def _delete(self, replica_set: JSON, pod: JSON, now: datetime) -> None:
        with self._store.edited(pod) as draft:
            draft["metadata"] |= {"deletionTimestamp": stamp(now), "deletionGracePeriodSeconds": 30}
        self._says(replica_set, now, "Normal", "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")

    def _count(self, replica_set: JSON, now: datetime, refused: str) -> None:
        metadata = replica_set["metadata"]
        owned = self._store.owned(PODS, replica_set)
        pods = [pod for pod in owned if is_active(pod)]
        wait = timedelta(seconds=replica_set["spec"].get("minReadySeconds", 0))
        ready = [pod for pod in pods if is_true(pod["status"], "Ready")]
        since = [instant(condition(pod["status"], "Ready")["lastTransitionTime"]) + wait for pod in ready]
        self._dues.extend(at for at in since if at > now)
        counts = {
            "fullyLabeledReplicas": len(pods),
            "readyReplicas": len(ready),
            "availableReplicas": sum(at <= now for at in since),
        }
        status: JSON = {
            "replicas": len(pods),
            **{name: count for name, count in counts.items() if count},
            "terminatingReplicas": sum(bool(pod["metadata"].get("deletionTimestamp")) for pod in owned),
            "observedGeneration": metadata["generation"],
            "conditions": list((replica_set.get("status") or {}).get("conditions") or []),
        }
        if refused:
            set_condition(status, "ReplicaFailure", "True", stamp(now), reason="FailedCreate", message=refused)
        else:
            drop_condition(status, "ReplicaFailure")
        if not status["conditions"]:
            del status["conditions"]
        current = self._store.find(REPLICA_SETS, metadata["namespace"], metadata["name"])
        if current is not None and current.get("status") != status:
            with self._store.edited(current) as draft:
                draft["status"] = status

    def _says(self, replica_set: JSON, now: datetime, type_: str, reason: str, message: str) -> None:
        events.send(
            self._store,
            now,
            replica_set,
            type_=type_,
            reason=reason,
            message=message,
            component="replicaset-controller",
        )


def is_active(pod: JSON) -> bool:
    """Neither at its end nor being deleted: such a pod counts."""
    ended = pod["status"].get("phase") in ("Succeeded", "Failed")
    return not ended and not pod["metadata"].get("deletionTimestamp")


def _worth(pod: JSON) -> tuple[bool, bool, bool, float]:
    """Who is deleted first: not placed, not running, not ready, then the youngest."""
    created = instant(pod["metadata"]["creationTimestamp"]).timestamp()
    status = pod["status"]
    return (
        bool(pod["spec"].get("nodeName")),
        status.get("phase") == "Running",
        is_true(status, "Ready"),
        -created,
    )
