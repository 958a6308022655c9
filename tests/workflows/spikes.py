"""More load on `shop/web` than its replicas carry, with an autoscaler that may add only one of them in five minutes."""

from __future__ import annotations

from typing import Any

from byteport.kubernetes.enrolment import ENABLED_LABEL
from byteport.sandbox.simulated import SimulatedCluster, shapes
from tests.workflows.clock import FollowingClock

JSON = dict[str, Any]

FLOOR = 3
"""What its owner has set."""
RESOURCES = {"requests": {"cpu": "250m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}}
SLOWLY = {"scaleUp": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 300}]}}
CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}
AUTOSCALER: JSON = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": FLOOR,
        "maxReplicas": 12,
        "metrics": [CPU],
        "behavior": SLOWLY,
    },
}


async def load_spikes(cluster: SimulatedCluster, clock: FollowingClock) -> None:
    """It has run for an hour; since a minute ago there is load for nine replicas."""
    deployment = shapes.deployment("shop", "web", image="web:1")
    deployment["spec"]["template"]["spec"]["containers"][0]["resources"] = RESOURCES
    await cluster.label_namespace("shop", {ENABLED_LABEL: "true"})
    await cluster.apply(deployment)
    await cluster.apply(AUTOSCALER)
    clock.advance(3600)
    clock.to_present()
    cluster.tick()
    await cluster.set_load("shop", "web", cpu_cores_total="1500m")
    clock.advance(60)
    cluster.tick()
