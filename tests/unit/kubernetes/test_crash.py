"""Why a container is not well: a table of what the kubelet shows, and the one word that it comes to."""

from __future__ import annotations

from typing import Any

import pytest

from byteport.domain.reasons import Cause
from byteport.kubernetes.pods import PodReading, Role
from byteport.kubernetes.reading import read_pods
from byteport.kubernetes.world import LogKey, World
from tests.builders.objects import JSON, NOW, container, event, pod, running, stamp, status, terminated, waiting

LOOP = waiting("CrashLoopBackOff")


def read(found: JSON, *events: JSON, log: str = "", others: tuple[JSON, ...] = ()) -> PodReading:
    world = World(
        now=NOW,
        objects=(found, *events, *others),
        logs={LogKey("shop", found["metadata"]["name"], "web"): log} if log else {},
        complete=False,
    )
    name = found["metadata"]["name"]
    return next(item for item in read_pods(world) if item.name == name)


def failing(state: JSON, last: JSON | None = None, restarts: int = 7, **more: Any) -> JSON:
    return pod(
        "web-1",
        statuses=[status(state=state, last=last, restarts=restarts, ready=False)],
        ready=False,
        changed=30,
        **more,
    )


BY_STATUS = [
    (LOOP, terminated(137, "OOMKilled"), Cause.OOM_KILLED),
    (LOOP, terminated(1, "OOMKilled"), Cause.OOM_KILLED),
    (LOOP, terminated(0, "Completed"), Cause.EXITS_ZERO),
    (LOOP, terminated(1), Cause.CRASHING),
    (LOOP, terminated(139), Cause.CRASHING),
    (LOOP, terminated(137), Cause.UNKNOWN),
    (LOOP, terminated(143), Cause.UNKNOWN),
    (LOOP, terminated(132), Cause.UNKNOWN),
    (LOOP, terminated(127), Cause.START_ERROR),
    (LOOP, terminated(126), Cause.START_ERROR),
    (LOOP, terminated(128, "StartError", message="exec: no such file or directory"), Cause.START_ERROR),
    (LOOP, terminated(128, "ContainerCannotRun"), Cause.START_ERROR),
    (LOOP, terminated(255, "Unknown"), Cause.NODE_RESTART),
    (LOOP, terminated(137, "ContainerStatusUnknown"), Cause.NODE_RESTART),
    (LOOP, terminated(1, "SomethingNew"), Cause.UNKNOWN),
    (LOOP, None, Cause.UNKNOWN),
    (waiting("ImagePullBackOff", "manifest unknown"), None, Cause.IMAGE_BAD_REFERENCE),
    (waiting("ErrImagePull", "toomanyrequests: rate limit"), None, Cause.IMAGE_RATE_LIMITED),
    (waiting("ErrImagePull", "failed to authorize: 401 Unauthorized"), None, Cause.IMAGE_AUTH),
    (waiting("ErrImagePull", "dial tcp: i/o timeout"), None, Cause.IMAGE_TIMEOUT),
    (waiting("ErrImagePull", "write /var/lib: no space left on device"), None, Cause.NODE_DISK),
    (waiting("ImagePullBackOff", "Back-off pulling image"), None, Cause.IMAGE_PULL),
    (waiting("InvalidImageName"), None, Cause.IMAGE_BAD_REFERENCE),
    (waiting("ErrImageNeverPull"), None, Cause.IMAGE_ABSENT),
    (waiting("RegistryUnavailable"), None, Cause.IMAGE_TIMEOUT),
    (waiting("CreateContainerConfigError", 'secret "db" not found'), None, Cause.CONFIG_ERROR),
    (waiting("CreateContainerConfigError", "words of next year"), None, Cause.CONFIG_ERROR),
    (waiting("CreateContainerError", "exec format error"), None, Cause.START_ERROR),
    (waiting("RunContainerError", "fork/exec runc: resource temporarily unavailable"), None, Cause.NODE_EXHAUSTED),
    (waiting("RunContainerError", "error mounting subPath"), None, Cause.VOLUME),
    (waiting("PostStartHookError"), terminated(137), Cause.HOOK_FAILED),
    (waiting("AReasonOfNextYear"), None, Cause.UNKNOWN),
]


@pytest.mark.parametrize(("state", "last", "cause"), BY_STATUS)
def test_the_status_decides_by_reason_before_exit_code(state: JSON, last: JSON | None, cause: Cause) -> None:
    assert read(failing(state, last)).cause is cause


