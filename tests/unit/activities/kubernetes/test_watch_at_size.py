"""The watch of a very large cluster, in kind: what it holds while a list goes by, and what it asks for at rest.

The loop's time is virtual here, so that five minutes are a second. How much memory and how many requests there are over a real
wire, `tests/bench/watch` measures.
"""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import msgspec
import pytest

from activities.kubernetes.watch import ClusterWatch
from byteport.contracts.kubernetes import WatchCluster, Watched
from byteport.domain.ceilings import Sight
from byteport.kubernetes import port
from byteport.kubernetes.enrolment import ENABLED_LABEL
from byteport.kubernetes.glimpses import Glimpse, looks_at
from byteport.kubernetes.port import JSON, Glimpsed, Listed, Page, Resource
from tests.builders.objects import pod, status, waiting
from tests.builders.skipping import skipping
from tests.builders.unasked import Unasked
from tests.integration.activities.bench import environment_of
from tests.listwatch.watched import UID, Inbox, Policy

WHILE = 300
NAMESPACES = [f"team-{number:03}" for number in range(250)]


class Large(Unasked):
    """A cluster whose pages are made as they are asked for, with nothing written to it. Requests are counted by verb."""

    def __init__(
        self, pages: int, each: int, on_page: Callable[[int], None] = lambda _: None, *, failing: int = 0
    ) -> None:
        self.asked: Counter[str] = Counter()
        self._pages, self._each, self._on_page, self._failing = pages, each, on_page, failing

    async def get(self, resource: Resource, namespace: str, name: str) -> JSON:
        self.asked["get"] += 1
        if resource == port.CONFIG_MAPS:
            return {"data": dict.fromkeys(NAMESPACES, "{}")}
        if resource == port.NAMESPACES:
            return _namespace(name)
        return self._pod(namespace, int(name.removeprefix("web-")))

    async def list(
        self, resource: Resource, namespace: str, *, labels: str = "", fields: str = "", limit: int = 500
    ) -> Listed:
        self.asked["list"] += 1
        assert (resource, labels) == (port.NAMESPACES, f"{ENABLED_LABEL}=true")
        return Listed([_namespace(name) for name in NAMESPACES], "1")

    async def page(self, resource: Resource, namespace: str, *, limit: int, token: str = "") -> Page:
        self.asked["list"] += 1
        at = int(token or 0)
        self._on_page(at)
        if resource == port.PODS:
            place = namespace or NAMESPACES[at % len(NAMESPACES)]
            items = [self._pod(place, at * self._each + number) for number in range(self._each)]
        elif resource == port.POD_METRICS:
            items = [_measured(namespace, number) for number in range(self._pages * self._each)]
        else:
            items = []
        body = {"metadata": {"resourceVersion": "1"}, "items": items}
        more = str(at + 1) if resource == port.PODS and at + 1 < self._pages else ""
        return Page(looks_at(resource.group, resource.plural).page(msgspec.json.encode(body))[0], "1", more)

    async def glimpses(
        self, resource: Resource, namespace: str, *, resource_version: str, timeout_seconds: int
    ) -> AsyncIterator[Glimpsed]:
        self.asked["watch"] += 1
        for _ in range(timeout_seconds // 60):
            await asyncio.sleep(60)
            yield Glimpsed("BOOKMARK", looks_at("", "pods").of({"metadata": {"resourceVersion": "2"}}))

    def _pod(self, namespace: str, number: int) -> JSON:
        if number >= self._failing:
            return pod(f"web-{number}", namespace=namespace)
        stuck = status(state=waiting("PodInitializing"), ready=False)
        return pod(f"web-{number}", namespace=namespace, statuses=[stuck], ready=False, created=-525_600)


def _namespace(name: str) -> JSON:
    return {"metadata": {"name": name, "labels": {ENABLED_LABEL: "true"}}}


def _measured(namespace: str, number: int) -> JSON:
    usage = {"name": "web", "usage": {"cpu": "10m", "memory": "10Mi"}}
    meta = {"name": f"web-{number}", "namespace": namespace}
    return {"metadata": meta, "timestamp": "2026-03-10T09:00:00Z", "window": "30s", "containers": [usage]}


def watch_for(
    cluster: Large, seconds: int, *, sight: Sight = Sight.CLUSTER, bookmarks: dict[str, str] | None = None
) -> Watched:
    activity = ClusterWatch(
        cluster, cluster_uid=UID, sink=Inbox(), policy=Policy(), clock=lambda: datetime.now(UTC), sight=sight
    )
    call = WatchCluster(cluster_uid=UID, seconds=seconds, bookmarks=bookmarks or {})
    found: Watched = skipping(_run(activity, call))
    return found


async def _run(activity: ClusterWatch, call: WatchCluster) -> Watched:
    return await environment_of().run(activity.watch_cluster, call)


@pytest.mark.slow
@pytest.mark.claim("C-381")
def test_while_a_long_list_goes_by_no_more_than_a_page_of_it_is_alive() -> None:
    alive: list[int] = []

    def count(at: int) -> None:
        if not at % 4:
            alive.append(sum(isinstance(found, Glimpse) for found in gc.get_objects()))

    watched = watch_for(Large(40, 50, count), 30)
    assert watched.bookmarks["pods"] == "1"
    assert len(alive) >= 10
    assert max(alive) <= 4 * 50


@pytest.mark.claim("C-382")
@pytest.mark.parametrize(("sight", "resumed"), [(Sight.CLUSTER, False), (Sight.NAMESPACED, True)])
def test_at_rest_a_large_cluster_is_asked_once_a_second_at_most_and_nothing_is_written(
    sight: Sight, resumed: bool
) -> None:
    cluster = Large(2, 2, failing=1)
    kinds = ("pods", "deployments", "horizontalpodautoscalers")
    places = [f"{kind}/{name}" for kind in kinds for name in NAMESPACES]
    before = dict.fromkeys(kinds if sight is Sight.CLUSTER else places, "1") if resumed else {}
    watch_for(cluster, 120, sight=sight, bookmarks=before)
    begun = cluster.asked.total()
    cluster.asked.clear()
    watch_for(cluster, 120 + WHILE, sight=sight, bookmarks=before)
    assert cluster.asked.total() - begun <= WHILE
    assert set(cluster.asked) <= {"get", "list", "watch"}
