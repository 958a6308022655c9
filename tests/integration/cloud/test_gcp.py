"""Google Cloud Monitoring over gRPC and TLS: which machine a value is of, what is not yet whole, and pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from activities.cloud.gcp import GcpMetrics
from activities.cloud.source import Window
from byteport.contracts.cloud import Metric
from byteport.contracts.cloud_gcp import GcpSource
from byteport.errors import ConfigError
from byteport.kubernetes.provider_ids import runs_on
from tests.integration.cloud.gcp_monitoring import Monitoring
from tests.integration.cloud.gcp_reading import (
    CLUSTER,
    CPU,
    INSTANCE,
    MEMORY,
    MINUTE,
    NODE,
    NOW,
    PROVIDER_ID,
    TOTAL,
    USED,
    every,
    machine,
    measured,
    minute,
    node,
    said,
    source,
)
from tests.integration.cloud.google_as_a_pod import PROJECT
from tests.integration.export.authority import Authority

pytestmark = pytest.mark.peers


@pytest.mark.claim("C-413")
async def test_cpu_memory_and_disk_are_of_the_machine_whose_provider_id_it_is(
    metrics: Monitoring, authority: Authority
) -> None:
    machine(metrics)
    node(metrics, CPU, every(0.61))
    node(metrics, MEMORY, every(0.72), metric={"memory_type": "non-evictable"})
    node(metrics, MEMORY, every(0.2), metric={"memory_type": "evictable"})
    node(metrics, USED, every(86.0e9))
    node(metrics, TOTAL, every(100.0e9))
    found = await measured(metrics, authority)
    assert {point.subject.provider_id for point in found.points} == {PROVIDER_ID}
    assert runs_on({"spec": {"providerID": f"gce://{PROJECT}/europe-west1-b/{NODE}"}}, PROVIDER_ID)
    assert said(found, Metric.CPU) == every(61.0)
    assert said(found, Metric.MEMORY) == every(72.0)
    assert said(found, Metric.DISK) == every(86.0)
    assert found.source_now == NOW.replace(microsecond=0)
    assert not found.truncated


@pytest.mark.claim("C-413")
@pytest.mark.parametrize(
    "other", [{"zone": "europe-west1-c"}, {"instance_id": "4712"}], ids=["in another zone", "made anew"]
)
async def test_a_name_that_means_two_machines_says_nothing_of_either(
    metrics: Monitoring, authority: Authority, other: dict[str, Any]
) -> None:
    machine(metrics)
    machine(metrics, **other)
    machine(metrics, "gke-prod-other")
    node(metrics, CPU, every(0.99))
    node(metrics, CPU, every(0.3), "gke-prod-other")
    found = await measured(metrics, authority)
    assert {point.subject.provider_id for point in found.points} == {PROVIDER_ID.replace(NODE, "gke-prod-other")}


@pytest.mark.claim("C-413")
async def test_nodes_of_another_cluster_and_names_without_a_machine_are_left_out(
    metrics: Monitoring, authority: Authority
) -> None:
    machine(metrics)
    node(metrics, CPU, every(0.3), "no-such-machine")
    metrics.hold(CPU, {**CLUSTER, "cluster_name": "staging", "node_name": NODE}, every(0.99))
    metrics.hold(CPU, {**CLUSTER, "location": "us-east1", "node_name": NODE}, every(0.99))
    found = await measured(metrics, authority)
    assert not found.points
    assert found.series == 1


async def test_without_a_cluster_the_cpu_of_instances_is_read_and_nothing_else(
    metrics: Monitoring, authority: Authority
) -> None:
    machine(metrics)
    node(metrics, CPU, every(0.99))
    found = await measured(metrics, authority, cluster=None, location=None)
    assert [point.subject.provider_id for point in found.points] == [PROVIDER_ID] * 4
    assert said(found, Metric.CPU) == every(50.0)
    assert [f'metric.type = "{INSTANCE}"' in request.filter for request in metrics.asked] == [True]


@pytest.mark.claim("C-414")
async def test_the_mean_of_a_minute_that_is_still_running_is_not_taken(
    metrics: Monitoring, authority: Authority
) -> None:
    """Every ten seconds one sample, the last of which has just come: the running minute's mean would be 99."""
    machine(metrics)
    samples = {minute(5) + timedelta(seconds=10 * step): 0.3 for step in range(1, 25)}
    node(metrics, CPU, samples | {minute(0) + timedelta(seconds=10): 0.99, minute(1) + timedelta(seconds=10): 0.99})
    assert said(await measured(metrics, authority), Metric.CPU) == every(30.0, ago=range(1, 5))


@pytest.mark.claim("C-414")
async def test_what_comes_late_is_the_same_point_in_the_next_poll(metrics: Monitoring, authority: Authority) -> None:
    machine(metrics)
    node(metrics, CPU, every(0.4, ago=range(1, 6)), late=4 * MINUTE)
    first = await measured(metrics, authority)
    assert said(first, Metric.CPU) == every(40.0, ago=range(4, 6))
    metrics.now = NOW + 4 * MINUTE
    asked = source(metrics, authority)
    second = await asked.read(Window(minute(6) + timedelta(seconds=37), NOW + 4 * MINUTE))
    await asked.close()
    assert said(second, Metric.CPU) == every(40.0, ago=range(1, 6))
    assert set(first.points) <= set(second.points)


async def test_a_gap_is_not_filled(metrics: Monitoring, authority: Authority) -> None:
    machine(metrics)
    values = every(0.4)
    del values[minute(3)]
    node(metrics, CPU, values)
    node(metrics, USED, values)
    node(metrics, TOTAL, every(0.8))
    found = await measured(metrics, authority)
    assert set(said(found, Metric.CPU)) == set(said(found, Metric.DISK)) == {minute(2), minute(4), minute(5)}


@pytest.mark.claim("C-414")
async def test_every_page_is_read_and_a_series_that_goes_on_in_the_next_is_one(
    metrics: Monitoring, authority: Authority
) -> None:
    metrics.largest_page = 3
    for number in range(4):
        machine(metrics, f"node-{number}")
        node(metrics, CPU, every(0.4), f"node-{number}")
    found = await measured(metrics, authority)
    assert len(found.points) == 16
    assert found.series == 4
    assert sum(bool(request.page_token) for request in metrics.asked) == 1 + 5


async def test_what_google_could_not_give_and_what_is_too_much_is_said(
    metrics: Monitoring, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        machine(metrics, f"node-{number}")
        node(metrics, CPU, every(0.4), f"node-{number}")
    metrics.partial = True
    assert (await measured(metrics, authority)).truncated
    metrics.partial = False
    monkeypatch.setattr("activities.cloud.gcp.MOST_SERIES", 2)
    found = await measured(metrics, authority)
    assert found.truncated
    assert found.series == 2


async def test_only_series_are_asked_for_where_no_values_are_needed(metrics: Monitoring, authority: Authority) -> None:
    machine(metrics)
    node(metrics, CPU, every(0.4))
    await measured(metrics, authority)
    views = [request.view.name for request in metrics.asked]
    assert views == ["HEADERS", "FULL", "FULL", "FULL", "FULL"]


def test_a_source_without_a_project_does_not_begin() -> None:
    with pytest.raises(ConfigError, match=r"clouds\.gcp\.project"):
        GcpMetrics(GcpSource())
