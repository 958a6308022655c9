"""More load than the replicas carry, and the many things that look like it."""

from typing import Any

from byteport.domain.reasons import Cause, Reason
from byteport.kubernetes.port import AUTOSCALERS
from byteport.sandbox.simulated import SimulatedCluster
from tests.scenarios.ground import Ground
from tests.scenarios.model import PATCHES_AUTOSCALER, SIMULATED_ONLY, Escalated, Fixed, Row, Scenario, Silent, Step
from tests.scenarios.steps import Object, applied, released, simulated, time_passes

JSON = dict[str, Any]

WHY = "its steps turn the simulated cluster's metrics; the real control plane's are turned in tests/cluster"
HURRY = 0.2
"""The watch measures once a minute, and a share has to be high for a minute and a half."""
CORES = "500m"
SIZED = {"containers": [{"name": "web", "resources": {"requests": {"cpu": CORES}, "limits": {"cpu": "1"}}}]}
UNSIZED = {"containers": [{"name": "web", "resources": {"limits": {"memory": "1Gi"}}}]}
SLOWLY = {"scaleUp": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 600}]}}


def autoscaler(
    floor: int = 3, ceiling: int = 12, *, behavior: JSON | None = None, metadata: JSON | None = None
) -> Object:
    return lambda ground: {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": ground.namespace, **(metadata or {})},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": floor,
            "maxReplicas": ceiling,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}},
                }
            ],
            **({"behavior": behavior} if behavior is not None else {}),
        },
    }


KEDA = {
    "labels": {"app.kubernetes.io/managed-by": "keda-operator", "scaledobject.keda.sh/name": "web"},
    "ownerReferences": [
        {
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "ScaledObject",
            "name": "web",
            "uid": "0f0f0f0f-1111-4222-8333-555555555555",
            "controller": True,
        }
    ],
}


def load(cores: float) -> Step:
    async def do(cluster: SimulatedCluster, ground: Ground) -> None:
        await cluster.set_load(ground.namespace, "web", cpu_cores_total=cores)

    return simulated(f"the load on web takes {cores:g} cores", do)


async def metrics_are_gone(cluster: SimulatedCluster, ground: Ground) -> None:
    await cluster.metrics_available(False)


async def crosses(cluster: SimulatedCluster, ground: Ground) -> None:
    """As an object that was kept before its bounds were checked."""
    found = cluster._store.find(AUTOSCALERS, ground.namespace, "web")
    assert found is not None
    with cluster._store.edited(found) as draft:
        draft["spec"]["minReplicas"] = 6
    ground.touched.add((AUTOSCALERS.plural, ground.namespace, "web"))


async def throttled(cluster: SimulatedCluster, ground: Ground) -> None:
    for pod in await ground.pods():
        await cluster.set_usage(ground.namespace, pod["metadata"]["name"], "web", cpu="1")


async def busy(cluster: SimulatedCluster, ground: Ground) -> None:
    await cluster.set_usage(ground.namespace, "web", "web", cpu="900m")


async def floor_is_the_owners(ground: Ground) -> str:
    floor = (await ground.get(AUTOSCALERS, "web"))["spec"]["minReplicas"]
    return "" if floor == 3 else f"the floor was not put back: it is {floor}"


def stuck(cause: Cause, *names: str, reasons: frozenset[Reason]) -> Escalated:
    return Escalated(frozenset({cause}), names=names, reasons=reasons)


