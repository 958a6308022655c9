"""Containers near their memory limits, as the watch's second looks see them: when they are reported, to whom, how often."""

from __future__ import annotations

import asyncio

import pytest

from activities.kubernetes.metric_sightings import MetricSightings
from activities.kubernetes.paced import Pace
from byteport.contracts.kubernetes import READ_LOAD, WATCH_CLUSTER
from byteport.domain.signals import SignalType, Source
from byteport.errors import MalformedInput, Unavailable
from byteport.sandbox.simulated import shapes
from byteport.sandbox.simulated.metrics import MetricsApi
from tests.integration.activities.recorder import Recorder
from tests.integration.activities.simulated_bench import SimulatedBench
from tests.integration.activities.watching import SOON, Inbox, watching

LIMIT = "256Mi"


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
async def web(bench: SimulatedBench) -> SimulatedBench:
    """A healthy Deployment with a memory limit, which uses little of it."""
    item = shapes.deployment("shop", "web", image="web:1")
    resources = {"requests": {"memory": "128Mi"}, "limits": {"memory": LIMIT}}
    item["spec"]["template"]["spec"]["containers"][0]["resources"] = resources
    await bench.enable("shop")
    await bench.cluster.apply(item)
    await uses(bench, "64Mi")
    return bench


async def uses(bench: SimulatedBench, memory: str) -> None:
    await bench.cluster.set_load("shop", "web", memory_each=memory)
    bench.cluster.advance(60)


def sightings(bench: SimulatedBench, inbox: Inbox) -> MetricSightings:
    return MetricSightings(
        bench.cluster, cluster_uid=bench.uid, sink=inbox, policy=bench.policy, clock=bench.clock, pace=Pace(0)
    )


async def looks(bench: SimulatedBench, watch: MetricSightings, times: int, *, apart: float = 60) -> None:
    for _ in range(times):
        await watch.look("shop")
        bench.cluster.advance(apart)


async def test_what_stays_near_its_limit_is_reported_once_for_the_deployment(web: SimulatedBench, inbox: Inbox) -> None:
    await uses(web, "250Mi")
    watch = sightings(web, inbox)
    await looks(web, watch, 8)
    (signal,) = inbox.signals
    assert signal.target == await web.target()
    assert (signal.type, signal.source, watch.reported) == (SignalType.MEMORY_PRESSURE, Source.WATCH, 1)
    assert signal.value == pytest.approx(97.7, abs=0.2)


@pytest.mark.parametrize(("times", "reports"), [(1, 0), (2, 1), (3, 1)])
async def test_it_must_have_been_so_at_two_looks(web: SimulatedBench, inbox: Inbox, times: int, reports: int) -> None:
    await uses(web, "250Mi")
    await looks(web, sightings(web, inbox), times)
    assert len(inbox.signals) == reports


async def test_a_moments_peak_starts_nothing(web: SimulatedBench, inbox: Inbox) -> None:
    watch = sightings(web, inbox)
    await uses(web, "250Mi")
    await looks(web, watch, 1)
    await uses(web, "64Mi")
    await looks(web, watch, 12)
    await uses(web, "250Mi")
    await looks(web, watch, 1)
    assert inbox.signals == []


async def test_what_uses_little_is_none(web: SimulatedBench, inbox: Inbox) -> None:
    await looks(web, sightings(web, inbox), 4)
    assert inbox.signals == []


async def test_it_is_reported_again_when_it_comes_back_after_a_while(web: SimulatedBench, inbox: Inbox) -> None:
    watch = sightings(web, inbox)
    for memory, times in (("250Mi", 4), ("64Mi", 12), ("250Mi", 4)):
        await uses(web, memory)
        await looks(web, watch, times)
    assert len(inbox.signals) == 2


@pytest.mark.parametrize("api", [MetricsApi.ABSENT, MetricsApi.BROKEN])
async def test_without_a_metrics_api_nothing_is_seen_and_nothing_fails(
    web: SimulatedBench, inbox: Inbox, api: MetricsApi
) -> None:
    await uses(web, "250Mi")
    await web.cluster.metrics_available(False, broken=api is MetricsApi.BROKEN)
    await looks(web, sightings(web, inbox), 3)
    assert inbox.signals == []


async def test_a_report_that_does_not_get_through_is_made_again(web: SimulatedBench, inbox: Inbox) -> None:
    await uses(web, "250Mi")
    watch = sightings(web, inbox)
    await looks(web, watch, 1)
    inbox.refusals.append(Unavailable("Temporal does not answer"))
    with pytest.raises(Unavailable):
        await watch.look("shop")
    await watch.look("shop")
    assert len(inbox.signals) == 1


async def test_a_target_that_cannot_be_one_does_not_end_the_watch(web: SimulatedBench, inbox: Inbox) -> None:
    await uses(web, "250Mi")
    watch = sightings(web, inbox)
    await looks(web, watch, 1)
    inbox.refusals.append(MalformedInput("target", "cannot be one"))
    await watch.look("shop")
    assert inbox.signals == []


async def test_the_watch_asks_at_its_second_looks(web: SimulatedBench, inbox: Inbox) -> None:
    await uses(web, "250Mi")
    async with watching(web, inbox, look_again_seconds=0.05) as watched:
        async with asyncio.timeout(SOON):
            while not inbox.signals:
                web.cluster.advance(60)
                await watched.until(lambda: True)
                await asyncio.sleep(0.1)
        assert (await watched.end()).reported == len(inbox.signals)
    assert inbox.about() == [(SignalType.MEMORY_PRESSURE, "shop/Deployment/web")]


async def test_only_declared_rights_are_used(web: SimulatedBench, inbox: Inbox) -> None:
    await uses(web, "250Mi")
    recorder = Recorder(web.cluster)
    watch = MetricSightings(recorder, cluster_uid=web.uid, sink=inbox, policy=web.policy, clock=web.clock, pace=Pace(0))
    await watch.look("shop")
    declared = WATCH_CLUSTER.needs + READ_LOAD.needs  # what the runbooks for load want seen is theirs to ask for
    assert recorder.used <= {(right.group, right.resource, right.verb) for right in declared.rights}
    assert ("metrics.k8s.io", "pods", "list") in recorder.used


async def test_containers_at_their_cpu_limits_are_reported_apart_from_memory(
    bench: SimulatedBench, inbox: Inbox
) -> None:
    item = shapes.deployment("shop", "web", image="web:1")
    resources = {"requests": {"cpu": "100m"}, "limits": {"cpu": "200m", "memory": LIMIT}}
    item["spec"]["template"]["spec"]["containers"][0]["resources"] = resources
    await bench.enable("shop")
    await bench.cluster.apply(item)
    await bench.cluster.set_load("shop", "web", cpu_cores_total="1", memory_each="250Mi")
    bench.cluster.advance(60)
    watch = sightings(bench, inbox)
    await looks(bench, watch, 4)
    assert {signal.type for signal in inbox.signals} == {SignalType.MEMORY_PRESSURE, SignalType.CPU_SPIKE}
    assert {signal.target.ref for signal in inbox.signals} == {"shop/Deployment/web"}
