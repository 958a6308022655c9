"""What was deleted and does not go is neither there nor gone: `enable` gives nothing, `disable` says who holds it."""

from __future__ import annotations

from typing import Any

import pytest

from byteport.boundary.installed import Obstacle
from byteport.boundary.names import ACT_ROLE, CEILINGS, NAMED_ROLE, NAMESPACE, SIGHT_ROLE
from byteport.domain.ceilings import Ceiling
from byteport.domain.policy import Mode
from tests.builders.administered import Administered, installed_cluster
from workers.administration import carry_out, plan_disabling, plan_enabling

JSON = dict[str, Any]
WIDE = Ceiling(mode=Mode.AUTO, rollback=("api",), hpa=("web",))
KEEP = "tenant.example/keep"


async def given(ceiling: Ceiling = WIDE) -> Administered:
    cluster = installed_cluster()
    for change in (await plan_enabling(cluster, "shop", ceiling)).changes:
        await carry_out(cluster, change)
    return cluster


def deleted(cluster: Administered, kind: str, name: str, namespace: str = "shop", *finalizers: str) -> JSON:
    found = cluster.have(kind, name, namespace)
    assert found is not None
    found["metadata"] |= {"deletionTimestamp": "2026-03-10T09:00:00Z", "finalizers": [*finalizers]}
    return found


@pytest.mark.claim("C-016")
@pytest.mark.parametrize(
    ("kind", "name", "namespace"),
    [
        ("RoleBinding", SIGHT_ROLE, "shop"),
        ("RoleBinding", ACT_ROLE, "shop"),
        ("RoleBinding", NAMED_ROLE, "shop"),
        ("Role", NAMED_ROLE, "shop"),
        ("ConfigMap", CEILINGS, NAMESPACE),
    ],
)
async def test_what_is_going_does_not_stand_for_what_is_to_be_given(kind: str, name: str, namespace: str) -> None:
    cluster = await given()
    deleted(cluster, kind, name, namespace, KEEP)
    (problem,) = (await plan_enabling(cluster, "shop", WIDE)).problems
    assert problem.kind is Obstacle.BEING_DELETED
    assert f"{kind} {namespace}/{name} is being deleted, and the finalizer {KEEP} keeps it there" in problem.text
    let_go = (
        f'kubectl patch {kind.lower()} {name} -n {namespace} --type=merge -p \'{{"metadata":{{"finalizers":null}}}}\''
    )
    assert problem.text.endswith(let_go)
    assert ("with its rights" in problem.text) is (kind != "ConfigMap")


async def test_without_a_finalizer_it_is_only_to_be_waited_for() -> None:
    cluster = await given()
    deleted(cluster, "RoleBinding", ACT_ROLE)
    (problem,) = (await plan_enabling(cluster, "shop", WIDE)).problems
    assert problem.text.endswith("is being deleted; run the command again when it is gone")


async def test_a_finalizer_that_can_be_none_is_not_printed() -> None:
    cluster = await given()
    deleted(cluster, "RoleBinding", ACT_ROLE, "shop", "x'; rm -rf ~\x1b[31m")
    (problem,) = (await plan_enabling(cluster, "shop", WIDE)).problems
    assert "rm" not in problem.text


@pytest.mark.parametrize(("kind", "name"), [("Deployment", "api"), ("HorizontalPodAutoscaler", "web")])
async def test_a_named_object_that_is_going_is_not_given(kind: str, name: str) -> None:
    cluster = installed_cluster()
    deleted(cluster, kind, name, "shop", "foregroundDeletion")
    (problem,) = (await plan_enabling(cluster, "shop", WIDE)).problems
    assert (problem.kind, problem.text) == (
        Obstacle.BEING_DELETED,
        f"{kind} {name} in the namespace shop is being deleted",
    )


@pytest.mark.parametrize(("kind", "name"), [("ClusterRole", SIGHT_ROLE), ("Namespace", NAMESPACE)])
async def test_an_installation_that_is_going_is_none(kind: str, name: str) -> None:
    cluster = installed_cluster()
    deleted(cluster, kind, name, "", KEEP)
    (problem,) = (await plan_enabling(cluster, "shop", WIDE)).problems
    assert problem.kind is Obstacle.NOT_INSTALLED
    assert "is being deleted; install the chart again when it is gone" in problem.text


async def test_a_narrowing_that_cannot_take_a_right_away_is_left_to_a_person_and_does_the_rest() -> None:
    cluster = await given()
    deleted(cluster, "RoleBinding", NAMED_ROLE, "shop", KEEP)
    planned = await plan_enabling(cluster, "shop", Ceiling(mode=Mode.OBSERVE))
    assert planned.problems == ()
    assert [one.kind for one in planned.left] == [Obstacle.BEING_DELETED]
    gone = [one.ref for one in planned.changes if one.verb == "delete"]
    assert gone == [f"Role shop/{NAMED_ROLE}", f"RoleBinding shop/{ACT_ROLE}"]


@pytest.mark.claim("C-017")
async def test_disable_takes_the_rest_and_names_who_holds_what_does_not_go() -> None:
    cluster = await given()
    deleted(cluster, "RoleBinding", SIGHT_ROLE, "shop", KEEP, "other.example/keep")
    planned = await plan_disabling(cluster, "shop")
    assert [one.ref for one in planned.changes if one.verb == "delete"] == [
        f"RoleBinding shop/{ACT_ROLE}",
        f"RoleBinding shop/{NAMED_ROLE}",
        f"Role shop/{NAMED_ROLE}",
    ]
    (left,) = planned.left
    assert f"the finalizers {KEEP}, other.example/keep keep it there with its rights" in left.text
    for change in planned.changes:
        await carry_out(cluster, change)
    again = await plan_disabling(cluster, "shop")
    assert (again.changes, again.left) == ((), planned.left)
