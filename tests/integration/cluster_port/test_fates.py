"""How pods fail: the same statuses and events on both clusters, chosen by the same annotations."""

from __future__ import annotations

from typing import Any

import pytest

from byteport.kubernetes.port import EVENTS, JSON
from tests.builders.deleting import delete_as_it_is
from tests.integration.cluster_port.stages import BY, Stage

FAULT = "sim.byteport.io/fault"


def _target(pod: JSON) -> JSON:
    statuses: list[JSON] = pod["status"].get("containerStatuses") or []
    return statuses[0] if statuses else {}


def _shape(value: Any) -> Any:
    """Keys of everything, values of what both clusters choose alike."""
    if isinstance(value, dict):
        return {key: _shape(inner) for key, inner in sorted(value.items())}
    if isinstance(value, list):
        return [_shape(inner) for inner in value]
    return value if isinstance(value, bool | int) else type(value).__name__


async def _pod_waiting(stage: Stage, reason: str, *, restarts: int = 0) -> JSON:
    """The pod as it was when its container waited so: a moment later it may run again."""

    async def look() -> JSON | None:
        pod = await stage.only_pod("web")
        status = _target(pod)
        waiting = (status.get("state") or {}).get("waiting") or {}
        return pod if waiting.get("reason") == reason and status["restartCount"] >= restarts else None

    return await stage.eventually(look)


async def _until_waiting(stage: Stage, reason: str, *, restarts: int = 0) -> JSON:
    return _target(await _pod_waiting(stage, reason, restarts=restarts))


async def _reasons(stage: Stage) -> set[tuple[str, str]]:
    name = (await stage.only_pod("web"))["metadata"]["name"]
    listed = await stage.port.list(EVENTS, stage.namespace, fields=f"involvedObject.name={name}")
    return {(event["type"], event["reason"]) for event in listed.items}


@pytest.mark.parametrize(
    ("fault", "exit_code", "reason"),
    [
        ("transient", 1, "Error"),
        ("crash", 1, "Error"),
        ("oom", 137, "OOMKilled"),
        ("liveness", 137, "Error"),
    ],
)
async def test_a_crashing_container_counts_restarts_and_says_how_it_ended(
    stage: Stage, fault: str, exit_code: int, reason: str
) -> None:
    await stage.deploy("web", replicas=1, fault=fault)
    pod = await _pod_waiting(stage, "CrashLoopBackOff", restarts=1)
    status = _target(pod)
    ended = status["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"], status["ready"], status["started"]) == (
        exit_code,
        reason,
        False,
        False,
    )
    assert set(ended) == {"exitCode", "reason", "startedAt", "finishedAt", "containerID"}
    backs_off = f"back-off {2 ** status['restartCount']}s restarting failed container=app pod=web-"
    assert status["state"]["waiting"]["message"].startswith(backs_off)
    assert pod["status"]["phase"] == "Running"
    conditions = {item["type"]: item["status"] for item in pod["status"]["conditions"]}
    assert conditions == {
        "PodScheduled": "True",
        "PodReadyToStartContainers": "True",
        "Initialized": "True",
        "ContainersReady": "False",
        "Ready": "False",
    }

    async def said() -> bool:
        return ("Warning", "BackOff") in await _reasons(stage)

    await stage.eventually(said)
    assert (("Warning", "Unhealthy") in await _reasons(stage)) is (fault == "liveness")
    assert "availableReplicas" not in (await stage.deployment("web"))["status"]


@pytest.mark.parametrize("fault", ["transient", "crash", "oom", "liveness"])
async def test_without_a_readiness_probe_a_crashing_container_is_ready_from_each_start_to_its_next_crash(
    stage: Stage, fault: str
) -> None:
    await stage.deploy("web", replicas=1, fault=fault, probed=False)

    def ready(pod: JSON) -> set[str]:
        return {one["status"] for one in pod["status"]["conditions"] if one["type"] in ("Ready", "ContainersReady")}

    async def up_again() -> JSON | None:
        pod = await stage.only_pod("web")
        status = _target(pod)
        return pod if status["restartCount"] and "running" in status["state"] else None

    pod = await stage.eventually(up_again)
    assert (_target(pod)["ready"], _target(pod)["started"], ready(pod)) == (True, True, {"True"})
    pod = await _pod_waiting(stage, "CrashLoopBackOff", restarts=1)
    assert (_target(pod)["ready"], ready(pod)) == (False, {"False"})


async def test_what_a_back_off_says_again_is_counted(stage: Stage) -> None:
    await stage.deploy("web", replicas=1, fault="crash")
    await _until_waiting(stage, "CrashLoopBackOff", restarts=2)

    async def counted() -> bool:
        listed = await stage.port.list(EVENTS, stage.namespace, fields="reason=BackOff")
        return len(listed.items) == 1 and listed.items[0]["count"] >= 3

    await stage.eventually(counted)


