"""Whose pod it is: by controller reference and uid, never by a name alone."""

from __future__ import annotations

from typing import Any

import pytest

from byteport.domain.failures import Failure
from byteport.kubernetes.owners import OwnerKind, Proof, pod_owner
from byteport.kubernetes.reading import read_situation
from byteport.kubernetes.world import World
from tests.builders.asking import deployment
from tests.builders.objects import NOW, owner, pod, stamp
from tests.builders.workload import Workload


def chain(shop: Workload, *, without: str = "", complete: bool = True) -> Any:
    objects = tuple(item for item in shop.objects() if item["kind"] != without)
    return pod_owner(shop.pods[0], World(now=NOW, objects=objects, complete=complete))


def test_the_chain_is_proved_when_every_object_of_it_was_read() -> None:
    found = chain(Workload())
    assert (found.kind, found.name, found.proof, found.owned) == (OwnerKind.DEPLOYMENT, "web", Proof.READ, False)


def test_a_chain_with_an_object_missing_is_broken_on_a_cluster_and_only_named_in_a_bundle() -> None:
    assert chain(Workload(), without="ReplicaSet").proof is Proof.BROKEN
    assert chain(Workload(), without="ReplicaSet", complete=False).proof is Proof.NAMED
    assert chain(Workload(), without="Deployment", complete=False).proof is Proof.NAMED


def test_a_replica_set_of_the_same_name_with_another_uid_proves_nothing() -> None:
    shop = Workload()
    shop.current["metadata"]["uid"] = "99999999-0000-4000-8000-000000000000"
    assert chain(shop).proof is Proof.BROKEN


def test_a_link_that_is_being_deleted_breaks_the_chain() -> None:
    shop = Workload()
    shop.deployment["metadata"]["deletionTimestamp"] = stamp(1)
    assert chain(shop).proof is Proof.BROKEN


@pytest.mark.claim("C-024")
def test_review_7_a_reference_that_does_not_control_is_no_owner() -> None:
    lone = pod("web-1", owners=[owner("ReplicaSet", "web-1") | {"controller": False}])
    assert pod_owner(lone, World(now=NOW, objects=(lone,))).kind is OwnerKind.POD


def test_only_apps_makes_a_replica_set() -> None:
    lone = pod("web-1", owners=[owner("ReplicaSet", "web", api="extensions.example/v1")])
    assert pod_owner(lone, World(now=NOW, objects=(lone,))).kind is OwnerKind.FOREIGN


def test_a_foreign_controller_is_known_by_its_own_kind() -> None:
    shop = Workload()
    shop.current["metadata"]["ownerReferences"] = [owner("Rollout", "web", api="argoproj.io/v1alpha1")]
    found = chain(shop)
    assert (found.kind, found.api_kind) == (OwnerKind.FOREIGN, "Rollout")


@pytest.mark.claim("C-024")
def test_review_7_a_pod_that_claims_a_foreign_replica_set_does_not_become_the_targets() -> None:
    """A tenant who can write ownerReferences must not be able to aim us at another's object."""
    shop = Workload()
    stranger = pod("stranger", owners=[owner("ReplicaSet", shop.current["metadata"]["name"], "forged-uid")])
    situation = read_situation(shop.world(stranger), deployment(), Failure.CRASHLOOP)
    assert "stranger" not in {item.name for item in situation.pods}


@pytest.mark.claim("C-024")
def test_review_7_a_pod_of_another_namespace_is_never_the_targets() -> None:
    shop = Workload()
    meta = shop.current["metadata"]
    stranger = pod("stranger", namespace="other", owners=[owner("ReplicaSet", meta["name"], meta["uid"])])
    situation = read_situation(shop.world(stranger), deployment(), Failure.CRASHLOOP)
    assert "stranger" not in {item.name for item in situation.pods}
