"""What `byteport disable` plans: everything that was given, then floors, and nothing of anybody else's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from activities.kubernetes.administer import FIELD_MANAGER as HANDS_MANAGER
from activities.kubernetes.effects import FIELD_MANAGER as ACTS_MANAGER
from byteport.boundary.changes import Plan, Restore
from byteport.boundary.floors import restore
from byteport.boundary.installed import Obstacle, Problem
from byteport.boundary.names import (
    ACT_ROLE,
    AGENT_MANAGER,
    CEILINGS,
    ENABLED_LABEL,
    NAMED_ROLE,
    NAMESPACE,
    ROLLBACK_LABEL,
    SIGHT_ROLE,
)
from byteport.boundary.standing import FIELD_MANAGER
from byteport.domain.ceilings import Ceiling
from byteport.domain.plans import RaiseFloorPlan
from byteport.domain.policy import Mode
from byteport.domain.targets import Target
from byteport.errors import PreconditionFailed
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, FLOOR_RAISED, FLOOR_UNTIL, floor_of, rest_digest
from byteport.kubernetes.floor_patch import FLOOR_RESTORED, raise_patch
from byteport.kubernetes.patches import ACTION_ID
from tests.builders.administered import (
    Administered,
    a_deployment,
    a_namespace,
    an_autoscaler,
    installed_cluster,
    keys,
)
from workers.administration import carry_out, plan_disabling, plan_enabling

JSON = dict[str, Any]
RAISED = "a" * 64
EARLIER, LATER = "2026-03-10T09:00:00Z", "2026-03-10T09:05:00Z"
WIDE = Ceiling(mode=Mode.AUTO, rollback=("api",), hpa=("web",))


async def given(*more: JSON) -> Administered:
    """`shop` enabled as widely as there are names."""
    cluster = installed_cluster(*more)
    for change in (await plan_enabling(cluster, "shop", WIDE)).changes:
        await carry_out(cluster, change)
    return cluster


async def disabled(cluster: Administered) -> Plan:
    planned = await plan_disabling(cluster, "shop")
    assert planned.problems == ()
    for change in planned.changes:
        await carry_out(cluster, change)
    return planned


def raised_by_the_agent(cluster: Administered, floor: int = 6) -> JSON:
    """The floor of `web` raised by the very patch that the agent sends, and its book-keeping."""
    autoscaler = cluster.have("HorizontalPodAutoscaler", "web", "shop")
    assert autoscaler is not None
    plan = RaiseFloorPlan(
        target=Target(cluster_uid="", namespace="shop", kind="Deployment", name="web"),
        autoscaler="web",
        autoscaler_uid=autoscaler["metadata"]["uid"],
        rest_digest=rest_digest(autoscaler),
        floor_before=2,
        floor_from=2,
        floor_to=floor,
        box_seconds=3600,
    )
    (whole,) = [
        one
        for one in raise_patch(autoscaler, plan, RAISED, now=datetime(2026, 3, 10, 9, 0, tzinfo=UTC))
        if (one["op"], one["path"]) == ("add", "/metadata/annotations")
    ]
    autoscaler["metadata"]["annotations"] = whole["value"]
    autoscaler["spec"]["minReplicas"] = floor
    autoscaler["metadata"]["managedFields"] = [
        _wrote("kubectl", EARLIER, "f:maxReplicas", "f:scaleTargetRef"),
        _wrote(AGENT_MANAGER, EARLIER, "f:minReplicas"),
    ]
    return autoscaler


def _back(planned: Plan) -> Restore:
    (change,) = [one for one in planned.changes if isinstance(one, Restore)]
    return change


def _wrote(manager: str, at: str, *held: str) -> JSON:
    return {"manager": manager, "operation": "Update", "time": at, "fieldsV1": {"f:spec": {key: {} for key in held}}}


def test_the_managers_are_those_under_which_the_agent_and_the_administrator_write() -> None:
    assert AGENT_MANAGER == ACTS_MANAGER
    assert FIELD_MANAGER == HANDS_MANAGER


@pytest.mark.claim("C-017")
async def test_a_namespace_that_was_taken_back_is_as_if_it_had_never_been_given() -> None:
    cluster, never = await given(), installed_cluster()
    await disabled(cluster)
    assert keys(cluster) == {}
    cluster.drop("ConfigMap", CEILINGS, NAMESPACE)
    assert cluster.plain() == never.plain()


@pytest.mark.claim("C-017")
async def test_it_goes_in_the_order_of_bindings_role_key_label_floors_and_the_deployments_labels() -> None:
    cluster = await given()
    raised_by_the_agent(cluster)
    planned = await disabled(cluster)
    assert [f"{one.verb} {one.ref}" for one in planned.changes] == [
        f"delete RoleBinding shop/{SIGHT_ROLE}",
        f"delete RoleBinding shop/{ACT_ROLE}",
        f"delete RoleBinding shop/{NAMED_ROLE}",
        f"delete Role shop/{NAMED_ROLE}",
        f"entry ConfigMap {NAMESPACE}/{CEILINGS}",
        "label Namespace shop",
        "restore HorizontalPodAutoscaler shop/web",
        "label Deployment shop/api",
    ]
    assert (await plan_disabling(cluster, "shop")).changes == ()


async def test_a_raised_floor_goes_back_to_its_owners_with_our_marks_off() -> None:
    cluster = await given()
    raised_by_the_agent(cluster)
    planned = await disabled(cluster)
    assert _back(planned).lines == ("~ minReplicas: 6 -> 2",)
    back = cluster.have("HorizontalPodAutoscaler", "web", "shop")
    assert back is not None
    assert floor_of(back) == 2
    marks = back["metadata"]["annotations"]
    assert not {FLOOR_BEFORE, FLOOR_RAISED, FLOOR_UNTIL} & set(marks)
    assert marks[FLOOR_RESTORED] == RAISED
    assert marks[ACTION_ID] != RAISED


async def test_a_floor_that_moves_between_the_look_and_the_restore_is_not_written_over() -> None:
    cluster = await given()
    raised = raised_by_the_agent(cluster)
    change = _back(await plan_disabling(cluster, "shop"))
    raised["spec"]["minReplicas"] = 4
    with pytest.raises(PreconditionFailed):
        await carry_out(cluster, change)


@pytest.mark.claim("C-017")
@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ([_wrote("kubectl", LATER, "f:minReplicas")], "kubectl has set its floor since"),
        (
            [_wrote(AGENT_MANAGER, EARLIER, "f:minReplicas"), _wrote("helm", LATER, "f:maxReplicas")],
            "helm has changed it since",
        ),
    ],
)
async def test_a_floor_that_somebody_has_changed_since_is_named_and_keeps_nothing_with_the_agent(
    fields: list[JSON], says: str
) -> None:
    cluster = await given()
    raised_by_the_agent(cluster)["metadata"]["managedFields"] = fields
    planned = await disabled(cluster)
    (problem,) = planned.left
    assert problem.kind is Obstacle.TAKEN_OVER
    assert says in problem.text
    assert "kubectl annotate hpa web -n shop byteport.io/floor-before-" in problem.text
    assert (keys(cluster), [one.verb for one in planned.changes if one.verb == "restore"]) == ({}, [])
    again = await plan_disabling(cluster, "shop")
    assert (again.changes, again.left) == ((), planned.left)


@pytest.mark.parametrize(
    "marks",
    [
        {FLOOR_BEFORE: "two", FLOOR_RAISED: "6", ACTION_ID: RAISED},
        {FLOOR_BEFORE: "2", FLOOR_RAISED: "6"},
        {FLOOR_BEFORE: "2", FLOOR_RAISED: "6", ACTION_ID: "mine"},
        {FLOOR_BEFORE: "7", FLOOR_RAISED: "6", ACTION_ID: RAISED},
        {FLOOR_BEFORE: "0", FLOOR_RAISED: "6", ACTION_ID: RAISED},
        {FLOOR_BEFORE: "-1", FLOOR_RAISED: "6", ACTION_ID: RAISED},
        {FLOOR_BEFORE: "2", FLOOR_RAISED: "4", ACTION_ID: RAISED},
        {FLOOR_BEFORE: "2", ACTION_ID: RAISED},
    ],
)
def test_marks_that_are_not_as_we_left_them_are_never_acted_on(marks: dict[str, str]) -> None:
    autoscaler = an_autoscaler("web", floor=6, annotations=marks, uid="u")
    assert isinstance(restore("shop", autoscaler), Problem)


def test_a_floor_that_is_back_already_only_loses_our_marks() -> None:
    marks = {FLOOR_BEFORE: "2", FLOOR_RAISED: "6", FLOOR_UNTIL: LATER, ACTION_ID: RAISED, "theirs": "stays"}
    change = restore("shop", an_autoscaler("web", floor=2, annotations=marks, uid="u"))
    assert isinstance(change, Restore)
    written = {one["path"] for one in change.operations if one["op"] != "test"}
    ours = ("floor-before", "floor-raised", "floor-until")
    assert written == {f"/metadata/annotations/byteport.io~1{mark}" for mark in ours}


async def test_without_an_installation_it_still_takes_away_what_was_given() -> None:
    cluster = await given()
    for plural, namespace, name in list(cluster.objects):
        if plural.startswith(("clusterrole", "validating", "mutating")):
            del cluster.objects[plural, namespace, name]
    await disabled(cluster)
    assert [place for place in cluster.objects if place[:2] == ("rolebindings", "shop")] == []


async def test_of_a_namespace_that_is_gone_the_key_goes_and_without_one_there_is_no_such() -> None:
    cluster = await given()
    for place in [place for place in cluster.objects if place[1] == "shop"]:
        del cluster.objects[place]
    cluster.drop("Namespace", "shop")
    assert [one.ref for one in (await disabled(cluster)).changes] == [f"ConfigMap {NAMESPACE}/{CEILINGS}"]
    assert [one.kind for one in (await plan_disabling(cluster, "shop")).problems] == [Obstacle.NO_SUCH]


async def test_what_others_made_stays_whatever_it_is_called() -> None:
    subject = {"kind": "ServiceAccount", "name": "byteport-agent", "namespace": NAMESPACE}
    metadata = {"name": ACT_ROLE, "namespace": "shop"}
    theirs = {"kind": "RoleBinding", "metadata": metadata, "subjects": [subject], "roleRef": {}}
    cluster = installed_cluster(theirs)
    cluster.put(a_deployment("web", labels={ROLLBACK_LABEL: "allowed"}))
    planned = await disabled(cluster)
    assert planned.changes == ()
    assert [ACT_ROLE in note or "web" in note for note in planned.notes] == [True, True]


async def test_a_label_of_another_value_on_the_namespace_goes_as_well() -> None:
    cluster = installed_cluster()
    cluster.put(a_namespace("shop", **{ENABLED_LABEL: "True"}))
    assert [one.ref for one in (await disabled(cluster)).changes] == ["Namespace shop"]


async def test_what_helm_would_make_again_is_told_when_it_is_taken_away() -> None:
    cluster = await given()
    bound = cluster.have("RoleBinding", ACT_ROLE, "shop")
    assert bound is not None
    bound["metadata"]["annotations"] = {"meta.helm.sh/release-name": "byteport"}
    (note,) = (await disabled(cluster)).notes
    assert note.startswith(f"RoleBinding shop/{ACT_ROLE} is of the Helm release byteport")
