"""The watch: what it reports, to whom, how often, and where the next one goes on."""

import asyncio

import pytest
from temporalio.exceptions import ApplicationError

from activities.kubernetes import watch
from byteport.contracts.kubernetes import WatchCluster
from byteport.domain.signals import SignalType, Source
from byteport.errors import MalformedInput, Unavailable
from byteport.kubernetes import port
from byteport.kubernetes.symptoms import PULL_PATIENCE
from byteport.sandbox.simulated import Right
from tests.integration.activities.autoscaled import short_of_replicas
from tests.integration.activities.simulated_bench import SimulatedBench
from tests.integration.activities.watching import SOON, Inbox, watching


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same watch with shorter pauses."""
    monkeypatch.setattr(watch, "HEARTBEAT_SECONDS", 0.02)
    monkeypatch.setattr(watch, "REFRESH_SECONDS", 0.05)


ALL = ("pods", "deployments", "horizontalpodautoscalers", "nodes", "events")


def bookmarks(bench: SimulatedBench) -> dict[str, str]:
    revision = str(bench.cluster._store.revision)
    return dict.fromkeys(ALL, revision)


async def test_a_crash_loop_is_reported_for_the_deployment_that_controls_the_pod(
    bench: SimulatedBench, inbox: Inbox
) -> None:
    async with watching(bench, inbox) as watched:
        await bench.one_pod_crashes()
        await watched.until(lambda: bool(inbox.signals))
        signal = inbox.signals[0]
        assert signal.target == await bench.target()
        assert (signal.type, signal.source) == (SignalType.POD_CRASHLOOP, Source.WATCH)


async def test_a_failed_release_is_reported_for_its_deployment(bench: SimulatedBench, inbox: Inbox) -> None:
    async with watching(bench, inbox) as watched:
        await bench.a_release_fails(fault="image")
        await watched.until(lambda: (SignalType.FAILED_DEPLOY, "shop/Deployment/web") in inbox.about())


async def test_what_was_broken_before_the_watch_began_is_reported(bench: SimulatedBench, inbox: Inbox) -> None:
    await bench.one_pod_crashes()
    async with watching(bench, inbox) as watched:
        await watched.until(lambda: bool(inbox.signals))


@pytest.mark.claim("C-020")
async def test_the_same_failure_in_an_unlabelled_namespace_is_not_reported(bench: SimulatedBench, inbox: Inbox) -> None:
    await bench.cluster.deploy("private/web", image="web:1", fault="crash")
    bench.cluster.advance(400)
    await bench.one_pod_crashes()
    async with watching(bench, inbox) as watched:
        await watched.until(lambda: bool(inbox.signals))
        assert (await watched.end()).reported == len(inbox.signals)
    assert {signal.target.namespace for signal in inbox.signals} == {"shop"}


async def test_a_namespace_that_is_enabled_later_is_looked_at_at_once(bench: SimulatedBench, inbox: Inbox) -> None:
    await bench.cluster.deploy("late/web", image="web:1", fault="crash")
    bench.cluster.advance(400)
    async with watching(bench, inbox) as watched:
        await watched.until(lambda: bool(watched.heartbeats))
        assert inbox.signals == []
        await bench.enable("late")
        await watched.until(lambda: bool(inbox.signals))


@pytest.mark.claim("C-020")
async def test_a_namespace_whose_label_was_removed_is_not_reported_any_more(
    bench: SimulatedBench, inbox: Inbox
) -> None:
    await bench.enable("shop")
    async with watching(bench, inbox, look_again_seconds=0.05) as watched:
        await watched.until(lambda: bool(watched.heartbeats))
        await bench.cluster.label_namespace("shop", {"byteport.io/enabled": None})
        beats = len(watched.heartbeats)
        await watched.until(lambda: len(watched.heartbeats) > beats + 10)
        await bench.cluster.deploy("shop/web", image="web:1", fault="crash")
        bench.cluster.advance(400)
        beats = len(watched.heartbeats)
        await watched.until(lambda: len(watched.heartbeats) > beats + 10)
    assert inbox.signals == []


async def test_what_is_still_broken_when_a_namespace_is_enabled_again_is_reported_again(
    bench: SimulatedBench, inbox: Inbox
) -> None:
    """Its first run ended with the label; nothing about the objects has changed since."""
    await bench.a_release_fails(fault="image")
    async with watching(bench, inbox) as watched:
        await watched.until(lambda: (SignalType.FAILED_DEPLOY, "shop/Deployment/web") in inbox.about())
        await bench.enable("shop", enabled=False)
        beats = len(watched.heartbeats)
        await watched.until(lambda: len(watched.heartbeats) > beats + 10)
        first = {signal.evidence_digest for signal in inbox.signals}
        inbox.signals.clear()
        await bench.enable("shop")
        await watched.until(lambda: {signal.evidence_digest for signal in inbox.signals} == first)


async def test_the_same_evidence_is_reported_once(bench: SimulatedBench, inbox: Inbox) -> None:
    await bench.one_pod_crashes()
    async with watching(bench, inbox, look_again_seconds=0.02) as watched:
        await watched.until(lambda: bool(inbox.signals))
        pod = (await bench.pods())[0]["metadata"]["name"]
        for number in range(5):
            await bench.cluster.annotate_pod("shop", pod, {"touched": str(number)})
        beats = len(watched.heartbeats)
        await watched.until(lambda: len(watched.heartbeats) > beats + 10)
    digests = [signal.evidence_digest for signal in inbox.signals]
    assert len(digests) == len(set(digests))


async def test_a_report_that_did_not_get_through_fails_the_activity_and_the_next_reports_it(
    bench: SimulatedBench, inbox: Inbox
) -> None:
    await bench.one_pod_crashes()
    inbox.refusals = [Unavailable("Temporal does not answer")]
    async with watching(bench, inbox) as watched:
        with pytest.raises(ApplicationError) as caught:
            await watched.until(lambda: bool(inbox.signals))
        assert (caught.value.type, caught.value.non_retryable) == ("unavailable", False)
    async with watching(bench, inbox) as watched:
        await watched.until(lambda: bool(inbox.signals))


async def test_a_symptom_that_cannot_be_taken_is_logged_and_the_watch_goes_on(
    bench: SimulatedBench, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.one_pod_crashes("api")
    inbox.refusals = [MalformedInput("signal.target.kind", "is not a name that Kubernetes accepts")]
    async with watching(bench, inbox) as watched:
        await watched.until(lambda: "cannot be reported" in caplog.text)
        await bench.one_pod_crashes("web")
        await watched.until(lambda: any(signal.target.name == "web" for signal in inbox.signals))


# -- load -------------------------------------------------------------------------------------------------------------


async def test_an_autoscaler_that_is_short_is_reported_for_the_workload_that_it_scales(
    bench: SimulatedBench, inbox: Inbox
) -> None:
    await short_of_replicas(bench)
    bench.cluster.advance(120)
    async with watching(bench, inbox) as watched:
        await watched.until(lambda: bool(inbox.signals))
    (signal,) = inbox.signals
    assert signal.target == await bench.target()
    assert (signal.type, signal.source) == (SignalType.CPU_SPIKE, Source.WATCH)
    assert signal.value > signal.threshold == 70


async def test_an_autoscaler_that_is_content_is_not_reported(bench: SimulatedBench, inbox: Inbox) -> None:
    await short_of_replicas(bench)
    await bench.cluster.set_load(bench.home, "web", cpu_cores_total="300m")
    bench.cluster.advance(600)
    async with watching(bench, inbox) as watched:
        await watched.until(lambda: len(watched.heartbeats) > 10)
    assert inbox.signals == []


async def test_a_credential_that_may_see_no_autoscalers_still_watches_everything_else(
    bench: SimulatedBench, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.one_pod_crashes()
    bench.cluster.access.revoke(Right("list", port.AUTOSCALERS))
    async with watching(bench, inbox, look_again_seconds=0.05) as watched:
        await watched.until(lambda: bool(inbox.signals) and "autoscalers are not watched" in caplog.text)
        await watched.until(lambda: len(watched.heartbeats) > 10)


# -- nodes ------------------------------------------------------------------------------------------------------------


async def enable_node(bench: SimulatedBench, name: str, value: str | None = "true") -> None:
    node = await bench.cluster.get(port.NODES, "", name)
    labels = {**(node["metadata"].get("labels") or {})}
    node["metadata"]["labels"] = labels | {"byteport.io/enabled": value} if value else labels
    await bench.cluster.apply(node)


@pytest.mark.claim("C-021")
async def test_a_node_under_pressure_is_reported_if_it_has_a_label_of_its_own(
    bench: SimulatedBench, inbox: Inbox
) -> None:
    await enable_node(bench, "node-1")
    async with watching(bench, inbox) as watched:
        await watched.until(lambda: bool(watched.heartbeats) and len(watched.heartbeats[-1]) == len(ALL))
        await bench.cluster.set_node_condition("node-2", "DiskPressure", "True")
        await bench.cluster.set_node_condition("node-1", "DiskPressure", "True")
        await bench.cluster.set_node_condition("node-1", "MemoryPressure", "True")
        await watched.until(lambda: len(inbox.signals) == 2)
        assert (await watched.end()).reported == 2
    assert inbox.about() == [(SignalType.DISK_PRESSURE, "Node/node-1"), (SignalType.MEMORY_PRESSURE, "Node/node-1")]
    assert inbox.signals[0].target.uid == (await bench.cluster.get(port.NODES, "", "node-1"))["metadata"]["uid"]


@pytest.mark.parametrize(
    ("reason", "kind"),
    [("FreeDiskSpaceFailed", SignalType.DISK_PRESSURE), ("SystemOOM", SignalType.MEMORY_PRESSURE)],
)
async def test_what_a_kubelet_says_of_an_enabled_node_is_reported_with_every_condition_green(
    bench: SimulatedBench, inbox: Inbox, reason: str, kind: SignalType
) -> None:
    await enable_node(bench, "node-1")
    async with watching(bench, inbox) as watched:
        for node in ("node-2", "node-1", "node-1"):
            await bench.cluster.say(port.NODES, "", node, reason=reason, message="whatever")
        await watched.until(lambda: bool(inbox.signals))
        beats = len(watched.heartbeats)
        await watched.until(lambda: len(watched.heartbeats) > beats + 10)
    assert inbox.about() == [(kind, "Node/node-1")]


async def test_a_credential_that_may_see_no_nodes_still_watches_everything_else(
    bench: SimulatedBench, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    bench.cluster.access.revoke(Right("list", port.NODES))
    await bench.one_pod_crashes()
    async with watching(bench, inbox) as watched:
        await watched.until(lambda: bool(inbox.signals) and "nodes are not watched" in caplog.text)


# -- where the next one goes on ---------------------------------------------------------------------------------------


async def test_on_shutdown_it_returns_where_it_was_and_the_next_misses_nothing(
    bench: SimulatedBench, inbox: Inbox
) -> None:
    await bench.enable("shop")
    await bench.cluster.deploy("shop/web", image="web:1")
    async with watching(bench, inbox) as watched:
        await watched.until(lambda: bool(watched.heartbeats) and len(watched.heartbeats[-1]) == len(ALL))
        handed_over = await watched.end()
    assert handed_over.bookmarks.keys() == set(ALL)
    await bench.one_pod_crashes()
    call = WatchCluster(cluster_uid=bench.cluster.uid, bookmarks=handed_over.bookmarks)
    bench.cluster.access.revoke(Right("list", port.PODS))
    async with watching(bench, inbox, call) as watched:
        await watched.until(lambda: bool(inbox.signals))


async def test_it_ends_after_its_time_and_returns_its_bookmarks(bench: SimulatedBench, inbox: Inbox) -> None:
    call = WatchCluster(cluster_uid=bench.cluster.uid, bookmarks=bookmarks(bench), seconds=0)
    async with watching(bench, inbox, call) as watched:
        async with asyncio.timeout(SOON):
            assert (await watched.task).bookmarks == call.bookmarks


async def test_after_a_kill_it_goes_on_from_the_last_heartbeat(bench: SimulatedBench, inbox: Inbox) -> None:
    before = bookmarks(bench)
    await bench.one_pod_crashes()
    bench.cluster.access.revoke(Right("list", port.PODS))
    call = WatchCluster(cluster_uid=bench.cluster.uid, bookmarks={"pods": "1", "deployments": "1"})
    async with watching(bench, inbox, call, details=[before]) as watched:
        await watched.until(lambda: bool(inbox.signals))


async def test_heartbeats_hold_one_short_bookmark_per_kind(bench: SimulatedBench, inbox: Inbox) -> None:
    await bench.one_pod_crashes()
    async with watching(bench, inbox) as watched:
        await watched.until(lambda: bool(watched.heartbeats) and len(watched.heartbeats[-1]) == len(ALL))
    assert all(len(repr(beat)) < 200 for beat in watched.heartbeats)
    assert int(watched.heartbeats[-1]["pods"]) <= bench.cluster._store.revision


async def test_a_bookmark_that_the_server_forgot_is_answered_by_a_new_list(bench: SimulatedBench, inbox: Inbox) -> None:
    await bench.one_pod_crashes()
    bench.cluster.compact()
    call = WatchCluster(cluster_uid=bench.cluster.uid, bookmarks={"pods": "1", "deployments": "1"})
    async with watching(bench, inbox, call) as watched:
        await watched.until(lambda: bool(inbox.signals))
        await watched.until(lambda: int((watched.heartbeats or [{"pods": "0"}])[-1].get("pods", 0)) > 1)


async def test_a_cut_stream_fails_the_activity_so_that_the_next_one_begins_again(
    bench: SimulatedBench, inbox: Inbox
) -> None:
    bench.cluster.fail_next("watch", Unavailable("cut"))
    async with watching(bench, inbox) as watched:
        with pytest.raises(ApplicationError) as caught:
            await watched.until(lambda: False)
    assert (caught.value.type, caught.value.non_retryable) == ("unavailable", False)


async def test_a_symptom_that_time_alone_makes_true_is_found_at_the_second_look(
    bench: SimulatedBench, inbox: Inbox
) -> None:
    """Nothing is written to the objects in between: the streams stay silent, only the clock goes on."""
    await bench.enable("shop")
    await bench.one_pod_crashes()
    call = WatchCluster(cluster_uid=bench.cluster.uid, bookmarks=bookmarks(bench))
    async with watching(bench, inbox, call, look_again_seconds=0.05) as watched:
        await watched.until(lambda: bool(inbox.signals))


async def test_a_pull_that_goes_on_failing_is_found_when_it_has_had_its_time(
    bench: SimulatedBench, inbox: Inbox
) -> None:
    """Long before the next look at everything, and without any further event of the pod."""
    await bench.enable("shop")
    async with watching(bench, inbox, look_again_seconds=3600) as watched:
        await bench.deploy("fresh", "registry.example/fresh:none", fault="image")
        bench.cluster.advance(3)
        pods = [
            pod for pod in (await bench.cluster.list(port.PODS, "shop")).items if "fresh" in pod["metadata"]["name"]
        ]
        assert [pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] for pod in pods]
        newest = max(int(pod["metadata"]["resourceVersion"]) for pod in pods)
        await watched.until(lambda: any(int(beat.get("pods", 0)) >= newest for beat in watched.heartbeats))
        assert (SignalType.POD_CRASHLOOP, "shop/Deployment/fresh") not in inbox.about()
        bench.cluster.advance(PULL_PATIENCE.total_seconds())
        await watched.until(lambda: (SignalType.POD_CRASHLOOP, "shop/Deployment/fresh") in inbox.about())


async def test_another_clusters_watch_is_refused(bench: SimulatedBench, inbox: Inbox) -> None:
    async with watching(bench, inbox, WatchCluster(cluster_uid="another")) as watched:
        with pytest.raises(ApplicationError) as caught:
            await watched.task
    assert caught.value.type == "not_permitted"


# -- whose pod it is --------------------------------------------------------------------------------------------------


async def test_a_pod_without_a_controller_is_its_own_target(bench: SimulatedBench, inbox: Inbox) -> None:
    await bench.enable("shop")
    await bench.cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": "bare",
                "namespace": "shop",
                "annotations": {"sim.byteport.io/fault": "crash"},
            },
            "spec": {"containers": [{"name": "app", "image": "app:1"}]},
        }
    )
    bench.cluster.advance(400)
    async with watching(bench, inbox) as watched:
        await watched.until(lambda: (SignalType.POD_CRASHLOOP, "shop/Pod/bare") in inbox.about())


@pytest.mark.claim("C-024")
async def test_review_7_a_reference_to_another_object_of_that_name_is_not_followed(
    bench: SimulatedBench, inbox: Inbox
) -> None:
    """An owner reference is written by whoever writes the pod: it must not aim us at somebody else's Deployment."""
    pod = await bench.one_pod_crashes()
    await bench.cluster.deploy("shop/api", image="api:1")
    (other,) = (await bench.cluster.list(port.REPLICA_SETS, "shop", labels="app=api")).items
    pod["metadata"]["ownerReferences"][0]["uid"] = other["metadata"]["uid"]
    await bench.cluster.apply(pod)
    async with watching(bench, inbox) as watched:
        await watched.until(lambda: len(watched.heartbeats) > 10)
    assert await bench.cluster.get(port.PODS, "shop", pod["metadata"]["name"])
    assert inbox.signals == []
