"""What the body of an act's own patch or delete holds, and that no other passes for it where the API server shows it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from byteport.domain.plans import RaiseFloorPlan, RestoreFloorPlan, restore_of
from byteport.domain.targets import Target
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, FLOOR_RAISED, FLOOR_UNTIL, rest_digest
from byteport.kubernetes.floor_patch import raise_patch, restore_patch
from byteport.kubernetes.patches import ACTION_ID, rollback_patch
from tests.builders.rollouts import Shop, shop
from tests.unit.audit.seen import DELETE, RAISE, ROLL_BACK, Told, action, causes, lines, matched, moment, quiet, write

Patch = list[dict[str, Any]]

LOWER = 'kubectl patch hpa web -n shop --type merge -p \'{"spec":{"minReplicas":2}}\''
ACTION = action(1)


def autoscaler(floor: int, **annotations: str) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "shop", "name": "web", "uid": "uid-1", "annotations": {"team": "a", **annotations}},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "minReplicas": floor, "maxReplicas": 10},
    }


def raised() -> tuple[RaiseFloorPlan, Patch]:
    item = autoscaler(2)
    plan = RaiseFloorPlan(
        target=Target(cluster_uid="c1", namespace="shop", kind="Deployment", name="web", uid="d1"),
        autoscaler="web",
        autoscaler_uid="uid-1",
        rest_digest=rest_digest(item),
        floor_before=2,
        floor_from=2,
        floor_to=4,
        box_seconds=3600,
    )
    return plan, raise_patch(item, plan, ACTION, now=moment(61))


def restored() -> tuple[RestoreFloorPlan, Patch]:
    plan = restore_of(raised()[0])
    marks = {FLOOR_BEFORE: "2", FLOOR_RAISED: "4", FLOOR_UNTIL: "2026-03-10T10:00:00Z", ACTION_ID: "b" * 64}
    return plan, restore_patch(autoscaler(4, **marks), plan, ACTION)


def rolled_back() -> Patch:
    made: Shop = shop()
    return rollback_patch(made.deployment, made.old, ACTION)


def found(command: str, like: str, body: object) -> tuple[str, list[str], int]:
    """What is said of an act of that command, whose write had this body."""
    told = Told()
    told.act(1, command, 60, uid=None)
    seen = matched(told, lines(write(1, like, 62, level="Request", requestObject=body), quiet()))
    return seen.verdict.value, causes(seen), seen.contents_compared


HONEST: list[tuple[str, str, object]] = [
    (ROLL_BACK, ROLL_BACK, rolled_back()),
    (RAISE, RAISE, raised()[1]),
    (LOWER, RAISE, restored()[1]),
    (DELETE, DELETE, {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}),
]


@pytest.mark.claim("C-094")
@pytest.mark.parametrize(("command", "like", "body"), HONEST, ids=["rollback", "raise", "restore", "delete"])
def test_the_very_body_that_the_agent_sends_is_compared_and_matches(command: str, like: str, body: object) -> None:
    assert found(command, like, body) == ("matched", [], 1)


def _image(patch: Patch) -> object:
    return [*patch, {"op": "add", "path": "/spec/template/spec/containers/0/image", "value": "evil"}]


def _one_more(patch: Patch) -> object:
    return [*patch, {"op": "replace", "path": "/spec/replicas", "value": 0}]


def _merge(_: Patch) -> object:
    return {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "evil"}]}}, "minReplicas": 4}}


def _no_test(patch: Patch) -> object:
    return [one for one in patch if one["op"] != "test"]


def _of_another(patch: Patch) -> object:
    return [{**one, "value": action(2)} if one.get("value") == ACTION else one for one in patch]


def _no_objects(_: Patch) -> object:
    return ["replace"]


def _ceiling(patch: Patch) -> object:
    return [{**one, "path": "/spec/maxReplicas"} if one["path"] == "/spec/minReplicas" else one for one in patch]


def _floor(patch: Patch) -> object:
    return [{**one, "value": 3} if one["path"] == "/spec/minReplicas" else one for one in patch]


OTHER = [_image, _one_more, _merge, _no_test, _of_another, _no_objects]


@pytest.mark.claim("C-094")
@pytest.mark.parametrize("other", OTHER)
@pytest.mark.parametrize(("command", "like", "body"), HONEST[:3], ids=["rollback", "raise", "restore"])
def test_another_patch_of_the_same_object_is_not_the_acts(
    command: str, like: str, body: Patch, other: Callable[[Patch], object]
) -> None:
    assert found(command, like, other(copy.deepcopy(body)))[:2] == ("unmatched", ["other_content"])


@pytest.mark.claim("C-094")
@pytest.mark.parametrize("other", [_ceiling, _floor])
def test_a_floor_is_set_to_what_the_record_says(other: Callable[[Patch], object]) -> None:
    assert found(RAISE, RAISE, other(raised()[1]))[1] == ["other_content"]
    assert found(RAISE.replace("4", "5"), RAISE, raised()[1])[1] == ["other_content"]
    assert found(LOWER, RAISE, raised()[1])[1] == ["other_content"]


@pytest.mark.parametrize(
    "body", [{"gracePeriodSeconds": 0}, {"propagationPolicy": "Orphan"}, {"orphanDependents": True}, ["x"], "x"]
)
def test_a_delete_takes_its_time_and_leaves_nothing_behind(body: object) -> None:
    assert found(DELETE, DELETE, body)[1] == ["other_content"]


def test_where_the_log_shows_no_body_none_is_compared() -> None:
    assert found(ROLL_BACK, ROLL_BACK, None) == ("matched", [], 0)


def test_a_rollback_to_another_revision_is_not_told_apart_since_the_patch_names_none() -> None:
    assert found(ROLL_BACK.replace("=3", "=2"), ROLL_BACK, rolled_back())[0] == "matched"
