"""From a pod to the object that a remediation is about: its controlling owner, followed through the cluster port.

Comes after a symptom was seen on a pod (`symptoms.py`), before it is reported. A ReplicaSet's own controller never
changes, so that one step is remembered by uid; nothing of the objects themselves is kept.
"""

from __future__ import annotations

from typing import NamedTuple

from activities.kubernetes.recent import Recent
from byteport.domain.targets import Target
from byteport.errors import NotPermitted, TargetGone
from byteport.kubernetes import fields, port
from byteport.kubernetes.autoscaler_faults import aim_of
from byteport.kubernetes.owners import controller
from byteport.kubernetes.port import JSON, ClusterPort

REMEMBERED = 4096


class _Above(NamedTuple):
    kind: str
    name: str
    uid: str


class OwnerResolver:
    """Finds the target of a symptom in one cluster."""

    def __init__(self, cluster: ClusterPort, cluster_uid: str) -> None:
        self._cluster = cluster
        self._cluster_uid = cluster_uid
        self._above: Recent[str, _Above] = Recent(REMEMBERED)

    async def target_of(self, kind: str, item: JSON) -> Target | None:
        """Pod → ReplicaSet → Deployment, or as far as controllers go; None for what is going or has no name.

        An autoscaler's trouble is its workload's.

        An owner reference is only a claim: it is followed inside the namespace, and an object of another uid under
        the name it gives ends the search.
        """
        metadata = fields.metadata(item)
        namespace, own = fields.name(metadata.get("namespace")), _identity(kind, item)
        if not namespace or not own.name or not own.uid or metadata.get("deletionTimestamp") is not None:
            return None
        if kind == "HorizontalPodAutoscaler":
            return await self._scaled_by(namespace, item)
        owner = own
        reference = controller(item)
        if kind == "Pod" and reference is not None:
            owner = _Above(reference["kind"], reference["name"], reference["uid"])
            if reference["group"] == "apps" and reference["kind"] == "ReplicaSet":
                found = await self._above_replica_set(namespace, owner)
                if found is None:
                    return None
                owner = found
        if not owner.kind or not owner.name:
            return None
        return Target(
            cluster_uid=self._cluster_uid, namespace=namespace, kind=owner.kind, name=owner.name, uid=owner.uid
        )

    async def _scaled_by(self, namespace: str, item: JSON) -> Target | None:
        """What an autoscaler scales: two remediations must not both touch it. Its uid, where it is there and may be read."""
        kind, name = aim_of(item)
        if not kind or not name:
            return None
        uid = ""
        if kind == "Deployment":
            try:
                found = await self._cluster.get(port.DEPLOYMENTS, namespace, name)
            except (NotPermitted, TargetGone):
                found = {}
            uid = fields.uid(fields.metadata(found).get("uid"))
        return Target(cluster_uid=self._cluster_uid, namespace=namespace, kind=kind, name=name, uid=uid)

    async def _above_replica_set(self, namespace: str, owner: _Above) -> _Above | None:
        known = self._above.get(owner.uid)
        if known is not None:
            return known
        try:
            replica_set = await self._cluster.get(port.REPLICA_SETS, namespace, owner.name)
        except TargetGone:
            return None
        except NotPermitted:
            return owner
        if fields.metadata(replica_set).get("uid") != owner.uid:
            return None
        reference = controller(replica_set)
        above = _Above(reference["kind"], reference["name"], reference["uid"]) if reference else owner
        self._above.put(owner.uid, above)
        return above


def _identity(kind: str, item: JSON) -> _Above:
    metadata = fields.metadata(item)
    return _Above(kind, fields.name(metadata.get("name")), fields.uid(metadata.get("uid")))
