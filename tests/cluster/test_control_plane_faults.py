"""Simulated pods fail as kubectl shows that real ones do, and answer logs and exec from what was written for them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from kubernetes import client, config
from kubernetes.stream import stream, ws_client

from byteport.sandbox.controlplane import FAULT_ANNOTATION, Fault, KubectlFailed
from tests.cluster.workloads import Namespace, eventually, fault_annotations

JSON = dict[str, Any]


def restarted(namespace: Namespace, times: int) -> JSON:
    """The container's status once it is in CrashLoopBackOff after that many restarts."""

    def look() -> JSON | None:
        seen = namespace.container("web")
        waiting = seen.get("state", {}).get("waiting", {}).get("reason") == "CrashLoopBackOff"
        return seen if waiting and seen["restartCount"] >= times else None

    return eventually(look)


def waiting_for(namespace: Namespace, reason: str) -> JSON:
    """The container's waiting state once it has that reason."""

    def look() -> JSON | None:
        state: JSON = namespace.container("web").get("state", {}).get("waiting", {})
        return state if state.get("reason") == reason else None

    return eventually(look)


@pytest.mark.parametrize(
    ("fault", "exit_code", "reason", "said"),
    [
        (Fault.TRANSIENT, 1, "Error", "Back-off restarting failed container app in pod web-"),
        (Fault.CRASH, 1, "Error", "Back-off restarting failed container app in pod web-"),
        (Fault.OOM, 137, "OOMKilled", "Back-off restarting failed container app in pod web-"),
        (Fault.LIVENESS, 137, "Error", "Back-off restarting failed container app in pod web-"),
    ],
)
def test_a_container_that_ends_is_in_crash_loop_backoff_with_its_exit_code_restarts_and_event(
    namespace: Namespace, fault: Fault, exit_code: int, reason: str, said: str
) -> None:
    namespace.deploy("web", annotations=fault_annotations(fault))
    seen = restarted(namespace, 2)
    ended = seen["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"], seen["ready"]) == (exit_code, reason, False)
    backs_off = rf"back-off {2 ** seen['restartCount']}s restarting failed container=app pod=web-.*"
    assert re.fullmatch(backs_off, seen["state"]["waiting"]["message"])
    backoffs = eventually(lambda: [one for one in namespace.events("web", "BackOff") if one["count"] >= 3])
    assert [(one["type"], one["message"].startswith(said)) for one in backoffs] == [("Warning", True)]
    assert namespace.deployment("web")["status"].get("availableReplicas", 0) == 0


def test_a_liveness_kill_leaves_the_probes_events(namespace: Namespace) -> None:
    namespace.deploy("web", annotations=fault_annotations(Fault.LIVENESS))
    restarted(namespace, 0)
    unhealthy = eventually(lambda: namespace.events("web", "Unhealthy"))
    killing = eventually(lambda: namespace.events("web", "Killing"))
    assert unhealthy[0]["message"].startswith("Liveness probe failed:")
    assert killing[0]["message"] == "Container app failed liveness probe, will be restarted"


def test_an_image_that_cannot_be_pulled_alternates_between_its_two_reasons(namespace: Namespace) -> None:
    namespace.deploy("web", annotations=fault_annotations(Fault.IMAGE))
    assert waiting_for(namespace, "ErrImagePull")["message"].endswith("registry.example/app:1: not found")
    backed_off = waiting_for(namespace, "ImagePullBackOff")["message"]
    assert backed_off.startswith('Back-off pulling image "registry.example/app:1": ErrImagePull: rpc error')
    pulls = eventually(lambda: found if len(found := namespace.events("web", "Pulling")) >= 3 else None)
    assert len({one["metadata"]["name"] for one in pulls}) == len(pulls)
    assert namespace.pod("web")["status"]["phase"] == "Pending"
    failed = {one["message"].split(":")[0] for one in namespace.events("web", "Failed")}
    assert failed == {'Failed to pull image "registry.example/app', "Error"}


def test_the_kubelets_words_for_a_failed_pull_can_be_chosen(namespace: Namespace) -> None:
    words = "toomanyrequests: You have reached your pull rate limit"
    namespace.deploy("web", annotations=fault_annotations(Fault.IMAGE, message=words))
    assert waiting_for(namespace, "ErrImagePull")["message"] == words


def test_a_missing_configuration_key_keeps_the_container_from_being_created(namespace: Namespace) -> None:
    namespace.deploy("web", annotations=fault_annotations(Fault.CONFIG))
    words = f"couldn't find key LOG_LEVEL in ConfigMap {namespace.name}/app-config"
    assert waiting_for(namespace, "CreateContainerConfigError")["message"] == words
    assert eventually(lambda: namespace.events("web", "Failed"))[0]["message"] == f"Error: {words}"


def test_a_failing_readiness_probe_leaves_the_container_running_and_the_pod_unready(namespace: Namespace) -> None:
    namespace.deploy("web", annotations=fault_annotations(Fault.PROBE))
    unhealthy = eventually(lambda: namespace.events("web", "Unhealthy"))
    seen = namespace.container("web")
    assert unhealthy[0]["message"].startswith("Readiness probe failed:")
    assert ("running" in seen["state"], seen["ready"], seen["restartCount"]) == (True, False, 0)


def test_only_the_named_container_fails_and_with_the_exit_code_that_was_asked_for(namespace: Namespace) -> None:
    annotations = fault_annotations(Fault.CRASH, container="proxy", exit_code="78")
    namespace.deploy("web", containers=("app", "proxy"), annotations=annotations)
    failed = eventually(lambda: (seen := namespace.container("web", "proxy")).get("lastState") and seen)
    assert failed["lastState"]["terminated"]["exitCode"] == 78
    healthy = namespace.container("web", "app")
    assert (healthy["ready"], healthy["restartCount"], healthy["lastState"]) == (True, 0, {})