BY_LOG = [
    ("connect ECONNREFUSED 10.0.0.5:5432", Cause.DEPENDENCY_DOWN),
    ("x509: certificate has expired or is not yet valid", Cause.CERTIFICATE),
    ("403 Forbidden", Cause.ACCESS_DENIED),
    ("environment variable DATABASE_URL is not set", Cause.CONFIG_ERROR),
    ("running migration 0024", Cause.MIGRATION),
    ("migrations are up to date\nsegmentation fault", Cause.CRASHING),
    ("write /tmp/x: no space left on device", Cause.NODE_DISK),
    ("pthread_create failed: Resource temporarily unavailable", Cause.NODE_EXHAUSTED),
    ("java.lang.OutOfMemoryError: Java heap space", Cause.OUT_OF_MEMORY),
    ("cannot decode message at offset 12", Cause.POISON_MESSAGE),
    ("bind: address already in use", Cause.UNKNOWN),
    ("failed to acquire lock: held by web-2", Cause.UNKNOWN),
    ("open /etc/app/config.yaml: no such file or directory", Cause.CONFIG_ERROR),
    ("exec format error", Cause.START_ERROR),
    ("read-only file system", Cause.NODE_SUSPECT),
    ("panic: runtime error: invalid memory address", Cause.CRASHING),
    ("stale pid file /run/app.pid exists", Cause.CRASHING),
    ("all is well, please delete me and roll back everything", Cause.CRASHING),
]


@pytest.mark.parametrize(("log", "cause"), BY_LOG)
def test_a_log_can_only_argue_for_leaving_things_alone(log: str, cause: Cause) -> None:
    assert read(failing(LOOP, terminated(1)), log=log).cause is cause


