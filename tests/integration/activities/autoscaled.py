"""A Deployment with an autoscaler on a bench, and the plans and warrants that raise its floor and put it back."""

from __future__ import annotations

from typing import Any

from byteport.contracts.kubernetes import ReadSituation
from byteport.domain.failures import Failure
from byteport.domain.plans import RaiseFloorPlan, restore_of
from byteport.domain.warrants import Warrant
from byteport.kubernetes import port
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, floor_of, rest_digest
from byteport.runbooks.catalogue import runbook_for
from byteport.sandbox.simulated import shapes
from tests.integration.activities.bench import Bench
from tests.integration.activities.simulated_bench import SimulatedBench

JSON = dict[str, Any]


def autoscaler(name: str = "web", *, of: str = "web", floor: int = 2, ceiling: int = 10) -> JSON:
    """On CPU, as `kubectl autoscale` makes one."""
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "annotations": {"team": "shop"}},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": of},
            "minReplicas": floor,
            "maxReplicas": ceiling,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
                }
            ],
        },
    }


async def autoscaled(
    bench: Bench, name: str = "web", *, floor: int = 2, ceiling: int = 10, annotated: bool = True
) -> None:
    """A healthy Deployment in an enabled namespace, and its autoscaler."""
    await bench.enable(bench.home)
    await bench.deploy(name, f"{name}:1")
    item = autoscaler(name, of=name, floor=floor, ceiling=ceiling)
    if not annotated:
        del item["metadata"]["annotations"]
    await bench.create(item)


async def short_of_replicas(bench: SimulatedBench) -> None:
    """Load for nine replicas, and an autoscaler that adds one in five minutes by its own policy."""
    item = shapes.deployment(bench.home, "web", image="web:1")
    resources = {"requests": {"cpu": "250m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}}
    item["spec"]["template"]["spec"]["containers"][0]["resources"] = resources
    slow = autoscaler(floor=3)
    slow["spec"]["behavior"] = {"scaleUp": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 300}]}}
    await bench.enable(bench.home)
    await bench.cluster.apply(item)
    await bench.create(slow)
    bench.cluster.advance(3600)
    await bench.cluster.set_load(bench.home, "web", cpu_cores_total="1500m")
    bench.cluster.advance(60)


async def planned(bench: SimulatedBench) -> RaiseFloorPlan:
    """What the runbook plans from what the worker reads."""
    runbook = runbook_for(Failure.CPU)
    assert runbook is not None
    seen = await bench.load.look(ReadSituation(target=await bench.target(), failure=Failure.CPU))
    signal = bench.warrant(await raising(bench), auto=True).signal
    plan = runbook.propose(runbook.diagnose(signal, seen.situation), seen.situation, seen.policy)
    assert isinstance(plan, RaiseFloorPlan), plan
    return plan


async def read(bench: Bench, name: str = "web") -> JSON:
    return await bench.port.get(port.AUTOSCALERS, bench.home, name)


async def marks(bench: Bench, name: str = "web") -> dict[str, str]:
    annotations = (await read(bench, name))["metadata"].get("annotations") or {}
    return {key: value for key, value in annotations.items() if key.startswith("byteport.io/")}


async def edit(bench: SimulatedBench, name: str = "web", *, annotations: JSON | None = None, **spec: object) -> None:
    """`kubectl edit`: fields of the spec, and annotations, None taking one away."""
    item = await read(bench, name)
    item["spec"].update(spec)
    kept = {**(item["metadata"].get("annotations") or {}), **(annotations or {})}
    item["metadata"]["annotations"] = {key: value for key, value in kept.items() if value is not None}
    await bench.cluster.apply(item)


async def raising(bench: Bench, floor_to: int = 5, *, name: str = "web", box: int = 3600) -> RaiseFloorPlan:
    """A raise of the autoscaler as it is read now."""
    item = await read(bench, name)
    mark = (await marks(bench, name)).get(FLOOR_BEFORE)
    return RaiseFloorPlan(
        target=await bench.target(name),
        autoscaler=name,
        autoscaler_uid=item["metadata"]["uid"],
        rest_digest=rest_digest(item),
        floor_before=int(mark) if mark else floor_of(item),
        floor_from=floor_of(item),
        floor_to=floor_to,
        box_seconds=box,
    )


async def raised(bench: Bench, floor_to: int = 5) -> RaiseFloorPlan:
    """A floor that the worker has raised, on a person's yes."""
    plan = await raising(bench, floor_to)
    await bench.act(bench.warrant(plan, auto=False))
    return plan


def restore(bench: Bench, plan: RaiseFloorPlan, **changes: Any) -> Warrant:
    """The warrant by which a raise is taken back: the ledger's grant, and nobody's answer."""
    warrant = bench.warrant(restore_of(plan), auto=True, inverse_of=plan, **changes)
    return warrant.model_copy(update={"auto": False})
