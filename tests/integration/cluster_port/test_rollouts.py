"""Deployments: a bad release, the way back, scaling, pausing, recreation, quota."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from byteport.errors import TargetGone
from byteport.kubernetes.port import DEPLOYMENTS, EVENTS, JSON, PODS, REPLICA_SETS, RESOURCE_QUOTAS
from tests.builders.deleting import delete_as_it_is
from tests.integration.cluster_port.stages import BY, Stage

REVISION = "deployment.kubernetes.io/revision"


def _condition(item: JSON, type_: str) -> JSON:
    conditions: list[JSON] = (item.get("status") or {}).get("conditions") or []
    return next((one for one in conditions if one["type"] == type_), {})


async def _replica_sets(stage: Stage) -> dict[str, JSON]:
    """By image."""
    listed = await stage.port.list(REPLICA_SETS, stage.namespace)
    return {item["spec"]["template"]["spec"]["containers"][0]["image"]: item for item in listed.items}


async def _images(stage: Stage) -> list[str]:
    return sorted(pod["spec"]["containers"][0]["image"] for pod in await stage.pods("web"))


async def _comes_to(stage: Stage, *images: str) -> None:
    """Wait until the pods are of exactly these: a Deployment is complete while the last old one still ends."""

    async def look() -> bool:
        return await _images(stage) == [*images]

    await stage.eventually(look)


async def _past_its_deadline(stage: Stage) -> JSON:
    async def look() -> JSON | None:
        item = await stage.deployment("web")
        return item if _condition(item, "Progressing").get("reason") == "ProgressDeadlineExceeded" else None

    return await stage.eventually(look)


async def _bad_release(stage: Stage) -> JSON:
    """Two replicas of a good release, and one of a bad one that is past its deadline."""
    await stage.deploy("web", progressDeadlineSeconds=2)
    await stage.complete("web")
    await stage.deploy("web", image="registry.example/app:2", fault="image", progressDeadlineSeconds=2)
    return await _past_its_deadline(stage)


async def test_a_bad_image_leaves_the_old_pods_serving_until_the_deadline_is_exceeded(stage: Stage) -> None:
    item = await _bad_release(stage)
    status = item["status"]
    assert (status["replicas"], status["updatedReplicas"], status["readyReplicas"]) == (3, 1, 2)
    assert (status["availableReplicas"], status["observedGeneration"]) == (2, 2)
    assert _condition(item, "Available")["status"] == "True"
    progressing = _condition(item, "Progressing")
    new = (await _replica_sets(stage))["registry.example/app:2"]
    assert progressing["status"] == "False"
    assert progressing["message"] == f'ReplicaSet "{new["metadata"]["name"]}" has timed out progressing.'
    assert await _images(stage) == ["registry.example/app:1"] * 2 + ["registry.example/app:2"]
    assert item["metadata"]["annotations"][REVISION] == "2"


async def test_the_old_template_patched_back_is_complete_as_a_new_revision(stage: Stage) -> None:
    await _bad_release(stage)
    template = (await _replica_sets(stage))["registry.example/app:1"]["spec"]["template"]
    del template["metadata"]["labels"]["pod-template-hash"]
    patch = [{"op": "replace", "path": "/spec/template", "value": template}]
    await stage.port.patch(DEPLOYMENTS, stage.namespace, "web", patch, by=BY)
    await stage.complete("web")

    async def settled() -> JSON | None:
        item = await stage.deployment("web")
        return item if _condition(item, "Progressing").get("reason") == "NewReplicaSetAvailable" else None

    item = await stage.eventually(settled)
    assert item["metadata"]["annotations"][REVISION] == "3"
    sets = await _replica_sets(stage)
    good, bad = sets["registry.example/app:1"], sets["registry.example/app:2"]
    assert good["metadata"]["annotations"][REVISION] == "3"
    assert good["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] == "1"
    assert (good["spec"]["replicas"], bad["spec"]["replicas"]) == (2, 0)
    assert bad["metadata"]["annotations"][REVISION] == "2"


async def test_a_good_release_replaces_every_pod(stage: Stage) -> None:
    await stage.deploy("web", replicas=3)
    await stage.complete("web")
    await stage.deploy("web", image="registry.example/app:2", replicas=3)
    item = await stage.complete("web")
    assert "unavailableReplicas" not in item["status"]
    await _comes_to(stage, *["registry.example/app:2"] * 3)
    old = (await _replica_sets(stage))["registry.example/app:1"]
    assert old["spec"]["replicas"] == 0
    assert old["status"]["replicas"] == 0


async def test_more_than_the_surge_is_never_started_and_less_than_the_minimum_never_left(stage: Stage) -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 2}}
    await stage.deploy("web", replicas=4, strategy=rolling, progressDeadlineSeconds=2)
    await stage.complete("web")
    await stage.deploy(
        "web",
        image="registry.example/app:2",
        fault="crash",
        replicas=4,
        strategy=rolling,
        progressDeadlineSeconds=2,
    )
    item = await _past_its_deadline(stage)
    assert item["status"]["replicas"] == 4
    assert item["status"]["availableReplicas"] == 2
    await _comes_to(stage, *["registry.example/app:1"] * 2, *["registry.example/app:2"] * 2)


async def test_recreation_ends_every_old_pod_before_the_first_new_one(stage: Stage) -> None:
    recreate = {"type": "Recreate"}
    await stage.deploy("web", strategy=recreate)
    await stage.complete("web")
    await stage.deploy("web", image="registry.example/app:2", fault="config", strategy=recreate)

    await _comes_to(stage, *["registry.example/app:2"] * 2)

    async def unavailable() -> bool:
        item = await stage.deployment("web")
        return _condition(item, "Available").get("status") == "False"

    await stage.eventually(unavailable)


async def _scaled(stage: Stage, replicas: int) -> None:
    patch = [{"op": "replace", "path": "/spec/replicas", "value": replicas}]
    await stage.port.patch(DEPLOYMENTS, stage.namespace, "web", patch, by=BY)


async def test_scaling_changes_no_revision(stage: Stage) -> None:
    await stage.deploy("web")
    await stage.complete("web")
    await _scaled(stage, 4)
    item = await stage.complete("web")
    assert item["metadata"]["annotations"][REVISION] == "1"
    await _scaled(stage, 0)

    await _comes_to(stage)
    status = (await stage.deployment("web"))["status"]
    assert _condition({"status": status}, "Available")["status"] == "True"


async def test_scaling_amid_a_stuck_rollout_adds_to_the_release_that_serves(stage: Stage) -> None:
    await _bad_release(stage)
    await _scaled(stage, 4)

    async def shared() -> bool:
        images = await _images(stage)
        return len(images) == 5 and images.count("registry.example/app:1") >= 3

    await stage.eventually(shared)


async def test_a_paused_deployment_starts_nothing_and_says_so(stage: Stage) -> None:
    await stage.deploy("web")
    await stage.complete("web")
    patch: list[dict[str, Any]] = [
        {"op": "add", "path": "/spec/paused", "value": True},
        {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "registry.example/app:2"},
    ]
    await stage.port.patch(DEPLOYMENTS, stage.namespace, "web", patch, by=BY)

    async def paused() -> bool:
        item = await stage.deployment("web")
        return _condition(item, "Progressing").get("reason") == "DeploymentPaused"

    await stage.eventually(paused)
    await stage.elapse(1)
    assert await _images(stage) == ["registry.example/app:1"] * 2
    await stage.port.patch(DEPLOYMENTS, stage.namespace, "web", [{"op": "remove", "path": "/spec/paused"}], by=BY)
    await _comes_to(stage, *["registry.example/app:2"] * 2)


async def test_a_quota_without_room_refuses_the_pod_and_the_replica_set_says_so(stage: Stage) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"namespace": stage.namespace, "name": "few"},
        "spec": {"hard": {"pods": "1"}},
    }
    await stage.apply(quota)
    await stage.deploy("web")
    failure = await _refusal(stage, "exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1")
    assert (failure["status"], failure["reason"]) == ("True", "FailedCreate")

    async def told() -> set[str]:
        listed = await stage.port.list(EVENTS, stage.namespace, fields="reason=FailedCreate")
        return {event["involvedObject"]["kind"] for event in listed.items}

    assert await stage.eventually(told) == {"ReplicaSet"}
    assert len((await stage.port.list(PODS, stage.namespace)).items) == 1

    async def counted() -> bool:
        item = await stage.port.get(RESOURCE_QUOTAS, stage.namespace, "few")
        return bool(item["status"] == {"hard": {"pods": "1"}, "used": {"pods": "1"}})

    await stage.eventually(counted)


async def _refusal(stage: Stage, words: str) -> JSON:
    """The Deployment's condition, once it says so: of a new quota the API server knows the use only a moment later."""

    async def look() -> JSON | None:
        failure = _condition(await stage.deployment("web"), "ReplicaFailure")
        return failure if words in failure.get("message", "") else None

    return await stage.eventually(look)


