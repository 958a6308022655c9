"""What a Deployment says of its rollout: counts, Available and Progressing, and when it has taken too long.

Follows `pkg/controller/deployment/progress.go` of Kubernetes 1.37. Comes before `deployments.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from byteport.sandbox.simulated.clocks import instant, stamp
from byteport.sandbox.simulated.conditions import condition, drop_condition, set_condition
from byteport.sandbox.simulated.scaling import available, bounds_of

JSON = dict[str, Any]

NO_DEADLINE = 2**31 - 1


def status_of(deployment: JSON, new: JSON | None, every: Sequence[JSON], now: datetime) -> JSON:
    """The next status of `deployment`, whose newest ReplicaSet is `new`, if there is one."""
    before: JSON = deployment.get("status") or {}
    status: JSON = {"conditions": list(before.get("conditions") or [])}
    ready = sum(int((item.get("status") or {}).get("readyReplicas", 0)) for item in every)
    total = sum(int((item.get("status") or {}).get("replicas", 0)) for item in every)
    can_serve = sum(map(available, every))
    counts = {
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": total,
        "updatedReplicas": int((new.get("status") or {}).get("replicas", 0)) if new else 0,
        "readyReplicas": ready,
        "availableReplicas": can_serve,
        "unavailableReplicas": max(0, int(deployment["spec"]["replicas"]) - can_serve),
        "collisionCount": before.get("collisionCount", 0),
    }
    status |= {name: count for name, count in counts.items() if count}
    status["terminatingReplicas"] = sum(int((item.get("status") or {}).get("terminatingReplicas", 0)) for item in every)
    bounds = bounds_of(deployment)
    enough = can_serve >= bounds.replicas - bounds.unavailable
    _set(
        status,
        "Available",
        "True" if enough else "False",
        now,
        "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
        "Deployment has minimum availability." if enough else "Deployment does not have minimum availability.",
    )
    refusal = _refusal(new, every)
    if refusal:
        _set(status, "ReplicaFailure", "True", now, "FailedCreate", refusal)
    else:
        drop_condition(status, "ReplicaFailure")
    return status


def note_progress(deployment: JSON, status: JSON, new: JSON | None, now: datetime) -> None:
    """Set Progressing in `status`, from what changed since the status before."""
    if deadline_of(deployment) is None:
        drop_condition(status, "Progressing")
        return
    before: JSON = deployment.get("status") or {}
    current = condition(status, "Progressing")
    settled = status.get("replicas", 0) == status.get("updatedReplicas", 0)
    if settled and current.get("reason") == "NewReplicaSetAvailable":
        return
    name = f'ReplicaSet "{new["metadata"]["name"]}"' if new else f'Deployment "{deployment["metadata"]["name"]}"'
    if is_complete(deployment, status):
        _set(status, "Progressing", "True", now, "NewReplicaSetAvailable", f"{name} has successfully progressed.")
    elif _moved(before, status):
        set_condition(
            status,
            "Progressing",
            "True",
            stamp(now),
            reason="ReplicaSetUpdated",
            message=f"{name} is progressing.",
            updated=True,
        )
    elif _timed_out(deployment, current, now):
        _set(status, "Progressing", "False", now, "ProgressDeadlineExceeded", f"{name} has timed out progressing.")


def announce(status: JSON, now: datetime, reason: str, message: str, *, value: str = "True") -> None:
    """Set Progressing because a ReplicaSet was made or found, or the rollout was paused or resumed."""
    _set(status, "Progressing", value, now, reason, message)


def is_complete(deployment: JSON, status: JSON) -> bool:
    replicas = int(deployment["spec"]["replicas"])
    counts = [status.get(name, 0) for name in ("updatedReplicas", "replicas", "availableReplicas")]
    return counts == [replicas] * 3


def times_out_at(deployment: JSON) -> datetime | None:
    """When the controller looks whether the deadline has passed, if it counts one now."""
    current = condition(deployment.get("status") or {}, "Progressing")
    deadline = deadline_of(deployment)
    if deadline is None or not current or current["reason"] in ("NewReplicaSetAvailable", "ProgressDeadlineExceeded"):
        return None
    return instant(current["lastUpdateTime"]) + deadline + timedelta(seconds=1)


def deadline_of(deployment: JSON) -> timedelta | None:
    seconds = deployment["spec"].get("progressDeadlineSeconds", NO_DEADLINE)
    return None if seconds == NO_DEADLINE else timedelta(seconds=seconds)


def _timed_out(deployment: JSON, current: JSON, now: datetime) -> bool:
    deadline = deadline_of(deployment)
    if not current or deadline is None or current["reason"] == "NewReplicaSetAvailable":
        return False
    if current["reason"] == "ProgressDeadlineExceeded":
        return True
    return instant(current["lastUpdateTime"]) + deadline < now


def _moved(before: JSON, after: JSON) -> bool:
    def more(name: str) -> bool:
        return int(after.get(name, 0)) > int(before.get(name, 0))

    def old(status: JSON) -> int:
        return int(status.get("replicas", 0)) - int(status.get("updatedReplicas", 0))

    return old(after) < old(before) or any(map(more, ("updatedReplicas", "readyReplicas", "availableReplicas")))


def _refusal(new: JSON | None, every: Sequence[JSON]) -> str:
    for item in [*([new] if new else []), *every]:
        if failure := condition(item.get("status") or {}, "ReplicaFailure"):
            message: str = failure.get("message", "")
            return message
    return ""


def _set(status: JSON, type_: str, value: str, now: datetime, reason: str, message: str) -> None:
    """As the controller does it: the same status for the same reason is left alone, times and all."""
    before = condition(status, type_)
    if (before.get("status"), before.get("reason")) != (value, reason):
        set_condition(status, type_, value, stamp(now), reason=reason, message=message, updated=True)
