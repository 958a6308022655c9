"""Azure Monitor over TLS: which machine a value is of, what is not yet whole, batches, and a workspace's disks."""

from __future__ import annotations

import pytest

from activities.cloud.azure import AzureMetrics
from activities.cloud.source import Window
from byteport.contracts.cloud import Metric
from byteport.contracts.cloud_azure import AzureSource
from byteport.errors import ConfigError
from byteport.kubernetes.provider_ids import runs_on
from tests.integration.cloud.azure_as_a_pod import (
    CPU,
    DISK,
    FREE,
    MACHINE,
    MINUTE,
    NODE,
    NOW,
    PROVIDER_ID,
    SET,
    ends,
    every,
    machine,
    measured,
    minute,
    said,
    source,
)
from tests.integration.cloud.azure_state import (
    CLUSTER,
    COMPUTE,
    GROUP,
    REGION,
    SUBSCRIPTION,
    WORKSPACE,
    Azure,
    virtual_machine,
)
from tests.integration.export.authority import Authority

pytestmark = pytest.mark.peers


@pytest.mark.claim("C-413")
async def test_cpu_memory_and_disk_are_of_the_machine_whose_provider_id_it_is(
    azure_there: Azure, authority: Authority
) -> None:
    resource = machine(azure_there)
    azure_there.measure(resource, CPU, every(61.0))
    azure_there.measure(resource, FREE, every(28.0))
    azure_there.measure(CLUSTER, DISK, every(40.0), node=NODE, nodepool="pool1", device="/dev/sdb1")
    azure_there.measure(CLUSTER, DISK, every(86.0), node=NODE.upper(), nodepool="pool1", device="/dev/sda1")
    azure_there.measure(CLUSTER, DISK, every(100.0), node=NODE, nodepool="pool1", device="/dev/loop3")
    found = await measured(azure_there, authority, cluster_id=CLUSTER)
    assert {point.subject.provider_id for point in found.points} == {PROVIDER_ID}
    assert runs_on({"spec": {"providerID": f"azure://{MACHINE.replace(GROUP, GROUP.lower())}"}}, PROVIDER_ID)
    assert said(found, Metric.CPU) == ends(every(61.0))
    assert said(found, Metric.MEMORY) == ends(every(72.0))
    assert said(found, Metric.DISK, "/dev/sda1") == ends(every(86.0))
    assert said(found, Metric.DISK, "/dev/sdb1") == ends(every(40.0))
    assert {point.part for point in found.points} == {"", "/dev/sda1", "/dev/sdb1"}
    assert found.source_now == NOW
    assert found.series == 5
    assert not found.truncated


@pytest.mark.claim("C-413")
async def test_a_name_that_two_machines_have_or_none_says_nothing(azure_there: Azure, authority: Authority) -> None:
    machine(azure_there, 3, computer="twin")
    machine(azure_there, 4, computer="Twin")
    machine(azure_there, 5)
    for node in ("twin", "stranger", f"{SET}000005"):
        azure_there.measure(CLUSTER, DISK, every(90.0), node=node, nodepool="pool1", device="/dev/sda1")
    found = await measured(azure_there, authority, cluster_id=CLUSTER)
    assert {point.subject.provider_id for point in found.points} == {PROVIDER_ID.removesuffix("3") + "5"}


async def test_machines_without_a_scale_set_and_of_a_flexible_one_are_read_where_they_are(
    azure_there: Azure, authority: Authority
) -> None:
    azure_there.machines = [virtual_machine("alone"), virtual_machine("flex_1a2b")]
    azure_there.scale_sets["flex"] = []
    azure_there.flexible = {"flex"}
    for one in azure_there.machines:
        azure_there.measure(one["id"], CPU, every(50.0))
    found = await measured(azure_there, authority)
    assert {str(point.subject.provider_id).rpartition("/")[2] for point in found.points} == {"alone", "flex_1a2b"}


@pytest.mark.claim("C-413")
async def test_machines_elsewhere_are_not_asked_about(azure_there: Azure, authority: Authority) -> None:
    azure_there.machines = [
        virtual_machine("far", region="eastus"),
        virtual_machine("other", group="another-group"),
        virtual_machine("near", region="West Europe"),
        {"id": "/subscriptions/none", "location": REGION},
        {"id": f"{COMPUTE}/disks/near", "location": REGION},
    ]
    for one in azure_there.machines:
        azure_there.measure(one["id"], CPU, every(50.0))
    found = await measured(azure_there, authority)
    assert {str(point.subject.provider_id).rpartition("/")[2] for point in found.points} == {"near"}


@pytest.mark.claim("C-414")
async def test_the_running_minute_and_the_one_before_it_are_not_asked_for(
    azure_there: Azure, authority: Authority
) -> None:
    resource = machine(azure_there)
    azure_there.measure(resource, CPU, every(30.0, ago=range(2, 7)) | every(99.0, ago=range(2)))
    found = await measured(azure_there, authority)
    assert said(found, Metric.CPU) == ends(every(30.0))


