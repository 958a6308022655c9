"""Putting back a template of the Deployment's own: the patch is built from what is read now, never from the plan.

The plan names two templates by digest. The worker reads Deployment and ReplicaSet itself, builds the JSON Patch, and
lets `patches.py` read the plan back from those bytes; whatever differs, the act is not done. The stamp that the patch
leaves is found again after a lost answer, on the Deployment or on the ReplicaSet that its controller copied it to.
"""

from __future__ import annotations

from activities.kubernetes.effects import AlreadyInPlace, Prepared, Trace
from activities.kubernetes.grounds import Ground, deny, stale
from byteport.domain.plans import RollbackPlan
from byteport.domain.warrants import Warrant
from byteport.errors import NotPermitted, NotProved, PreconditionFailed, TargetGone
from byteport.kubernetes import fields, port
from byteport.kubernetes.patches import ACTION_ID, patch_arguments, patch_matches, rollback_patch
from byteport.kubernetes.port import JSON, Attribution, ClusterPort
from byteport.kubernetes.refusals import RollbackRule
from byteport.kubernetes.templates import (
    annotations_of,
    guard_digest,
    template_digest,
    template_of,
    template_to_restore,
)


class Rollback:
    """On one cluster."""

    def __init__(self, cluster: ClusterPort, cluster_uid: str) -> None:
        self._cluster = cluster
        self._cluster_uid = cluster_uid

    async def trace(self, warrant: Warrant) -> Trace:
        plan, action = _plan(warrant), warrant.grant.body.action_id
        try:
            deployment = await self._deployment(plan)
        except TargetGone:
            return Trace.CANNOT_TELL
        if await self._stamped(deployment, plan, action):
            return Trace.IN_PLACE
        unchanged = _digest(deployment) == plan.from_template_digest
        return Trace.ABSENT if unchanged else Trace.CANNOT_TELL

    async def prepare(self, warrant: Warrant) -> Prepared:
        plan, action = _plan(warrant), warrant.grant.body.action_id
        namespace, name = plan.target.namespace, plan.target.name
        deployment = await self._deployment(plan)
        if await self._stamped(deployment, plan, action):
            raise AlreadyInPlace
        if fields.metadata(deployment).get("deletionTimestamp") is not None:
            raise stale(Ground.BEING_DELETED, "the Deployment is being deleted")
        if _digest(deployment) != plan.from_template_digest:
            raise stale(Ground.CHANGED, "somebody has deployed since the plan was made")
        if _guard(deployment) != plan.guard_digest:
            raise stale(Ground.CHANGED, "paused, selector or strategy is not what the plan was made for")
        replica_set = await self._replica_set(plan)
        if template_to_restore(replica_set) == template_of(deployment):
            raise stale(Ground.CHANGED, "the Deployment has this very template: it is not the cause")
        operations = rollback_patch(deployment, replica_set, action)
        place = {"cluster_uid": self._cluster_uid, "namespace": namespace, "name": name}
        arguments = patch_arguments(operations, replica_set, **place)
        if arguments is None or not patch_matches(plan, operations, replica_set, action_id=action, **place):
            raise stale(Ground.ARGUMENTS, "the patch that would be sent is not the one that was agreed to")

        async def send(by: Attribution) -> str:
            try:
                written = await self._cluster.patch(port.DEPLOYMENTS, namespace, name, operations, by=by)
            except NotPermitted as refused:
                if refused.rule == RollbackRule.NOT_PROVED and _serves(replica_set):
                    raise NotProved(f"{refused.message}, though {plan.to_replica_set} serves") from None
                raise
            return fields.version(fields.metadata(written).get("resourceVersion"))

        available = fields.count(fields.at(deployment, "status", "availableReplicas"))
        return Prepared(arguments, send, available)

    async def _deployment(self, plan: RollbackPlan) -> JSON:
        deployment = await self._cluster.get(port.DEPLOYMENTS, plan.target.namespace, plan.target.name)
        if fields.metadata(deployment).get("uid") != plan.target.uid:
            raise TargetGone(f"{Ground.TARGET.value}: another Deployment has this name now")
        return deployment

    async def _replica_set(self, plan: RollbackPlan) -> JSON:
        try:
            return await self._cluster.get(port.REPLICA_SETS, plan.target.namespace, plan.to_replica_set)
        except TargetGone:
            raise stale(Ground.CHANGED, "the revision to go back to is gone") from None

    async def _stamped(self, deployment: JSON, plan: RollbackPlan, action: str) -> bool:
        """Our stamp on the Deployment, or on the revision that was restored: the controller copies it there, and it
        stays when a later action, or a person, has written over the Deployment's."""
        if annotations_of(deployment).get(ACTION_ID) == action:
            return True
        try:
            restored = await self._replica_set(plan)
        except PreconditionFailed:
            return False
        return annotations_of(restored).get(ACTION_ID) == action


def _serves(replica_set: JSON) -> bool:
    return fields.count(fields.at(replica_set, "status", "availableReplicas")) > 0


def _plan(warrant: Warrant) -> RollbackPlan:
    if not isinstance(warrant.plan, RollbackPlan):
        raise deny(Ground.ACT, "the warrant is not for a rollback")
    return warrant.plan


def _digest(deployment: JSON) -> str:
    try:
        return template_digest(template_of(deployment))
    except ValueError:
        raise stale(Ground.CHANGED, "the template has no canonical form") from None


def _guard(deployment: JSON) -> str:
    try:
        return guard_digest(deployment)
    except ValueError:
        raise stale(Ground.CHANGED, "the Deployment has no canonical form") from None
