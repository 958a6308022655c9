"""What a Deployment's status and strategy say, each as one typed fact: conditions, refusals, and since when.

`rollout_reading.py` puts them together; `rollout_symptoms.py` asks for the beginning of a rollout.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from byteport.kubernetes import fields
from byteport.kubernetes.messages import Refusal, refusal
from byteport.kubernetes.rollouts import Condition, ConditionStatus, Progress, Refusals, RevisionReading
from byteport.kubernetes.templates import annotations_of
from byteport.kubernetes.world import JSON

REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
LATELY = timedelta(minutes=15)
"""A refused creation is tried again at least so often while it lasts."""

_PROGRESS = {
    "NewReplicaSetAvailable": Progress.COMPLETE,
    "ProgressDeadlineExceeded": Progress.DEADLINE_EXCEEDED,
    "DeploymentPaused": Progress.PAUSED,
    "DeploymentResumed": Progress.UNDER_WAY,
    "ReplicaSetUpdated": Progress.UNDER_WAY,
    "NewReplicaSetCreated": Progress.UNDER_WAY,
    "FoundNewReplicaSet": Progress.UNDER_WAY,
    "ReplicaSetCreateError": Progress.REFUSED,
}
_PROGRESSED = re.compile(r'ReplicaSet "([a-z0-9][-a-z0-9.]{0,252})" has successfully progressed')
_PERCENT = re.compile(r"([0-9]{1,3})%\Z")


def progress(deployment: JSON, newest: str = "") -> Progress:
    """Why `Progressing` is as it is; `newest` is the name of the newest ReplicaSet, where it is known.

    A rollout that lets all old pods go first has none for a moment, which the controller takes for a complete one: its
    word is then still about the ReplicaSet before, and says so.
    """
    condition = fields.condition(deployment, "Progressing")
    reason = condition.get("reason")
    found = _PROGRESS.get(reason, Progress.OTHER) if isinstance(reason, str) and reason else Progress.NONE
    named = _PROGRESSED.match(fields.message(condition.get("message")))
    earlier = named is not None and newest and named.group(1) != newest
    return Progress.UNDER_WAY if found is Progress.COMPLETE and earlier else found


def rollout_began(
    newest: JSON | None, replica_sets: Sequence[JSON], template_set_at: datetime | None
) -> datetime | None:
    """When the newest revision became the newest: when it was made, unless it is an old one come back."""
    if newest is None:
        return template_set_at
    made = fields.instant(fields.metadata(newest).get("creationTimestamp"))
    times = [fields.instant(fields.metadata(item).get("creationTimestamp")) for item in replica_sets]
    come_back = made is not None and any(at is not None and at > made for at in times)
    if REVISION_HISTORY in annotations_of(newest) or come_back:
        return template_set_at
    return made


def strategy(spec: object, replicas: int) -> tuple[int, bool]:
    """How many pods a rollout may take away, and whether that is all of them."""
    if fields.at(spec, "strategy", "type") == "Recreate":
        return replicas, True
    value = fields.at(spec, "strategy", "rollingUpdate", "maxUnavailable")
    percent = _PERCENT.match(value) if isinstance(value, str) else None
    most = int(percent.group(1)) * replicas // 100 if percent else fields.whole(value)
    most = replicas // 4 if most is None else max(0, most)
    return most, 0 < replicas <= most


def read_condition(deployment: JSON, kind: str) -> Condition:
    found = fields.condition(deployment, kind)
    status = found.get("status")
    known = {member.value: member for member in ConditionStatus}
    return Condition(
        status=known.get(status, ConditionStatus.UNKNOWN) if isinstance(status, str) else ConditionStatus.ABSENT,
        changed_at=fields.instant(found.get("lastTransitionTime")),
        updated_at=fields.instant(found.get("lastUpdateTime")) or fields.instant(found.get("lastTransitionTime")),
    )


def refusals(deployment: JSON, head: RevisionReading | None, now: datetime) -> Refusals:
    """What the API server refuses to make for the newest revision: by condition, and while pods lack, by late events."""
    failed = fields.condition(deployment, "ReplicaFailure")
    said = [refusal(failed.get("message"))] if failed.get("status") == "True" else []
    if head is not None and head.present < head.replicas:
        late = [event for event in head.events if event.last is None or now - event.last <= LATELY]
        said += [event.refusal for event in late if event.refusal is not None]
    return Refusals(quota=Refusal.QUOTA in said, other=any(found is not Refusal.QUOTA for found in said))
