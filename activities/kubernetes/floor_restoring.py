"""Putting an autoscaler's floor back: only if it is exactly what we left, and only to what the object says of its owner.

Whoever has changed the floor, the rest of the spec or our marks since has taken it over: then nothing is written, and
the caller says who it was. The stamp that stands is that of the raise; the restore leaves its own instead.
"""

from __future__ import annotations

from activities.kubernetes.autoscaler_reads import as_planned, autoscaler_of, refuse_unless_as_planned
from activities.kubernetes.effects import FIELD_MANAGER, AlreadyInPlace, Prepared, Trace
from activities.kubernetes.grounds import Ground, deny, stale
from byteport.domain.plans import RestoreFloorPlan
from byteport.domain.warrants import Warrant
from byteport.errors import TargetGone
from byteport.kubernetes import fields, port
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, FLOOR_RAISED, floor_setter
from byteport.kubernetes.floor_patch import restore_arguments, restore_patch
from byteport.kubernetes.patches import ACTION_ID
from byteport.kubernetes.port import Attribution, ClusterPort
from byteport.kubernetes.templates import annotations_of


class FloorRestoring:
    """On one cluster."""

    def __init__(self, cluster: ClusterPort, cluster_uid: str) -> None:
        self._cluster = cluster
        self._cluster_uid = cluster_uid

    async def trace(self, warrant: Warrant) -> Trace:
        plan = _plan(warrant)
        try:
            autoscaler = await autoscaler_of(self._cluster, plan)
        except TargetGone:
            return Trace.CANNOT_TELL
        marks = annotations_of(autoscaler)
        if marks.get(ACTION_ID) == warrant.grant.body.action_id:
            return Trace.IN_PLACE
        ours = marks.get(FLOOR_BEFORE) == str(plan.floor_to) and marks.get(FLOOR_RAISED) == str(plan.floor_from)
        ours = ours and as_planned(autoscaler, plan)
        return Trace.ABSENT if ours else Trace.CANNOT_TELL

    async def prepare(self, warrant: Warrant) -> Prepared:
        plan, action = _plan(warrant), warrant.grant.body.action_id
        namespace, name = plan.target.namespace, plan.autoscaler
        autoscaler = await autoscaler_of(self._cluster, plan)
        marks = annotations_of(autoscaler)
        if marks.get(ACTION_ID) == action:
            raise AlreadyInPlace
        refuse_unless_as_planned(autoscaler, plan)
        if marks.get(FLOOR_BEFORE) != str(plan.floor_to):
            raise stale(Ground.CHANGED, "no floor of ours stands, or another than the one to be put back")
        if marks.get(FLOOR_RAISED) != str(plan.floor_from):
            raise stale(Ground.CHANGED, "the object does not say that the floor that stands is the one that was raised")
        if floor_setter(autoscaler).manager not in ("", FIELD_MANAGER):
            raise stale(Ground.CHANGED, "somebody else has set the floor that stands")
        operations = restore_patch(autoscaler, plan, action)
        arguments = restore_arguments(
            operations, cluster_uid=self._cluster_uid, namespace=namespace, name=name, action_id=action
        )
        if arguments is None or arguments != plan.arguments():
            raise stale(Ground.ARGUMENTS, "the patch that would be sent is not the one that was agreed to")

        async def send(by: Attribution) -> str:
            written = await self._cluster.patch(port.AUTOSCALERS, namespace, name, operations, by=by)
            return fields.version(fields.metadata(written).get("resourceVersion"))

        return Prepared(arguments, send)


def _plan(warrant: Warrant) -> RestoreFloorPlan:
    if not isinstance(warrant.plan, RestoreFloorPlan):
        raise deny(Ground.ACT, "the warrant is not for putting a floor back")
    return warrant.plan
