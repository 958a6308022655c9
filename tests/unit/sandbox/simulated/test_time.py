"""The simulated cluster's time: skipped in one step, everything in it happens in its order and at its own time."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime, timedelta

import pytest

from byteport.kubernetes.port import DEPLOYMENTS, EVENTS, JSON, PODS
from byteport.sandbox.controlplane import BACKOFF_ANNOTATION, FAULT_ANNOTATION
from byteport.sandbox.simulated import ManualClock, SimulatedCluster

START = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def cluster() -> SimulatedCluster:
    return SimulatedCluster(ManualClock(START))


async def _pod(cluster: SimulatedCluster) -> JSON:
    return (await cluster.list(PODS, "shop")).items[0]


async def _crash(cluster: SimulatedCluster) -> None:
    await cluster.deploy("shop/web", image="web:1", replicas=1)
    cluster.advance(1)
    name = (await _pod(cluster))["metadata"]["name"]
    await cluster.annotate_pod("shop", name, {FAULT_ANNOTATION: "crash", BACKOFF_ANNOTATION: "10"})


@pytest.mark.slow
async def test_three_days_in_one_step_are_as_many_restarts_as_in_many_steps() -> None:
    counts = []
    for step in (3600.0, 3 * 86400.0):
        cluster = SimulatedCluster(ManualClock(START))
        await _crash(cluster)
        for _ in range(int(3 * 86400 / step)):
            cluster.advance(step)
        counts.append((await _pod(cluster))["status"]["containerStatuses"][0]["restartCount"])
    assert counts[0] == counts[1]
    assert 850 < counts[0] < 870


async def test_a_restart_waits_for_its_back_off_which_doubles(cluster: SimulatedCluster) -> None:
    await _crash(cluster)
    ended: list[str] = []
    for _ in range(2000):
        cluster.advance(0.5)
        status = (await _pod(cluster))["status"]["containerStatuses"][0]
        at = (status.get("lastState") or {}).get("terminated", {}).get("finishedAt")
        if at and (not ended or ended[-1] != at):
            ended.append(at)
    times = [datetime.fromisoformat(at) for at in ended]
    waits = [(after - before).total_seconds() for before, after in itertools.pairwise(times)]
    for wait, backoff in zip(waits, [10, 20, 40, 80, 160, 300], strict=False):
        assert backoff <= wait <= backoff + 4


async def test_a_deadline_that_passes_within_a_step_is_exceeded_at_its_own_time(cluster: SimulatedCluster) -> None:
    await cluster.deploy("shop/web", image="web:1")
    cluster.advance(1)
    await cluster.deploy("shop/web", image="web:2", fault="image")
    cluster.advance(7200)
    conditions = (await cluster.get(DEPLOYMENTS, "shop", "web"))["status"]["conditions"]
    progressing = next(item for item in conditions if item["type"] == "Progressing")
    assert progressing["reason"] == "ProgressDeadlineExceeded"
    at = datetime.fromisoformat(progressing["lastTransitionTime"])
    assert timedelta(seconds=600) <= at - START <= timedelta(seconds=605)


async def test_a_pod_is_available_after_its_minimum_of_ready_seconds(cluster: SimulatedCluster) -> None:
    item = (await cluster.deploy("shop/web", image="web:1", replicas=1)) | {}
    item["spec"]["minReadySeconds"] = 30
    await cluster.remove(DEPLOYMENTS, "shop", "web")
    await cluster.apply({key: item[key] for key in ("apiVersion", "kind", "metadata", "spec")})
    cluster.advance(20)
    status = (await cluster.get(DEPLOYMENTS, "shop", "web"))["status"]
    assert (status["readyReplicas"], status.get("availableReplicas", 0)) == (1, 0)
    cluster.advance(15)
    assert (await cluster.get(DEPLOYMENTS, "shop", "web"))["status"]["availableReplicas"] == 1


async def test_an_event_is_forgotten_an_hour_after_it_was_said_last(cluster: SimulatedCluster) -> None:
    await cluster.deploy("shop/web", image="web:1", replicas=1)
    cluster.advance(3500)
    assert (await cluster.list(EVENTS, "shop")).items
    cluster.advance(200)
    assert (await cluster.list(EVENTS, "shop")).items == []


async def test_a_reading_shows_the_cluster_as_of_the_clocks_time() -> None:
    clock = ManualClock(START)
    cluster = SimulatedCluster(clock)
    await cluster.deploy("shop/web", image="web:1", replicas=1)
    clock.advance(5)
    assert (await _pod(cluster))["status"]["phase"] == "Running"


async def test_a_clock_never_goes_back() -> None:
    clock = ManualClock(START)
    clock.set(START - timedelta(hours=1))
    assert clock() == START


async def test_only_a_clock_of_its_own_can_be_advanced() -> None:
    with pytest.raises(TypeError):
        SimulatedCluster().advance(1)


async def test_in_real_time_it_lives_by_itself_while_it_runs() -> None:
    cluster = SimulatedCluster()
    version = (await cluster.list(PODS, "")).resource_version
    living = asyncio.create_task(cluster.run())
    await cluster.deploy("shop/web", image="web:1", replicas=1)
    async with asyncio.timeout(10):
        async for event in cluster.watch(PODS, "shop", resource_version=version):
            if event.object["status"].get("phase") == "Running":
                break
    living.cancel()


async def test_a_watch_ends_when_the_clusters_time_has_come(cluster: SimulatedCluster) -> None:
    watch = cluster.watch(PODS, "", resource_version=(await cluster.list(PODS, "")).resource_version)
    await cluster.deploy("shop/web", image="web:1", replicas=1)
    assert (await anext(watch)).type == "ADDED"
    cluster.advance(400)
    async with asyncio.timeout(5):
        types = [event.type async for event in watch]
    assert types[-1] == "BOOKMARK"
    assert "MODIFIED" in types
