"""The nodes of the simulated cluster: what fills their disks, what the helper answers, what their kubelets notice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from byteport.domain.plans import PRUNE_ARGV, Runtime
from byteport.errors import MalformedInput, TargetGone
from byteport.kubernetes.disk_output import read_disk_output
from byteport.kubernetes.node_commands import DF, FREE, HELPER_SELECTOR, du
from byteport.kubernetes.port import EVENTS, JSON, NODES, PODS, ExecResult
from byteport.sandbox.simulated import Collection, Filling, ManualClock, Reply, SimulatedCluster
from byteport.sandbox.simulated.disks import GIBIBYTE, decimal, human

START = datetime(2030, 1, 1, tzinfo=UTC)
NODE = "node-1"
HOME = "byteport-node"
CRICTL = PRUNE_ARGV[Runtime.CONTAINERD]
DOCKER = PRUNE_ARGV[Runtime.DOCKER]


@pytest.fixture
async def cluster() -> SimulatedCluster:
    cluster = SimulatedCluster(ManualClock(START), nodes=1)
    await cluster.install_node_helper()
    await cluster.deploy("shop/web", image="registry.example/web:1", replicas=1)
    cluster.advance(1)
    return cluster


async def _run(cluster: SimulatedCluster, *argv: str) -> ExecResult:
    (helper,) = (await cluster.list(PODS, HOME, labels=HELPER_SELECTOR)).items
    return await cluster.exec(HOME, helper["metadata"]["name"], "helper", argv)


async def _used(cluster: SimulatedCluster) -> dict[str, float]:
    """Percent by mount, as the agent's own reading of `df` has it."""
    mounts = read_disk_output((await _run(cluster, *DF)).stdout.splitlines()).mounts
    return {mounted.mount: mounted.percent for mounted in mounts}


async def _node(cluster: SimulatedCluster) -> JSON:
    return await cluster.get(NODES, "", NODE)


async def _condition(cluster: SimulatedCluster, type_: str) -> str:
    conditions = (await _node(cluster))["status"]["conditions"]
    return str(next(item["status"] for item in conditions if item["type"] == type_))


async def _says(cluster: SimulatedCluster) -> list[str]:
    events = (await cluster.list(EVENTS, "default", fields="involvedObject.kind=Node")).items
    return [item["reason"] for item in events]


async def _with(cluster: SimulatedCluster, **spec: Any) -> str:
    """Another Deployment, whose one pod has `spec`; the pod's name."""
    item = await cluster.deploy("shop/other", image="registry.example/other:1", replicas=1)
    item["spec"]["template"]["spec"] |= spec
    await cluster.apply(item)
    cluster.advance(2)
    name: str = (await cluster.list(PODS, "shop", labels="app=other")).items[0]["metadata"]["name"]
    return name


async def test_the_helper_is_a_ready_pod_on_every_node_and_answers_only_its_own_words(
    cluster: SimulatedCluster,
) -> None:
    (helper,) = (await cluster.list(PODS, HOME, labels=HELPER_SELECTOR)).items
    assert helper["spec"]["nodeName"] == NODE
    assert helper["metadata"]["ownerReferences"][0]["kind"] == "DaemonSet"
    assert {"type": "Ready", "status": "True"}.items() <= helper["status"]["conditions"][-1].items()
    for argv in (("sh", "-c", "df -h"), ("df",), ("df", "-h", "/"), DOCKER, ("crictl", "images")):
        assert (await _run(cluster, *argv)).exit_code == 127
    web = (await cluster.list(PODS, "shop")).items[0]["metadata"]["name"]
    assert (await cluster.exec("shop", web, "web", DF)).exit_code == 127


async def test_a_helper_that_is_installed_is_ready_at_once_and_stays_so() -> None:
    cluster = SimulatedCluster(ManualClock(START), nodes=2)
    await cluster.install_node_helper(["node-2"])
    (helper,) = (await cluster.list(PODS, HOME)).items
    assert helper["spec"]["nodeName"] == "node-2"
    assert helper["status"]["phase"] == "Running"
    await cluster.install_node_helper()
    cluster.advance(5)
    assert len((await cluster.list(PODS, HOME, fields="status.phase=Running")).items) == 2


async def test_a_reply_that_was_set_goes_before_what_the_disk_says(cluster: SimulatedCluster) -> None:
    await cluster.set_reply(HOME, "byteport-node-helper", "helper", DF, Reply("nonsense\n"))
    assert (await _run(cluster, *DF)).stdout == "nonsense\n"


