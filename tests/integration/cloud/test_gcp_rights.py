"""What this pod's identity may do in a project of Google Cloud, as Google itself says: too little, too much, and not to be told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from activities.cloud.gcp import GcpMetrics
from activities.cloud.source import Excess, RightFinding
from byteport.contracts.cloud_gcp import GcpSource
from byteport.contracts.cloud_gcp_rights import NEEDED, NEVER, asked
from byteport.errors import BytePortError, ConfigError, NotPermitted, Throttled, Unavailable
from tests.integration.cloud.gcp_monitoring import WORDS
from tests.integration.cloud.google_as_a_pod import PROJECT, Google, as_a_pod, google
from tests.integration.export.authority import Authority

pytestmark = pytest.mark.peers


@pytest_asyncio.fixture
async def cloud(authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Google]:
    async with google(authority) as there:
        as_a_pod(monkeypatch, tmp_path, there)
        there.held = set(NEEDED)
        yield there


async def check(cloud: Google, authority: Authority, *, logging_viewer: bool = False) -> tuple[RightFinding, ...]:
    config = GcpSource(project=PROJECT, resource_manager=cloud.manager.url(""), logging_viewer=logging_viewer)
    source = GcpMetrics(config, ca_file=authority.ca_file)
    try:
        return await source.check()
    finally:
        await source.close()


def told(findings: tuple[RightFinding, ...]) -> list[tuple[Excess, str]]:
    return [(one.what, one.permission) for one in findings]


@pytest.mark.claim("C-416")
async def test_exactly_the_policy_has_no_finding(cloud: Google, authority: Authority) -> None:
    assert await check(cloud, authority) == ()
    assert sorted(name for question in cloud.questions for name in question) == sorted(asked())


@pytest.mark.claim("C-416")
async def test_a_missing_right_is_named_with_the_role_that_has_it(cloud: Google, authority: Authority) -> None:
    cloud.held = set()
    (finding,) = await check(cloud, authority)
    assert told((finding,)) == [(Excess.MISSING, "monitoring.timeSeries.list")]
    assert "roles/monitoring.viewer" in finding.says


@pytest.mark.claim("C-416")
async def test_each_of_what_is_never_requested_is_found_in_excess(cloud: Google, authority: Authority) -> None:
    never = {one for kind in NEVER.values() for one in kind}
    cloud.held |= never
    findings = await check(cloud, authority)
    assert {one.permission for one in findings} == never
    assert {one.what for one in findings} == {Excess.IN_EXCESS}


@pytest.mark.claim("C-416")
async def test_reading_logs_is_in_excess_unless_the_settings_say_that_it_is_meant(
    cloud: Google, authority: Authority
) -> None:
    assert told(await check(cloud, authority, logging_viewer=True)) == [(Excess.MISSING, "logging.logEntries.list")]
    cloud.held.add("logging.logEntries.list")
    assert await check(cloud, authority, logging_viewer=True) == ()
    assert told(await check(cloud, authority)) == [(Excess.IN_EXCESS, "logging.logEntries.list")]


@pytest.mark.claim("C-416")
async def test_a_name_that_google_does_not_know_is_told_and_hides_no_other(cloud: Google, authority: Authority) -> None:
    cloud.unknown = {"storage.objects.get", "redis.instances.export"}
    cloud.held |= {"storage.objects.list", "storage.objects.get"}
    assert set(told(await check(cloud, authority))) == {
        (Excess.IN_EXCESS, "storage.objects.list"),
        (Excess.CANNOT_TELL, "storage.objects.get"),
        (Excess.CANNOT_TELL, "redis.instances.export"),
    }


async def test_where_google_knows_no_name_at_all_it_is_asked_a_bounded_number_of_times(
    cloud: Google, authority: Authority
) -> None:
    cloud.unknown = set(asked())
    findings = await check(cloud, authority)
    assert {one.what for one in findings} == {Excess.CANNOT_TELL}
    assert len(findings) == len(asked())
    assert len(cloud.questions) <= 60


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        (403, NotPermitted, "enable cloudresourcemanager.googleapis.com"),
        (404, ConfigError, "clouds.gcp.project"),
        (401, NotPermitted, "401"),
        (429, Throttled, "429"),
        (503, Throttled, "503"),
        (500, Unavailable, "500"),
    ],
)
async def test_where_it_cannot_be_asked_that_is_an_error_and_no_clean_bill(
    cloud: Google, authority: Authority, status: int, error: type[BytePortError], says: str
) -> None:
    cloud.status = status
    with pytest.raises(error) as refused:
        await check(cloud, authority)
    assert says in refused.value.message
    assert WORDS not in refused.value.message
