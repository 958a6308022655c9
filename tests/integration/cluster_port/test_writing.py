"""Patch and delete with their preconditions; the eviction that only asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from byteport.errors import BudgetRefuses, NotPermitted, PermanentError, PreconditionFailed, TargetGone
from byteport.kubernetes.port import DEPLOYMENTS, EVENTS, JSON, PODS, Created, InVain
from byteport.sandbox.simulated import Right
from tests.builders.deleting import delete_as_it_is
from tests.integration.cluster_port.stages import BY, Stage


def _image(image: str) -> JSON:
    return {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image}


def _test(path: str, value: Any) -> JSON:
    return {"op": "test", "path": path, "value": value}


@pytest.fixture
async def web(stage: Stage) -> JSON:
    await stage.deploy("web")
    return await stage.complete("web")


async def test_a_patch_whose_tests_hold_is_made_and_answered_with_the_new_object(stage: Stage, web: JSON) -> None:
    annotation = {"op": "add", "path": "/metadata/annotations/byteport.io~1action-id", "value": "a1"}
    tests = [_test("/metadata/uid", web["metadata"]["uid"]), _test("/spec/template", web["spec"]["template"])]
    answer = await stage.port.patch(
        DEPLOYMENTS, stage.namespace, "web", [*tests, _image("registry.example/app:2"), annotation], by=BY
    )
    assert answer["metadata"]["generation"] == 2
    kept = await stage.deployment("web")
    assert kept["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.example/app:2"
    assert kept["metadata"]["annotations"]["byteport.io/action-id"] == "a1"


async def test_a_template_equals_itself_whatever_characters_are_in_it(stage: Stage) -> None:
    await stage.deploy("web", replicas=1, annotations={"note": "<a> & 'b' \u2028 ü \\ \" \t"})
    item = await stage.complete("web")
    await stage.port.patch(
        DEPLOYMENTS,
        stage.namespace,
        "web",
        [
            _test("/metadata/annotations/note", item["metadata"]["annotations"]["note"]),
            _image("registry.example/app:2"),
        ],
        by=BY,
    )


FIRST_LABELS = [_test("/metadata/labels", None), {"op": "add", "path": "/metadata/labels", "value": {"team": "a"}}]


async def test_a_test_for_null_holds_where_the_member_is_missing_and_nowhere_else(stage: Stage, web: JSON) -> None:
    assert "labels" not in web["metadata"]
    answer = await stage.port.patch(DEPLOYMENTS, stage.namespace, "web", FIRST_LABELS, by=BY)
    assert answer["metadata"]["labels"] == {"team": "a"}
    for unmet in (FIRST_LABELS, [_test("/metadata/nothing/below", None), *FIRST_LABELS[1:]]):
        with pytest.raises(PreconditionFailed):
            await stage.port.patch(DEPLOYMENTS, stage.namespace, "web", unmet, by=BY)


async def test_the_generation_counts_annotations_and_not_labels(stage: Stage, web: JSON) -> None:
    label = [{"op": "add", "path": "/metadata/labels", "value": {"note": "x"}}]
    answer = await stage.port.patch(DEPLOYMENTS, stage.namespace, "web", label, by=BY)
    assert answer["metadata"]["generation"] == 1
    annotation = [{"op": "add", "path": "/metadata/annotations/note", "value": "x"}]
    answer = await stage.port.patch(DEPLOYMENTS, stage.namespace, "web", annotation, by=BY)
    assert answer["metadata"]["generation"] == 2


async def _untouched_by(stage: Stage, call: Callable[[], Awaitable[object]]) -> None:
    """Make the call until nobody else wrote to `web` meanwhile: a call that writes moves its version each time."""

    async def look() -> bool:
        before = (await stage.deployment("web"))["metadata"]["resourceVersion"]
        await call()
        return bool((await stage.deployment("web"))["metadata"]["resourceVersion"] == before)

    await stage.eventually(look)


async def test_a_patch_that_changes_nothing_leaves_the_version_as_it_is(stage: Stage, web: JSON) -> None:
    same = [_image("registry.example/app:1")]
    await _untouched_by(stage, lambda: stage.port.patch(DEPLOYMENTS, stage.namespace, "web", same, by=BY))


async def test_the_field_manager_is_kept_with_the_fields_it_changed(stage: Stage, web: JSON) -> None:
    await stage.port.patch(DEPLOYMENTS, stage.namespace, "web", [_image("registry.example/app:2")], by=BY)
    entries = (await stage.deployment("web"))["metadata"]["managedFields"]
    ours = [entry for entry in entries if entry["manager"] == "byteport-suite"]
    assert [(entry["operation"], entry["fieldsV1"]) for entry in ours] == [
        (
            "Update",
            {"f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"app"}': {"f:image": {}}}}}}},
        )
    ]


@pytest.mark.parametrize(
    "operations",
    [
        [_test("/metadata/uid", "another"), _image("registry.example/app:2")],
        [_test("/spec/template/spec/containers/0/image", "registry.example/app:0"), _image("registry.example/app:2")],
        [_image("registry.example/app:2"), _test("/spec/paused", True)],
        [{"op": "remove", "path": "/metadata/annotations/nothing"}],
        [{"op": "replace", "path": "/metadata/resourceVersion", "value": "1"}, _image("registry.example/app:2")],
    ],
    ids=["uid", "template", "after-another", "path", "version"],
)
async def test_a_patch_whose_test_fails_is_a_failed_precondition_and_writes_nothing(
    stage: Stage, web: JSON, operations: list[JSON]
) -> None:
    async def fails() -> None:
        with pytest.raises(PreconditionFailed):
            await stage.port.patch(DEPLOYMENTS, stage.namespace, "web", operations, by=BY)

    await _untouched_by(stage, fails)


@pytest.mark.parametrize(
    "operations",
    [
        [{"op": "replace", "path": "/spec/selector/matchLabels/app", "value": "other"}],
        [{"op": "replace", "path": "/spec/template/metadata/labels/app", "value": "other"}],
        [{"op": "replace", "path": "/spec/template/spec/containers", "value": []}],
        [{"op": "replace", "path": "/metadata/uid", "value": "another"}],
        [{"op": "replace", "path": "/metadata/name", "value": "other"}],
    ],
    ids=["selector", "labels", "containers", "uid", "name"],
)
async def test_an_invalid_result_is_permanent_and_no_failed_precondition(
    stage: Stage, web: JSON, operations: list[JSON]
) -> None:
    with pytest.raises(PermanentError) as caught:
        await stage.port.patch(DEPLOYMENTS, stage.namespace, "web", operations, by=BY)
    assert caught.value.code == "permanent"


async def test_a_dry_run_answers_and_changes_nothing(stage: Stage, web: JSON) -> None:
    answer = await stage.port.patch(
        DEPLOYMENTS, stage.namespace, "web", [_image("registry.example/app:2")], by=BY, dry_run=True
    )
    assert answer["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.example/app:2"
    assert (await stage.deployment("web"))["spec"]["template"] == web["spec"]["template"]
    with pytest.raises(PreconditionFailed):
        await stage.port.patch(DEPLOYMENTS, stage.namespace, "web", [_test("/metadata/uid", "x")], by=BY, dry_run=True)


async def test_a_patch_of_what_is_gone_says_so(stage: Stage) -> None:
    with pytest.raises(TargetGone):
        await stage.port.patch(DEPLOYMENTS, stage.namespace, "web", [_image("registry.example/app:2")], by=BY)


async def test_a_patch_without_the_right_is_not_permitted(stage: Stage, web: JSON) -> None:
    async with stage.without(Right("patch", DEPLOYMENTS)) as port:
        with pytest.raises(NotPermitted):
            await port.patch(DEPLOYMENTS, stage.namespace, "web", [_image("registry.example/app:2")], by=BY)


async def test_a_deleted_pod_is_replaced_by_another(stage: Stage, web: JSON) -> None:
    before = [pod["metadata"] for pod in await stage.pods("web")]
    gone = before[0]
    await delete_as_it_is(stage.port, gone, by=BY)

    async def replaced() -> bool:
        uids = {pod["metadata"]["uid"] for pod in await stage.pods("web")}
        return len(uids) == 2 and gone["uid"] not in uids

    await stage.eventually(replaced)
    await stage.complete("web")
    with pytest.raises(TargetGone):
        await stage.port.delete(
            PODS, stage.namespace, gone["name"], uid=gone["uid"], resource_version=gone["resourceVersion"], by=BY
        )


async def test_a_delete_of_another_uid_or_an_older_version_deletes_nothing(stage: Stage, web: JSON) -> None:
    pod = (await stage.pods("web"))[0]["metadata"]
    await stage.annotate_pod(pod["name"], {"note": "x"})
    version = (await stage.pods("web"))[0]["metadata"]["resourceVersion"]
    for uid, resource_version in (
        ("2f1f8b66-0000-4f0a-9f5e-5d1c9b3f0a01", version),
        (pod["uid"], pod["resourceVersion"]),
    ):
        with pytest.raises(PreconditionFailed):
            await stage.port.delete(
                PODS, stage.namespace, pod["name"], uid=uid, resource_version=resource_version, by=BY
            )
    assert (await stage.pods("web"))[0]["metadata"]["uid"] == pod["uid"]


async def test_a_pod_with_a_finalizer_stays_terminating_and_is_replaced_all_the_same(stage: Stage, web: JSON) -> None:
    name = (await stage.pods("web"))[0]["metadata"]["name"]
    await stage.set_finalizers(name, ["suite.byteport.io/held"])
    pod = (await stage.port.get(PODS, stage.namespace, name))["metadata"]
    await delete_as_it_is(stage.port, pod, by=BY)

    async def replaced() -> bool:
        return len(await stage.pods("web")) == 3

    await stage.eventually(replaced)
    held = (await stage.port.get(PODS, stage.namespace, name))["metadata"]
    assert held["deletionTimestamp"]
    assert (await stage.complete("web"))["status"]["replicas"] == 2
    await stage.set_finalizers(name, [])

    async def gone() -> bool:
        return len(await stage.pods("web")) == 2

    await stage.eventually(gone)


def _budget(stage: Stage, name: str, **spec: Any) -> JSON:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"namespace": stage.namespace, "name": name},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, **spec},
    }


async def test_an_eviction_that_is_only_asked_for_changes_nothing(stage: Stage, web: JSON) -> None:
    before = await stage.pods("web")
    await stage.port.evict_dry_run(stage.namespace, before[0]["metadata"]["name"])
    await stage.elapse(0.5)
    assert [pod["metadata"]["uid"] for pod in await stage.pods("web")] == [pod["metadata"]["uid"] for pod in before]
    with pytest.raises(TargetGone):
        await stage.port.evict_dry_run(stage.namespace, "nobody")


@pytest.mark.parametrize("what", list(InVain))
async def test_what_is_asked_in_vain_finds_nothing_to_change_where_no_policy_refuses_it(
    stage: Stage, web: JSON, what: InVain
) -> None:
    before = await stage.pods("web")
    with pytest.raises(TargetGone):
        await stage.port.ask_in_vain(stage.namespace, what)
    await stage.elapse(0.5)
    assert [pod["metadata"]["uid"] for pod in await stage.pods("web")] == [pod["metadata"]["uid"] for pod in before]


@pytest.mark.parametrize("spec", [{"minAvailable": 2}, {"minAvailable": "80%"}, {"maxUnavailable": 0}])
async def test_a_budget_without_room_refuses_by_name(stage: Stage, web: JSON, spec: dict[str, Any]) -> None:
    name = (await stage.pods("web"))[0]["metadata"]["name"]
    await stage.apply(_budget(stage, "web-budget", **spec))

    async def refused() -> BudgetRefuses | None:
        try:
            await stage.port.evict_dry_run(stage.namespace, name)
        except BudgetRefuses as refusal:
            return refusal
        return None

    refusal = await stage.eventually(refused)
    assert refusal.budget == "web-budget"
    assert "web-budget" in refusal.message


async def test_a_budget_refuses_an_unready_pod_too_unless_it_says_otherwise(stage: Stage) -> None:
    await stage.deploy("web", replicas=1, fault="crash")
    pod = await stage.only_pod("web")
    await stage.apply(_budget(stage, "web-budget", minAvailable=1))

    async def refused() -> bool:
        try:
            await stage.port.evict_dry_run(stage.namespace, pod["metadata"]["name"])
        except BudgetRefuses:
            return True
        return False

    await stage.eventually(refused)
    await stage.apply(_budget(stage, "web-budget", minAvailable=1, unhealthyPodEvictionPolicy="AlwaysAllow"))
    await stage.port.evict_dry_run(stage.namespace, pod["metadata"]["name"])


async def test_two_budgets_for_one_pod_refuse(stage: Stage, web: JSON) -> None:
    name = (await stage.pods("web"))[0]["metadata"]["name"]
    await stage.apply(_budget(stage, "one", minAvailable=1), _budget(stage, "two", minAvailable=1))

    async def refused() -> bool:
        try:
            await stage.port.evict_dry_run(stage.namespace, name)
        except BudgetRefuses:
            return True
        return False

    await stage.eventually(refused)


def _event(stage: Stage, about: JSON) -> JSON:
    named = {key: about["metadata"][key] for key in ("namespace", "name", "uid")}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "byteport.1", "namespace": stage.namespace},
        "involvedObject": {"apiVersion": "apps/v1", "kind": "Deployment", **named},
        "type": "Normal",
        "reason": "RemediationActed",
        "message": "what was done",
        "count": 1,
    }


async def test_an_event_is_written_once_however_often_it_is_sent(stage: Stage, web: JSON) -> None:
    event = _event(stage, web)
    assert await stage.port.create_event(stage.namespace, event, by=BY) is Created.NOW
    assert await stage.port.create_event(stage.namespace, {**event, "message": "another"}, by=BY) is Created.BEFORE
    kept = await stage.port.get(EVENTS, stage.namespace, "byteport.1")
    assert {key: kept[key] for key in event if key != "metadata"} == {
        key: event[key] for key in event if key != "metadata"
    }


async def test_who_may_not_write_events_is_told_so(stage: Stage, web: JSON) -> None:
    async with stage.without(Right("create", EVENTS)) as port:
        with pytest.raises(NotPermitted):
            await port.create_event(stage.namespace, _event(stage, web), by=BY)