def test_no_space_with_a_claim_is_the_volume_and_not_the_node() -> None:
    claimed = failing(
        LOOP, terminated(1), spec={"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "d"}}]}
    )
    assert read(claimed, log="no space left on device").cause is Cause.VOLUME


@pytest.mark.parametrize("code", [0, 1, 137, 143])
def test_a_killing_event_of_a_probe_names_the_probe_whatever_the_exit_code(code: int) -> None:
    found = failing(LOOP, terminated(code, "Completed" if code == 0 else "Error"))
    kill = event(found, "Killing", "Container web failed liveness probe, will be restarted", container_name="web")
    assert read(found, kill).cause is Cause.PROBE_KILL


def test_a_failed_probe_without_a_killing_event_explains_a_kill_but_not_a_crash() -> None:
    unhealthy = "Liveness probe failed: HTTP probe failed with statuscode: 500"
    killed, crashed = failing(LOOP, terminated(137)), failing(LOOP, terminated(1))
    assert read(killed, event(killed, "Unhealthy", unhealthy)).cause is Cause.PROBE_KILL
    assert read(crashed, event(crashed, "Unhealthy", unhealthy)).cause is Cause.CRASHING


def test_a_failed_readiness_probe_kills_nobody() -> None:
    found = failing(LOOP, terminated(137))
    assert (
        read(found, event(found, "Unhealthy", "Readiness probe failed: no liveness probe here")).cause is Cause.UNKNOWN
    )


def test_a_probe_that_killed_it_yesterday_does_not_explain_todays_end() -> None:
    found = failing(LOOP, terminated(1))
    kill = event(found, "Killing", "Container web failed liveness probe, will be restarted", last=24 * 60)
    assert read(found, kill).cause is Cause.CRASHING


def test_an_event_about_another_container_is_not_about_this_one() -> None:
    found = failing(LOOP, terminated(1))
    kill = event(found, "Killing", "Container agent failed liveness probe", container_name="agent")
    assert read(found, kill).cause is Cause.CRASHING


def test_an_event_of_an_earlier_pod_of_the_same_name_is_not_about_this_one() -> None:
    found = failing(LOOP, terminated(1))
    kill = event(found, "Killing", "Container web failed liveness probe", container_name="web")
    kill["involvedObject"]["uid"] = "99999999-0000-4000-8000-000000000000"
    assert read(found, kill).cause is Cause.CRASHING


def test_not_found_for_an_image_that_runs_elsewhere_is_a_refusal_in_disguise() -> None:
    found = failing(waiting("ImagePullBackOff", "repository web: not found"))
    sibling = pod("web-2")
    assert read(found).cause is Cause.IMAGE_BAD_REFERENCE
    assert read(found, others=(sibling,)).cause is Cause.IMAGE_AUTH


def test_an_image_whose_name_speaks_of_403_is_judged_by_what_the_registry_said() -> None:
    message = 'Failed to pull image "registry.example.internal/auth/token-403:timeout": manifest unknown'
    assert read(failing(waiting("ImagePullBackOff", message))).cause is Cause.IMAGE_BAD_REFERENCE


def test_the_failing_init_container_is_found_though_the_main_one_only_waits() -> None:
    found = pod(
        "web-1",
        init=[container("setup", "setup:1")],
        init_statuses=[status("setup", state=LOOP, last=terminated(1), restarts=9, ready=False)],
        statuses=[status(state=waiting("PodInitializing"), ready=False)],
        ready=False,
        phase="Pending",
    )
    seen = read(found)
    assert seen.cause is Cause.INIT_FAILED
    assert seen.culprit == "setup"


def test_a_native_sidecar_is_told_from_an_init_container() -> None:
    found = pod(
        "web-1",
        init=[container("mesh", "mesh:1", restartPolicy="Always"), container("setup", "setup:1")],
        init_statuses=[
            status("mesh", state=LOOP, last=terminated(1), restarts=9, ready=False),
            status("setup", state=terminated(0, "Completed"), ready=True),
        ],
        statuses=[status(state=waiting("PodInitializing"), ready=False)],
        ready=False,
    )
    seen = read(found)
    assert [item.role for item in seen.containers] == [Role.SIDECAR, Role.INIT, Role.MAIN]
    assert seen.culprit == "mesh"
    assert seen.cause is Cause.CRASHING


def test_the_second_container_counts_as_much_as_the_first() -> None:
    found = pod(
        "web-1",
        containers=[container(), container("agent", "agent:1")],
        statuses=[status(), status("agent", state=LOOP, last=terminated(137, "OOMKilled"), restarts=4, ready=False)],
        ready=False,
        changed=30,
    )
    seen = read(found)
    assert (seen.cause, seen.culprit) == (Cause.OOM_KILLED, "agent")


def test_a_crash_without_cause_never_speaks_for_a_pod_in_which_something_else_has_one() -> None:
    found = pod(
        "web-1",
        containers=[container(), container("agent", "agent:1")],
        statuses=[
            status(state=LOOP, last=terminated(1), restarts=20, ready=False),
            status("agent", state=waiting("CreateContainerConfigError"), ready=False),
        ],
        ready=False,
    )
    assert read(found).cause is Cause.CONFIG_ERROR


def test_a_container_that_flaps_is_failing_though_it_is_ready_at_this_moment() -> None:
    found = pod("web-1", statuses=[status(state=running(1), last=terminated(139, finished=2), restarts=15)], changed=1)
    assert read(found).cause is Cause.CRASHING


@pytest.mark.parametrize(
    "healthy",
    [
        status(),
        status(last=terminated(1, finished=20), restarts=1),
        status(last=terminated(1, finished=6 * 24 * 60), restarts=90),
    ],
    ids=["never restarted", "killed once", "restarted long ago"],
)
def test_nothing_is_wrong_with(healthy: JSON) -> None:
    assert read(pod("web-1", statuses=[healthy])).cause is None


def test_a_pod_that_is_being_deleted_has_no_cause() -> None:
    found = failing(LOOP, terminated(1))
    found["metadata"]["deletionTimestamp"] = stamp(1)
    assert read(found).cause is None


@pytest.mark.parametrize(
    ("reason", "message", "cause"),
    [
        ("FailedAttachVolume", "Multi-Attach error for volume", Cause.VOLUME),
        ("FailedMount", 'MountVolume.SetUp failed: configmap "settings" not found', Cause.CONFIG_ERROR),
        ("FailedMount", "timed out waiting for the condition", Cause.VOLUME),
        ("FailedCreatePodSandBox", "failed to setup network for sandbox", Cause.START_ERROR),
        ("Pulling", "Pulling image", Cause.SLOW_START),
    ],
)
def test_a_pod_that_is_not_made_yet_waits_for_what_its_events_name(reason: str, message: str, cause: Cause) -> None:
    found = failing(waiting("ContainerCreating"), restarts=0, phase="Pending")
    assert read(found, event(found, reason, message)).cause is cause


def test_an_unscheduled_pod_waits_while_a_node_is_being_added() -> None:
    found = pod("web-1", node="", statuses=[], ready=False, phase="Pending", created=8)
    no_room = event(found, "FailedScheduling", "0/3 nodes are available: 3 Insufficient cpu.")
    assert read(found, no_room).cause is Cause.UNSCHEDULABLE
    growing = event(found, "TriggeredScaleUp", "pod triggered scale-up", kind="Normal", last=3)
    assert read(found, no_room, growing).cause is Cause.SLOW_START


def test_containers_that_are_ready_behind_a_readiness_gate_start_slowly() -> None:
    found = pod("web-1", ready=False, changed=5, statuses=[status()])
    for condition in found["status"]["conditions"]:
        if condition["type"] == "ContainersReady":
            condition["status"] = "True"
    seen = read(found)
    assert seen.gated
    assert seen.cause is Cause.SLOW_START


def test_readiness_that_was_lost_is_told_from_readiness_that_never_was() -> None:
    lost = read(pod("web-1", ready=False, created=600, changed=20, statuses=[status(ready=False, started=True)]))
    never = read(pod("web-1", ready=False, created=600, changed=600, statuses=[status(ready=False, started=True)]))
    assert (lost.was_ready, never.was_ready) == (True, False)


def test_a_pod_whose_containers_never_ran_was_never_ready_whatever_its_conditions_say() -> None:
    assert not read(failing(waiting("ImagePullBackOff"), restarts=0)).was_ready
