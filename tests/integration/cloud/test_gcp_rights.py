"""What this pod's identity may do in a project of Google Cloud, as Google itself says: too little, too much, and not to be told."""

from __future__ import annotations

import pytest

from activities.cloud.gcp import GcpMetrics
from activities.cloud.source import Excess, RightFinding
from byteport.contracts.cloud_gcp import GcpSource
from byteport.contracts.cloud_gcp_rights import NEVER, asked
from byteport.errors import BytePortError, ConfigError, NotPermitted, Throttled, Unavailable
from tests.integration.cloud.gcp_monitoring import WORDS
from tests.integration.cloud.google_as_a_pod import PROJECT, Google
from tests.integration.export.authority import Authority

pytestmark = pytest.mark.peers


async def check(
    google_there: Google, authority: Authority, *, logging_viewer: bool = False
) -> tuple[RightFinding, ...]:
    config = GcpSource(project=PROJECT, resource_manager=google_there.manager.url(""), logging_viewer=logging_viewer)
    source = GcpMetrics(config, ca_file=authority.ca_file)
    try:
        return await source.check()
    finally:
        await source.close()


def told(findings: tuple[RightFinding, ...]) -> list[tuple[Excess, str]]:
    return [(one.what, one.permission) for one in findings]


@pytest.mark.claim("C-416")
async def test_exactly_the_policy_has_no_finding(google_there: Google, authority: Authority) -> None:
    assert await check(google_there, authority) == ()
    assert sorted(name for question in google_there.questions for name in question) == sorted(asked())


@pytest.mark.claim("C-416")
async def test_a_missing_right_is_named_with_the_role_that_has_it(google_there: Google, authority: Authority) -> None:
    google_there.held = set()
    (finding,) = await check(google_there, authority)
    assert told((finding,)) == [(Excess.MISSING, "monitoring.timeSeries.list")]
    assert "roles/monitoring.viewer" in finding.says


@pytest.mark.claim("C-416")
async def test_each_of_what_is_never_requested_is_found_in_excess(google_there: Google, authority: Authority) -> None:
    never = {one for kind in NEVER.values() for one in kind}
    google_there.held |= never
    findings = await check(google_there, authority)
    assert {one.permission for one in findings} == never
    assert {(one.what, one.never_requested) for one in findings} == {(Excess.IN_EXCESS, True)}


@pytest.mark.claim("C-416")
async def test_reading_logs_is_in_excess_unless_the_settings_say_that_it_is_meant(
    google_there: Google, authority: Authority
) -> None:
    assert told(await check(google_there, authority, logging_viewer=True)) == [
        (Excess.MISSING, "logging.logEntries.list")
    ]
    google_there.held.add("logging.logEntries.list")
    assert await check(google_there, authority, logging_viewer=True) == ()
    (finding,) = await check(google_there, authority)
    assert told((finding,)) == [(Excess.IN_EXCESS, "logging.logEntries.list")]
    assert not finding.never_requested, "it is optional, not one of what is never requested"


@pytest.mark.claim("C-416")
async def test_a_name_that_google_does_not_know_is_told_and_hides_no_other(
    google_there: Google, authority: Authority
) -> None:
    google_there.unknown = {"storage.objects.get", "redis.instances.export"}
    google_there.held |= {"storage.objects.list", "storage.objects.get"}
    assert set(told(await check(google_there, authority))) == {
        (Excess.IN_EXCESS, "storage.objects.list"),
        (Excess.CANNOT_TELL, "storage.objects.get"),
        (Excess.CANNOT_TELL, "redis.instances.export"),
    }


async def test_where_google_knows_no_name_at_all_it_is_asked_a_bounded_number_of_times(
    google_there: Google, authority: Authority
) -> None:
    google_there.unknown = set(asked())
    findings = await check(google_there, authority)
    assert {one.what for one in findings} == {Excess.CANNOT_TELL}
    assert len(findings) == len(asked())
    assert len(google_there.questions) <= 60


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
    google_there: Google, authority: Authority, status: int, error: type[BytePortError], says: str
) -> None:
    google_there.status = status
    with pytest.raises(error) as refused:
        await check(google_there, authority)
    assert says in refused.value.message
    assert WORDS not in refused.value.message


@pytest.mark.claim("C-490")
@pytest.mark.parametrize(
    "raw", [b"", b"[]", b'{"ok": true}', b'{"permissions": "all"}', b'{"permissions": [1]}', b"<html>"]
)
async def test_an_answer_that_is_none_is_not_that_nothing_is_held(
    google_there: Google, authority: Authority, raw: bytes
) -> None:
    """As a proxy's page is, which says that all is well: what refused the source would be gone."""
    google_there.raw = raw
    with pytest.raises(Unavailable, match="cannot be read"):
        await check(google_there, authority)
