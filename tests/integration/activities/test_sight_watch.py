"""The watch in namespaced sight: one stream per kind and namespace, begun and ended as namespaces come and go."""

from __future__ import annotations

import json

import pytest

from activities.kubernetes import enabled, following, watch
from activities.kubernetes.node_sightings import NodeSightings
from byteport.boundary.choices import Choices
from byteport.contracts.kubernetes import WatchCluster
from byteport.domain.ceilings import Sight
from byteport.errors import Unavailable
from byteport.kubernetes import port
from tests.integration.activities.granted import Granted, give, take
from tests.integration.activities.simulated_bench import SimulatedBench
from tests.integration.activities.watching import Inbox, Watching, watching

KINDS = ("deployments", "horizontalpodautoscalers", "pods")
OF_NODES = {"nodes", "events"}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same watch with shorter pauses."""
    monkeypatch.setattr(watch, "HEARTBEAT_SECONDS", 0.02)
    monkeypatch.setattr(watch, "REFRESH_SECONDS", 0.05)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
async def agent(bench: SimulatedBench) -> Granted:
    """The agent's port: `shop` and `stock` were given to it, `private` was not."""
    granted = Granted(bench, Choices())
    for name in ("shop", "stock", "private"):
        await bench.cluster.deploy(f"{name}/web", image="web:1")
    await give(bench, "shop", "stock")
    for name in ("shop", "stock"):
        granted.bind(name)
    bench.cluster.advance(3600)
    return granted


async def fails(bench: SimulatedBench, namespace: str, name: str = "web") -> None:
    """A release that crashes from its start."""
    await bench.cluster.deploy(f"{namespace}/{name}", image=f"{name}:2", fault="crash")
    bench.cluster.advance(700)


def keys(*namespaces: str) -> set[str]:
    return {f"{kind}/{name}" for name in namespaces for kind in KINDS}


def lists(agent: Granted, resource: str) -> list[str]:
    """Namespaces whose objects of that kind were listed, in order."""
    return [asked.namespace for asked in agent.asked if (asked.verb, asked.resource) == ("list", resource)]


def watches(agent: Granted) -> list[tuple[str, str]]:
    """Namespace and resource of every watch that was opened."""
    return [(asked.namespace, asked.resource) for asked in agent.asked if asked.verb == "watch"]


async def ready(watched: Watching, *namespaces: str) -> None:
    """Every stream has listed, and told where it is."""
    wanted = keys(*namespaces) | OF_NODES
    await watched.until(lambda: bool(watched.heartbeats) and set(watched.heartbeats[-1]) == wanted)


async def test_what_fails_in_each_namespace_that_was_given_is_reported_and_nothing_else(
    bench: SimulatedBench, agent: Granted, inbox: Inbox
) -> None:
    async with watching(bench, inbox, cluster=agent, sight=Sight.NAMESPACED, look_again_seconds=0.1) as watched:
        await ready(watched, "shop", "stock")
        for name in ("private", "stock", "shop"):
            await fails(bench, name)
        await watched.until(lambda: {signal.target.namespace for signal in inbox.signals} == {"shop", "stock"})
        beats = len(watched.heartbeats)
        await watched.until(lambda: len(watched.heartbeats) > beats + 10)
    assert {signal.target.namespace for signal in inbox.signals} == {"shop", "stock"}
    assert agent.refused == []
    assert agent.about("private") == []


async def test_what_was_broken_before_the_watch_began_is_reported(
    bench: SimulatedBench, agent: Granted, inbox: Inbox
) -> None:
    await fails(bench, "stock")
    async with watching(bench, inbox, cluster=agent, sight=Sight.NAMESPACED) as watched:
        await watched.until(lambda: bool(inbox.signals))


async def test_a_namespace_that_is_given_later_is_watched_and_no_other_stream_notices(
    bench: SimulatedBench, agent: Granted, inbox: Inbox
) -> None:
    await bench.cluster.deploy("late/web", image="web:1", fault="crash")
    bench.cluster.advance(700)
    async with watching(bench, inbox, cluster=agent, sight=Sight.NAMESPACED) as watched:
        await ready(watched, "shop", "stock")
        before = len(agent.asked)
        agent.bind("late")
        await give(bench, "late")
        await watched.until(lambda: bool(inbox.signals))
        await ready(watched, "late", "shop", "stock")
        since = agent.asked[before:]
    assert {signal.target.namespace for signal in inbox.signals} == {"late"}
    assert {asked.namespace for asked in since if asked.verb in ("list", "watch")} == {"late"}