async def test_df_has_a_line_for_every_directory_of_the_node_that_is_mounted(cluster: SimulatedCluster) -> None:
    assert (await _run(cluster, *DF)).stdout.splitlines()[0].split()[:2] == ["Filesystem", "Size"]
    assert set(await _used(cluster)) == {"/var/log", "/var/lib/kubelet", "/var/lib/containerd"}
    await cluster.set_disk(NODE, image_size="200Gi")
    await cluster.fill_disk(NODE, Filling.IMAGES, percent=50)
    used = await _used(cluster)
    assert (used["/var/log"], used["/var/lib/containerd"]) == (6, 50)


@pytest.mark.parametrize("percent", [86, 90, 94])
async def test_unused_images_fill_a_disk_and_pruning_frees_it(cluster: SimulatedCluster, percent: int) -> None:
    await cluster.fill_disk(NODE, Filling.IMAGES, percent=percent)
    assert set((await _used(cluster)).values()) == {percent}
    reported = (await _node(cluster))["status"]["images"]
    assert 2 < len(reported) < 50
    pruned = await _run(cluster, *CRICTL)
    assert pruned.exit_code == 0
    assert pruned.stdout.splitlines()[0].startswith("Deleted: registry.example/ci/build:")
    assert max((await _used(cluster)).values()) < 10
    kept = {name for image in (await _node(cluster))["status"]["images"] for name in image["names"]}
    assert kept == {"registry.example/web:1", "registry.example/byteport-node-helper:1"}


async def test_pruning_spares_the_images_of_init_containers(cluster: SimulatedCluster) -> None:
    await _with(cluster, initContainers=[{"name": "init", "image": "registry.example/init:1"}])
    await _run(cluster, *CRICTL)
    names = [name for image in (await _node(cluster))["status"]["images"] for name in image["names"]]
    assert "registry.example/init:1" in names


async def test_logs_and_scratch_space_are_measured_where_they_lie_and_pruning_leaves_them(
    cluster: SimulatedCluster,
) -> None:
    await _with(cluster, volumes=[{"name": "spool", "emptyDir": {}}])
    spool = await cluster.fill_disk(NODE, "empty_dir", percent=50)
    journal = await cluster.fill_disk(NODE, "logs", percent=90)
    assert "/volumes/kubernetes.io~empty-dir/spool" in spool
    assert journal == "/var/log/journal"
    assert (await _run(cluster, *du(spool))).stdout == f"44G\t{spool}\n"
    assert (await _run(cluster, *du("/var/lib/kubelet"))).stdout == "44G\t/var/lib/kubelet\n"
    assert (await _run(cluster, *du("/var/log"))).stdout == "40G\t/var/log\n"
    await _run(cluster, *CRICTL)
    assert set((await _used(cluster)).values()) == {90}


async def test_logs_can_be_those_of_one_pod_and_a_path_of_the_node_can_be_named(cluster: SimulatedCluster) -> None:
    mount = {"name": "data", "hostPath": {"path": "/srv/data"}}
    pod = await _with(cluster, volumes=[mount])
    logs = await cluster.fill_disk(NODE, "logs", percent=20, home="shop", pod=pod)
    assert logs.startswith(f"/var/log/pods/shop_{pod}_")
    assert await cluster.fill_disk(NODE, "host_path", percent=30) == "/srv/data"
    assert (await _run(cluster, *du("/srv/data"))).stdout.startswith("10G\t")
    await cluster.empty_disk(NODE, "logs")
    assert max((await _used(cluster)).values()) < 10


async def test_what_no_pod_has_cannot_be_filled_and_what_is_not_there_not_measured(cluster: SimulatedCluster) -> None:
    with pytest.raises(MalformedInput):
        await cluster.fill_disk(NODE, "empty_dir")
    with pytest.raises(TargetGone):
        await cluster.fill_disk("node-9", "images")
    assert (await _run(cluster, *du("/var/lib/docker"))).exit_code == 1


