"""What is wrong with the memory of one workload: whose fault first, then what it looks like over time.

The order is the point. A limit that another hand keeps lowering, a container that was killed for memory, a node that is
short itself: none of them is helped by more pods. Only what is left, use that load explains, may be treated. Asked by
`memory_pressure.py`, which also turns each finding into facts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise

from byteport.domain.diagnoses import Fact
from byteport.domain.reasons import Cause, Reason
from byteport.kubernetes.pods import PodReading
from byteport.kubernetes.replicas import Wellbeing, alive, superseded, wellbeing
from byteport.kubernetes.scaling import ContainerUsage, ScalingReading
from byteport.kubernetes.situation import Situation
from byteport.kubernetes.usage import memory_share
from byteport.kubernetes.usage_trend import Trend, TrendKind, lives_of, trend
from byteport.runbooks.memory_pressure_words import DECIDES, HELD, LOOK_AGAIN, PATIENCE, RAISES, Finding

OLD_METRICS = timedelta(minutes=2)
"""Or two windows of its own, if that is longer: what is older says nothing about now."""
AGAIN_AND_AGAIN = 3
"""So many changes of the limits within a day are somebody's habit."""
_DAY = timedelta(days=1)

_BY_TREND = {
    TrendKind.LEAK: (Cause.MEMORY_LEAK, Reason.LEAKS),
    TrendKind.CEILING: (Cause.MEMORY_CEILING, Reason.LIMIT_TOO_SMALL),
}


def workload_finding(situation: Situation) -> Finding:
    """What is wrong with the memory of the workload that is the target."""
    scaling = situation.scaling or ScalingReading()
    killed, worst = killed_for_memory(situation), fullest(situation)
    share = memory_share(worst) if worst is not None else None
    if killed and all(superseded(pod, situation) for pod in killed):
        return Finding(cause=Cause.OOM_KILLED, reasons=(Reason.TOO_EARLY,), look_again_seconds=LOOK_AGAIN)
    hot = bool(killed) or (share is not None and share >= DECIDES)
    if hot and resqueezed(scaling, situation):
        culprit = scaling.limits_set_by
        return Finding(cause=Cause.MEMORY_RESQUEEZED, reasons=(Reason.RESQUEEZED,), culprit=culprit)
    if killed:
        return Finding(cause=Cause.OOM_KILLED, reasons=(*_why_killed(situation), *_pressed(situation)))
    if worst is None or share is None:
        return _unmeasured(situation, scaling)
    if share < DECIDES:
        return Finding(cause=Cause.RECOVERED, reasons=(Reason.RECOVERED,), silent=True)
    pressed = pressed_nodes(situation)
    if pressed:
        return Finding(cause=Cause.NODE_MEMORY, reasons=(Reason.NODE_UNDER_PRESSURE,), culprit=f"Node/{pressed[0]}")
    return _by_trend(situation, scaling)


def _by_trend(situation: Situation, scaling: ScalingReading) -> Finding:
    seen = trend(situation)
    if seen.kind in _BY_TREND:
        cause, why = _BY_TREND[seen.kind]
        return Finding(cause=cause, reasons=(why,))
    oldest = min((sample.at for sample in scaling.earlier), default=situation.now)
    held = any(situation.now - sample.at >= HELD for sample in scaling.earlier if sample.worst_memory_share >= RAISES)
    if seen.kind is TrendKind.LOAD and held:
        return Finding(cause=Cause.MEMORY_LOAD)
    if seen.kind is TrendKind.UNKNOWN and situation.now - oldest >= PATIENCE:
        return Finding(cause=Cause.UNKNOWN, reasons=(Reason.CANNOT_TELL,))
    cause = Cause.MEMORY_LOAD if seen.kind is TrendKind.LOAD else Cause.UNKNOWN
    return Finding(cause=cause, reasons=(Reason.TOO_EARLY,), look_again_seconds=LOOK_AGAIN)


def _why_killed(situation: Situation) -> tuple[Reason, ...]:
    known = _BY_TREND.get(trend(situation).kind)
    return (known[1],) if known is not None else (Reason.CAUSE_NEEDS_A_PERSON,)


def _pressed(situation: Situation) -> tuple[Reason, ...]:
    return (Reason.NODE_UNDER_PRESSURE,) if pressed_nodes(situation) else ()


def _unmeasured(situation: Situation, scaling: ScalingReading) -> Finding:
    """Nothing fresh of any container with a limit: absurd, old, missing, or there is no limit to come near to."""
    if any(memory_share(one) is not None for one in scaling.usage):
        return Finding(cause=Cause.UNKNOWN, reasons=(Reason.METRICS_OLD,), look_again_seconds=LOOK_AGAIN)
    if scaling.usage_absurd:
        return Finding(cause=Cause.MEMORY_READING, reasons=(Reason.ABSURD_READING,))
    if scaling.metrics_missing or "podmetrics" in situation.denied:
        return Finding(cause=Cause.UNKNOWN, reasons=(Reason.METRICS_MISSING,))
    return Finding(cause=Cause.HEALTHY, reasons=(Reason.HEALTHY,), silent=True)


def fullest(situation: Situation) -> ContainerUsage | None:
    """The container that is nearest to its limit, by a measurement that still counts."""
    usage = situation.scaling.usage if situation.scaling is not None else ()
    fresh = [one for one in usage if memory_share(one) is not None and _fresh(one, situation)]
    return max(fresh, key=lambda one: (memory_share(one) or 0.0, one.pod, one.container), default=None)


def _fresh(one: ContainerUsage, situation: Situation) -> bool:
    allowed = max(OLD_METRICS, timedelta(seconds=2 * min(one.window_seconds, 3600)))
    return one.measured_at is not None and situation.now - one.measured_at <= allowed


