"""Everything measured about a workload's load, put into its `ScalingReading`: use, whose hand sets limits, room.

`scaling_reading.py` reads the autoscaler and calls this; the readings themselves are in `usage.py`, `limit_setters.py`
and `pod_room.py`.
"""

from __future__ import annotations

from byteport.domain.targets import Target
from byteport.kubernetes.limit_setters import read_limit_setters
from byteport.kubernetes.pod_room import read_pod_room
from byteport.kubernetes.scaling import ScalingReading
from byteport.kubernetes.usage import own_pods, read_usage
from byteport.kubernetes.world import World


def with_measurements(reading: ScalingReading, world: World, target: Target) -> ScalingReading:
    """`reading` with what was measured of `target`. Samples that it holds already stay, before those of the world."""
    pods = own_pods(world, target)
    used = read_usage(world, target)
    hands = read_limit_setters(world, target, pods)
    place = read_pod_room(world, target, pods)
    return reading.model_copy(
        update={
            "usage": used.usage,
            "unmeasured": used.unmeasured,
            "sample": used.sample,
            "earlier": (*reading.earlier, *used.earlier),
            "metrics_missing": used.missing,
            "usage_absurd": used.absurd,
            "limits_set_by": hands.set_by,
            "limits_changed_at": hands.changed_at,
            "limits_differ": hands.differ,
            "requests_set": hands.requests_set,
            "room": place.room,
            "quota_room": place.quota_room,
            "pending": place.pending,
            "pending_since": place.pending_since,
            "scale_up_worked_at": place.scale_up_worked_at,
        }
    )
