"""How long from signal to act, against a bare workflow with as many sequential awaits on the same server.

Run it with `make bench`. Both run one after another in turns on one dev server with one worker process; what counts is
the ratio. It also prints how many sequential awaits there are, and how large one remediation's history is.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from temporalio import activity, workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.worker import Worker

from byteport.contracts.workflows import STATE, State
from byteport.domain.canonical import digest
from byteport.domain.failures import Failure
from byteport.domain.ids import remediation_id
from byteport.domain.signals import Signal, SignalType, Source
from byteport.domain.targets import Target
from byteport.kubernetes.port import DEPLOYMENTS, PODS
from byteport.sandbox.assembly import ClusterKind, Sandbox, Wanted, assembled
from byteport.sandbox.home import Home
from byteport.sandbox.simulated import SimulatedCluster
from byteport.settings import installation
from byteport.temporal.intake import report_signal
from workers.runner import workflow_runner

RUNS = 30
AWAITS = 3
BARE_QUEUE = "bare"
POLICY = {"mode": "auto", "settle_seconds": 1, "verify_deadline_seconds": 60, "log_store_named": True}
LIMITS = {"per_namespace_per_hour": 1000, "per_cluster_per_hour": 1000}


@activity.defn
async def nothing(number: int) -> int:
    """An activity that does nothing."""
    return number


@workflow.defn
class Bare:
    """As many sequential awaits as a remediation has from signal to act."""

    @workflow.run
    async def run(self) -> int:
        for number in range(AWAITS):
            await workflow.execute_activity(nothing, number, start_to_close_timeout=timedelta(seconds=10))
        return AWAITS


async def bare(client: Client, number: int) -> float:
    begun = time.perf_counter()
    await client.execute_workflow(Bare.run, id=f"bare-{number}", task_queue=BARE_QUEUE)
    return time.perf_counter() - begun


async def remediation(sandbox: Sandbox, cluster: SimulatedCluster, number: int) -> float:
    """Seconds from reporting a crash loop to the delete of its pod, as the cluster sees it."""
    home = (
        f"shop-{number}"  # one namespace a run: several targets failing on one node are rightly called the node's fault
    )
    deployment = await cluster.get(DEPLOYMENTS, home, "web")
    pods = (await cluster.list(PODS, home)).items
    await cluster.annotate_pod(home, pods[0]["metadata"]["name"], {"sim.byteport.io/fault": "transient"})
    await asyncio.sleep(1.2)  # the simulated kubelet's own pace
    target = Target(
        cluster_uid=cluster.uid, namespace=home, kind="Deployment", name="web", uid=deployment["metadata"]["uid"]
    )
    signal = Signal(
        type=SignalType.POD_CRASHLOOP,
        value=1,
        threshold=1,
        target=target,
        observed_at=cluster.now,
        source=Source.PERSON,
        evidence_digest=digest(["bench", number]),
    )
    settings = sandbox.settings
    before = len(cluster.mutations())
    begun = time.perf_counter()
    await report_signal(
        sandbox.client,
        installation(settings, cluster.uid),
        signal,
        ladder=settings.ladder,
        reobserve_after_seconds=(3600,),
    )
    while len(cluster.mutations()) == before:
        if time.perf_counter() - begun > 30:
            handle = sandbox.client.get_workflow_handle(remediation_id(target, Failure.CRASHLOOP))
            state = await handle.query(STATE, result_type=State)
            raise TimeoutError(f"{home} was not acted on within 30 s: {state.cause}, {state.reasons}")
        await asyncio.sleep(0.001)
    return time.perf_counter() - begun


async def history_of(sandbox: Sandbox, cluster: SimulatedCluster, number: int) -> tuple[int, int, int]:
    """Events, bytes, and activities of one closed remediation."""
    target = Target(cluster_uid=cluster.uid, namespace=f"shop-{number}", kind="Deployment", name="web")
    handle = sandbox.client.get_workflow_handle(remediation_id(target, Failure.CRASHLOOP))
    await handle.result()
    history = await handle.fetch_history()
    scheduled = [e for e in history.events if e.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED]
    return len(history.events), sum(event.ByteSize() for event in history.events), len(scheduled)


async def main() -> None:
    with tempfile.TemporaryDirectory(prefix="byteport-bench-") as folder:
        wanted = Wanted(
            home=Home(Path(folder)),
            cluster=ClusterKind.SIMULATED,
            policy=POLICY,
            extra={"watch": {"enabled": False}, "limits": LIMITS},
        )
        async with assembled(wanted, lambda step: None) as sandbox:
            cluster = sandbox.cluster.simulated
            assert cluster is not None
            for number in range(RUNS):
                await cluster.label_namespace(f"shop-{number}", {"byteport.io/enabled": "true"})
                await cluster.deploy(f"shop-{number}/web", image="web:1", replicas=2)
            await asyncio.sleep(3)
            bares, acts = [], []
            worker = Worker(
                sandbox.client,
                task_queue=BARE_QUEUE,
                workflows=[Bare],
                activities=[nothing],
                workflow_runner=workflow_runner(),
            )
            async with worker:
                for number in range(RUNS):
                    bares.append(await bare(sandbox.client, number))
                    acts.append(await remediation(sandbox, cluster, number))
                    await history_of(sandbox, cluster, number)
            events, size, activities = await history_of(sandbox, cluster, RUNS - 1)
    report("bare workflow, 3 awaits", bares)
    report("signal to act, 3 awaits", acts)
    print(f"ratio of the medians: {statistics.median(acts) / statistics.median(bares):.2f}")
    print(f"history of one remediation: {events} events, {size / 1024:.0f} KiB, {activities} activities")


def report(what: str, seconds: list[float]) -> None:
    ordered = sorted(1000 * value for value in seconds)
    p99 = ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))]
    print(
        f"{what}: p50 {statistics.median(ordered):.0f} ms, p99 {p99:.0f} ms, max {ordered[-1]:.0f} ms (n={len(ordered)})"
    )


if __name__ == "__main__":
    asyncio.run(main())
