"""Whether a pod's failure is its release's own doing: the right kind of failure, of something that was changed."""

from __future__ import annotations

from typing import Any

import pytest

from byteport.domain.reasons import Cause
from byteport.kubernetes.blame import Told, argued_otherwise, blamed_on_release, told_by_events
from byteport.kubernetes.changes import Changes
from byteport.kubernetes.logs import LogReading, log_signature
from byteport.kubernetes.rollouts import RevisionReading
from tests.builders.rollouts import NOW, Shop, ago, crashing, event, not_found, pod, shop, template, waiting

OLD = template("registry.example/web:1")
NEW_IMAGE = template("registry.example/web:2")


def parts(made: Shop) -> tuple[RevisionReading, Changes]:
    rollout = made.situation().rollout
    assert rollout is not None
    assert rollout.newest is not None
    return rollout.newest, rollout.older[0].changes


def blamed(made: Shop, *, waited: bool = True, known: bool = True) -> Cause | None:
    """What the one pod of the newest revision is blamed for."""
    release, changes = parts(made)
    (found,) = [item for item in made.situation().pods if item.owner.replica_set_uid == release.uid]
    return blamed_on_release(found, release, changes if known else None, NOW, waited=waited)


def one(new: dict[str, Any], *statuses: dict[str, Any], old: dict[str, Any] = OLD, **more: Any) -> Shop:
    made = shop(old, new, old_pods=False)
    made.fails(*statuses, nodes=("node-a",), **more)
    return made


def container(**changed: Any) -> dict[str, Any]:
    return template("registry.example/web:1", container=changed)


@pytest.mark.parametrize(
    ("new", "cause"),
    [
        (NEW_IMAGE, Cause.RELEASE_CRASHES),
        (container(command=["x"]), Cause.RELEASE_CRASHES),
        (template("registry.example/web:1", volumes=[{"name": "v", "emptyDir": {}}]), Cause.RELEASE_CRASHES),
        (template("registry.example/web:1", serviceAccountName="web"), Cause.RELEASE_CRASHES),
        (template("registry.example/web:1", labels={"team": "a"}), None),
        (template("registry.example/web:1", readinessGates=[{"conditionType": "x"}]), None),
    ],
)
def test_a_crash_is_the_releases_when_anything_that_may_break_a_container_changed(
    new: dict[str, Any], cause: Cause | None
) -> None:
    assert blamed(one(new, crashing())) is cause


@pytest.mark.parametrize(("before", "after", "cause"), [("1Gi", "64Mi", Cause.RELEASE_CRASHES), ("64Mi", "64Mi", None)])
def test_a_kill_for_memory_is_the_releases_only_where_it_lowered_the_limit(
    before: str, after: str, cause: Cause | None
) -> None:
    old, new = (
        template(image, container={"resources": {"limits": {"memory": limit}}})
        for image, limit in (("registry.example/web:1", before), ("registry.example/web:2", after))
    )
    assert blamed(one(new, crashing(reason="OOMKilled", code=137), old=old)) is cause


def test_without_a_revision_to_compare_with_the_kind_alone_is_told() -> None:
    same = template("registry.example/web:1", labels={"team": "a"})
    assert blamed(one(same, crashing()), known=False) is Cause.RELEASE_CRASHES
    assert blamed(one(same, crashing(reason="OOMKilled", code=137)), known=False) is None


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("running migration 7", Cause.MIGRATION),
        ("connect ECONNREFUSED 10.0.0.1:5432", Cause.DEPENDENCY_DOWN),
        ("HTTP status 403 forbidden", Cause.ACCESS_DENIED),
        ("x509: certificate has expired", Cause.CERTIFICATE),
        ("java.lang.OutOfMemoryError", Cause.OUT_OF_MEMORY),
        ("write: no space left on device", Cause.NODE_DISK),
    ],
)
def test_a_log_argues_against_the_release_whatever_the_container_was_killed_by(line: str, cause: Cause) -> None:
    probe = {"livenessProbe": {"httpGet": {"port": 1}}}
    made = one(container(**probe), crashing(code=137))
    made.events = [event(made.pods[-1], "Killing", "Container web failed liveness probe, will be restarted")]
    assert blamed(made) is Cause.RELEASE_PROBE
    made.log_tail = line
    assert blamed(made) is None
    assert argued_otherwise([log_signature(line)]) is cause


def test_a_log_that_says_nothing_of_the_kind_argues_nothing() -> None:
    assert argued_otherwise([LogReading(), log_signature("panic: nil pointer")]) is None