async def test_a_namespace_that_is_taken_away_is_dropped_and_no_other_stream_notices(
    bench: SimulatedBench, agent: Granted, inbox: Inbox
) -> None:
    async with watching(bench, inbox, cluster=agent, sight=Sight.NAMESPACED) as watched:
        await ready(watched, "shop", "stock")
        listed = lists(agent, "pods")
        agent.unbind("stock")
        await take(bench, "stock")
        await ready(watched, "shop")
        before = len(agent.asked)
        await fails(bench, "stock")
        await fails(bench, "shop")
        await watched.until(lambda: bool(inbox.signals))
        beats = len(watched.heartbeats)
        await watched.until(lambda: len(watched.heartbeats) > beats + 10)
    assert lists(agent, "pods") == listed
    assert {signal.target.namespace for signal in inbox.signals} == {"shop"}
    assert [asked for asked in agent.asked[before:] if asked.namespace == "stock"] == []


async def test_one_that_is_given_again_is_listed_again_so_that_nothing_of_it_is_missed(
    bench: SimulatedBench, agent: Granted, inbox: Inbox
) -> None:
    async with watching(bench, inbox, cluster=agent, sight=Sight.NAMESPACED) as watched:
        await ready(watched, "shop", "stock")
        await take(bench, "stock")
        await ready(watched, "shop")
        await fails(bench, "stock")
        await give(bench, "stock")
        await watched.until(lambda: bool(inbox.signals))
    assert lists(agent, "pods") == ["shop", "stock", "stock"]


async def test_what_is_still_broken_in_one_that_is_given_again_is_reported_again(
    bench: SimulatedBench, agent: Granted, inbox: Inbox
) -> None:
    await fails(bench, "stock")
    async with watching(bench, inbox, cluster=agent, sight=Sight.NAMESPACED) as watched:
        await ready(watched, "shop", "stock")
        first = {signal.evidence_digest for signal in inbox.signals}
        assert first
        await take(bench, "stock")
        await ready(watched, "shop")
        inbox.signals.clear()
        await give(bench, "stock")
        await watched.until(lambda: {signal.evidence_digest for signal in inbox.signals} == first)


async def test_a_name_without_the_label_is_not_enabled(bench: SimulatedBench, agent: Granted, inbox: Inbox) -> None:
    await fails(bench, "private")
    agent.bind("private")
    await give(bench, "private", label=False)
    await fails(bench, "shop")
    async with watching(bench, inbox, cluster=agent, sight=Sight.NAMESPACED, look_again_seconds=0.1) as watched:
        await watched.until(lambda: bool(inbox.signals))
        beats = len(watched.heartbeats)
        await watched.until(lambda: len(watched.heartbeats) > beats + 10)
    assert {signal.target.namespace for signal in inbox.signals} == {"shop"}
    assert {asked.resource for asked in agent.about("private")} == {"namespaces"}


@pytest.mark.parametrize("name", ["kube-system", "default", "byteport-agent", "Not_A_Name"])
async def test_a_name_that_nobody_may_give_is_not_asked_for(
    bench: SimulatedBench, agent: Granted, inbox: Inbox, name: str
) -> None:
    await give(bench, name, label=False)
    async with watching(bench, inbox, cluster=agent, sight=Sight.NAMESPACED) as watched:
        await ready(watched, "shop", "stock")
    assert ("get", "namespaces", name) not in {(one.verb, one.resource, one.name) for one in agent.asked}
    assert agent.refused == []


async def test_before_the_first_is_given_there_is_a_watch_all_the_same(bench: SimulatedBench, inbox: Inbox) -> None:
    async with watching(bench, inbox, cluster=Granted(bench, Choices()), sight=Sight.NAMESPACED) as watched:
        await ready(watched)
        assert inbox.signals == []


