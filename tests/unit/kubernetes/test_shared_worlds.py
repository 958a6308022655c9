"""A target reads the same whether its world is its own or lies on one that it shares with others: whatever is in either."""

from __future__ import annotations

import copy
import gc
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byteport.domain.failures import Failure
from byteport.domain.targets import Target
from byteport.kubernetes import chaos, further, reading
from byteport.kubernetes.events import EventReading
from byteport.kubernetes.pod_reading import read_pod
from byteport.kubernetes.pods import PodReading
from byteport.kubernetes.reading import read_situation
from byteport.kubernetes.world import LogKey, World
from tests.builders.mutilate import mutilated
from tests.builders.objects import JSON, NOW, event, namespace, node, simple, status, terminated
from tests.builders.sampled import examples
from tests.builders.workload import IMAGE, Workload

NAMES = ("web", "api", "jobs", "mail")
IMAGES = (f"{IMAGE}:7", f"{IMAGE}:8")
LOGS = ("", "dial tcp: lookup db.shop.svc: no such host", "panic: nil map")
REFUSED = "rpc error: code = NotFound desc = failed to pull and unpack image: not found"
FAILURES = (Failure.CRASHLOOP, Failure.BAD_ROLLOUT, Failure.MEMORY)


class Town(NamedTuple):
    """What every look at `shop` reads alike, and what one look reads besides."""

    common: Sequence[JSON]
    own: Sequence[JSON]
    logs: Mapping[LogKey, str]
    targets: Sequence[Target]

    def plain(self) -> World:
        return World(now=NOW, objects=(*self.common, *self.own), logs=self.logs)

    def on(self, shared: World) -> World:
        return World(now=NOW, objects=tuple(self.own), logs=self.logs, shared=shared)


@st.composite
def workloads(draw: st.DrawFn, name: str, space: str) -> Workload:
    made = Workload(name, space=space, replicas=draw(st.integers(1, 3)), nodes=2, image=draw(st.sampled_from(IMAGES)))
    if draw(st.booleans()):
        made.release(draw(st.sampled_from(IMAGES)), number=made.revision - 1, created=9000, replicas=0)
    for index in range(len(made.pods)):
        match draw(st.sampled_from(["well", "well", "crashes", "unready", "unpulled", "starts"])):
            case "crashes":
                made.crash(index, log=draw(st.sampled_from(LOGS)), since=draw(st.sampled_from([2, 30])))
            case "unready":
                made.unready(index)
            case "unpulled":
                pod = made.stuck(index, "ImagePullBackOff", REFUSED)
                made.events.append(event(pod, "Failed", f"Failed to pull image: {REFUSED}", host="node-1"))
            case _:
                made.stuck(index, "ContainerCreating")
    return made


def around(made: Workload) -> list[JSON]:
    """What leans on a workload, and may refuse or hold its pods."""
    selector = {"matchLabels": {"app": made.name}}
    return [
        simple("Service", made.name, spec={"selector": {"app": made.name}}),
        simple("Service", "all", spec={"selector": {}}),
        simple("PodDisruptionBudget", made.name, spec={"selector": selector}, status={"disruptionsAllowed": 0}),
        simple("Lease", made.name, spec={"holderIdentity": f"{made.name_of(0)}_1"}),
        simple("Job", f"{made.name}-migrate", status={"active": 1}),
        simple(
            "HorizontalPodAutoscaler",
            f"keda-hpa-{made.name}",
            spec={"scaleTargetRef": {"kind": "Deployment", "name": made.name}},
        ),
        simple("ResourceQuota", "tight", spec={"hard": {"pods": "1"}}, status={"used": {"pods": "1"}}),
    ]


@st.composite
def towns(draw: st.DrawFn) -> Town:
    ours = [draw(workloads(name, "shop")) for name in NAMES[: draw(st.integers(1, 4))]]
    theirs = draw(st.lists(workloads("teller", "bank"), max_size=1))
    for made in (*ours, *theirs):
        made.objects()
    common = [copy.deepcopy(item) for made in ours for item in (made.deployment, *made.replica_sets)]
    common += [item for made in ours for item in (*made.pods, *made.events)]
    common += draw(st.lists(st.sampled_from([item for made in ours for item in around(made)]), max_size=4))
    for _ in range(draw(st.integers(0, 2))):
        whole, broken = draw(mutilated(common))
        common[common.index(whole)] = broken
    further_reads = [
        namespace("shop"),
        *(node(f"node-{number}", pressure=draw(st.sampled_from(["", "DiskPressure"]))) for number in (1, 2)),
        event(node("node-1"), "Rebooted", "rebooted", host="node-1"),
    ]
    own = draw(st.lists(st.sampled_from(further_reads), unique_by=id, max_size=4))
    own += [pod for made in theirs for pod in made.pods]
    if draw(st.booleans()):  # what no look reads today: it bears on the pods that are shared
        own.append(draw(st.sampled_from([*ours[0].replica_sets, event(ours[0].pods[0], "Killing", "Stopping")])))
    logs = {key: log for made in (*ours, *theirs) for key, log in made.logs.items() if draw(st.booleans())}
    targets = [
        Target(cluster_uid="c", namespace="shop", kind=kind, name=name, uid=uid)
        for made in ours
        for kind, name, uid in (
            ("Deployment", made.name, made.uid),
            ("Deployment", made.name, ""),
            ("Pod", made.name_of(0), made.pods[0]["metadata"]["uid"]),
        )
    ]
    return Town(common, own, logs, draw(st.permutations(targets))[:4])