def test_an_image_counts_only_for_the_container_that_names_it_otherwise() -> None:
    beside = [{"name": "proxy", "image": "registry.example/proxy:1"}]
    old, new = template("registry.example/web:1", beside=beside), template("registry.example/web:2", beside=beside)
    made = one(
        new,
        waiting("ErrImagePull"),
        {"name": "proxy", "ready": True, "state": {"running": {"startedAt": ago(minutes=9)}}},
        old=old,
    )
    made.events = [not_found(made.pods[-1])]
    assert blamed(made) is Cause.BAD_IMAGE
    made = one(
        new,
        {"name": "web", "ready": True, "state": {"running": {"startedAt": ago(minutes=9)}}},
        waiting("ErrImagePull", "proxy"),
        old=old,
    )
    made.events = [not_found(made.pods[-1])]
    assert blamed(made) is None


@pytest.mark.parametrize("role", ["init", "sidecar"])
def test_a_container_before_the_application_fails_as_such(role: str) -> None:
    extra = {"name": "prepare", "image": "registry.example/prepare:1"}
    if role == "sidecar":
        extra["restartPolicy"] = "Always"
    new = template("registry.example/web:1", initContainers=[extra])
    assert blamed(one(new, waiting("PodInitializing"), init=[crashing("prepare")])) is Cause.RELEASE_INIT
    unchanged = template("registry.example/web:2", initContainers=[extra])
    old = template("registry.example/web:1", initContainers=[extra])
    assert blamed(one(unchanged, waiting("PodInitializing"), old=old, init=[crashing("prepare")])) is None


def test_a_bad_image_of_an_init_container_is_a_bad_image() -> None:
    new = template(
        "registry.example/web:1", initContainers=[{"name": "prepare", "image": "registry.example/prepare:1"}]
    )
    made = one(new, waiting("PodInitializing"), init=[waiting("ErrImagePull", "prepare")])
    made.events = [not_found(made.pods[-1])]
    assert blamed(made) is Cause.BAD_IMAGE


# --- what hangs -----------------------------------------------------------------------------------------------------


def hanging(
    *, sidecar: bool = False, changed: bool = True, since: str = ago(minutes=19), log: str = "", **status: Any
) -> Shop:
    """A pod whose first container runs, and keeps the application from being started."""
    extra: dict[str, Any] = {"name": "prepare", "image": "registry.example/prepare:1"}
    if sidecar:
        extra.update(restartPolicy="Always", startupProbe={"httpGet": {"port": 1}})
    old = OLD if changed else template("registry.example/web:1", initContainers=[extra])
    new = template("registry.example/web:2", initContainers=[extra])
    running = {
        "name": "prepare",
        "ready": False,
        "started": False,
        "restartCount": 0,
        "state": {"running": {"startedAt": since}},
    }
    made = one(new, waiting("PodInitializing"), old=old, init=[{**running, **status}])
    made.log_tail = log
    return made


@pytest.mark.parametrize("sidecar", [False, True])
def test_a_changed_container_that_lets_nothing_after_it_start_is_the_releases_past_the_deadline(
    *, sidecar: bool
) -> None:
    made = hanging(sidecar=sidecar)
    assert blamed(made) is Cause.RELEASE_INIT
    assert blamed(made, waited=False) is None
    assert blamed(made, known=False) is None


@pytest.mark.parametrize(
    "made",
    [
        hanging(changed=False),
        hanging(since=ago(minutes=2)),
        hanging(log="waiting for postgres:5432: connection refused"),
        hanging(sidecar=True, started=True, ready=True),
        hanging(state={"waiting": {"reason": "PodInitializing"}}),
        hanging(state={"running": {}}),
    ],
)
def test_one_that_is_as_before_young_waiting_for_another_or_done_is_not(made: Shop) -> None:
    assert blamed(made) is None


def test_one_that_a_webhook_rewrote_is_not() -> None:
    made = hanging()
    made.pods[-1]["spec"]["initContainers"][0]["image"] = "mirror.example/prepare:1"
    assert blamed(made) is None


# --- configuration ----------------------------------------------------------------------------------------------------

MISSING = waiting("CreateContainerConfigError", message='configmap "c" not found')
AS_ROOT = waiting("CreateContainerConfigError", message="container has runAsNonRoot and image will run as root")


@pytest.mark.parametrize(
    ("new", "status", "cause"),
    [
        (container(envFrom=[{"configMapRef": {"name": "c"}}]), MISSING, Cause.RELEASE_CONFIG),
        (container(volumeMounts=[{"name": "v", "mountPath": "/v"}]), MISSING, Cause.RELEASE_CONFIG),
        (NEW_IMAGE, MISSING, None),
        (NEW_IMAGE, AS_ROOT, Cause.RELEASE_CONFIG),
        (container(securityContext={"runAsNonRoot": True}), AS_ROOT, Cause.RELEASE_CONFIG),
        (template("registry.example/web:1", securityContext={"runAsNonRoot": True}), AS_ROOT, Cause.RELEASE_CONFIG),
        (container(resources={"limits": {"cpu": "1"}}), AS_ROOT, None),
    ],
)
def test_missing_configuration_counts_when_it_is_named_otherwise_than_before(
    new: dict[str, Any], status: dict[str, Any], cause: Cause | None
) -> None:
    assert blamed(one(new, status)) is cause


