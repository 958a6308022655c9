"""A Deployment under CPU load, with a CPU autoscaler over it that may add only so many replicas in a period.

`Spiking().world()` is four replicas at 186 % of a target of 40 %, with a ceiling of sixty and room on its nodes: the
one kind of spike that a raised floor treats. What a test does to it makes something else of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from byteport.domain.policy import Mode, PolicyConfig, Standing, judge
from byteport.domain.signals import Signal, SignalType, Source
from byteport.domain.targets import Target
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, FLOOR_RAISED, FLOOR_UNTIL
from byteport.kubernetes.reading import read_situation
from byteport.kubernetes.scaling import UsageSample
from byteport.kubernetes.situation import Situation
from byteport.kubernetes.world import World
from byteport.runbooks.cpu_spike import CpuSpikeRunbook
from tests.builders.asking import Answer, deployment
from tests.builders.memory import AUTO, Measured, autoscaler, pod_metrics
from tests.builders.objects import JSON, NOW, stamp

RUNBOOK = CpuSpikeRunbook()


class Spiking(Measured):
    """The Deployment shop/web and its autoscaler `hpa`."""

    def __init__(self, **scaled: Any) -> None:
        nodes = scaled.pop("nodes", 5)
        replicas = scaled.pop("replicas", 4)
        super().__init__(replicas=replicas, share=0.3, nodes=nodes)
        self.hpa: JSON = autoscaler(
            **{"metric": "cpu", "floor": 3, "ceiling": 60, "current": replicas, "usage": 186, "target": 40, **scaled}
        )
        self.extra.append(self.hpa)

    def condition(self, kind: str, status: str, reason: str, message: str = "") -> JSON:
        found: JSON = next(item for item in self.hpa["status"]["conditions"] if item["type"] == kind)
        found |= {"status": status, "reason": reason, "message": message}
        return found

    def blind(self, reason: str = "FailedGetResourceMetric", message: str = "") -> None:
        self.condition("ScalingActive", "False", reason, message)
        self.condition("ScalingLimited", "False", "DesiredWithinRange")
        self.hpa["status"]["currentMetrics"] = [{"type": ""}]

    def calm(self, usage: int = 38) -> None:
        self.condition("ScalingLimited", "False", "DesiredWithinRange")
        self.hpa["status"]["currentMetrics"][0]["resource"]["current"]["averageUtilization"] = usage

    def unscaled(self) -> Spiking:
        self.extra.remove(self.hpa)
        return self

    def using(self, *used: float, limit: str = "1", at: float = 0.25) -> Spiking:
        """What each pod uses, in cores, of its `limit`."""
        for pod in self.pods:
            pod["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "500m"}, "limits": {"cpu": limit}}
        memory = int(0.3 * self.limit)
        self.metrics = [
            pod_metrics(pod, memory=memory, cpu=cores, at=at) for pod, cores in zip(self.pods, used, strict=True)
        ]
        return self


def raised(shop: Spiking, to: int = 8, *, before: int = 3, until: float = -30, by: str = "byteport") -> Spiking:
    """Its floor as one of ours, set by the manager `by`, that stands until `until` minutes before now."""
    shop.hpa["spec"]["minReplicas"] = to
    shop.hpa["metadata"]["annotations"] = {
        FLOOR_BEFORE: str(before),
        FLOOR_RAISED: str(to),
        FLOOR_UNTIL: stamp(until),
        "byteport.io/action-id": "a" * 64,
    }
    shop.hpa["metadata"]["managedFields"] = [
        {"manager": by, "operation": "Update", "time": stamp(30), "fieldsV1": {"f:spec": {"f:minReplicas": {}}}}
    ]
    return shop


def cpu_signal(target: Target, now: datetime, threshold: float = 90) -> Signal:
    return Signal(
        type=SignalType.CPU_SPIKE,
        value=186,
        threshold=threshold,
        target=target,
        observed_at=now,
        source=Source.WATCH,
        evidence_digest="0" * 64,
    )


def situation_of(world: World, target: Target | None = None, earlier: Sequence[UsageSample] = ()) -> Situation:
    situation = read_situation(world, target or deployment(), RUNBOOK.failure)
    if situation.scaling is None or not earlier:
        return situation
    scaling = situation.scaling.model_copy(update={"earlier": tuple(earlier)})
    return situation.model_copy(update={"scaling": scaling})


def ask_cpu(
    world: World,
    target: Target | None = None,
    *,
    earlier: Sequence[UsageSample] = (),
    config: PolicyConfig = AUTO,
    mode: Mode = Mode.AUTO,
    since: timedelta = timedelta(0),
) -> Answer:
    """What would be done about `target`, whose signal came `since` ago."""
    about = target or deployment()
    situation = situation_of(world, about, earlier)
    diagnosis = RUNBOOK.diagnose(cpu_signal(about, NOW - since), situation)
    plan = RUNBOOK.plan(diagnosis, situation, config)
    return Answer(situation, diagnosis, plan, judge(mode, plan, diagnosis, Standing(), config))