def test_the_replacement_of_a_pod_that_alone_carries_the_fault_is_healthy(namespace: Namespace) -> None:
    namespace.deploy("web")
    namespace.await_available("web")
    sick = namespace.pod("web")["metadata"]["name"]
    namespace.annotate_pod(sick, fault_annotations(Fault.TRANSIENT))
    restarted(namespace, 1)
    namespace.delete_pod(sick)
    namespace.await_available("web")
    replacement = namespace.pod("web")
    assert replacement["metadata"]["name"] != sick
    assert namespace.container("web")["restartCount"] == 0


@pytest.mark.parametrize("fault", [Fault.CRASH, Fault.PROBE, Fault.IMAGE, Fault.CONFIG])
def test_a_pod_recovers_when_its_fault_is_taken_away(namespace: Namespace, fault: Fault) -> None:
    namespace.deploy("web", annotations=fault_annotations(fault))
    name = namespace.pod("web")["metadata"]["name"]
    eventually(lambda: namespace.container("web"))
    assert namespace.deployment("web")["status"].get("availableReplicas", 0) == 0
    namespace.annotate_pod(name, {FAULT_ANNOTATION: None})
    namespace.await_available("web")
    assert namespace.pod("web")["metadata"]["name"] == name


def test_a_restart_does_not_make_an_unready_pod_ready_for_a_moment(namespace: Namespace) -> None:
    namespace.deploy("web", annotations=fault_annotations(Fault.CRASH))
    restarted(namespace, 2)
    pod = namespace.pod("web")
    ready = next(one for one in pod["status"]["conditions"] if one["type"] == "Ready")
    assert ready["status"] == "False"
    assert ready["lastTransitionTime"] == pod["status"]["startTime"]


def test_logs_and_previous_logs_are_what_was_written_and_the_tail_is_cut(namespace: Namespace) -> None:
    namespace.deploy("web")
    namespace.await_available("web")
    plane, pod = namespace.plane, namespace.pod("web")["metadata"]["name"]
    logs = ("logs", f"--namespace={namespace.name}", pod)
    assert plane.kubectl(*logs) == ""
    with pytest.raises(KubectlFailed, match=r'previous terminated container "app" in pod ".*" not found'):
        plane.kubectl(*logs, "--previous")
    plane.write_log(namespace.name, "web", "app", "one\ntwo\nthree\n")
    plane.write_log(namespace.name, "web", "app", "before\n", previous=True)
    assert plane.kubectl(*logs) == "one\ntwo\nthree\n"
    assert plane.kubectl(*logs, "--tail=2") == "two\nthree\n"
    assert plane.kubectl(*logs, "--limit-bytes=5") == "one\nt"
    assert plane.kubectl(*logs, "--previous") == "before\n"
    plane.write_log(namespace.name, pod, "app", "this pod only\n")
    assert plane.kubectl(*logs) == "this pod only\n"
    with pytest.raises(KubectlFailed, match="does not model the log option timestamps"):
        plane.kubectl(*logs, "--timestamps")


def test_exec_answers_the_exact_argv_with_the_exact_exit_code(namespace: Namespace) -> None:
    namespace.deploy("web")
    namespace.await_available("web")
    plane, pod = namespace.plane, namespace.pod("web")["metadata"]["name"]
    exec_in = ("exec", f"--namespace={namespace.name}", pod, "--")
    plane.write_exec(namespace.name, "web", "app", ["df", "-h"], stdout="Filesystem  Size\n")
    plane.write_exec(namespace.name, "web", "app", ["du", "-sh", "/a b"], stderr="denied\n", exit_code=42)
    assert plane.kubectl(*exec_in, "df", "-h") == "Filesystem  Size\n"
    with pytest.raises(KubectlFailed, match="denied") as failed:
        plane.kubectl(*exec_in, "du", "-sh", "/a b")
    assert failed.value.exit_code == 42
    for other in (("df",), ("df", "-h", "-h"), ("du", "-sh", "/a", "b"), ("/bin/true",)):
        with pytest.raises(KubectlFailed, match="executable file not found") as missing:
            plane.kubectl(*exec_in, *other)
        assert missing.value.exit_code == 127


@pytest.mark.parametrize("wanted", [{"stdin": True, "tty": False}, {"stdin": False, "tty": True}])
def test_exec_with_stdin_or_a_terminal_is_refused(namespace: Namespace, wanted: dict[str, bool]) -> None:
    namespace.deploy("web")
    namespace.await_available("web")
    plane, pod = namespace.plane, namespace.pod("web")["metadata"]["name"]
    plane.write_exec(namespace.name, "web", "app", ["df", "-h"], stdout="Filesystem  Size\n")
    as_admin = config.new_client_from_config(str(plane.kubeconfig))
    core = client.CoreV1Api(as_admin)
    answer = stream(
        core.connect_get_namespaced_pod_exec,
        pod,
        namespace.name,
        command=["df", "-h"],
        stdout=True,
        stderr=not wanted["tty"],
        _preload_content=False,
        **wanted,
    )
    answer.run_forever(timeout=60)
    status = json.loads(answer.read_channel(ws_client.ERROR_CHANNEL))
    assert status["status"] == "Failure"
    assert "a simulated node takes no stdin and no tty" in status["message"]
    assert answer.read_stdout() == ""