SCENARIOS = (
    Scenario(
        name="load-surge-below-the-maximum",
        row=Row.LOAD_SURGE,
        says="Load trebles; the autoscaler sees it, and may add only one replica in ten minutes.",
        before=(
            released(1, spec=SIZED),
            applied("an autoscaler is there", autoscaler(behavior=SLOWLY)),
            load(0.75),
            time_passes(600),
        ),
        broken=(load(3.0), time_passes(120)),
        right=Fixed(PATCHES_AUTOSCALER, at_most=2, proof=floor_is_the_owners),
        shown_on=SIMULATED_ONLY,
        why_not=WHY,
        seconds=240,
        skips_time=False,
        hurry_seconds=0.5,
        quiet_seconds=10,
    ),
    Scenario(
        name="load-surge-that-the-autoscaler-carries",
        row=Row.LOAD_SURGE,
        says="Load doubles; the autoscaler may add what it wants, and does.",
        before=(released(1, spec=SIZED), applied("an autoscaler is there", autoscaler()), load(0.75), time_passes(600)),
        broken=(load(1.5), time_passes(300)),
        right=Silent(),
        shown_on=SIMULATED_ONLY,
        why_not=WHY,
    ),
    Scenario(
        name="autoscaler-at-its-maximum",
        row=Row.AUTOSCALER,
        says="The autoscaler has given all that it may, and it is not enough.",
        before=(
            released(1, spec=SIZED),
            applied("an autoscaler is there", autoscaler(ceiling=4)),
            load(0.75),
            time_passes(600),
        ),
        broken=(load(4.0), time_passes(600)),
        right=stuck(Cause.AUTOSCALER_AT_MAX, "web", reasons=frozenset({Reason.AT_MAX})),
        shown_on=SIMULATED_ONLY,
        why_not=WHY,
    ),
    Scenario(
        name="autoscaler-without-a-cpu-request",
        row=Row.AUTOSCALER,
        says="The pods ask for no CPU, so that the autoscaler cannot say what sixty percent of it is.",
        before=(released(1, spec=UNSIZED),),
        broken=(applied("an autoscaler is added", autoscaler()), time_passes(600)),
        right=stuck(Cause.AUTOSCALER_BLIND, "web", reasons=frozenset({Reason.METRICS_MISSING})),
        shown_on=SIMULATED_ONLY,
        why_not=WHY,
    ),
    Scenario(
        name="autoscaler-without-metrics",
        row=Row.AUTOSCALER,
        says="The metrics API is gone.",
        before=(released(1, spec=SIZED), applied("an autoscaler is there", autoscaler()), load(0.75), time_passes(600)),
        broken=(simulated("the metrics API is gone", metrics_are_gone), time_passes(900)),
        right=stuck(Cause.AUTOSCALER_BLIND, "web", reasons=frozenset({Reason.METRICS_MISSING})),
        shown_on=SIMULATED_ONLY,
        why_not=WHY,
    ),
    Scenario(
        name="autoscaler-owned-by-keda",
        row=Row.AUTOSCALER,
        says="KEDA owns the autoscaler and would write it again.",
        before=(
            released(1, spec=SIZED),
            applied("KEDA's autoscaler is there", autoscaler(behavior=SLOWLY, metadata=KEDA), manager="keda"),
            load(0.75),
            time_passes(600),
        ),
        broken=(load(3.0), time_passes(120)),
        right=Escalated(
            frozenset({Cause.AUTOSCALER_LIMITED, Cause.CPU_LOAD}),
            names=("ScaledObject/web",),
            reasons=frozenset({Reason.OWNED_BY_CONTROLLER}),
        ),
        shown_on=SIMULATED_ONLY,
        why_not=WHY,
    ),
    Scenario(
        name="autoscaler-min-above-max",
        row=Row.AUTOSCALER,
        says="Its floor lies above its ceiling.",
        before=(released(1, spec=SIZED), applied("an autoscaler is there", autoscaler(3, 4))),
        broken=(simulated("its floor is above its ceiling", crosses), time_passes(300)),
        right=stuck(Cause.AUTOSCALER_MISCONFIGURED, "web", reasons=frozenset({Reason.MIN_OVER_MAX})),
        shown_on=SIMULATED_ONLY,
        why_not="the API server does not accept such an autoscaler",
    ),
    Scenario(
        name="throttled-while-usage-looks-low",
        row=Row.THROTTLED,
        says="A container stands at its limit, which is far above what it asks for; no autoscaler is there.",
        before=(
            released(
                1,
                spec={"containers": [{"name": "web", "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}}}]},
            ),
        ),
        broken=(simulated("every pod stands at its CPU limit", throttled), time_passes(300)),
        right=Escalated(frozenset({Cause.CPU_THROTTLED, Cause.AUTOSCALER_ABSENT})),
        shown_on=SIMULATED_ONLY,
        why_not=WHY,
        seconds=300,
        hurry_seconds=HURRY,
    ),
    Scenario(
        name="retry-storm",
        row=Row.THROTTLED,
        says="Clients try again whatever they are answered: each replica is as busy as before, however many there are.",
        before=(released(1, spec=SIZED), time_passes(2400), applied("an autoscaler is there", autoscaler(ceiling=8))),
        broken=(simulated("every replica is busy", busy), time_passes(900)),
        right=Escalated(frozenset({Cause.CPU_RETRIES, Cause.AUTOSCALER_AT_MAX})),
        shown_on=SIMULATED_ONLY,
        why_not=WHY,
    ),
)