async def test_pressure_comes_with_its_threshold_and_stays_for_five_minutes_after(cluster: SimulatedCluster) -> None:
    await cluster.fill_disk(NODE, "images", percent=90)
    assert await _condition(cluster, "DiskPressure") == "True"
    assert {"NodeHasDiskPressure", "EvictionThresholdMet", "FreeDiskSpaceFailed"} <= set(await _says(cluster))
    assert (await _node(cluster))["spec"]["taints"][0]["key"] == "node.kubernetes.io/disk-pressure"
    await _run(cluster, *CRICTL)
    cluster.advance(290)
    assert await _condition(cluster, "DiskPressure") == "True"
    cluster.advance(20)
    assert await _condition(cluster, "DiskPressure") == "False"
    assert "NodeHasNoDiskPressure" in await _says(cluster)


async def test_events_of_a_node_are_its_kubelets_and_lie_in_default(cluster: SimulatedCluster) -> None:
    await cluster.fill_disk(NODE, "images", percent=90)
    (event,) = (await cluster.list(EVENTS, "default", fields="reason=FreeDiskSpaceFailed")).items
    assert event["source"] == {"component": "kubelet", "host": NODE}
    assert event["involvedObject"]["name"] == NODE
    assert "bytes eligible to free" in event["message"]


async def test_a_kubelet_whose_collection_works_frees_images_by_itself(cluster: SimulatedCluster) -> None:
    await cluster.set_disk(NODE, collection=Collection.WORKS)
    await cluster.fill_disk(NODE, "images", percent=90)
    assert 70 <= max((await _used(cluster)).values()) <= 80
    assert "FreeDiskSpaceFailed" not in await _says(cluster)


async def test_a_kubelet_that_collects_in_vain_says_so_every_five_minutes(cluster: SimulatedCluster) -> None:
    await cluster.fill_disk(NODE, "logs", percent=92)
    cluster.advance(601)
    (event,) = (await cluster.list(EVENTS, "default", fields="reason=FreeDiskSpaceFailed")).items
    assert event["count"] == 3
    await cluster.set_disk(NODE, collection=Collection.OFF)
    cluster.advance(600)
    (event,) = (await cluster.list(EVENTS, "default", fields="reason=FreeDiskSpaceFailed")).items
    assert event["count"] == 3


async def test_inodes_that_run_out_press_though_bytes_are_free(cluster: SimulatedCluster) -> None:
    await cluster.fill_disk(NODE, "inodes", percent=97)
    assert await _condition(cluster, "DiskPressure") == "True"
    assert max((await _used(cluster)).values()) < 10
    (event,) = (await cluster.list(EVENTS, "default", fields="reason=EvictionThresholdMet")).items
    assert event["message"] == "Attempting to reclaim inodes"


async def test_dockers_prune_frees_only_dangling_images_and_has_init_containers_run_again(
    cluster: SimulatedCluster,
) -> None:
    await _with(cluster, initContainers=[{"name": "migrate", "image": "registry.example/migrate:1"}])
    await cluster.set_disk(NODE, runtime=Runtime.DOCKER)
    await cluster.add_image(NODE, "dangling-1", 2 * GIBIBYTE, dangling=True)
    await cluster.fill_disk(NODE, "images", percent=90)
    assert (await _node(cluster))["status"]["nodeInfo"]["containerRuntimeVersion"].startswith("docker://")
    assert (await _run(cluster, *CRICTL)).exit_code == 127
    said = (await _run(cluster, *DOCKER)).stdout
    assert "Deleted Containers:" in said
    assert said.endswith("Total reclaimed space: 6.442GB\n")
    assert max((await _used(cluster)).values()) == 84
    pod = (await cluster.list(PODS, "shop", labels="app=other")).items[0]
    assert pod["status"]["initContainerStatuses"][0]["restartCount"] == 1
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 0


async def test_memory_that_runs_out_presses_and_free_tells_how_much_is_left(cluster: SimulatedCluster) -> None:
    await cluster.set_node_usage(NODE, cpu=1, memory="32Gi")
    head, memory, _ = (await _run(cluster, *FREE)).stdout.splitlines()
    assert head.split() == ["total", "used", "free", "shared", "buff/cache", "available"]
    assert memory.split() == ["Mem:", "65536", "32768", "29492", "0", "3276", "32768"]
    assert await _condition(cluster, "MemoryPressure") == "False"
    await cluster.starve_memory(NODE)
    assert await _condition(cluster, "MemoryPressure") == "True"
    assert "NodeHasInsufficientMemory" in await _says(cluster)
    await cluster.set_node_usage(NODE, cpu=1, memory="32Gi")
    cluster.advance(301)
    assert await _condition(cluster, "MemoryPressure") == "False"


