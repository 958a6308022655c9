"""The patch of a rollback: what it changes, what it leaves, and that only the agreed bytes pass for the plan."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from byteport.domain.plans import RollbackPlan
from byteport.errors import PreconditionFailed
from byteport.kubernetes.patches import (
    ACTION_ID,
    LONGEST_CAUSE,
    ROLLBACK_TO,
    patch_arguments,
    patch_matches,
    pointer,
    rollback_patch,
)
from byteport.kubernetes.templates import template_digest, template_to_restore
from byteport.sandbox.simulated.patching import applied as api_server_applies
from tests.builders.rollouts import Shop, crashing, shop, template

ACTION = "0123456789abcdef" * 4
Patch = list[dict[str, Any]]


def made() -> tuple[Shop, RollbackPlan, Patch]:
    world = shop()
    world.fails(crashing())
    plan = world.plan()
    assert isinstance(plan, RollbackPlan)
    return world, plan, rollback_patch(world.deployment, world.old, ACTION)


def matches(world: Shop, plan: RollbackPlan, patch: Patch, **other: str) -> bool:
    called = {"cluster_uid": "c1", "namespace": "shop", "name": "web", "action_id": ACTION, **other}
    return patch_matches(plan, patch, world.old, **called)


def applied(world: Shop, patch: Patch) -> dict[str, Any]:
    return api_server_applies(world.deployment, patch)


def test_it_restores_the_template_and_leaves_everything_else() -> None:
    world, plan, patch = made()
    world.deployment["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = "{}"
    after = applied(world, patch)
    assert template_digest(after["spec"]["template"]) == plan.to_template_digest
    assert after["spec"]["template"] == template_to_restore(world.old)
    before = copy.deepcopy(world.deployment)
    for item in (before, after):
        item["spec"].pop("template")
    annotations = after["metadata"].pop("annotations")
    kept = before["metadata"].pop("annotations")
    assert after == before
    assert annotations == {**kept, ACTION_ID: ACTION, ROLLBACK_TO: "web-111111111"}


def test_it_fails_on_another_object_of_the_same_name() -> None:
    world, _, patch = made()
    world.deployment["metadata"]["uid"] = "another"
    with pytest.raises(PreconditionFailed):
        applied(world, patch)


def test_it_fails_when_somebody_has_deployed_meanwhile() -> None:
    world, _, patch = made()
    world.deployment["spec"]["template"]["metadata"]["labels"]["team"] = "a"
    with pytest.raises(PreconditionFailed):
        applied(world, patch)


def test_it_holds_when_an_autoscaler_has_scaled_meanwhile_and_keeps_its_count() -> None:
    world, _, patch = made()
    world.deployment["spec"]["replicas"] = 12
    world.deployment["metadata"].update(generation=9, resourceVersion="1000")
    assert applied(world, patch)["spec"]["replicas"] == 12


def test_where_there_are_no_annotations_the_map_is_made_unless_somebody_wrote_one_meanwhile() -> None:
    world, plan, _ = made()
    world.deployment["metadata"].pop("annotations")
    patch = rollback_patch(world.deployment, world.old, ACTION)
    assert applied(world, patch)["metadata"]["annotations"] == {ACTION_ID: ACTION, ROLLBACK_TO: "web-111111111"}
    assert matches(world, plan, patch)
    world.deployment["metadata"]["resourceVersion"] = "901"
    assert applied(world, patch)["metadata"]["annotations"][ACTION_ID] == ACTION
    world.deployment["metadata"]["annotations"] = {"team": "a"}
    with pytest.raises(PreconditionFailed):
        applied(world, patch)


def test_the_change_cause_goes_with_the_template_as_kubectl_has_it() -> None:
    world, plan, _ = made()
    world.deployment["metadata"]["annotations"]["kubernetes.io/change-cause"] = "release 2"
    patch = rollback_patch(world.deployment, world.old, ACTION)
    assert "kubernetes.io/change-cause" not in applied(world, patch)["metadata"]["annotations"]
    assert matches(world, plan, patch)
    world.old["metadata"]["annotations"]["kubernetes.io/change-cause"] = "release 1"
    patch = rollback_patch(world.deployment, world.old, ACTION)
    assert applied(world, patch)["metadata"]["annotations"]["kubernetes.io/change-cause"] == "release 1"
    world.old["metadata"]["annotations"]["kubernetes.io/change-cause"] = "x" * (LONGEST_CAUSE + 1)
    patch = rollback_patch(world.deployment, world.old, ACTION)
    assert "kubernetes.io/change-cause" not in applied(world, patch)["metadata"]["annotations"]
    assert matches(world, plan, patch)


def test_an_old_stamp_of_the_api_server_is_taken_off_and_none_is_ever_written() -> None:
    world, plan, _ = made()
    world.deployment["metadata"]["annotations"]["byteport.io/verified-template"] = "web-000000000"
    patch = rollback_patch(world.deployment, world.old, ACTION)
    assert "byteport.io/verified-template" not in applied(world, patch)["metadata"]["annotations"]
    assert matches(world, plan, patch)


def test_a_pointer_escapes_what_rfc_6901_reserves() -> None:
    assert pointer("metadata", "annotations", "a/b~c") == "/metadata/annotations/a~1b~0c"


def test_the_honest_patch_is_what_the_plan_says() -> None:
    world, plan, patch = made()
    assert matches(world, plan, patch)
    arguments = patch_arguments(patch, world.old, cluster_uid="c1", namespace="shop", name="web")
    assert arguments == plan.arguments()


@pytest.mark.parametrize(
    ("field", "value"), [("cluster_uid", "c2"), ("namespace", "prod"), ("name", "api"), ("action_id", "f" * 64)]
)
def test_the_same_bytes_sent_elsewhere_or_for_another_action_are_not(field: str, value: str) -> None:
    world, plan, patch = made()
    assert not matches(world, plan, patch, **{field: value})


@pytest.mark.parametrize(
    "field",
    ["from_template_digest", "to_template_digest", "to_replica_set", "to_replica_set_uid"],
)
def test_a_plan_for_other_templates_is_not_what_these_bytes_do(field: str) -> None:
    world, plan, patch = made()
    assert not matches(world, plan.model_copy(update={field: "0" * 64}), patch)


def _image(patch: Patch) -> None:
    patch[2]["value"]["spec"]["containers"][0]["image"] = "evil.example/x:1"


def _replicas(patch: Patch) -> None:
    patch.append({"op": "replace", "path": "/spec/replicas", "value": 0})


def _label(patch: Patch) -> None:
    patch.append({"op": "add", "path": "/metadata/labels/x", "value": "y"})


def _foreign_annotation(patch: Patch) -> None:
    patch.append({"op": "add", "path": "/metadata/annotations/x", "value": "y"})


def _no_uid(patch: Patch) -> None:
    patch.pop(0)


def _no_test(patch: Patch) -> None:
    patch.pop(1)


def _test_after(patch: Patch) -> None:
    patch[1], patch[2] = patch[2], patch[1]


def _twice(patch: Patch) -> None:
    patch.append(dict(patch[2]))


def _stamp(patch: Patch) -> None:
    patch.append({"op": "add", "path": "/metadata/annotations/byteport.io~1verified-template", "value": "x"})


def _whole_map(patch: Patch) -> None:
    del patch[3:]
    patch.append(
        {"op": "add", "path": "/metadata/annotations", "value": {ACTION_ID: ACTION, ROLLBACK_TO: "web-111111111"}}
    )


def _whole_map_where_there_was_another(patch: Patch) -> None:
    _whole_map(patch)
    patch.insert(3, {"op": "test", "path": "/metadata/annotations", "value": {"team": "a"}})


def _whole_map_at_a_version(patch: Patch) -> None:
    _whole_map(patch)
    patch.insert(3, {"op": "test", "path": "/metadata/resourceVersion", "value": "900"})


def _no_annotations_and_each_alone(patch: Patch) -> None:
    patch.insert(3, {"op": "test", "path": "/metadata/annotations", "value": None})


def _other_name(patch: Patch) -> None:
    next(item for item in patch if item["path"].endswith("rollback-to"))["value"] = "web-222222222"


def _short_action(patch: Patch) -> None:
    next(item for item in patch if item["path"].endswith("action-id"))["value"] = "1"


def _no_action(patch: Patch) -> None:
    patch[:] = [item for item in patch if not item["path"].endswith("action-id")]


@pytest.mark.claim("C-042")
@pytest.mark.parametrize(
    "forge",
    [
        _image, _replicas, _label, _foreign_annotation, _no_uid, _no_test, _test_after, _twice, _stamp, _whole_map,
        _whole_map_where_there_was_another, _whole_map_at_a_version, _no_annotations_and_each_alone,
        _other_name, _short_action, _no_action,
    ],
)  # fmt: skip
def test_one_operation_more_less_or_other_is_not_the_plan(forge: Any) -> None:
    world, plan, patch = made()
    forged = copy.deepcopy(patch)
    forge(forged)
    assert not matches(world, plan, forged)


@pytest.mark.claim("C-042")
def test_a_replica_set_of_another_deployment_restores_nothing() -> None:
    world, plan, patch = made()
    world.old["metadata"]["ownerReferences"][0]["uid"] = "another"
    assert not matches(world, plan, patch)


def test_a_replica_set_whose_template_has_changed_since_restores_nothing() -> None:
    world, plan, patch = made()
    world.old["spec"]["template"] = template("registry.example/web:1.1")
    assert not matches(world, plan, patch)


@pytest.mark.parametrize(
    "patch", [[], [{}], [{"op": "test"}], [{"op": "replace", "path": "/spec/template", "value": {}}]]
)
def test_what_is_no_patch_of_ours_is_no_rollback(patch: Patch) -> None:
    world, plan, _ = made()
    assert not matches(world, plan, patch)