@pytest.mark.parametrize(
    ("new", "cause"),
    [
        (template("registry.example/web:1", volumes=[{"name": "v", "configMap": {"name": "c"}}]), Cause.RELEASE_CONFIG),
        (NEW_IMAGE, None),
    ],
)
def test_a_volume_that_cannot_be_mounted_for_want_of_its_configmap(new: dict[str, Any], cause: Cause | None) -> None:
    made = one(new, waiting("ContainerCreating"))
    made.events = [
        event(made.pods[-1], "FailedMount", 'MountVolume.SetUp failed for volume "v" : configmap "c" not found')
    ]
    assert blamed(made) is cause


@pytest.mark.parametrize(
    ("new", "cause"), [(NEW_IMAGE, Cause.RELEASE_CONFIG), (container(resources={"limits": {"cpu": "1"}}), None)]
)
def test_a_program_that_complains_of_its_configuration(new: dict[str, Any], cause: Cause | None) -> None:
    made = one(new, crashing())
    made.log_tail = "Error: required environment variable DB_NAME is not set"
    assert blamed(made) is cause


@pytest.mark.parametrize("which", ["image", "limit"])
def test_a_container_that_differs_from_its_template_was_changed_by_somebody_else(which: str) -> None:
    made = one(template("registry.example/web:2", container={"resources": {"limits": {"memory": "1Gi"}}}), crashing())
    live = made.pods[-1]["spec"]["containers"][0]
    assert blamed(made) is Cause.RELEASE_CRASHES
    if which == "image":
        live["image"] = "mirror.example/web:2"
    else:
        live["resources"]["limits"]["memory"] = "64Mi"
    assert blamed(made) is None


def test_saved_objects_whose_containers_do_not_belong_together_say_nothing_of_injection() -> None:
    made = one(NEW_IMAGE, crashing("api"))
    made.pods[-1]["spec"]["containers"][0]["name"] = "api"
    assert blamed(made) is Cause.RELEASE_CRASHES


# --- events in place of pods --------------------------------------------------------------------------------------


def told(new: dict[str, Any], *said: tuple[str, str], changes: bool = True, loose: str = "", last: str = "") -> Told:
    made = shop(OLD, new, old_pods=False)
    unread = pod(made.new, "q1w2e")
    made.events = [event(unread, reason, message, last=last) for reason, message in said]
    release, changed = parts(made)
    return told_by_events(release, changed if changes else None, log_signature(loose), NOW)


CRASHES = ("BackOff", "Back-off restarting failed container")
ABSENT = ("Failed", 'Failed to pull image "x": not found')
ANNOTATED = template("registry.example/web:1", labels={"team": "a"})


@pytest.mark.parametrize(
    ("found", "cause", "ours"),
    [
        (told(NEW_IMAGE, CRASHES), Cause.RELEASE_CRASHES, True),
        (told(ANNOTATED, CRASHES), Cause.RELEASE_CRASHES, False),
        (told(NEW_IMAGE, CRASHES, changes=False), Cause.RELEASE_CRASHES, False),
        (told(template("registry.example/web:1", serviceAccountName="x"), CRASHES), Cause.RELEASE_CRASHES, True),
        (told(NEW_IMAGE, ABSENT), Cause.BAD_IMAGE, True),
        (told(container(command=["x"]), ABSENT), Cause.BAD_IMAGE, False),
        (told(NEW_IMAGE, ABSENT, changes=False), Cause.BAD_IMAGE, False),
        (told(NEW_IMAGE, ABSENT, ("Failed", 'Failed to pull image "x": unauthorized')), Cause.IMAGE_PULL, False),
        (told(NEW_IMAGE, CRASHES, ("FailedMount", "timed out")), Cause.UNKNOWN, False),
        (told(NEW_IMAGE, CRASHES, last=ago(minutes=16)), Cause.UNKNOWN, False),
        (told(NEW_IMAGE, CRASHES, loose="connect ECONNREFUSED 10.0.0.1:5432"), Cause.DEPENDENCY_DOWN, False),
        (told(NEW_IMAGE, ("Unhealthy", "Readiness probe failed: 500")), Cause.UNKNOWN, False),
        (told(NEW_IMAGE), Cause.UNKNOWN, False),
    ],
)
def test_only_two_kinds_of_events_are_plain_enough(found: Told, cause: Cause, *, ours: bool) -> None:
    assert (found.cause, found.ours) == (cause, ours)


def test_events_are_counted_and_span_their_times() -> None:
    found = told(NEW_IMAGE, CRASHES)
    assert (found.count, found.span_seconds) == (6, 17 * 60)
