"""Raising an autoscaler's floor: the patch is built from what is read now, and says on the object until when.

What the owner had set is taken from the object, never from the plan: while a floor of ours stands its mark must say
what the plan says, and the floor must still be ours. So two raises, one after the other, are both taken back to the
owner's floor, and a floor that the owner has set in between is never taken for one of ours.
"""

from __future__ import annotations

from activities.clock import Clock
from activities.kubernetes.autoscaler_reads import as_planned, autoscaler_of, refuse_unless_as_planned
from activities.kubernetes.effects import FIELD_MANAGER, AlreadyInPlace, Prepared, Trace
from activities.kubernetes.grounds import Ground, deny, stale
from byteport.domain.plans import RaiseFloorPlan
from byteport.domain.warrants import Warrant
from byteport.errors import TargetGone
from byteport.kubernetes import fields, port
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, FLOOR_RAISED, floor_setter
from byteport.kubernetes.floor_patch import FLOOR_RESTORED, raise_arguments, raise_patch
from byteport.kubernetes.patches import ACTION_ID
from byteport.kubernetes.port import JSON, Attribution, ClusterPort
from byteport.kubernetes.templates import annotations_of

LONGEST_BOX_SECONDS = 86400
"""As the policy bounds it: whoever has agreed to more has been shown something else."""


class FloorRaising:
    """On one cluster."""

    def __init__(self, cluster: ClusterPort, cluster_uid: str, clock: Clock) -> None:
        self._cluster = cluster
        self._cluster_uid = cluster_uid
        self._clock = clock

    async def trace(self, warrant: Warrant) -> Trace:
        """Our stamp while the floor stands, or the mark of the restore that has taken this very raise back."""
        plan = _plan(warrant)
        try:
            autoscaler = await autoscaler_of(self._cluster, plan)
        except TargetGone:
            return Trace.CANNOT_TELL
        if _stamped(autoscaler, warrant.grant.body.action_id):
            return Trace.IN_PLACE
        return Trace.ABSENT if as_planned(autoscaler, plan) else Trace.CANNOT_TELL

    async def prepare(self, warrant: Warrant) -> Prepared:
        plan, action = _plan(warrant), warrant.grant.body.action_id
        namespace, name = plan.target.namespace, plan.autoscaler
        autoscaler = await autoscaler_of(self._cluster, plan)
        if _stamped(autoscaler, action):
            raise AlreadyInPlace
        refuse_unless_as_planned(autoscaler, plan)
        await self._refuse_another_workload(plan)
        _refuse_unless_the_owners(autoscaler, plan)
        if not 0 < plan.box_seconds <= LONGEST_BOX_SECONDS:
            raise stale(Ground.ARGUMENTS, "a floor is raised for a time, and for no longer than a day")
        if plan.floor_to > fields.count(fields.at(autoscaler, "spec", "maxReplicas")):
            raise stale(Ground.CHANGED, "the floor would be above the autoscaler's own bound")
        now = self._clock()
        operations = raise_patch(autoscaler, plan, action, now=now)
        arguments = raise_arguments(
            operations, cluster_uid=self._cluster_uid, namespace=namespace, name=name, action_id=action, now=now
        )
        if arguments is None or arguments != plan.arguments():
            raise stale(Ground.ARGUMENTS, "the patch that would be sent is not the one that was agreed to")

        async def send(by: Attribution) -> str:
            written = await self._cluster.patch(port.AUTOSCALERS, namespace, name, operations, by=by)
            return fields.version(fields.metadata(written).get("resourceVersion"))

        return Prepared(arguments, send)

    async def _refuse_another_workload(self, plan: RaiseFloorPlan) -> None:
        """The lease and the limits are the workload's, so it must be the one that the autoscaler names now."""
        deployment = await self._cluster.get(port.DEPLOYMENTS, plan.target.namespace, plan.target.name)
        if fields.metadata(deployment).get("uid") != plan.target.uid:
            raise TargetGone(f"{Ground.TARGET.value}: another Deployment has this name now")


def _refuse_unless_the_owners(autoscaler: JSON, plan: RaiseFloorPlan) -> None:
    marks = annotations_of(autoscaler)
    mark = marks.get(FLOOR_BEFORE)
    if mark is None:
        if plan.floor_before != plan.floor_from:
            raise stale(Ground.CHANGED, "no floor of ours stands")
        return
    if mark != str(plan.floor_before):
        raise stale(Ground.CHANGED, "its owner's floor is not the one that the plan names")
    if marks.get(FLOOR_RAISED) != str(plan.floor_from):
        raise stale(Ground.CHANGED, "the floor that stands is not the one that was raised")
    if floor_setter(autoscaler).manager not in ("", FIELD_MANAGER):
        raise stale(Ground.CHANGED, "the floor that stands is not ours any more")


def _stamped(autoscaler: JSON, action: str) -> bool:
    marks = annotations_of(autoscaler)
    return action in (marks.get(ACTION_ID), marks.get(FLOOR_RESTORED))


def _plan(warrant: Warrant) -> RaiseFloorPlan:
    if not isinstance(warrant.plan, RaiseFloorPlan):
        raise deny(Ground.ACT, "the warrant is not for raising a floor")
    return warrant.plan
