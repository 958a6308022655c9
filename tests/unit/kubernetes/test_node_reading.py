"""A node's disk as facts: roles of filesystems, who fills them, images, the helper; and what is a symptom of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from byteport.domain.failures import Failure
from byteport.domain.signals import SignalType
from byteport.kubernetes.node_reading import read_node_state
from byteport.kubernetes.node_state import FilesystemRole, NodeState, Use
from byteport.kubernetes.node_symptoms import node_symptoms, of_node, of_node_event
from byteport.kubernetes.reading import read_situation
from byteport.kubernetes.surroundings import Tri
from byteport.kubernetes.symptoms import symptoms_of
from byteport.kubernetes.world import World
from tests.builders.asking import CLUSTER, signal_on
from tests.builders.mutilate import mutilated
from tests.builders.objects import NOW, container, event, node, pod, stamp, status, uid_of
from tests.builders.sampled import examples
from tests.unit.runbooks.disk_worlds import AUTO, RUNBOOK, TARGET, USED_IMAGE, Disk, initialised, never_pulling


def state(world: World) -> NodeState:
    found = read_node_state(world, "node-1")
    assert found is not None
    return found


def test_a_node_that_is_not_there_is_none() -> None:
    assert read_node_state(Disk().world(), "node-9") is None


def test_the_kubelets_condition_is_read_with_its_time() -> None:
    found = state(Disk(pressure=12).world())
    assert (found.disk_condition, found.disk_condition_since) == (Tri.TRUE, NOW.replace(hour=8, minute=48))
    assert state(Disk(pressure=None).world()).disk_condition is Tri.FALSE


@pytest.mark.parametrize("said", ["false", "FALSE", "never", "", None, 0])
@pytest.mark.parametrize("place", ["labels", "annotations"])
def test_whatever_its_owner_says_of_pruning_but_yes_forbids_it(place: str, said: object) -> None:
    world = Disk().world()
    node_item = world.named("Node", "", "node-1")
    assert node_item is not None
    told = {**(node_item["metadata"].get(place) or {}), "byteport.io/prune": said}
    marked = {**node_item, "metadata": {**node_item["metadata"], place: told}}
    others = tuple(item for item in world.objects if item is not node_item)
    assert state(replace(world, objects=(*others, marked))).prune_forbidden
    assert not state(world).prune_forbidden


@pytest.mark.parametrize(
    ("df", "roles"),
    [
        ("/dev/vda1 100G 50G 50G 50% /", {"/": "both"}),
        (
            "/dev/vda1 100G 50G 50G 50% /\n/dev/vdb 100G 90G 10G 90% /var/lib/containerd",
            {"/": "nodefs", "/var/lib/containerd": "imagefs"},
        ),
        ("/dev/vda1 100G 50G 50G 50% /host", {"/": "both"}),
        (
            "/dev/vda1 100G 50G 50G 50% /host\n/dev/vdb 100G 90G 10G 90% /host/var/lib/containerd",
            {"/": "nodefs", "/var/lib/containerd": "imagefs"},
        ),
        (
            "overlay 100G 50G 50G 50% /\n/dev/vda1 100G 50G 50G 50% /etc/hosts\n/dev/vdb 9G 1G 8G 12% /mnt",
            {"/etc/hosts": "nodefs", "/mnt": "other"},
        ),
    ],
    ids=["one", "two", "one under /host", "two under /host", "only what every container sees"],
)
def test_which_filesystem_is_which(df: str, roles: dict[str, str]) -> None:
    found = state(Disk(df=df).world())
    assert {one.mount: one.role.value for one in found.filesystems} == roles


def test_one_filesystem_that_is_mounted_often_is_counted_once() -> None:
    (found,) = state(Disk().world()).filesystems
    assert found.role is FilesystemRole.BOTH
    assert {found.mount, *found.also} == {"/var/log", "/var/lib/kubelet", "/var/lib/containerd"}


def test_a_directory_inside_another_is_counted_once() -> None:
    inside = f"/var/log/pods/shop_web-1_{uid_of('Pod', 'shop', 'web-1')}"
    found = {user.path: user for user in state(Disk(logs_gib=30, more=[f"20G\t{inside}"]).world()).users}
    assert (found["/var/log"].used_bytes, found[inside].used_bytes) == (10 * 2**30, 20 * 2**30)
    assert found[inside].pod == "shop/web-1"


def test_images_that_pods_use_by_tag_digest_or_short_name_are_not_unused() -> None:
    images = [
        {"names": ["registry.example/a@sha256:" + "1" * 64], "sizeBytes": 5},
        {"names": ["docker" + ".io/library/redis:7"], "sizeBytes": 5},
        {"names": ["registry.example/untagged:latest"], "sizeBytes": 5},
        {"names": ["registry.example/pause:3.10"], "sizeBytes": 5},
        {"names": ["registry.example/old:1"], "sizeBytes": 7},
    ]
    users = [
        pod("a", statuses=[status() | {"imageID": "registry.example/a@sha256:" + "1" * 64}]),
        pod("b", containers=[container(image="redis:7")]),
        pod("c", init=[container("init", "registry.example/untagged")]),
    ]
    disk = Disk(pods=users)
    made = disk.node()
    made["status"]["images"] = images
    world = World(now=NOW, objects=(made, *users))
    found = state(world)
    assert (found.images, found.images_unused, found.images_unused_bytes) == (5, 1, 7)


def test_a_list_of_images_as_long_as_the_longest_is_not_added_up() -> None:
    found = state(Disk(unused=50).world())
    assert found.images_unused == 50
    assert found.images_unused_bytes is None


def test_saved_objects_without_pods_say_nothing_of_who_uses_an_image() -> None:
    world = Disk(saved=True).world()
    alone = replace(world, objects=tuple(item for item in world.objects if item["kind"] != "Pod"))
    assert state(alone).images_unused is None
    assert state(alone).helper is None
    assert state(alone).helper_absence is None


def test_loose_lines_of_a_bundle_belong_to_the_one_node_that_is_short() -> None:
    world = Disk(saved=True).world()
    two = replace(world, objects=(*world.objects, node("node-2")))
    assert state(two).filesystems
    second = read_node_state(two, "node-2")
    assert second is not None
    assert second.filesystems == ()
    both = replace(world, objects=(*world.objects, node("node-2", pressure="DiskPressure")))
    assert state(both).filesystems == ()


def test_what_pods_wait_for_and_have_left_behind_is_counted() -> None:
    found = state(Disk(pods=[never_pulling(), initialised()]).world())
    assert found.never_pulls == ("shop/preloaded",)
    assert found.exited_of_live_pods == 1


def test_a_pod_that_has_ended_waits_for_nothing() -> None:
    done = pod("done", phase="Succeeded", containers=[container(image=USED_IMAGE, imagePullPolicy="Never")])
    assert state(Disk(pods=[done]).world()).never_pulls == ()


def test_a_hostpath_is_its_pods_and_the_path_is_all_that_is_told() -> None:
    made = pod("spool", spec={"volumes": [{"name": "d", "hostPath": {"path": "/srv/data"}}]})
    found = state(Disk(more=["7G\t/srv/data"], pods=[made]).world())
    user = next(user for user in found.users if user.path == "/srv/data")
    assert (user.use, user.pod) == (Use.HOST_PATH, "shop/spool")


# -- symptoms ---------------------------------------------------------------------------------------------------------


def test_disk_pressure_is_a_symptom_of_the_node() -> None:
    (signal,) = node_symptoms(Disk().world(), CLUSTER)
    assert (signal.type, signal.target) == (SignalType.DISK_PRESSURE, TARGET)


def test_a_failed_collection_is_a_symptom_for_an_hour_with_the_condition_green() -> None:
    for minutes, signals in ((5, 1), (59, 1), (70, 0)):
        disk = Disk(pressure=None)
        disk.says("FreeDiskSpaceFailed", last=minutes)
        assert len(node_symptoms(disk.world(), CLUSTER)) == signals


def test_condition_and_event_of_one_node_are_one_signal() -> None:
    disk = Disk()
    disk.says("FreeDiskSpaceFailed")
    assert [found.target.ref for found in symptoms_of(disk.world(), CLUSTER)] == ["Node/node-1"]


def test_an_eviction_threshold_alone_is_none() -> None:
    disk = Disk(pressure=None)
    disk.says("EvictionThresholdMet", "Attempting to reclaim ephemeral-storage")
    assert node_symptoms(disk.world(), CLUSTER) == []


def test_the_same_condition_is_the_same_evidence_and_a_new_one_is_not() -> None:
    def digests(pressure: int) -> list[str]:
        return [found.evidence_digest for found in of_node(Disk(pressure=pressure).node())]

    assert digests(30) == digests(30) != digests(31)


def test_a_node_that_is_going_is_no_symptom() -> None:
    made = Disk().node()
    made["metadata"]["deletionTimestamp"] = stamp(1)
    assert list(of_node(made)) == []


def test_a_systems_oom_is_a_symptom_of_its_memory() -> None:
    (found,) = of_node_event(event(node("node-1"), "SystemOOM", "victim process: java"), NOW)
    assert (found.type, found.node) == (SignalType.MEMORY_PRESSURE, "node-1")


# -- whatever is read -------------------------------------------------------------------------------------------------


def documents() -> list[dict[str, Any]]:
    disk = Disk(pods=[never_pulling(), initialised()])
    disk.says("FreeDiskSpaceFailed", "only found 0 bytes eligible to free")
    disk.says("EvictionThresholdMet", "Attempting to reclaim inodes")
    disk.pod_says("Pulling")
    return list(disk.world().objects)


@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(mutilated(documents()), st.booleans())
def test_damaged_objects_never_raise_and_nothing_of_them_leaves_as_text(
    damage: tuple[dict[str, Any], dict[str, Any]], saved: bool
) -> None:
    whole, broken = damage
    disk = Disk(pods=[never_pulling(), initialised()], saved=saved)
    world = disk.world()
    objects = tuple(broken if item == whole else item for item in world.objects)
    if whole not in world.objects:
        objects = (*objects, broken)
    damaged = replace(world, objects=objects)
    node_symptoms(damaged, CLUSTER)
    situation = read_situation(damaged, TARGET, Failure.DISK)
    diagnosis = RUNBOOK.diagnose(signal_on(TARGET, SignalType.DISK_PRESSURE, at=damaged), situation)
    RUNBOOK.plan(diagnosis, situation, AUTO)
    assert len(situation.model_dump_json()) < 100_000
    assert "\x1b" not in situation.model_dump_json()
