"""Deleting one pod that is not Ready and that its ReplicaSet makes again, by uid and by the version it was read at.

The resourceVersion is that of the read in which the pod was seen not Ready: if it turns Ready in between, the API
server answers 409 and nothing happens. The disruption budget is asked by an eviction that is only a dry run, since an
eviction's own delete escapes the admission policies that a plain delete meets.
"""

from __future__ import annotations

from activities.kubernetes.effects import Prepared, Trace
from activities.kubernetes.grounds import Ground, deny, stale
from byteport.domain.plans import DeletePodPlan
from byteport.domain.reasons import Reason
from byteport.domain.warrants import Warrant
from byteport.errors import TargetGone
from byteport.kubernetes import fields, port
from byteport.kubernetes.owners import controller, owned_by
from byteport.kubernetes.port import JSON, Attribution, ClusterPort


class PodDeletion:
    """On one cluster."""

    def __init__(self, cluster: ClusterPort, cluster_uid: str) -> None:
        self._cluster = cluster
        self._cluster_uid = cluster_uid

    async def trace(self, warrant: Warrant) -> Trace:
        """A deleted pod carries no stamp: that uid gone, or on its way out, is the effect; the intent record owns it."""
        plan = _plan(warrant)
        try:
            pod = await self._cluster.get(port.PODS, plan.pod.namespace, plan.pod.name)
        except TargetGone:
            return Trace.IN_PLACE
        other = fields.metadata(pod).get("uid") != plan.pod.uid
        return Trace.IN_PLACE if other or _going(pod) else Trace.ABSENT

    async def prepare(self, warrant: Warrant) -> Prepared:
        plan = _plan(warrant)
        namespace, name = plan.pod.namespace, plan.pod.name
        pod = await self._cluster.get(port.PODS, namespace, name)
        uid = fields.uid(fields.metadata(pod).get("uid"))
        version = fields.version(fields.metadata(pod).get("resourceVersion"))
        if uid != plan.pod.uid:
            raise TargetGone(f"{Ground.TARGET.value}: another pod has this name now")
        if _going(pod):
            raise stale(Ground.BEING_DELETED, "somebody else is deleting the pod")
        if fields.condition(pod, "Ready").get("status") == "True":
            raise stale(Ground.POD_IS_READY, "the pod is Ready now")
        await self._refuse_unless_recreated(pod, namespace, plan)
        if Reason.BUDGET_REFUSES not in plan.caveats:
            await self._cluster.evict_dry_run(namespace, name)

        async def send(by: Attribution) -> str:
            await self._cluster.delete(port.PODS, namespace, name, uid=uid, resource_version=version, by=by)
            return ""

        arguments = {
            "act": "delete_pod",
            "cluster_uid": self._cluster_uid,
            "namespace": namespace,
            "name": name,
            "uid": uid,
        }
        return Prepared(arguments, send)

    async def _refuse_unless_recreated(self, pod: JSON, namespace: str, plan: DeletePodPlan) -> None:
        """The chain pod → ReplicaSet → the plan's target, by controller uid: whatever else owns it may not recreate it."""
        reference = controller(pod)
        if reference is None or (reference["group"], reference["kind"]) != ("apps", "ReplicaSet"):
            raise stale(Ground.OWNER, "no ReplicaSet would make the pod again")
        if plan.target.kind == "ReplicaSet" and reference["uid"] == plan.target.uid:
            return
        try:
            replica_set = await self._cluster.get(port.REPLICA_SETS, namespace, reference["name"])
        except TargetGone:
            raise stale(Ground.OWNER, "the pod's ReplicaSet is gone") from None
        same = fields.metadata(replica_set).get("uid") == reference["uid"]
        if not same or _going(replica_set) or not owned_by(replica_set, plan.target.uid):
            raise stale(Ground.OWNER, "the pod's ReplicaSet is not the target's")


def _plan(warrant: Warrant) -> DeletePodPlan:
    if not isinstance(warrant.plan, DeletePodPlan):
        raise deny(Ground.ACT, "the warrant is not for deleting a pod")
    return warrant.plan


def _going(item: JSON) -> bool:
    return fields.metadata(item).get("deletionTimestamp") is not None
