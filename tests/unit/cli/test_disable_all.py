"""`byteport disable --all`: every namespace in which anything of ours is found, in one plan; and nobody else's."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from byteport.boundary.names import ACT_ROLE, CEILINGS, ENABLED_LABEL, NAMESPACE, ROLLBACK_LABEL
from byteport.cli.exits import Exit
from byteport.domain.ceilings import Ceiling
from byteport.domain.policy import Mode
from byteport.errors import PreconditionFailed
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, FLOOR_RAISED
from byteport.kubernetes.patches import ACTION_ID
from tests.builders.administered import Administered, a_deployment, a_namespace, an_autoscaler, installed_cluster, keys
from tests.unit.cli.conftest import Run
from workers.administration import carry_out, plan_enabling

MARKS = {FLOOR_BEFORE: "2", FLOOR_RAISED: "6", ACTION_ID: "a" * 64}


@pytest.fixture
async def cluster(monkeypatch: pytest.MonkeyPatch) -> Administered:
    """`shop` and `till` are given, `bank` is told of and gone, `yard` has a floor of ours, `park` nothing."""
    cluster = installed_cluster(*(a_namespace(name) for name in ("till", "yard", "park")))
    cluster.put(a_deployment("api", "park", labels={ROLLBACK_LABEL: "allowed"}))
    wide = Ceiling(mode=Mode.AUTO, rollback=("api",), hpa=("web",))
    for name, ceiling in (("shop", wide), ("till", Ceiling(mode=Mode.OBSERVE))):
        for change in (await plan_enabling(cluster, name, ceiling)).changes:
            await carry_out(cluster, change)
    told = cluster.have("ConfigMap", CEILINGS, NAMESPACE)
    assert told is not None
    told["data"]["bank"] = "{}"
    cluster.put(an_autoscaler("web", "yard", floor=6, annotations=MARKS))

    @asynccontextmanager
    async def hands_of(*_: object, **__: object) -> AsyncIterator[Administered]:
        yield cluster

    monkeypatch.setattr("byteport.cli.enrolment.hands_of", hands_of)
    return cluster


def left(cluster: Administered) -> list[str]:
    return [
        f"{plural}/{name}"
        for plural, where, name in cluster.objects
        if plural in ("roles", "rolebindings") and where in ("shop", "till")
    ]


@pytest.mark.claim("C-028")
def test_everything_that_was_given_anywhere_goes_and_floors_go_back(byteport: Run, cluster: Administered) -> None:
    shown = byteport("disable", "--all", "--dry-run")
    assert shown.out.startswith("every namespace on https://cluster.example:6443:\n")
    assert (shown.code, len(left(cluster))) == (Exit.OK, 5)
    said = byteport("disable", "--all", "--yes")
    assert (said.code, said.err) == (Exit.OK, "")
    assert left(cluster) == []
    assert keys(cluster) == {}
    for name in ("shop", "till"):
        namespace = cluster.have("Namespace", name)
        assert namespace is not None
        assert ENABLED_LABEL not in namespace["metadata"].get("labels", {})
    yard, park = cluster.have("HorizontalPodAutoscaler", "web", "yard"), cluster.have("Deployment", "api", "park")
    assert yard is not None
    assert yard["spec"]["minReplicas"] == 2
    assert park is not None
    assert park["metadata"]["labels"] == {ROLLBACK_LABEL: "allowed"}, "its owner's, where nothing was given"
    again = byteport("disable", "--all", "--json")
    assert (again.code, json.loads(again.out)["changed"], json.loads(again.out)["namespace"]) == (Exit.OK, False, None)


def test_a_run_that_stops_half_way_is_finished_by_the_next(byteport: Run, cluster: Administered) -> None:
    cluster.breaks_at = {len(cluster.writes) + 4: PreconditionFailed("moved")}
    assert byteport("disable", "--all", "--yes").code == Exit.REFUSED
    assert byteport("disable", "--all", "--yes").code == Exit.OK
    assert (left(cluster), keys(cluster)) == ([], {})


def test_without_an_installation_it_does_the_same(byteport: Run, cluster: Administered) -> None:
    for plural, namespace, name in list(cluster.objects):
        if plural.startswith(("clusterrole", "validating", "mutating")) or (plural, name) == ("configmaps", CEILINGS):
            del cluster.objects[plural, namespace, name]
    assert byteport("disable", "--all", "--yes").code == Exit.OK
    assert left(cluster) == []


def test_what_may_not_be_listed_is_said_and_nothing_is_changed(byteport: Run, cluster: Administered) -> None:
    cluster.refused = {("list", "namespaces")}
    written = len(cluster.writes)
    said = byteport("disable", "--all", "--yes")
    assert (said.code, "you may not list namespaces" in said.err) == (Exit.REFUSED, True)
    assert len(cluster.writes) == written


def test_somebody_elses_binding_of_our_account_is_told_where_there_is_nothing_else(
    byteport: Run, cluster: Administered
) -> None:
    bound = cluster.have("RoleBinding", ACT_ROLE, "shop")
    assert bound is not None
    theirs = {**bound, "metadata": {"name": "theirs", "namespace": "park"}}
    cluster.put(theirs)
    said = byteport("disable", "--all", "--yes")
    assert "RoleBinding park/theirs gives the agent's account rights besides" in said.out
    assert cluster.have("RoleBinding", "theirs", "park") is not None


@pytest.mark.parametrize("arguments", [(), ("shop", "--all")])
def test_it_wants_one_namespace_or_all_of_them(
    byteport: Run, cluster: Administered, arguments: tuple[str, ...]
) -> None:
    said = byteport("disable", *arguments, "--yes")
    assert (said.code, said.err.startswith("error: NAMESPACE: ")) == (Exit.USAGE, True)