def killed_for_memory(situation: Situation) -> tuple[PodReading, ...]:
    """Live pods that are in trouble because a container of theirs was killed for memory. Killed once, long ago, is none."""
    return tuple(
        pod
        for pod in alive(situation)
        if pod.cause is Cause.OOM_KILLED and wellbeing(pod, situation.now) is not Wellbeing.WELL
    )


def pressed_nodes(situation: Situation) -> tuple[str, ...]:
    """Nodes of its pods that are short of memory, or whose kernel killed something lately."""
    hosts = {pod.node for pod in alive(situation)}
    nodes = [node for node in situation.surroundings.nodes if node.name in hosts]
    return tuple(node.name for node in nodes if node.memory_pressure or node.out_of_memory_lately(situation.now))


def resqueezed(scaling: ScalingReading, situation: Situation) -> bool:
    """Another hand sets the limits between template and pod, or sets the template's again and again."""
    return scaling.limits_differ or len(_lately(scaling, situation)) >= AGAIN_AND_AGAIN


def _lately(scaling: ScalingReading, situation: Situation) -> list[timedelta]:
    """Ages of the changes of the last day, oldest first."""
    ages = [situation.now - when for when in scaling.limits_changed_at]
    return sorted((age for age in ages if timedelta(0) <= age <= _DAY), reverse=True)


def period_seconds(scaling: ScalingReading, situation: Situation) -> int | None:
    """How far apart the last day's changes of the limits are, in the middle; None below two of them."""
    gaps = sorted((older - newer).total_seconds() for older, newer in pairwise(_lately(scaling, situation)))
    return int(gaps[len(gaps) // 2]) if gaps else None


def workload_facts(situation: Situation) -> Iterator[Fact]:
    """Limit, working set, share, trend, kills, replicas and whose hand sets the limits, each with its object."""
    target, scaling = situation.target, situation.scaling or ScalingReading()
    about = f"{target.kind}/{target.namespace}/{target.name}"
    killed, worst = killed_for_memory(situation), fullest(situation)
    if worst is not None:
        yield from _of_container(worst, f"Pod/{target.namespace}/{worst.pod}")
    if killed:
        yield from _of_kills(killed, (*scaling.usage, *scaling.unmeasured))
    seen = trend(situation)
    yield from _of_trend(seen, about)
    yield Fact(name="replicas", value=len(alive(situation)), about=about)
    if scaling.limits_set_by:
        yield Fact(name="limits_set_by", value=scaling.limits_set_by, about=about)
    if scaling.limits_differ:
        yield Fact(name="limits_differ_from_template", value=True, about=about)
    period = period_seconds(scaling, situation)
    if period is not None:
        yield Fact(name="limits_changed_every_seconds", value=period, about=about)
    yield from _of_autoscaler(scaling, target.namespace)
    if scaling.room is not None:
        yield Fact(name="room_for_pods", value=scaling.room, about=about)
    for blocker in situation.surroundings.blockers[:5]:
        yield Fact(name="refuses_pods", value=blocker.kind.value, about=blocker.name)
    for node in pressed_nodes(situation):
        yield Fact(name="node_under_pressure", value=True, about=f"Node/{node}")


def _of_container(worst: ContainerUsage, about: str) -> Iterator[Fact]:
    yield Fact(name="container", value=worst.container, about=about)
    yield Fact(name="memory_limit_bytes", value=worst.memory_limit or 0, about=about)
    yield Fact(name="working_set_bytes", value=worst.memory or 0, about=about)
    yield Fact(name="memory_percent", value=round(100 * (memory_share(worst) or 0.0), 1), about=about)
    if worst.memory_request is not None:
        yield Fact(name="memory_request_bytes", value=worst.memory_request, about=about)


def _of_kills(killed: Sequence[PodReading], usage: Sequence[ContainerUsage]) -> Iterator[Fact]:
    pod = max(killed, key=lambda item: (item.restarts, item.name))
    about = f"Pod/{pod.namespace}/{pod.name}"
    own = [one for one in usage if (one.pod, one.container) == (pod.name, pod.culprit)]
    if own and own[0].memory_limit:
        yield Fact(name="killed_limit_bytes", value=own[0].memory_limit, about=about)
    yield Fact(name="pods_killed_for_memory", value=len(killed), about=about)
    yield Fact(name="killed_container", value=pod.culprit or pod.name, about=about)
    yield Fact(name="restarts", value=pod.restarts, about=about)
    lives = list(lives_of((pod,)))
    if lives:
        yield Fact(name="run_lasted_seconds", value=int(lives[0].last.total_seconds()), about=about)


def _of_trend(seen: Trend, about: str) -> Iterator[Fact]:
    yield Fact(name="trend", value=seen.kind.value, about=about)
    for basis in seen.basis:
        yield Fact(name=f"trend:{basis.value}", value=True, about=about)
    if seen.growth is not None:
        yield Fact(name="growth_percent", value=round(100 * max(-1.0, min(seen.growth, 1e6)), 1), about=about)
        yield Fact(name="samples", value=seen.samples, about=about)


def _of_autoscaler(scaling: ScalingReading, namespace: str) -> Iterator[Fact]:
    scaler = scaling.autoscaler
    if scaler is None:
        return
    about = f"HorizontalPodAutoscaler/{namespace}/{scaler.name}"
    yield Fact(name="floor", value=scaler.floor, about=about)
    yield Fact(name="ceiling", value=scaler.ceiling, about=about)
    yield Fact(name="desired", value=scaler.desired, about=about)
    if scaler.binding is not None:
        yield Fact(name="binding_metric", value=scaler.binding.name, about=about)