@given(towns(), st.sampled_from(FAILURES))
@settings(max_examples=examples(40), deadline=None)
def test_a_target_reads_alike_on_a_shared_world_and_on_one_of_its_own(town: Town, failure: Failure) -> None:
    shared = World(now=NOW, objects=tuple(town.common))
    for target in town.targets:
        alone = read_situation(town.plain(), target, failure)
        assert read_situation(town.on(shared), target, failure) == alone


@given(towns())
@settings(max_examples=examples(40), deadline=None)
def test_what_is_found_in_a_world_is_found_alike_where_part_of_it_is_shared(town: Town) -> None:
    alone, on = town.plain(), town.on(World(now=NOW, objects=tuple(town.common)))
    for kind in ("Pod", "ReplicaSet", "Event", "Node", "Service"):
        assert on.of(kind) == alone.of(kind)
        assert on.of(kind, "shop") == alone.of(kind, "shop")
    for target in town.targets:
        assert on.named(target.kind, "shop", target.name) is alone.named(target.kind, "shop", target.name)
        assert further.pods_of(target, target.uid, on) == further.pods_of(target, target.uid, alone)
    assert further.unwell_pods(on) == further.unwell_pods(alone)
    assert chaos.experiments_pods(on, "shop") == chaos.experiments_pods(alone, "shop")


def _waits_for_an_image_that_ran_elsewhere() -> tuple[Workload, World]:
    shop, bank = Workload(replicas=1), Workload("teller", space="bank", replicas=1)
    shop.stuck(0, "ErrImagePull", REFUSED)
    return shop, World(now=NOW, objects=tuple(bank.pods))


def _its_replica_set_was_read_besides() -> tuple[Workload, World]:
    shop = Workload(replicas=1)
    shop.objects()
    besides = World(now=NOW, objects=tuple(shop.replica_sets))
    shop.replica_sets = []
    return shop, besides


def _it_is_later_for_one_of_them() -> tuple[Workload, World]:
    shop = Workload(replicas=1)
    shop.pods[0]["status"]["containerStatuses"] = [status(restarts=3, last=terminated(1), ready=False)]
    return shop, World(now=NOW + timedelta(hours=1), objects=())


@pytest.mark.parametrize(
    "case",
    [_waits_for_an_image_that_ran_elsewhere, _its_replica_set_was_read_besides, _it_is_later_for_one_of_them],
    ids=lambda case: case.__name__.strip("_"),
)
def test_what_one_look_knows_besides_counts_for_the_pods_that_it_shares(
    case: Callable[[], tuple[Workload, World]],
) -> None:
    shop, besides = case()
    shared = World(now=NOW, objects=tuple(shop.objects()))
    target = Target(cluster_uid="c", namespace="shop", kind="Deployment", name="web", uid=shop.uid)
    nothing_else = read_situation(World(now=NOW, objects=(), shared=shared), target, Failure.CRASHLOOP)
    seen = read_situation(replace(besides, shared=shared), target, Failure.CRASHLOOP)
    assert seen == read_situation(
        replace(besides, objects=(*shared.objects, *besides.objects)), target, Failure.CRASHLOOP
    )
    assert seen.pods != nothing_else.pods


def test_of_pods_that_many_share_each_is_read_once_and_those_with_logs_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[str] = []

    def counted(pod: JSON, world: World, events: tuple[EventReading, ...]) -> PodReading | None:
        read.append(pod["metadata"]["name"])
        return read_pod(pod, world, events)

    monkeypatch.setattr(reading, "read_pod", counted)
    shop = Workload(replicas=5)
    shared = World(now=NOW, objects=tuple(shop.objects()))
    logs = {LogKey("shop", shop.name_of(3), "web"): "panic: nil map"}
    for number in range(50):
        reading.read_pods(World(now=NOW, objects=(), logs=logs if number == 7 else {}, shared=shared))
    assert sorted(read) == sorted([*map(shop.name_of, range(5)), shop.name_of(3)])


def test_what_looks_share_goes_with_the_last_of_them_and_waits_for_no_garbage_collection() -> None:
    shared = World(now=NOW, objects=tuple(simple("Pod", "web-1") for _ in range(3)))
    look = World(now=NOW, objects=(namespace(),), shared=shared)
    assert (len(look.of("Pod")), len(look.of("Namespace")), look.named("Pod", "shop", "web-2")) == (3, 1, None)
    gone = [weakref.ref(world) for world in (shared, look, look.own)]
    gc.disable()
    try:
        del shared, look
        assert [world() for world in gone] == [None, None, None]
    finally:
        gc.enable()
