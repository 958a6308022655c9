"""What leans on a Deployment or fails beside it, and whether a quota has room for going back."""

from __future__ import annotations

from typing import Any

import pytest

from byteport.kubernetes.quota_room import quota_short
from byteport.kubernetes.rollout_neighbours import (
    foreign_autoscaler,
    shared_services,
    troubled_nodes,
    troubled_registries,
)
from tests.builders.rollouts import Shop, ago, crashing, pod, replica_set, shop, template, waiting

SELECTING = {"kind": "Service", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": {"app": "web"}}}


def workload(kind: str = "Deployment", **spec: Any) -> dict[str, Any]:
    meta = {"name": "other", "namespace": spec.pop("namespace", "shop"), "uid": "o"}
    return {"kind": kind, "metadata": meta, "spec": {"replicas": 1, "template": template(), **spec}}


def shared(*others: dict[str, Any]) -> tuple[str, ...]:
    made = shop()
    made.others = [SELECTING, *others]
    return shared_services(made.world(), made.deployment)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "Rollout"])
def test_a_service_over_two_workloads_is_shared(kind: str) -> None:
    assert shared(workload(kind)) == ("web",)


@pytest.mark.parametrize(
    "other", [workload(replicas=0), workload(namespace="elsewhere"), workload(template=template(labels={"app": "api"}))]
)
def test_one_over_a_workload_without_pods_elsewhere_or_of_other_labels_is_not(other: dict[str, Any]) -> None:
    assert shared(other) == ()


def test_a_service_without_selector_selects_nobody() -> None:
    made = shop()
    bare = {"kind": "Service", "metadata": {"name": "web", "namespace": "shop"}, "spec": {}}
    made.others = [bare, workload()]
    assert shared_services(made.world(), made.deployment) == ()


def scaler(name: str = "web", aim: str = "web", **meta: Any) -> dict[str, Any]:
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": aim}}
    return {"kind": "HorizontalPodAutoscaler", "metadata": {"name": name, "namespace": "shop", **meta}, "spec": spec}


@pytest.mark.parametrize(
    ("item", "foreign"),
    [
        (scaler(), ""),
        (scaler(ownerReferences=[{"kind": "ScaledObject", "name": "web"}]), "web"),
        (scaler("keda-hpa-web"), "keda-hpa-web"),
        (scaler(labels={"scaledobject.keda.sh/name": "web"}), "web"),
        (scaler("keda-hpa-api", aim="api"), ""),
        (
            {
                "kind": "ScaledObject",
                "metadata": {"name": "so", "namespace": "shop"},
                "spec": {"scaleTargetRef": {"name": "web"}},
            },
            "so",
        ),
    ],
)
def test_an_autoscaler_of_somebody_else(item: dict[str, Any], foreign: str) -> None:
    made = shop()
    made.others = [item]
    assert foreign_autoscaler(made.world(), made.deployment) == foreign


def neighbour(*statuses: dict[str, Any], **more: Any) -> dict[str, Any]:
    owner = replica_set(9, template("db.example/db:1"), wanted=1, ready=0)
    owner["metadata"]["uid"] = "another"
    return pod(owner, "x", node="node-n", statuses=list(statuses), **more)


def own(made: Shop) -> frozenset[str]:
    return frozenset(item["metadata"]["uid"] for item in (made.new, made.old))


def test_a_node_is_in_trouble_when_something_else_fails_there() -> None:
    made = shop()
    made.fails(crashing(), nodes=("node-a",))
    made.others = [neighbour(crashing())]
    assert troubled_nodes(made.world(), own(made)) == ("node-n",)


@pytest.mark.parametrize("calm", ["starting", "ready", "leaving", "done"])
def test_one_that_starts_is_ready_leaves_or_is_done_is_no_trouble(calm: str) -> None:
    beside = neighbour(waiting("ContainerCreating"))
    if calm == "ready":
        beside = neighbour(crashing(), ready=True)
    elif calm == "leaving":
        beside = neighbour(crashing())
        beside["metadata"]["deletionTimestamp"] = ago(seconds=1)
    elif calm == "done":
        beside = neighbour(crashing(), phase="Succeeded")
    made = shop()
    made.others = [beside]
    assert troubled_nodes(made.world(), own(made)) == ()


def test_a_registry_is_in_trouble_when_something_else_waits_for_it() -> None:
    made = shop()
    stuck = {**waiting("ImagePullBackOff"), "image": "db.example/db:1"}
    made.others = [neighbour(stuck)]
    assert troubled_registries(made.world(), own(made)) == ("db.example",)
    made.others = [neighbour({**crashing(), "image": "db.example/db:1"})]
    assert troubled_registries(made.world(), own(made)) == ()


def short(
    hard: dict[str, str], used: dict[str, str], *, has: int = 1, wants: int = 3, bad: int = 0, cpu: str = "500m"
) -> bool:
    made = shop(
        template("registry.example/web:1", container={"resources": {"requests": {"cpu": cpu}}}),
        template("registry.example/web:2", container={"resources": {"requests": {"cpu": "100m"}}}),
    )
    made.old["spec"]["replicas"] = has
    made.counts(new_pods=bad, old_ready=has)
    quota = {
        "kind": "ResourceQuota",
        "metadata": {"name": "q", "namespace": "shop"},
        "status": {"hard": hard, "used": used},
    }
    made.others = [quota]
    return quota_short(made.world(), made.old, made.new, wants)


def test_a_quota_is_short_when_the_lacking_pods_do_not_fit() -> None:
    assert short({"requests.cpu": "1"}, {"requests.cpu": "500m"})
    assert not short({"requests.cpu": "1500m"}, {"requests.cpu": "500m"})
    assert short({"pods": "2"}, {"pods": "1"})


def test_pods_of_the_failing_revision_make_room() -> None:
    assert short({"pods": "3"}, {"pods": "3"}, bad=1)
    assert not short({"pods": "3"}, {"pods": "3"}, bad=2)
    assert short({"requests.cpu": "1"}, {"requests.cpu": "700m"}, bad=2)


def test_a_revision_that_still_has_all_its_pods_needs_no_room() -> None:
    assert not short({"pods": "0"}, {"pods": "9"}, has=3)


def test_a_quota_on_something_else_is_no_matter() -> None:
    assert not short({"services": "0"}, {"services": "9"})
    assert not short({"pods": "nonsense"}, {"pods": "9"})
