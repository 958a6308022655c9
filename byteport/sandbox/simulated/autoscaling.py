"""How many replicas an autoscaler asks for, and how many it may have: the HPA controller's arithmetic.

Follows `pkg/controller/podautoscaler` of Kubernetes 1.37 (`horizontal.go`, `replica_calculator.go`). Pure: comes before
`autoscaler_metrics.py`, which gives it the metrics, and `autoscalers.py`, which carries it out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple

from byteport.errors import PermanentError
from byteport.sandbox.simulated.copies import copied
from byteport.sandbox.simulated.refusals import NotModelled

JSON = dict[str, Any]

TOLERANCE = Fraction(1, 10)
STABILIZATION_SECONDS = 300
"""For scaling down, where the autoscaler says nothing else."""

_UP: JSON = {
    "stabilizationWindowSeconds": 0,
    "selectPolicy": "Max",
    "policies": [
        {"type": "Pods", "value": 4, "periodSeconds": 15},
        {"type": "Percent", "value": 100, "periodSeconds": 15},
    ],
}
_DOWN: JSON = {"selectPolicy": "Max", "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]}


class Scaled(NamedTuple):
    """One change of the replicas: when, and by how many (never negative)."""

    at: datetime
    by: int


@dataclass
class Memory:
    """What the controller keeps of one autoscaler between its looks. It is lost with the controller."""

    recommendations: list[tuple[datetime, int]] = field(default_factory=list)
    ups: list[Scaled] = field(default_factory=list)
    downs: list[Scaled] = field(default_factory=list)

    def forget(self, before: datetime) -> None:
        self.recommendations = [one for one in self.recommendations if one[0] >= before]
        self.ups = [one for one in self.ups if one.at >= before]
        self.downs = [one for one in self.downs if one.at >= before]


class Settled(NamedTuple):
    """What is left of a wish: how many replicas, and the controller's own words for why."""

    replicas: int
    stable: tuple[str, str]
    """Reason and message of `AbleToScale`."""
    limit: tuple[str, str]
    """Reason and message of `ScalingLimited`."""


