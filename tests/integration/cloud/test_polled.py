"""A node of Google Cloud or Azure that is in trouble, from the cloud's own answer to the symptom that the cluster's worker is given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio

from activities.cloud.poll import Polling
from activities.cloud.source import MetricSource
from byteport.contracts.cloud import CloudSource, Polled, PollMetrics
from byteport.contracts.symptoms import Fate
from byteport.domain.policy import PolicyConfig
from byteport.domain.signals import SignalType, Source
from byteport.kubernetes.provider_ids import runs_on
from tests.integration.cloud import azure_as_a_pod, gcp_reading
from tests.integration.cloud.azure_cloud import azure
from tests.integration.cloud.azure_state import CLUSTER, GROUP
from tests.integration.cloud.gcp_monitoring import monitoring
from tests.integration.cloud.google_as_a_pod import PROJECT, as_a_pod, google
from tests.integration.export.authority import Authority

pytestmark = pytest.mark.peers

UID = "00000000-0000-4000-8000-000000000001"
NOW = gcp_reading.NOW
MINUTE = timedelta(minutes=1)
PROVIDER_IDS = {
    CloudSource.GCP: f"gce://{PROJECT}/europe-west1-b/{gcp_reading.NODE}",
    CloudSource.AZURE: f"azure://{azure_as_a_pod.MACHINE.replace(GROUP, GROUP.lower())}",
}


class Standing(NamedTuple):
    """One cloud: how full the disk of the one node is, minute by minute, and a moment later."""

    source: CloudSource
    disk: dict[datetime, float]
    later: Callable[[timedelta], None]
    there: Callable[[timedelta], None]
    """Moves the cloud's clock alone."""
    poll: Callable[[PollMetrics], Awaitable[Polled]]


class Fixed:
    """The policy as it comes."""

    def read(self) -> PolicyConfig:
        return PolicyConfig()


@pytest_asyncio.fixture(params=[CloudSource.GCP, CloudSource.AZURE])
async def standing(
    request: pytest.FixtureRequest, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Standing]:
    now, disk = [NOW], dict[datetime, float]()
    async with AsyncExitStack() as stack:
        if request.param is CloudSource.GCP:
            cloud = await stack.enter_async_context(google(authority))
            issued = authority.trusted.issue_cert("localhost")
            there = await stack.enter_async_context(monitoring(PROJECT, cloud.for_metrics, NOW, issued))
            as_a_pod(monkeypatch, tmp_path, cloud)

            def make() -> MetricSource:
                there.series.clear()
                gcp_reading.machine(there, values=dict.fromkeys(disk, 0.5))
                gcp_reading.node(there, gcp_reading.USED, disk)
                gcp_reading.node(there, gcp_reading.TOTAL, dict.fromkeys(disk, 100.0))
                return gcp_reading.source(there, authority)

        else:
            beside = await stack.enter_async_context(azure(authority, NOW))
            azure_as_a_pod.as_a_pod(monkeypatch, tmp_path, beside)
            azure_as_a_pod.machine(beside)

            def make() -> MetricSource:
                begins = {at - MINUTE: value for at, value in disk.items()}
                beside.values.clear()
                node = azure_as_a_pod.NODE
                beside.measure(CLUSTER, azure_as_a_pod.DISK, begins, node=node, nodepool="pool1", device="/dev/sda1")
                return azure_as_a_pod.source(beside, authority, cluster_id=CLUSTER)

        def only_there(by: timedelta) -> None:
            if request.param is CloudSource.GCP:
                there.now += by
            else:
                beside.now += by

        def later(by: timedelta) -> None:
            now[0] += by
            only_there(by)

        async def poll(call: PollMetrics) -> Polled:
            made = make()
            try:
                return await Polling(UID, {request.param: lambda: made}, Fixed(), clock=lambda: now[0]).poll(call)
            finally:
                await made.close()

        yield Standing(request.param, disk, later, only_there, poll)


def minute(ago: int) -> datetime:
    return NOW.replace(second=0) - ago * MINUTE


async def test_a_full_disk_is_one_symptom_of_its_node_and_is_over_when_it_has_room_again(standing: Standing) -> None:
    standing.disk.update({minute(ago): 92.0 for ago in range(1, 6)})
    first = await standing.poll(PollMetrics(cluster_uid=UID, source=standing.source))
    (symptom,) = first.symptoms
    assert (symptom.type, symptom.value, symptom.over) == (SignalType.DISK_PRESSURE, 92.0, False)
    assert symptom.source is Source(standing.source.value)
    assert symptom.subject.kind == "Node"
    assert runs_on({"spec": {"providerID": PROVIDER_IDS[standing.source]}}, str(symptom.subject.provider_id))
    assert not runs_on({"spec": {"providerID": PROVIDER_IDS[standing.source] + "0"}}, str(symptom.subject.provider_id))

    standing.later(2 * MINUTE)
    standing.disk.update({minute(0): 92.0, minute(-1): 92.0})
    (stretch,) = first.open
    told = stretch.model_copy(update={"fate": Fate.REPORTED, "told_at": NOW})
    again = await standing.poll(PollMetrics(cluster_uid=UID, source=standing.source, since=first.until, open=(told,)))
    assert again.symptoms == ()
    assert [one.digest for one in again.open] == [symptom.evidence_digest]

    standing.later(3 * MINUTE)
    standing.disk.update({minute(-2): 60.0, minute(-3): 60.0})
    last = await standing.poll(PollMetrics(cluster_uid=UID, source=standing.source, since=again.until, open=again.open))
    (over,) = last.symptoms
    assert (over.evidence_digest, over.over) == (symptom.evidence_digest, True)
    assert last.open == ()


@pytest.mark.claim("C-408")
@pytest.mark.parametrize("off", [-60, 60], ids=["an hour behind", "an hour ahead"])
async def test_a_cloud_whose_clock_is_not_ours_is_read_by_its_own(standing: Standing, off: int) -> None:
    standing.there(off * MINUTE)
    standing.disk.update({minute(ago - off): 92.0 for ago in range(1, 5)})
    first = await standing.poll(PollMetrics(cluster_uid=UID, source=standing.source))
    assert first.skew_seconds == 60.0 * off
    assert first.symptoms == ()
    again = await standing.poll(
        PollMetrics(cluster_uid=UID, source=standing.source, since=first.until, skew_seconds=first.skew_seconds)
    )
    (symptom,) = again.symptoms
    assert symptom.observed_at <= NOW
