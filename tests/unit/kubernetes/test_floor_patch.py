"""The patches of a raised and a restored floor: what they change, what they leave, and whose bytes pass for which plan."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.domain.plans import RaiseFloorPlan, RestoreFloorPlan, restore_of
from byteport.domain.targets import Target
from byteport.errors import PreconditionFailed
from byteport.kubernetes.autoscalers import (
    FLOOR_BEFORE,
    FLOOR_RAISED,
    FLOOR_UNTIL,
    rest_digest,
)
from byteport.kubernetes.floor_patch import (
    FLOOR_RESTORED,
    raise_arguments,
    raise_patch,
    restore_arguments,
    restore_patch,
)
from byteport.kubernetes.patches import ACTION_ID
from byteport.sandbox.simulated.patching import applied as api_server_applies

NOW = datetime(2026, 3, 10, 9, 0, 0, 654321, tzinfo=UTC)
ACTION, OTHER = "0123456789abcdef" * 4, "fedcba9876543210" * 4
PLACE = {"cluster_uid": "c1", "namespace": "shop", "name": "web"}
JSON = dict[str, Any]
Patch = list[dict[str, Any]]


def autoscaler(floor: int = 2, ceiling: int = 10, **annotations: str) -> JSON:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {
            "namespace": "shop",
            "name": "web",
            "uid": "hpa-1",
            "resourceVersion": "900",
            "annotations": {"team": "a", **annotations},
        },
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": floor,
            "maxReplicas": ceiling,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu"}}],
        },
    }


def raising(item: JSON, floor_to: int = 5, *, before: int | None = None, box: int = 3600) -> RaiseFloorPlan:
    floor = item["spec"]["minReplicas"]
    return RaiseFloorPlan(
        target=Target(cluster_uid="c1", namespace="shop", kind="Deployment", name="web", uid="d-1"),
        autoscaler="web",
        autoscaler_uid="hpa-1",
        rest_digest=rest_digest(item),
        floor_before=floor if before is None else before,
        floor_from=floor,
        floor_to=floor_to,
        box_seconds=box,
    )


def applied(item: JSON, patch: Patch) -> JSON:
    return api_server_applies(item, patch)


def raised() -> tuple[JSON, RaiseFloorPlan, RestoreFloorPlan]:
    item = autoscaler()
    plan = raising(item)
    return applied(item, raise_patch(item, plan, ACTION, now=NOW)), plan, restore_of(plan)


def read_raise(patch: Patch, **other: Any) -> JSON | None:
    return raise_arguments(patch, **{**PLACE, "action_id": ACTION, "now": NOW, **other})


def read_restore(patch: Patch, **other: Any) -> JSON | None:
    return restore_arguments(patch, **{**PLACE, "action_id": OTHER, **other})


# -- what they do -----------------------------------------------------------------------------------------------------


def test_a_raise_changes_the_floor_and_our_marks_and_nothing_else() -> None:
    before = autoscaler()
    after = applied(before, raise_patch(before, raising(before), ACTION, now=NOW))
    assert after["metadata"].pop("annotations") == {
        "team": "a",
        FLOOR_BEFORE: "2",
        FLOOR_RAISED: "5",
        FLOOR_UNTIL: "2026-03-10T10:00:00Z",
        ACTION_ID: ACTION,
    }
    assert after["spec"].pop("minReplicas") == 5
    before["metadata"].pop("annotations")
    before["spec"].pop("minReplicas")
    assert after == before


def test_a_second_raise_keeps_what_the_owner_had_set() -> None:
    item, _, _ = raised()
    plan = raising(item, 8, before=2)
    patch = raise_patch(item, plan, OTHER, now=NOW)
    assert applied(item, patch)["metadata"]["annotations"][FLOOR_BEFORE] == "2"
    assert read_raise(patch, action_id=OTHER) == plan.arguments()


def test_a_restore_puts_the_owners_floor_back_and_takes_our_marks_off() -> None:
    item, _, plan = raised()
    after = applied(item, restore_patch(item, plan, OTHER))
    assert after["spec"] == autoscaler()["spec"]
    assert after["metadata"]["annotations"] == {"team": "a", ACTION_ID: OTHER, FLOOR_RESTORED: ACTION}


def test_a_restore_holds_also_when_somebody_took_the_time_off_the_object() -> None:
    item, _, plan = raised()
    del item["metadata"]["annotations"][FLOOR_UNTIL]
    patch = restore_patch(item, plan, OTHER)
    assert FLOOR_BEFORE not in applied(item, patch)["metadata"]["annotations"]
    assert read_restore(patch) == plan.arguments()


def test_where_there_are_no_annotations_the_map_is_made_unless_somebody_wrote_one_meanwhile() -> None:
    item = autoscaler()
    del item["metadata"]["annotations"]
    plan = raising(item)
    patch = raise_patch(item, plan, ACTION, now=NOW)
    assert set(applied(item, patch)["metadata"]["annotations"]) == {FLOOR_BEFORE, FLOOR_RAISED, FLOOR_UNTIL, ACTION_ID}
    assert read_raise(patch) == plan.arguments()
    item["metadata"]["resourceVersion"] = "901"
    item["status"] = {"currentReplicas": 2}
    assert applied(item, patch)["metadata"]["annotations"][ACTION_ID] == ACTION
    item["metadata"]["annotations"] = {"team": "a"}
    with pytest.raises(PreconditionFailed):
        applied(item, patch)


def test_a_floor_that_is_not_written_is_one() -> None:
    item = autoscaler(1)
    plan = raising(item)
    del item["spec"]["minReplicas"]
    patch = raise_patch(item, plan, ACTION, now=NOW)
    assert applied(item, patch)["spec"]["minReplicas"] == 5
    assert read_raise(patch) == plan.arguments()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("metadata", "uid"), "another"),
        (("spec", "minReplicas"), 3),
        (("spec", "maxReplicas"), 50),
        (("spec", "metrics"), []),
        (("spec", "behavior"), {"scaleUp": {}}),
        (("spec", "scaleTargetRef", "name"), "api"),
    ],
)
@pytest.mark.parametrize("kind", ["raise", "restore"])
def test_both_fail_on_another_object_or_a_spec_that_somebody_has_changed(
    kind: str, path: tuple[str, ...], value: object
) -> None:
    item, patch = autoscaler(), raise_patch(autoscaler(), raising(autoscaler()), ACTION, now=NOW)
    if kind == "restore":
        item, _, plan = raised()
        patch = restore_patch(item, plan, OTHER)
    inner = item
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(PreconditionFailed):
        applied(item, patch)


@pytest.mark.parametrize("key", [FLOOR_BEFORE, FLOOR_RAISED, ACTION_ID])
@pytest.mark.parametrize("value", ["3", None])
def test_a_restore_fails_when_it_is_not_our_floor_any_more(key: str, value: str | None) -> None:
    item, _, plan = raised()
    patch = restore_patch(item, plan, OTHER)
    item["metadata"]["annotations"].pop(key)
    if value is not None:
        item["metadata"]["annotations"][key] = value
    with pytest.raises(PreconditionFailed):
        applied(item, patch)


@pytest.mark.parametrize("mark", ["4", "6", "05", "five", None])
def test_a_floor_that_is_not_the_one_that_its_mark_names_is_not_put_back(mark: str | None) -> None:
    """Its owner has set it since, to whatever number."""
    item, _, plan = raised()
    item["metadata"]["annotations"].pop(FLOOR_RAISED)
    if mark is not None:
        item["metadata"]["annotations"][FLOOR_RAISED] = mark
    with pytest.raises(PreconditionFailed):
        applied(item, restore_patch(item, plan, OTHER))


def test_a_status_written_meanwhile_voids_nothing() -> None:
    item, _, plan = raised()
    patch = restore_patch(item, plan, OTHER)
    item["status"] = {"currentReplicas": 5}
    item["metadata"]["resourceVersion"] = "12345"
    assert applied(item, patch)["spec"]["minReplicas"] == 2


# -- read back --------------------------------------------------------------------------------------------------------


@given(
    before=st.integers(1, 400),
    more=st.integers(0, 400),
    step=st.integers(1, 400),
    box=st.integers(60, 86400),
    days=st.floats(0, 20000),
    bare=st.booleans(),
)
def test_the_bytes_of_an_honest_patch_say_the_plan_and_its_restore_undoes_it(
    before: int, more: int, step: int, box: int, days: float, bare: bool
) -> None:
    moment, floor = NOW + timedelta(days=days), before + more
    item = autoscaler(floor, 2000)
    if bare:
        del item["metadata"]["annotations"]
    plan = raising(item, floor + step, before=before, box=box)
    patch = raise_patch(item, plan, ACTION, now=moment)
    assert read_raise(patch, now=moment) == plan.arguments()
    after = applied(item, patch)
    back = restore_patch(after, restore_of(plan), OTHER)
    assert read_restore(back) == restore_of(plan).arguments()
    restored = applied(after, back)
    assert restored["spec"] == {**item["spec"], "minReplicas": before}
    assert not {FLOOR_BEFORE, FLOOR_RAISED, FLOOR_UNTIL} & set(restored["metadata"]["annotations"])


@pytest.mark.parametrize(
    ("field", "value"), [("cluster_uid", "c2"), ("namespace", "prod"), ("name", "api"), ("action_id", "e" * 64)]
)
def test_the_same_bytes_sent_elsewhere_or_for_another_action_are_another_call(field: str, value: str) -> None:
    item, plan, back = raised()
    up = raise_patch(autoscaler(), plan, ACTION, now=NOW)
    assert read_raise(up, **{field: value}) != plan.arguments()
    assert read_restore(restore_patch(item, back, OTHER), **{field: value}) != back.arguments()


def test_a_box_of_another_length_is_another_call() -> None:
    item = autoscaler()
    patch = raise_patch(item, raising(item), ACTION, now=NOW)
    late = read_raise(patch, now=NOW - timedelta(seconds=1))
    assert late is not None
    assert late["box_seconds"] == 3601


Forge = Callable[[Patch], None]


def named(patch: Patch, op: str, end: str) -> dict[str, Any]:
    return next(item for item in patch if item["op"] == op and item["path"].endswith(end))


def add(path: str, value: object, op: str = "add") -> Forge:
    return lambda patch: patch.append({"op": op, "path": path, "value": value})


def change(op: str, end: str, value: object) -> Forge:
    return lambda patch: named(patch, op, end).update(value=value)


def drop(op: str, end: str) -> Forge:
    return lambda patch: patch.remove(named(patch, op, end))


def swap(one: int, two: int) -> Forge:
    def forge(patch: Patch) -> None:
        patch[one], patch[two] = patch[two], patch[one]

    return forge


def again(op: str, end: str) -> Forge:
    return lambda patch: patch.append(dict(named(patch, op, end)))


def whole_map(patch: Patch) -> None:
    ours = {FLOOR_BEFORE: "2", FLOOR_RAISED: "5", FLOOR_UNTIL: "2026-03-10T10:00:00Z", ACTION_ID: ACTION}
    patch[3:] = [{"op": "add", "path": "/metadata/annotations", "value": ours}]


def whole_map_with_a_foreign_key(patch: Patch) -> None:
    whole_map(patch)
    patch[-1]["value"]["team"] = "b"
    patch.insert(3, {"op": "test", "path": "/metadata/annotations", "value": None})


def whole_map_where_there_was_another(patch: Patch) -> None:
    whole_map(patch)
    patch.insert(3, {"op": "test", "path": "/metadata/annotations", "value": {"team": "b"}})


def whole_map_at_a_version(patch: Patch) -> None:
    whole_map(patch)
    patch.insert(3, {"op": "test", "path": "/metadata/resourceVersion", "value": "900"})


EITHER: list[Forge] = [
    add("/spec/maxReplicas", 50),
    add("/spec/maxReplicas", 50, "replace"),
    add("/spec/metrics", [], "replace"),
    add("/spec/behavior", {}),
    add("/metadata/labels/x", "y"),
    add("/metadata/annotations/x", "y"),
    add("/metadata/annotations/byteport.io~1rollback-to", "web-1"),
    add("/status", {}),
    drop("test", "/metadata/uid"),
    drop("test", "/spec"),
    drop("replace", "/spec/minReplicas"),
    drop("add", "action-id"),
    swap(0, 1),
    swap(1, 2),
    again("replace", "/spec/minReplicas"),
    add("/spec/minReplicas", 9),
    add("/spec/minReplicas", 9, "remove"),
    change("replace", "/spec/minReplicas", True),
    change("replace", "/spec/minReplicas", "5"),
    change("replace", "/spec/minReplicas", 0),
    change("replace", "/spec/minReplicas", -1),
    change("replace", "/spec/minReplicas", None),
    change("test", "/spec", None),
    change("test", "/spec", {"minReplicas": float("nan"), "x": float("nan")}),
    change("test", "/metadata/uid", None),
    change("add", "action-id", "1"),
]
RAISES: list[Forge] = [
    whole_map,
    whole_map_with_a_foreign_key,
    whole_map_where_there_was_another,
    whole_map_at_a_version,
    drop("add", "floor-before"),
    drop("add", "floor-raised"),
    drop("add", "floor-until"),
    change("add", "floor-raised", "6"),
    change("add", "floor-raised", "2"),
    change("add", "floor-raised", 5),
    change("add", "floor-raised", None),
    change("add", "floor-before", "3"),
    change("add", "floor-before", "0"),
    change("add", "floor-before", "02"),
    change("add", "floor-before", 2),
    change("add", "floor-until", "2026-03-10T09:00:00Z"),
    change("add", "floor-until", "2026-03-10 10:00:00Z"),
    change("add", "floor-until", "never"),
    change("add", "floor-until", None),
    change("replace", "/spec/minReplicas", 2),
    change("replace", "/spec/minReplicas", 1),
    add("/metadata/resourceVersion", "900", "test"),
    add("/metadata/annotations", None, "test"),
]
RESTORES: list[Forge] = [
    drop("test", "floor-before"),
    drop("test", "action-id"),
    drop("remove", "floor-before"),
    drop("test", "floor-raised"),
    drop("remove", "floor-raised"),
    change("test", "floor-raised", "4"),
    change("test", "floor-raised", None),
    add("/metadata/annotations/byteport.io~1floor-raised", "5"),
    drop("add", "floor-restored"),
    change("test", "floor-before", "1"),
    change("test", "action-id", None),
    change("test", "action-id", OTHER),
    change("add", "floor-restored", "0" * 64),
    change("replace", "/spec/minReplicas", 1),
    change("replace", "/spec/minReplicas", 5),
    change("replace", "/spec/minReplicas", 9),
    add("/metadata/annotations/byteport.io~1floor-before", "2"),
    add("/metadata/annotations/byteport.io~1floor-until", "2026-03-10T10:00:00Z"),
]


@pytest.mark.parametrize("forge", [*EITHER, *RAISES])
def test_one_operation_more_less_or_other_is_no_raise_of_the_plan(forge: Forge) -> None:
    item = autoscaler()
    plan = raising(item)
    patch = copy.deepcopy(raise_patch(item, plan, ACTION, now=NOW))
    assert read_raise(patch) == plan.arguments()
    forge(patch)
    assert read_raise(patch) != plan.arguments()


@pytest.mark.parametrize("forge", [*EITHER, *RESTORES])
def test_one_operation_more_less_or_other_is_no_restore_of_the_plan(forge: Forge) -> None:
    item, _, plan = raised()
    patch = copy.deepcopy(restore_patch(item, plan, OTHER))
    assert read_restore(patch) == plan.arguments()
    forge(patch)
    assert read_restore(patch) is None


def test_a_raise_is_no_restore_nor_the_other_way_round() -> None:
    item, plan, back = raised()
    assert read_restore(raise_patch(autoscaler(), plan, OTHER, now=NOW)) is None
    assert read_raise(restore_patch(item, back, ACTION)) is None


@pytest.mark.parametrize("patch", [[], [{}], [{"op": "test"}], [{"op": "replace", "path": "/spec/minReplicas"}]])
def test_what_is_no_patch_of_ours_is_neither(patch: Patch) -> None:
    assert read_raise(patch) is None
    assert read_restore(patch) is None
