"""What is there to tell of the boundary: what people do not know, not before its time, and never a thousand lines."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from activities.kubernetes.boundary_telling import MOST_TOLD, BoundaryTelling
from activities.kubernetes.bounds import UNBOUNDED
from byteport.contracts.kubernetes import BoundaryNews, WatchCluster, Watched
from byteport.contracts.workflows import Installation, Told, Watch
from tests.integration.activities.bench import Held

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
EXCESS, GONE = "granted and needed by nothing: get secrets", "a policy is not there; helm upgrade byteport"


def told(digest: str = "", *, after: datetime | None = None) -> WatchCluster:
    return WatchCluster(cluster_uid="u", told=digest, tell_after=after)


def news(*findings: str, call: WatchCluster | None = None) -> BoundaryNews | None:
    return BoundaryTelling(Held(findings=findings), lambda: NOW).news(call or told())


def digest_of(*findings: str) -> str:
    found = news(*findings)
    assert found is not None
    return found.digest


def test_a_boundary_that_was_always_whole_is_no_news() -> None:
    assert news() is None


def test_where_nobody_looks_there_is_no_news_whatever_was_told() -> None:
    assert BoundaryTelling(UNBOUNDED, lambda: NOW).news(told("sha256:x")) is None
    assert BoundaryTelling(Held(), lambda: NOW).news(told("sha256:x")) is None


def test_what_is_not_whole_is_news_once() -> None:
    found = news(EXCESS, GONE)
    assert found is not None
    assert found.findings == (EXCESS, GONE)
    assert news(EXCESS, GONE, call=told(found.digest)) is None


def test_another_set_of_findings_is_news_and_so_is_none_at_all() -> None:
    known = told(digest_of(EXCESS))
    assert digest_of(EXCESS) != digest_of(EXCESS, GONE)
    assert news(EXCESS, GONE, call=known) is not None
    assert news(call=known) == BoundaryNews(digest="", findings=())


@pytest.mark.parametrize(("seconds", "is_told"), [(1, False), (0, True), (-1, True)])
def test_nothing_is_told_before_its_time(seconds: int, is_told: bool) -> None:
    call = told(after=NOW + timedelta(seconds=seconds))
    assert (news(EXCESS, call=call) is not None) is is_told


def test_a_hundred_findings_are_not_a_hundred_lines_and_each_of_them_counts() -> None:
    many = tuple(f"finding {number}" for number in range(100))
    found = news(*many)
    assert found is not None
    assert (len(found.findings), found.findings[-1]) == (MOST_TOLD + 1, "and 80 more")
    assert digest_of(*many) != digest_of(*many[:-1])


def test_an_earlier_version_that_refuses_unknown_fields_is_sent_none_before_there_is_something_to_tell() -> None:
    call, end = WatchCluster(cluster_uid="u"), Watched(bookmarks={}, reported=0)
    assert set(call.model_dump(mode="json")) == {"cluster_uid", "bookmarks", "seconds"}
    assert set(end.model_dump(mode="json")) == {"bookmarks", "reported"}
    start = Watch(installation=Installation(tenant="default", cluster_uid="u", cluster_name="test"))
    assert set(start.model_dump(mode="json")) == {"installation", "bookmarks"}
    for one in (told("sha256:x", after=NOW), start.model_copy(update={"told": Told(digest="sha256:x", at=NOW)})):
        assert type(one).model_validate_json(one.model_dump_json()) == one


async def test_whoever_waits_hears_of_it_when_it_is_found() -> None:
    held = Held(findings=())
    waiting = asyncio.create_task(BoundaryTelling(held, lambda: NOW).wait(told()))
    await asyncio.sleep(0)
    assert not waiting.done()
    held.findings = (EXCESS,)
    await asyncio.wait_for(waiting, 5)