async def test_a_namespace_that_may_not_be_read_is_not_enabled_which_is_said_once_until_it_may(
    bench: SimulatedBench, agent: Granted, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.cluster.deploy("late/web", image="web:1", fault="crash")
    bench.cluster.advance(700)
    await give(bench, "late")
    async with watching(bench, inbox, cluster=agent, sight=Sight.NAMESPACED) as watched:
        await ready(watched, "shop", "stock")
        await watched.until(lambda: len([one for one in agent.refused if one.namespace == "late"]) > 3)
        assert caplog.text.count("late") == 1
        agent.bind("late")
        await watched.until(lambda: bool(inbox.signals))
    assert {asked.resource for asked in agent.refused} == {"namespaces"}


async def test_a_refusal_in_one_namespace_ends_only_its_streams_and_is_tried_again(
    bench: SimulatedBench, agent: Granted, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The binding is there and does not hold yet: the namespace itself may be read, its pods not."""
    allowed = agent.allows
    closed = {("list", "pods", "stock")}
    monkeypatch.setattr(
        agent, "allows", lambda one: allowed(one) and (one.verb, one.resource, one.namespace) not in closed
    )
    async with watching(bench, inbox, cluster=agent, sight=Sight.NAMESPACED) as watched:
        await watched.until(lambda: len(agent.refused) > 3)
        await fails(bench, "shop")
        await watched.until(lambda: {signal.target.namespace for signal in inbox.signals} == {"shop"})
        closed.clear()
        await fails(bench, "stock")
        await watched.until(lambda: {signal.target.namespace for signal in inbox.signals} == {"shop", "stock"})
        await ready(watched, "shop", "stock")
    assert lists(agent, "pods").count("shop") == 1
    assert {(one.resource, one.namespace) for one in agent.refused} == {("pods", "stock")}


async def test_without_the_right_to_read_which_namespaces_there_are_the_watch_fails(
    bench: SimulatedBench, agent: Granted, inbox: Inbox
) -> None:
    agent.unbind("byteport-agent")
    async with watching(bench, inbox, cluster=agent, sight=Sight.NAMESPACED) as watched:
        with pytest.raises(Exception, match="configmaps"):
            await watched.until(lambda: False)


async def test_one_namespace_that_does_not_answer_stays_as_it_was(
    bench: SimulatedBench, agent: Granted, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, silent = bench.cluster.get, {"stock": 0}

    async def get(resource: port.Resource, namespace: str, name: str) -> port.JSON:
        if resource == port.NAMESPACES and name == "stock" and silent["stock"]:
            silent["stock"] += 1
            raise Unavailable("no answer")
        return await read(resource, namespace, name)

    monkeypatch.setattr(bench.cluster, "get", get)
    async with watching(bench, inbox, cluster=agent, sight=Sight.NAMESPACED) as watched:
        await ready(watched, "shop", "stock")
        listed, silent["stock"] = lists(agent, "pods"), 1
        await watched.until(lambda: silent["stock"] > 4)
        await fails(bench, "stock")
        await watched.until(lambda: bool(inbox.signals))
    assert lists(agent, "pods") == listed


# -- where the next one goes on ---------------------------------------------------------------------------------------


async def test_on_shutdown_it_returns_where_each_stream_was_and_the_next_lists_nothing_and_misses_nothing(
    bench: SimulatedBench, agent: Granted, inbox: Inbox
) -> None:
    async with watching(bench, inbox, cluster=agent, sight=Sight.NAMESPACED) as watched:
        await ready(watched, "shop", "stock")
        handed_over = await watched.end()
    assert set(handed_over.bookmarks) == keys("shop", "stock") | OF_NODES
    listed = lists(agent, "pods")
    await fails(bench, "stock")
    call = WatchCluster(cluster_uid=bench.uid, bookmarks=handed_over.bookmarks)
    async with watching(bench, inbox, call, cluster=agent, sight=Sight.NAMESPACED) as watched:
        await watched.until(lambda: bool(inbox.signals))
    assert lists(agent, "pods") == listed


async def test_a_bookmark_of_the_whole_cluster_is_not_taken_for_a_namespaces(
    bench: SimulatedBench, agent: Granted, inbox: Inbox
) -> None:
    await fails(bench, "shop")
    call = WatchCluster(
        cluster_uid=bench.uid, bookmarks=dict.fromkeys(("pods", "deployments"), str(bench.cluster._store.revision))
    )
    async with watching(bench, inbox, call, cluster=agent, sight=Sight.NAMESPACED) as watched:
        await watched.until(lambda: bool(inbox.signals))


async def test_bookmarks_that_do_not_fit_are_left_out_from_the_end_and_their_streams_list_again(
    bench: SimulatedBench, agent: Granted, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MOST_BOOKMARK_BYTES", 120)
    async with watching(bench, inbox, cluster=agent, sight=Sight.NAMESPACED) as watched:
        await watched.until(lambda: len([one for one in watches(agent) if one[0] in ("shop", "stock")]) == 6)
        handed_over = await watched.end()
    kept = handed_over.bookmarks
    assert len(json.dumps(kept)) <= 120
    every = [*sorted(OF_NODES), *sorted(keys("shop", "stock"))]
    assert set(kept) == set(every[: len(kept)])
    assert set(kept) > OF_NODES
    await fails(bench, "stock")
    call = WatchCluster(cluster_uid=bench.uid, bookmarks=kept)
    async with watching(bench, inbox, call, cluster=agent, sight=Sight.NAMESPACED) as watched:
        await watched.until(lambda: bool(inbox.signals))
    assert lists(agent, "pods").count("stock") == 2


async def test_bookmarks_of_a_thousand_namespaces_fit_into_a_heartbeat(
    bench: SimulatedBench, agent: Granted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MOST_STREAMS", 10_000)

    names = [f"{'namespace-of-team-' * 2}{number:04}" for number in range(1000)]
    followed = following.Followed("Pod", port.PODS, NodeSightings(Inbox(), agent, bench.uid, bench.clock))
    starts = {f"pods/{name}": "1234567890" for name in names}
    streams = following.Following(agent, starts, on_refused=lambda _: None)
    streams.keep([followed], names)
    assert len(json.dumps(streams.bookmarks)) <= 60_000
    assert list(streams.bookmarks) == [f"pods/{name}" for name in names[: len(streams.bookmarks)]]
    assert len(streams.bookmarks) > 500
    await streams.close()


# -- many of them -----------------------------------------------------------------------------------------------------


async def test_of_many_streams_it_is_said_once_that_one_of_the_cluster_is_cheaper(
    bench: SimulatedBench,
    agent: Granted,
    inbox: Inbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(following, "MANY_STREAMS", 7)
    async with watching(bench, inbox, cluster=agent, sight=Sight.NAMESPACED) as watched:
        await ready(watched, "shop", "stock")
        beats = len(watched.heartbeats)
        await watched.until(lambda: len(watched.heartbeats) > beats + 10)
    assert caplog.text.count("cluster sight") == 1


async def test_there_are_never_more_streams_than_that_and_the_rest_is_looked_at_now_and_then(
    bench: SimulatedBench,
    agent: Granted,
    inbox: Inbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(following, "MOST_STREAMS", 3)
    await fails(bench, "stock")
    async with watching(bench, inbox, cluster=agent, sight=Sight.NAMESPACED, look_again_seconds=0.1) as watched:
        await ready(watched, "shop")
        await watched.until(lambda: {signal.target.namespace for signal in inbox.signals} == {"stock"})
    assert {namespace for namespace, _ in watches(agent)} == {"shop", "", "default"}
    assert "1 of 2 namespaces have no stream" in caplog.text


async def test_of_very_many_namespaces_each_is_asked_for_in_turn_and_a_new_one_at_once(
    bench: SimulatedBench, agent: Granted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enabled, "ASKED_EACH_TIME", 2)
    names = [f"team-{number}" for number in range(5)]
    for name in names:
        agent.bind(name)
    await give(bench, *names)
    known = enabled.EnabledNamespaces(agent, bench.policy, Sight.NAMESPACED)

    async def asked() -> list[str]:
        before = len(agent.asked)
        await known.refresh()
        return [one.name for one in agent.asked[before:] if one.resource == "namespaces"]

    assert await asked() == ["shop", "stock", *names]
    assert known.names == {"shop", "stock", *names}
    assert await asked() == ["shop", "stock"]
    await bench.enable("team-0", enabled=False)
    agent.bind("zebra")
    await give(bench, "zebra")
    assert await asked() == ["zebra", "team-0"]
    assert known.names == {"shop", "stock", "zebra", *names[1:]}
    assert await asked() == ["team-1", "team-2"]
