"""A release that never served is undone when it is to blame for that.

Each test changes one thing about a rollout in which revision 2 fails while revision 1 serves.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from byteport.contracts.kubernetes import READ_SITUATION, ROLL_BACK
from byteport.domain.plans import RollbackPlan
from byteport.domain.policy import Mode, VerdictKind
from byteport.domain.reasons import Cause, Reason
from byteport.domain.scopes import union
from byteport.runbooks.failed_deploy_rollback import FailedDeployAutoRollbackRunbook
from tests.builders.rollouts import (
    RUNBOOK,
    Shop,
    ago,
    crashing,
    event,
    replica_set,
    shop,
    template,
    waiting,
)
from tests.unit.runbooks.rollback_worlds import (
    acts,
    badly_named,
    crashed,
    that_no_node_takes,
)


def test_its_scope_is_the_rights_of_the_two_acts_that_it_uses() -> None:
    assert FailedDeployAutoRollbackRunbook.acts == (READ_SITUATION, ROLL_BACK)
    assert RUNBOOK.scope == union((READ_SITUATION.needs, ROLL_BACK.needs))
    assert RUNBOOK.name == "FailedDeployAutoRollbackRunbook"


def test_a_crashing_release_is_rolled_back_to_the_revision_that_serves() -> None:
    plan = crashed().plan()
    assert isinstance(plan, RollbackPlan)
    assert (plan.from_revision, plan.to_revision, plan.to_replica_set) == (2, 1, "web-111111111")
    assert plan.command == "kubectl rollout undo deployment/web -n shop --to-revision=1"
    assert (plan.available_before, plan.replaced_available) == (3, 0)
    assert acts(crashed())


def test_a_release_that_lowered_the_limit_its_pods_are_killed_at_is_rolled_back() -> None:
    old, new = (
        template("registry.example/web:1", container={"resources": {"limits": {"memory": limit}}})
        for limit in ("512Mi", "64Mi")
    )
    made = shop(old=old, new=new)
    made.fails(crashing(code=137, reason="OOMKilled"))
    assert acts(made)
    assert made.diagnose().cause is Cause.RELEASE_CRASHES


def test_a_diagnosis_names_both_images_and_counts_what_fails() -> None:
    facts = {fact.name: fact.value for fact in crashed().diagnose().facts}
    assert facts["newest_image"] == "registry.example/web:2"
    assert facts["known_good_image"] == "registry.example/web:1"
    assert (facts["failing_pods"], facts["nodes"], facts["exit_code"], facts["known_good_revision"]) == (2, 2, 1, 1)


def test_an_image_that_the_registry_does_not_have_is_rolled_back_on_a_single_surge_pod() -> None:
    assert badly_named().diagnose().cause is Cause.BAD_IMAGE
    assert acts(badly_named())


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.DRY_RUN])
def test_outside_auto_the_same_release_is_planned_and_not_touched(mode: Mode) -> None:
    made = crashed()
    assert isinstance(made.plan(), RollbackPlan)
    assert made.verdict(mode).kind is not VerdictKind.ACT


def _with_changed_command() -> Shop:
    made = shop(new=template("registry.example/web:1", container={"command": ["/bin/nope"]}))
    made.fails(crashing(code=127))
    return made


def _with_changed_env() -> Shop:
    made = shop(new=template("registry.example/web:1", container={"env": [{"name": "MODE", "value": "fast"}]}))
    made.fails(crashing(code=2))
    return made


def _with_a_new_sidecar_that_crashes() -> Shop:
    sidecar = {"name": "otel", "image": "registry.example/otel:1", "restartPolicy": "Always"}
    made = shop(new=template("registry.example/web:1", initContainers=[sidecar]))
    made.fails(waiting("PodInitializing"), init=[crashing("otel", code=1)])
    return made


def _with_an_init_container_that_hangs() -> Shop:
    init = {"name": "fetch", "image": "registry.example/fetch:1"}
    made = shop(new=template("registry.example/web:1", initContainers=[init]))
    running = {"name": "fetch", "ready": False, "restartCount": 0, "state": {"running": {"startedAt": ago(minutes=19)}}}
    made.fails(waiting("PodInitializing"), init=[running])
    return made


def _with_configuration_that_is_not_there() -> Shop:
    source = [{"configMapRef": {"name": "web-config-7f6d"}}]
    made = shop(new=template("registry.example/web:1", container={"envFrom": source}))
    made.fails(waiting("CreateContainerConfigError", message='configmap "web-config-7f6d" not found'))
    return made


def _with_a_malformed_readiness_probe() -> Shop:
    probe = {"httpGet": {"path": "/nope", "port": 8080}}
    made = shop(new=template("registry.example/web:1", container={"readinessProbe": probe}))
    running = {
        "name": "web",
        "ready": False,
        "started": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": ago(minutes=19)}},
    }
    for bad in made.fails(running, since=ago(minutes=19, seconds=5)):
        made.events.append(
            event(bad, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 404", count=90)
        )
    return made


def _with_a_liveness_probe_that_kills() -> Shop:
    probe = {"httpGet": {"path": "/nope", "port": 8080}}
    made = shop(new=template("registry.example/web:1", container={"livenessProbe": probe}))
    for bad in made.fails(crashing(code=137)):
        made.events.append(
            event(bad, "Killing", "Container web failed liveness probe, will be restarted", kind="Normal")
        )
    return made


@pytest.mark.parametrize(
    ("made", "cause"),
    [
        (_with_changed_command, Cause.RELEASE_CRASHES),
        (_with_changed_env, Cause.RELEASE_CRASHES),
        (_with_a_new_sidecar_that_crashes, Cause.RELEASE_INIT),
        (_with_an_init_container_that_hangs, Cause.RELEASE_INIT),
        (_with_configuration_that_is_not_there, Cause.RELEASE_CONFIG),
        (_with_a_malformed_readiness_probe, Cause.RELEASE_PROBE),
        (_with_a_liveness_probe_that_kills, Cause.RELEASE_PROBE),
        (that_no_node_takes, Cause.RELEASE_UNSCHEDULABLE),
    ],
)
def test_what_the_release_changed_and_fails_by_is_undone(made: Callable[[], Shop], cause: Cause) -> None:
    world = made()
    assert (world.diagnose().cause, world.diagnose().reasons) == (cause, ())
    assert acts(world)


def test_two_bad_releases_in_a_row_go_back_to_the_older_good_one_and_tell_a_person() -> None:
    made = crashed()
    made.deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "3"
    made.new["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "3"
    made.earlier = [replica_set(2, template("registry.example/web:1.9"), wanted=0, ready=0)]
    plan = made.plan()
    assert isinstance(plan, RollbackPlan)
    assert (plan.to_revision, plan.notes) == (1, (Reason.SEVERAL_RELEASES_FAILED,))
    assert acts(made)


def test_critique_0_8_a_client_side_helm_release_is_fixed_and_the_notice_says_that_its_record_differs() -> None:
    made = crashed()
    made.deployment["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "Helm"
    plan = made.plan()
    assert isinstance(plan, RollbackPlan)
    assert plan.notes == (Reason.HELM_RECORD_DIFFERS,)
    assert acts(made)