def with_defaults(spec: JSON) -> JSON:
    """An autoscaler's spec as the API server keeps it. Raises `PermanentError` for what it refuses."""
    filled = {**spec}
    if filled.get("minReplicas") is None:
        filled["minReplicas"] = 1
    if not filled.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        filled["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    if filled.get("behavior") is not None:
        behavior = filled["behavior"]
        filled["behavior"] = {
            "scaleUp": {**copied(_UP), **(behavior.get("scaleUp") or {})},
            "scaleDown": {**copied(_DOWN), **(behavior.get("scaleDown") or {})},
        }
        if any("tolerance" in rules for rules in filled["behavior"].values()):
            raise NotModelled("an autoscaler's own tolerance")
    floor, ceiling = filled["minReplicas"], filled.get("maxReplicas")
    if not isinstance(ceiling, int) or ceiling < 1:
        raise PermanentError("spec.maxReplicas: must be greater than 0")
    if floor < 0 or (floor == 0 and not any(one["type"] in ("Object", "External") for one in filled["metrics"])):
        raise PermanentError("spec.minReplicas: must be greater than or equal to 1")
    if floor > ceiling:
        raise PermanentError("spec.maxReplicas: must be greater than or equal to `minReplicas`")
    if not (filled.get("scaleTargetRef") or {}).get("name"):
        raise PermanentError("spec.scaleTargetRef.name: Required value")
    return filled


def within_tolerance(ratio: Fraction) -> bool:
    return abs(ratio - 1) <= TOLERANCE


def by_utilization(
    used: Mapping[str, int],
    requested: Mapping[str, int],
    target_percent: int,
    *,
    current: int,
    ready: int,
    unready: Sequence[str] = (),
    missing: Sequence[str] = (),
) -> int:
    """Replicas that would bring `used` (by pod, as `requested` is) to the target's percent of the requests.

    Pods without a figure count as cautious as can be: at the target when it would scale down, at nothing when up.
    """
    ratio = _ratio(used, requested, target_percent)
    with_unready = bool(unready) and ratio > 1
    if not with_unready and not missing:
        return current if within_tolerance(ratio) else math.ceil(ratio * ready)
    guessed = dict(used)
    for pod in missing:
        guessed[pod] = requested[pod] * max(100, target_percent) // 100 if ratio < 1 else 0
    if with_unready:
        guessed |= dict.fromkeys(unready, 0)
    again = _ratio(guessed, requested, target_percent)
    if within_tolerance(again) or (ratio < 1 < again) or (ratio > 1 > again):
        return current
    wanted = math.ceil(again * len(guessed))
    wrong_way = (again < 1 and wanted > current) or (again > 1 and wanted < current)
    return current if wrong_way else wanted


def _ratio(used: Mapping[str, int], requested: Mapping[str, int], target_percent: int) -> Fraction:
    asked = sum(requested[pod] for pod in used)
    return Fraction(utilization(sum(used.values()), asked), target_percent)


def utilization(used: int, requested: int) -> int:
    """In whole percent, as the status shows it."""
    return used * 100 // requested


def by_value(value: Fraction, target: Fraction, *, current: int, ready: int) -> int:
    """Replicas for a metric that is one number, compared with its target."""
    ratio = value / target
    return current if within_tolerance(ratio) else math.ceil(ratio * ready)


def by_average(total: Fraction, target: Fraction, *, current: int) -> int:
    """Replicas for a number that they share, compared with what each may have of it."""
    if current and within_tolerance(total / (target * current)):
        return current
    return math.ceil(total / target)


def settle(spec: JSON, memory: Memory, now: datetime, *, current: int, wanted: int) -> Settled:
    """The wish, held back by stabilization, by the policies of its behaviour, and by its bounds; notes it in `memory`."""
    stabilized, stable = _stabilized(spec, memory, now, current, wanted)
    memory.recommendations.append((now, wanted))
    limited, limit = _limited(spec, memory, now, current, stabilized)
    return Settled(limited, stable, limit)


def _stabilized(spec: JSON, memory: Memory, now: datetime, current: int, wanted: int) -> tuple[int, tuple[str, str]]:
    behavior = spec.get("behavior") or {"scaleUp": _UP, "scaleDown": _DOWN}
    up_window = _window(behavior["scaleUp"], 0)
    down_window = _window(behavior["scaleDown"], STABILIZATION_SECONDS)
    lowest = min([wanted, *(n for at, n in memory.recommendations if at > now - up_window)])
    highest = max([wanted, *(n for at, n in memory.recommendations if at > now - down_window)])
    recommended = min(max(current, lowest), highest)
    if recommended == wanted:
        return recommended, ("ReadyForNewScale", "recommended size matches current size")
    way, which = ("Up", "lower") if wanted >= current else ("Down", "higher")
    applied = "lowest" if way == "Up" else "highest"
    message = f"recent recommendations were {which} than current one, applying the {applied} recent recommendation"
    return recommended, (f"Scale{way}Stabilized", message)


def _limited(spec: JSON, memory: Memory, now: datetime, current: int, wanted: int) -> tuple[int, tuple[str, str]]:
    floor, ceiling = int(spec["minReplicas"]), int(spec["maxReplicas"])
    highest = min(ceiling, _up_limit(spec, memory, now, current))
    lowest = max(floor, _down_limit(spec, memory, now, current))
    if wanted > current and wanted > highest:
        if highest < ceiling:
            return highest, (
                "ScaleUpLimit",
                "the desired replica count is increasing faster than the maximum scale rate",
            )
        return highest, ("TooManyReplicas", "the desired replica count is more than the maximum replica count")
    if wanted < current and wanted < lowest:
        if lowest > floor:
            return lowest, (
                "ScaleDownLimit",
                "the desired replica count is decreasing faster than the maximum scale rate",
            )
        return lowest, ("TooFewReplicas", "the desired replica count is less than the minimum replica count")
    return wanted, ("DesiredWithinRange", "the desired count is within the acceptable range")


def _up_limit(spec: JSON, memory: Memory, now: datetime, current: int) -> int:
    if not spec.get("behavior"):
        return max(2 * current, 4)
    rules = spec["behavior"]["scaleUp"]
    if rules["selectPolicy"] == "Disabled":
        return current
    limits = []
    for policy in rules["policies"]:
        start = _at_period_start(policy, memory, now, current)
        percent = math.ceil(start * (1 + Fraction(policy["value"], 100)))
        limits.append(start + policy["value"] if policy["type"] == "Pods" else percent)
    return max(current, min(limits) if rules["selectPolicy"] == "Min" else max(limits))


def _down_limit(spec: JSON, memory: Memory, now: datetime, current: int) -> int:
    if not spec.get("behavior"):
        return 0
    rules = spec["behavior"]["scaleDown"]
    if rules["selectPolicy"] == "Disabled":
        return current
    limits = []
    for policy in rules["policies"]:
        start = _at_period_start(policy, memory, now, current)
        percent = int(start * (1 - Fraction(policy["value"], 100)))
        limits.append(start - policy["value"] if policy["type"] == "Pods" else percent)
    return min(current, max(limits) if rules["selectPolicy"] == "Min" else min(limits))


def _at_period_start(policy: JSON, memory: Memory, now: datetime, current: int) -> int:
    since = now - timedelta(seconds=policy["periodSeconds"])
    added = sum(one.by for one in memory.ups if one.at > since)
    removed = sum(one.by for one in memory.downs if one.at > since)
    return current - added + removed


def _window(rules: JSON, default: int) -> timedelta:
    seconds = rules.get("stabilizationWindowSeconds")
    return timedelta(seconds=default if seconds is None else seconds)
