"""What is escalated is escalated with its right cause: the words that a person will act upon."""

from __future__ import annotations

import pytest

from byteport.domain.reasons import Cause, Reason
from byteport.kubernetes.log_words import LogClass
from byteport.kubernetes.logs import log_signature
from tests.builders.asking import ask
from tests.builders.objects import running, status, waiting
from tests.builders.rollouts import ago, event, pod, shop
from tests.builders.workload import Workload
from tests.unit.runbooks.rollback_worlds import acts, crashed, refused, that_no_node_takes


def test_a_program_that_may_not_be_run_is_the_releases_and_not_a_right_that_it_lacks() -> None:
    made = shop()
    said = 'runc create failed: unable to start container process: exec: "/app/run.sh": permission denied: unknown'
    ended = {"exitCode": 126, "reason": "StartError", "message": said, "finishedAt": ago(minutes=2)}
    made.fails(
        {
            "name": "web",
            "ready": False,
            "restartCount": 7,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": ended},
        }
    )
    assert acts(made)
    assert made.diagnose().cause is Cause.RELEASE_CRASHES


def test_the_last_words_of_a_program_that_ran_are_its_own() -> None:
    shop_ = Workload()
    shop_.crash(0, message="permission denied: /etc/app/key")
    assert ask(shop_.world()).cause is Cause.ACCESS_DENIED


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("0/6 nodes are available: 6 node(s) had untolerated taint {maintenance: true}.", Cause.UNSCHEDULABLE),
        ("0/6 nodes are available: 1 node(s) had untolerated taint {a: b}, 5 Insufficient cpu.", Cause.QUOTA),
    ],
)
def test_a_taint_is_not_called_a_want_of_room(said: str, cause: Cause) -> None:
    made = that_no_node_takes()
    for spec in [where["spec"]["template"]["spec"] for where in (made.new, made.deployment)] + [made.pods[-1]["spec"]]:
        spec.pop("nodeSelector", None)
        spec["containers"][0]["image"] = "registry.example/web:2"
    made.events = [event(made.pods[-1], "FailedScheduling", said)]
    assert Reason.QUOTA_BLOCKS in refused(made)
    assert made.diagnose().cause is cause


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("exceeded quota: compute, requested: pods=1", Cause.QUOTA),
        ('admission webhook "validate.kyverno.svc" denied the request', Cause.ACCESS_DENIED),
        ('violates PodSecurity "restricted:latest"', Cause.ACCESS_DENIED),
    ],
)
def test_a_refused_pod_is_put_down_to_a_quota_only_where_one_refused_it(said: str, cause: Cause) -> None:
    made = shop()
    made.counts(new_pods=0)
    made.new["spec"]["replicas"] = 1
    made.events = [event(made.new, "FailedCreate", f'Error creating: pods "web-x" is forbidden: {said}')]
    refused(made)
    assert made.diagnose().cause is cause


def test_a_release_that_is_ready_and_waits_to_be_called_available_is_a_slow_start() -> None:
    made = shop()
    made.deployment["spec"]["minReadySeconds"] = 1800
    made.pods.append(pod(made.new, "fresh", node="node-f", ready=True, since=ago(minutes=15)))
    made.counts(new_pods=1, new_ready=1, new_available=0)
    assert Reason.SLOW_START in refused(made)
    assert made.diagnose().cause is Cause.SLOW_START


def test_a_node_without_watches_is_not_called_full() -> None:
    said = "Error: ENOSPC: System limit for number of file watchers reached, watch '/app'"
    assert log_signature(said).classes[0] is LogClass.NODE_EXHAUSTED
    assert log_signature("ENOSPC: no space left on device, write").classes[0] is LogClass.NO_SPACE


def test_a_pod_that_never_came_past_its_init_container_waits_for_what_that_names() -> None:
    shop_ = Workload()
    found = shop_.stuck(0, "PodInitializing", since=44)
    found["spec"]["initContainers"] = [{"name": "wait", "image": "busybox:1.36"}]
    found["status"]["initContainerStatuses"] = [status("wait", state=running(43), ready=False, started=True)]
    found["status"]["containerStatuses"] = [status("web", state=waiting("PodInitializing"), ready=False)]
    found["metadata"]["creationTimestamp"] = found["status"]["conditions"][0]["lastTransitionTime"]
    for condition in found["status"]["conditions"]:
        if condition["type"] in ("Ready", "ContainersReady"):
            condition["lastTransitionTime"] = found["metadata"]["creationTimestamp"]
    world = shop_.world(log_tail="nc: bad address 'db'", complete=False)
    answer = ask(world)
    assert answer.escalates
    assert answer.cause is Cause.DEPENDENCY_DOWN


@pytest.mark.parametrize(
    ("said", "changed"),
    [
        ("INFO migrations complete (3 applied)", True),
        ('Successfully applied 1 migration to schema "public", now at version v12', True),
        ("== 20260811120000 AddTenantToUsers: migrated (0.0123s)", True),
        ("INFO no pending migrations", False),
        ("Successfully validated 0 migrations", False),
        ('Schema "public" is up to date. No migration necessary.', False),
    ],
)
def test_a_release_that_has_changed_the_data_is_not_undone_alone(said: str, changed: bool) -> None:
    made = crashed()
    made.log_tail = f"{said}\nIndexError: list index out of range"
    made.partial = True
    assert acts(made) is not changed
    if changed:
        assert Reason.MIGRATION_UNDER_WAY in made.diagnose().reasons


def test_a_migration_that_was_carried_out_is_nothing_against_a_pod() -> None:
    shop_ = Workload()
    shop_.crash(0, log="migrations complete\nSegmentation fault")
    assert ask(shop_.world()).acts