@pytest.mark.claim("C-414")
async def test_what_comes_late_is_the_same_point_in_the_next_poll_and_a_gap_is_not_filled(
    azure_there: Azure, authority: Authority
) -> None:
    resource = machine(azure_there)
    seen = every(40.0, ago=range(5, 7))
    azure_there.measure(resource, CPU, seen)
    first = await measured(azure_there, authority)
    seen.update(every(40.0, ago=range(1, 4)))
    azure_there.now = NOW + 2 * MINUTE
    second = await measured(azure_there, authority)
    assert said(first, Metric.CPU) == ends(every(40.0, ago=range(5, 7)))
    assert set(said(second, Metric.CPU)) == {minute(ago) + MINUTE for ago in (6, 5, 3, 2, 1)}
    assert set(first.points) <= set(second.points)


@pytest.mark.claim("C-414")
async def test_every_page_of_machines_is_read_and_they_are_asked_about_fifty_at_a_time(
    azure_there: Azure, authority: Authority
) -> None:
    azure_there.page = 40
    for number in range(103):
        azure_there.measure(machine(azure_there, number), CPU, every(50.0, ago=range(2, 3)))
    azure_there.machines = [virtual_machine("alone")]
    azure_there.measure(azure_there.machines[0]["id"], CPU, every(50.0, ago=range(2, 3)))
    found = await measured(azure_there, authority)
    assert len({point.subject.provider_id for point in found.points}) == 104
    assert len(azure_there.metrics.got) == 1 + 3
    assert len(azure_there.login.got) == 2


async def test_more_machines_and_series_than_are_taken_are_said(
    azure_there: Azure, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        azure_there.measure(machine(azure_there, number), CPU, every(50.0))
        azure_there.measure(CLUSTER, DISK, every(50.0), node=f"{SET}{number:06d}", nodepool="pool1", device="/dev/sda1")
    monkeypatch.setattr("activities.cloud.azure.MOST_SERIES", 3)
    assert (await measured(azure_there, authority, cluster_id=CLUSTER)).truncated
    assert not (await measured(azure_there, authority)).truncated
    monkeypatch.setattr("activities.cloud.azure_machines.MOST_MACHINES", 3)
    found = await measured(azure_there, authority)
    assert found.truncated
    assert len({point.subject.provider_id for point in found.points}) == 3


async def test_a_metric_that_azure_could_not_give_is_said_and_the_others_count(
    azure_there: Azure, authority: Authority
) -> None:
    azure_there.measure(machine(azure_there, 3), CPU, every(50.0))
    failed = machine(azure_there, 4)
    azure_there.measure(failed, CPU, every(50.0))
    azure_there.failed = {failed.lower()}
    found = await measured(azure_there, authority)
    assert found.truncated
    assert {point.subject.provider_id for point in found.points} == {PROVIDER_ID}


async def test_the_list_of_machines_is_kept_for_five_minutes(
    azure_there: Azure, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(azure_there)
    now = [NOW]
    asked = source(azure_there, authority)
    asked._list.clock = lambda: now[0]
    listed = []
    for later in (0, 4, 5):
        now[0] = NOW + later * MINUTE
        await asked.read(Window(minute(6), NOW))
        listed.append(len(azure_there.management.got))
    await asked.close()
    assert listed == [3, 3, 6]


async def test_with_a_workspace_the_disks_come_from_container_insights_alone(
    azure_there: Azure, authority: Authority
) -> None:
    machine(azure_there)
    azure_there.measure(CLUSTER, DISK, every(99.0), node=NODE, nodepool="pool1", device="/dev/sda1")
    for ago in (2, 3, 4):
        azure_there.rows.append([NODE, "sda1", minute(ago).isoformat(), 70.0 + ago])
    azure_there.rows.append(["stranger", "sda1", minute(3).isoformat(), 99.0])
    azure_there.rows.append([NODE, "sdb1", minute(3).isoformat(), "NaN"])
    found = await measured(azure_there, authority, cluster_id=CLUSTER, workspace=WORKSPACE)
    assert said(found, Metric.DISK, "sda1") == {minute(ago) + MINUTE: 70.0 + ago for ago in (2, 3, 4)}
    assert not found.truncated


async def test_a_partial_answer_of_a_workspace_is_taken_and_said(azure_there: Azure, authority: Authority) -> None:
    machine(azure_there)
    azure_there.rows = [[NODE, "sda1", minute(3).isoformat(), 88.0]]
    azure_there.partial = True
    found = await measured(azure_there, authority, cluster_id=CLUSTER, workspace=WORKSPACE)
    assert said(found, Metric.DISK, "sda1") == {minute(2): 88.0}
    assert found.truncated


@pytest.mark.parametrize("name", ["subscription", "node_resource_group", "region"])
def test_a_source_without_what_names_its_machines_does_not_begin(name: str) -> None:
    named = {"subscription": SUBSCRIPTION, "node_resource_group": GROUP, "region": REGION}
    with pytest.raises(ConfigError, match=name):
        AzureMetrics(AzureSource(**{one: value for one, value in named.items() if one != name}))
