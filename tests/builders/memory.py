"""A Deployment whose memory is measured, with a memory autoscaler over it: healthy load when made.

`Measured().world()` is four replicas at 95 % of their limit under an autoscaler that may go to ten; what a test does to
it makes a leak, a limit that is too small, or another's trouble of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from byteport.domain.policy import Mode, PolicyConfig, Standing, judge
from byteport.domain.signals import SignalType
from byteport.domain.targets import Target
from byteport.kubernetes.reading import read_situation
from byteport.kubernetes.scaling import UsageSample
from byteport.kubernetes.world import World
from byteport.runbooks.memory_pressure import MemoryPressureRunbook
from tests.builders.asking import Answer, deployment, signal_on
from tests.builders.objects import JSON, NOW, When, stamp, uid_of
from tests.builders.workload import Workload

MI = 2**20
GI = 2**30
LIMIT = 1000 * MI
AUTO = PolicyConfig(
    mode=Mode.AUTO,
    log_store_named=True,
    rollback_allowed=frozenset({"shop/*"}),
    raise_allowed=frozenset({"shop/*"}),
)


class Measured(Workload):
    """The Deployment shop/web with limits, room on its nodes, and one measurement of each pod."""

    def __init__(self, *, replicas: int = 4, share: float = 0.95, limit: int = LIMIT, **more: Any) -> None:
        super().__init__(replicas=replicas, **more)
        self.limit = limit
        self.cpu = 0.5
        resources = {"requests": {"cpu": "500m", "memory": str(limit // 2)}, "limits": {"memory": str(limit)}}
        for owner in (self.deployment, *self.replica_sets):
            owner["spec"]["template"]["spec"]["containers"][0]["resources"] = resources
        for pod in self.pods:
            pod["spec"]["containers"][0]["resources"] = resources
        for node in self.nodes:
            whole = {"cpu": "16", "memory": "64Gi", "pods": "110"}
            node["status"] |= {"capacity": dict(whole), "allocatable": dict(whole)}
        self.metrics: list[JSON] = []
        self.measure([share] * replicas)

    def started(self, *minutes: When) -> Measured:
        """When each pod's container was started, in minutes before now."""
        for pod, when in zip(self.pods, minutes, strict=True):
            pod["metadata"]["creationTimestamp"] = stamp(when)
            pod["status"]["startTime"] = stamp(when)
            pod["status"]["containerStatuses"][0]["state"] = {"running": {"startedAt": stamp(when)}}
        return self

    def measure(self, shares: Sequence[float], *, at: When = 0.25, window: str = "30s", cpu: float = 0.5) -> Measured:
        """A measurement of each pod, by its share of the limit. Those of another time stay."""
        self.metrics = [item for item in self.metrics if item["timestamp"] != stamp(at)]
        for pod, share in zip(self.pods, shares, strict=True):
            self.metrics.append(pod_metrics(pod, memory=int(share * self.limit), cpu=cpu, at=at, window=window))
        return self

    def only(self, shares: Sequence[float], **more: Any) -> Measured:
        """One measurement and no other."""
        self.metrics = []
        return self.measure(shares, **more)

    def scaled(self, **more: Any) -> Measured:
        self.extra = [item for item in self.extra if item["kind"] != "HorizontalPodAutoscaler"]
        self.extra.append(autoscaler(current=len(self.pods), **more))
        return self

    def objects(self) -> list[JSON]:
        return [*super().objects(), *self.metrics]


def pod_metrics(pod: JSON, *, memory: Any, cpu: Any = 0.5, at: When = 0.25, window: str = "30s") -> JSON:
    meta = pod["metadata"]
    return {
        "apiVersion": "metrics.k8s.io/v1beta1",
        "kind": "PodMetrics",
        "metadata": {"name": meta["name"], "namespace": meta["namespace"]},
        "timestamp": stamp(at),
        "window": window,
        "containers": [
            {"name": item["name"], "usage": {"cpu": str(cpu), "memory": str(memory)}}
            for item in pod["spec"]["containers"]
        ],
    }


def autoscaler(
    *,
    metric: str = "memory",
    floor: int = 2,
    ceiling: int = 10,
    current: int = 4,
    desired: int | None = None,
    usage: int = 150,
    target: int = 80,
    limited: str = "ScaleUpLimit",
) -> JSON:
    """An autoscaler that lags behind what its own metric asks for."""
    conditions = [
        {"type": "AbleToScale", "status": "True", "reason": "ReadyForNewScale"},
        {"type": "ScalingActive", "status": "True", "reason": "ValidMetricFound"},
        {"type": "ScalingLimited", "status": str(bool(limited)), "reason": limited or "DesiredWithinRange"},
    ]
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "shop", "uid": uid_of("HorizontalPodAutoscaler", "shop", "web")},
        "spec": {
            "minReplicas": floor,
            "maxReplicas": ceiling,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": metric, "target": {"type": "Utilization", "averageUtilization": target}},
                }
            ],
        },
        "status": {
            "currentReplicas": current,
            "desiredReplicas": current if desired is None else desired,
            "currentMetrics": [
                {"type": "Resource", "resource": {"name": metric, "current": {"averageUtilization": usage}}}
            ],
            "conditions": [{**item, "lastTransitionTime": stamp(10)} for item in conditions],
        },
    }


def sample(
    minutes: float,
    share: float = 0.95,
    *,
    pods: int = 4,
    cpu: float = 0.5,
    limit: int = LIMIT,
    worst: float | None = None,
) -> UsageSample:
    """What a look so many minutes ago measured, if all pods were alike."""
    return UsageSample(
        at=NOW - timedelta(minutes=minutes),
        pods=pods,
        cpu=cpu * pods,
        memory=int(share * limit) * pods,
        worst_memory_share=share if worst is None else worst,
    )


def ask_memory(
    world: World,
    target: Target | None = None,
    *,
    earlier: Sequence[UsageSample] = (),
    config: PolicyConfig = AUTO,
) -> Answer:
    """What would be done about `target`, given what earlier looks of the same run measured."""
    runbook, about = MemoryPressureRunbook(), target or deployment()
    situation = read_situation(world, about, runbook.failure)
    if situation.scaling is not None:
        scaling = situation.scaling.model_copy(update={"earlier": (*earlier, *situation.scaling.earlier)})
        situation = situation.model_copy(update={"scaling": scaling})
    diagnosis = runbook.diagnose(signal_on(about, SignalType.MEMORY_PRESSURE, at=world), situation)
    plan = runbook.plan(diagnosis, situation, config)
    return Answer(situation, diagnosis, plan, judge(Mode.AUTO, plan, diagnosis, Standing(), config))
