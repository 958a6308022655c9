"""Watch: from a version on, in order, nothing twice, nothing lost; bookmarks; 410."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from byteport.kubernetes.port import PODS, Page, WatchEvent
from tests.builders.deleting import delete_as_it_is
from tests.integration.cluster_port.stages import BY, Stage

SLACK_SECONDS = 40
"""For a busy machine; a watch that the API server does not end lasts for half an hour."""


async def _until(stage: Stage, version: str, enough: Callable[[list[WatchEvent]], bool]) -> list[WatchEvent]:
    """Events that are no bookmarks, until there are enough of them, while the cluster's time passes."""

    async def read() -> list[WatchEvent]:
        seen: list[WatchEvent] = []
        async for event in stage.port.watch(PODS, stage.namespace, resource_version=version, timeout_seconds=60):
            if event.type != "BOOKMARK":
                seen.append(event)
            if enough(seen):
                break
        return seen

    reading = asyncio.create_task(read())
    while not reading.done():
        await stage.elapse(0.05)
        await asyncio.sleep(0.01)
    return reading.result()


def _number(count: int) -> Callable[[list[WatchEvent]], bool]:
    return lambda seen: len(seen) == count


async def test_a_watch_tells_what_happens_after_its_version_in_order(stage: Stage) -> None:
    version = (await stage.port.list(PODS, stage.namespace)).resource_version
    await stage.deploy("web", replicas=1)
    events = await _until(stage, version, _number(3))
    assert [event.type for event in events] == ["ADDED", "MODIFIED", "MODIFIED"]
    assert events[0].object["kind"] == "Pod"
    assert events[1].object["spec"]["nodeName"].startswith("node-")
    assert events[2].object["status"]["phase"] == "Running"
    versions = [int(event.object["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(versions)


async def test_a_watch_goes_on_from_any_version_and_tells_nothing_twice(stage: Stage) -> None:
    version = (await stage.port.list(PODS, stage.namespace)).resource_version
    await stage.deploy("web", replicas=1)
    first = await _until(stage, version, _number(3))
    again = await _until(stage, first[0].object["metadata"]["resourceVersion"], _number(2))
    assert [event.object["metadata"]["resourceVersion"] for event in again] == [
        event.object["metadata"]["resourceVersion"] for event in first[1:]
    ]


async def test_a_deletion_is_told_with_the_object_as_it_was(stage: Stage) -> None:
    await stage.deploy("web", replicas=1)
    await stage.complete("web")
    version = (await stage.port.list(PODS, stage.namespace)).resource_version
    pod = (await stage.pods("web"))[0]["metadata"]
    await delete_as_it_is(stage.port, pod, by=BY)
    told = await _until(stage, version, lambda seen: bool(seen) and seen[-1].type == "DELETED")
    events = [event for event in told if event.object["metadata"]["uid"] == pod["uid"]]
    being = [event.type for event in events if "deletionTimestamp" in event.object["metadata"]]
    assert being[0] == "MODIFIED"
    assert events[-1].type == "DELETED"
    assert int(events[-1].object["metadata"]["resourceVersion"]) > int(pod["resourceVersion"])


async def test_a_quiet_watch_ends_in_time_with_a_bookmark_to_go_on_from(stage: Stage) -> None:
    await stage.deploy("web", replicas=1)
    await stage.complete("web")
    version = (await stage.port.list(PODS, "")).resource_version
    begun = asyncio.get_running_loop().time()
    watch = stage.port.watch(PODS, stage.namespace, resource_version=version, timeout_seconds=stage.quiet_seconds)
    events = [event async for event in watch]
    assert asyncio.get_running_loop().time() - begun < stage.quiet_seconds + SLACK_SECONDS
    assert {event.type for event in events} == {"BOOKMARK"}
    bookmark = events[-1].object["metadata"]["resourceVersion"]
    assert int(bookmark) >= int(version)
    await stage.deploy("web", replicas=2)
    assert [event.type for event in await _until(stage, bookmark, _number(1))] == ["ADDED"]


async def test_a_version_that_is_too_old_is_gone(stage: Stage) -> None:
    resource, version = await stage.expired_watch()
    watch = stage.port.watch(resource, "", resource_version=version, timeout_seconds=3)
    assert [event.type async for event in watch] == ["GONE"]


async def test_pages_hold_every_object_once_and_a_version_to_watch_from(stage: Stage) -> None:
    await stage.deploy("web", replicas=3)
    await stage.complete("web")
    names, token, version = list[str](), "", ""
    while token or not names:
        page = await stage.port.page(PODS, stage.namespace, limit=2, token=token)
        assert isinstance(page, Page)
        names += [glimpse.name for glimpse in page.glimpses]
        assert all(glimpse.whole()["metadata"]["name"] == glimpse.name for glimpse in page.glimpses)
        token, version = page.token, page.resource_version
    assert sorted(names) == sorted(pod["metadata"]["name"] for pod in await stage.pods("web"))
    await stage.deploy("web", replicas=4)
    assert [event.type for event in await _until(stage, version, _number(1))] == ["ADDED"]


async def test_at_first_sight_a_watch_tells_the_same_events(stage: Stage) -> None:
    version = (await stage.port.list(PODS, stage.namespace)).resource_version
    await stage.deploy("web", replicas=1)
    events = await _until(stage, version, _number(3))
    seen: list[tuple[str, str, bool]] = []
    async for type_, glimpse in stage.port.glimpses(
        PODS, stage.namespace, resource_version=version, timeout_seconds=60
    ):
        seen.append((type_, glimpse.version, glimpse.calm))
        if len(seen) == 3:
            break
    assert [(type_, told) for type_, told, _ in seen] == [
        (event.type, event.object["metadata"]["resourceVersion"]) for event in events
    ]
    assert [calm for _, _, calm in seen] == [False, False, True]
