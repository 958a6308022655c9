"""READ_FLOOR: one autoscaler's floor as it is now, and who set it. It does not decide; the time box does, from this.

Comes before a restore, and after one that was refused, to say in the record who has taken the floor over. Of a namespace
that is not enabled nothing is read.
"""

from __future__ import annotations

import re

from activities.kubernetes.policy_source import PolicySource
from activities.kubernetes.situations import SituationReader
from activities.performs import performs
from byteport.contracts.kubernetes import READ_FLOOR, Floor, ReadFloor
from byteport.errors import NotPermitted, TargetGone
from byteport.kubernetes import fields, port
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, FLOOR_UNTIL, floor_of, floor_setter, rest_digest, rest_setter
from byteport.kubernetes.patches import ACTION_ID
from byteport.kubernetes.port import JSON, ClusterPort
from byteport.kubernetes.templates import annotations_of

_DIGITS = re.compile(r"[0-9]{1,9}")
_ID = re.compile(r"[0-9a-f]{64}")


class Floors:
    """Of one cluster."""

    def __init__(
        self, cluster: ClusterPort, reader: SituationReader, policy: PolicySource, *, cluster_uid: str
    ) -> None:
        self._cluster = cluster
        self._reader = reader
        self._policy = policy
        self._cluster_uid = cluster_uid

    @performs(READ_FLOOR)
    async def read_floor(self, call: ReadFloor) -> Floor:
        """Raises `NotPermitted` for another cluster's, or when autoscalers may not be read."""
        target = call.target
        if target.cluster_uid != self._cluster_uid:
            raise NotPermitted("the target is in another cluster than this worker's")
        if await self._reader.enabled_namespace(target.namespace, self._policy.read()) is None:
            return Floor(found=False)
        try:
            autoscaler = await self._cluster.get(port.AUTOSCALERS, target.namespace, call.autoscaler)
        except TargetGone:
            return Floor(found=False, enabled=True)
        return floor_reading(autoscaler)


def floor_reading(autoscaler: JSON) -> Floor:
    """Numbers, digests and checked names; a mark of ours that cannot be read is none."""
    marks, setter, other = annotations_of(autoscaler), floor_setter(autoscaler), rest_setter(autoscaler)
    before, action = marks.get(FLOOR_BEFORE), marks.get(ACTION_ID)
    return Floor(
        found=True,
        enabled=True,
        uid=fields.uid(fields.metadata(autoscaler).get("uid")),
        rest_digest=_rest(autoscaler),
        floor=floor_of(autoscaler),
        floor_before=int(before) if isinstance(before, str) and _DIGITS.fullmatch(before) else None,
        floor_until=fields.instant(marks.get(FLOOR_UNTIL)),
        action_id=action if isinstance(action, str) and _ID.fullmatch(action) else "",
        manager=setter.manager,
        managed_at=setter.at,
        rest_manager=other.manager,
        rest_managed_at=other.at,
    )


def _rest(autoscaler: JSON) -> str:
    """Empty where the spec has no canonical form: then it equals nothing."""
    try:
        return rest_digest(autoscaler)
    except (ValueError, TypeError, RecursionError):
        return ""