async def test_the_kernel_may_kill_while_every_condition_is_green(cluster: SimulatedCluster) -> None:
    await cluster.system_oom(NODE, process="java")
    assert "SystemOOM" in await _says(cluster)
    assert await _condition(cluster, "MemoryPressure") == "False"


async def test_a_reboot_starts_every_container_anew_and_says_so(cluster: SimulatedCluster) -> None:
    await cluster.stop_kubelet(NODE)
    assert await _condition(cluster, "Ready") == "Unknown"
    assert {taint["key"] for taint in (await _node(cluster))["spec"]["taints"]} == {"node.kubernetes.io/unreachable"}
    cluster.advance(60)
    await cluster.reboot(NODE)
    assert await _condition(cluster, "Ready") == "True"
    assert {"NodeNotReady", "Rebooted", "NodeReady"} <= set(await _says(cluster))
    status = (await cluster.list(PODS, "shop")).items[0]["status"]["containerStatuses"][0]
    assert status["restartCount"] == 1
    assert status["lastState"]["terminated"]["reason"] == "Unknown"


async def test_a_cordoned_node_takes_no_pods_and_an_autoscaler_may_say_that_one_comes(
    cluster: SimulatedCluster,
) -> None:
    await cluster.cordon(NODE)
    await cluster.scale("shop/web", 2)
    cluster.advance(1)
    (pending,) = (await cluster.list(PODS, "shop", fields="status.phase=Pending")).items
    await cluster.scale_up_triggered("shop", pending["metadata"]["name"])
    (event,) = (await cluster.list(EVENTS, "shop", fields="reason=TriggeredScaleUp")).items
    assert event["source"] == {"component": "cluster-autoscaler"}
    await cluster.cordon(NODE, cordoned=False)
    cluster.advance(1)
    assert (await cluster.list(PODS, "shop", fields="status.phase=Pending")).items == []


async def test_a_tainted_node_keeps_its_pods_and_takes_no_new_ones(cluster: SimulatedCluster) -> None:
    await cluster.taint_node(NODE, "dedicated", "builds")
    await cluster.scale("shop/web", 2)
    cluster.advance(1)
    pods = (await cluster.list(PODS, "shop")).items
    assert sorted(pod["spec"].get("nodeName", "") for pod in pods) == ["", NODE]


async def test_the_commands_that_were_run_through_the_port_are_kept(cluster: SimulatedCluster) -> None:
    await _run(cluster, *DF)
    await _run(cluster, *CRICTL)
    assert [command.argv for command in cluster.commands()] == [DF, CRICTL]
    assert {command.namespace for command in cluster.commands()} == {HOME}
    assert cluster.mutations() == []


async def test_pods_have_the_priority_of_their_class_or_are_refused(cluster: SimulatedCluster) -> None:
    high = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}, "value": 1000}
    await cluster.apply(high)
    pod = await _with(cluster, priorityClassName="high")
    assert (await cluster.get(PODS, "shop", pod))["spec"]["priority"] == 1000
    item = await cluster.deploy("shop/lost", image="web:1", replicas=1)
    item["spec"]["template"]["spec"]["priorityClassName"] = "nowhere"
    await cluster.remove(
        PODS, "shop", (await cluster.list(PODS, "shop", labels="app=lost")).items[0]["metadata"]["name"]
    )
    await cluster.apply(item)
    cluster.advance(1)
    refused = (await cluster.list(EVENTS, "shop", fields="reason=FailedCreate")).items
    assert "no PriorityClass with name nowhere was found" in refused[0]["message"]


async def test_three_days_of_a_full_disk_are_caught_up_in_one_step(cluster: SimulatedCluster) -> None:
    await cluster.fill_disk(NODE, "logs", percent=92)
    cluster.advance(timedelta(days=3).total_seconds())
    assert await _condition(cluster, "DiskPressure") == "True"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0"),
        (512, "512"),
        (1024, "1.0K"),
        (1025, "1.1K"),
        (10 * 1024, "10K"),
        (10 * 1024 + 1, "11K"),
        (3 << 30, "3.0G"),
    ],
)
def test_sizes_are_rounded_up_as_df_does(size: int, text: str) -> None:
    assert human(size) == text


@pytest.mark.parametrize(("size", "text"), [(0, "0B"), (3_200_000_000, "3.2GB"), (1_234_567, "1.235MB")])
def test_docker_counts_in_thousands(size: int, text: str) -> None:
    assert decimal(size) == text