async def test_a_quota_on_memory_refuses_who_asks_for_too_much_or_does_not_say(stage: Stage) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"namespace": stage.namespace, "name": "small"},
        "spec": {"hard": {"limits.memory": "100Mi", "requests.cpu": "1"}},
    }
    await stage.apply(quota)
    await stage.deploy("web", replicas=1)
    await _refusal(stage, "failed quota: small: must specify limits.memory for: app; requests.cpu for: app")
    await stage.remove_deployment("web")
    asked = {"limits": {"memory": "60Mi"}, "requests": {"cpu": "500m"}}
    await stage.deploy("web", replicas=2, resources=asked)
    await _refusal(stage, "exceeded quota: small, requested: limits.memory=60Mi")
    assert len(await stage.pods("web")) == 1


async def test_a_pod_security_level_refuses_what_it_forbids(stage: Stage) -> None:
    await stage.deploy("web", replicas=1)
    await stage.complete("web")
    await stage.label_namespace({"pod-security.kubernetes.io/enforce": "restricted"})
    forbids = 'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false'

    async def refused() -> bool:
        """Until the level is in force, the pod that comes instead is admitted, and goes too."""
        for pod in await stage.pods("web"):
            if "deletionTimestamp" not in pod["metadata"]:
                with suppress(TargetGone):
                    await delete_as_it_is(stage.port, pod["metadata"], by=BY)
        return forbids in _condition(await stage.deployment("web"), "ReplicaFailure").get("message", "")

    await stage.eventually(refused)
    await _comes_to(stage)
    await stage.label_namespace({"pod-security.kubernetes.io/enforce": "baseline"})
    await stage.complete("web")


async def test_a_release_says_whom_it_scales(stage: Stage) -> None:
    await stage.deploy("web", replicas=1)
    await stage.complete("web")
    name = (await _replica_sets(stage))["registry.example/app:1"]["metadata"]["name"]

    async def said() -> bool:
        listed = await stage.port.list(EVENTS, stage.namespace, fields="reason=ScalingReplicaSet")
        return [event["message"] for event in listed.items] == [f"Scaled up replica set {name} from 0 to 1"]

    await stage.eventually(said)