async def test_an_image_that_cannot_be_pulled_keeps_the_pod_pending(stage: Stage) -> None:
    await stage.deploy("web", replicas=1, fault="image", image="registry.example/app:none")
    status = await _until_waiting(stage, "ImagePullBackOff")
    assert status["state"]["waiting"]["message"].startswith(
        'Back-off pulling image "registry.example/app:none": ErrImagePull: rpc error: code = NotFound desc = '
    )
    assert _shape({key: status[key] for key in ("ready", "started", "restartCount", "imageID", "lastState")}) == {
        "imageID": "str",
        "lastState": {},
        "ready": False,
        "restartCount": 0,
        "started": False,
    }
    pod = await stage.only_pod("web")
    assert pod["status"]["phase"] == "Pending"

    async def said() -> bool:
        return {("Normal", "Pulling"), ("Normal", "BackOff"), ("Warning", "Failed")} <= await _reasons(stage)

    await stage.eventually(said)


async def test_a_missing_key_of_its_configuration_keeps_the_pod_pending(stage: Stage) -> None:
    await stage.deploy("web", replicas=1, fault="config")
    status = await _until_waiting(stage, "CreateContainerConfigError")
    assert status["state"]["waiting"]["message"] == (
        f"couldn't find key LOG_LEVEL in ConfigMap {stage.namespace}/app-config"
    )
    assert (await stage.only_pod("web"))["status"]["phase"] == "Pending"


async def test_a_failing_readiness_probe_leaves_the_container_running_and_unready(stage: Stage) -> None:
    await stage.deploy("web", replicas=1, fault="probe")

    async def running() -> JSON | None:
        status = _target(await stage.only_pod("web"))
        return status if "running" in (status.get("state") or {}) else None

    status = await stage.eventually(running)
    assert (status["ready"], status["started"], status["restartCount"]) == (False, True, 0)

    async def said() -> bool:
        return ("Warning", "Unhealthy") in await _reasons(stage)

    await stage.eventually(said)


async def test_a_fault_of_the_live_pod_is_not_its_replacements(stage: Stage) -> None:
    await stage.deploy("web", replicas=1)
    await stage.complete("web")
    name = (await stage.only_pod("web"))["metadata"]["name"]
    await stage.annotate_pod(name, {FAULT: "transient", "sim.byteport.io/backoff-s": "1"})
    await _until_waiting(stage, "CrashLoopBackOff", restarts=1)
    pod = (await stage.only_pod("web"))["metadata"]
    await delete_as_it_is(stage.port, pod, by=BY)
    await stage.complete("web")
    replacement = await stage.only_pod("web")
    assert replacement["metadata"]["uid"] != pod["uid"]
    assert _target(replacement)["restartCount"] == 0


async def test_a_pod_whose_fault_is_taken_away_recovers_with_its_restarts(stage: Stage) -> None:
    await stage.deploy("web", replicas=1)
    await stage.complete("web")
    name = (await stage.only_pod("web"))["metadata"]["name"]
    await stage.annotate_pod(name, {FAULT: "transient", "sim.byteport.io/backoff-s": "1"})
    await _until_waiting(stage, "CrashLoopBackOff", restarts=1)
    await stage.annotate_pod(name, {FAULT: None})
    await stage.complete("web")
    assert _target(await stage.only_pod("web"))["restartCount"] >= 2


async def test_only_the_named_container_of_a_pod_is_at_fault(stage: Stage) -> None:
    labels = {"app": "web"}
    annotations = {FAULT: "crash", "sim.byteport.io/container": "side", "sim.byteport.io/exit-code": "3"}
    containers = [{"name": name, "image": f"registry.example/{name}:1"} for name in ("app", "side")]
    await stage.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"namespace": stage.namespace, "name": "web"},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels, "annotations": annotations},
                    "spec": {
                        "initContainers": [{"name": "setup", "image": "registry.example/setup:1"}],
                        "containers": containers,
                    },
                },
            },
        }
    )

    async def look() -> JSON | None:
        pod = await stage.only_pod("web")
        by_name = {status["name"]: status for status in pod["status"]["containerStatuses"]}
        return pod if by_name["side"].get("lastState") else None

    pod = await stage.eventually(look)
    app, side = sorted(pod["status"]["containerStatuses"], key=lambda status: str(status["name"]))
    assert (app["ready"], app["restartCount"]) == (True, 0)
    assert (side["ready"], side["lastState"]["terminated"]["exitCode"]) == (False, 3)
    init = pod["status"]["initContainerStatuses"][0]
    assert (init["name"], init["ready"], init["state"]["terminated"]["exitCode"]) == ("setup", True, 0)
