"""A release that never served is undone when it is to blame for that, and for nothing else.

Each test changes one thing about a rollout in which revision 2 fails while revision 1 serves.
"""

from __future__ import annotations

import pytest

from byteport.contracts.kubernetes import READ_SITUATION, ROLL_BACK
from byteport.domain.failures import Failure
from byteport.domain.plans import Refused, RollbackPlan
from byteport.domain.policy import Mode, PolicyConfig, VerdictKind
from byteport.domain.reasons import Cause, Reason
from byteport.domain.scopes import union
from byteport.domain.signals import Source
from byteport.runbooks.failed_deploy_rollback import FailedDeployAutoRollbackRunbook
from tests.builders.rollouts import (
    RUNBOOK,
    Shop,
    ago,
    crashing,
    event,
    not_found,
    pod,
    replica_set,
    shop,
    template,
    waiting,
)


def crashed() -> Shop:
    """The usual case: two pods of revision 2 crash on two nodes, past the deadline."""
    made = shop()
    made.fails(crashing())
    return made


def badly_named() -> Shop:
    """One surge pod of revision 2 whose image the registry does not have."""
    made = shop()
    (bad,) = made.fails(waiting("ImagePullBackOff"), nodes=("node-a",))
    made.events = [not_found(bad)]
    return made


def acts(made: Shop) -> bool:
    return made.verdict().kind is VerdictKind.ACT


def refused(made: Shop) -> tuple[Reason, ...]:
    plan = made.plan()
    assert isinstance(plan, Refused), plan
    assert made.verdict().kind is VerdictKind.ESCALATE
    return plan.because


def caveats(made: Shop) -> tuple[Reason, ...]:
    plan = made.plan()
    assert isinstance(plan, RollbackPlan), plan
    assert made.verdict().kind is VerdictKind.ESCALATE
    return plan.caveats


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


# --- the release is to blame ------------------------------------------------------------------------------------


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


def _that_no_node_takes() -> Shop:
    made = shop(new=template("registry.example/web:1", nodeSelector={"disk": "gold"}))
    made.fails(nodes=("",), phase="Pending", conditions=[{"type": "PodScheduled", "status": "False"}])
    made.pods[-1]["spec"].pop("nodeName")
    made.pods[-1]["status"]["containerStatuses"] = []
    said = "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."
    made.events = [event(made.pods[-1], "FailedScheduling", said)]
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
        (_that_no_node_takes, Cause.RELEASE_UNSCHEDULABLE),
    ],
)
def test_what_the_release_changed_and_fails_by_is_undone(made: object, cause: Cause) -> None:
    world = made()  # type: ignore[operator]
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


def test_a_client_side_helm_release_is_fixed_and_the_notice_says_that_its_record_differs() -> None:
    made = crashed()
    made.deployment["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "Helm"
    plan = made.plan()
    assert isinstance(plan, RollbackPlan)
    assert plan.notes == (Reason.HELM_RECORD_DIFFERS,)
    assert acts(made)


# --- the release is not to blame --------------------------------------------------------------------------------


def test_one_failing_pod_of_ten_is_no_verdict_on_the_release() -> None:
    made = shop(replicas=10, old_pods=False)
    made.fails(crashing(), nodes=("node-a",))
    made.pods += [pod(made.new, f"new{n}", node=f"node-{n}", ready=True, since=ago(minutes=12)) for n in range(9)]
    made.counts(new_pods=10, new_ready=9, old_ready=0)
    made.old["spec"]["replicas"] = 0
    assert Reason.NO_FAILURE_EVIDENCE in refused(made)


def test_two_failing_pods_on_one_node_of_four_are_no_verdict() -> None:
    made = shop(replicas=4)
    made.fails(crashing(), nodes=("node-a", "node-a"))
    made.pods += [pod(made.new, f"slow{n}", node=f"node-{n}") for n in range(2)]
    made.counts(new_pods=4, old_ready=4)
    assert Reason.NO_FAILURE_EVIDENCE in refused(made)


def test_a_large_image_that_is_still_being_pulled_past_the_deadline_is_a_slow_start() -> None:
    made = shop()
    (slow,) = made.fails(waiting("ContainerCreating"), nodes=("node-a",))
    made.events = [event(slow, "Pulling", 'Pulling image "registry.example/web:2"', count=1, kind="Normal")]
    assert refused(made) == (Reason.SLOW_START,)
    assert made.diagnose().cause is Cause.SLOW_START


def test_a_load_balancers_readiness_gate_is_a_slow_start() -> None:
    made = shop()
    running = {
        "name": "web",
        "ready": True,
        "started": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": ago(minutes=19)}},
    }
    made.fails(running, conditions=[{"type": "ContainersReady", "status": "True"}])
    assert Reason.SLOW_START in refused(made)


def test_a_node_that_is_being_added_is_a_slow_start() -> None:
    made = _that_no_node_takes()
    made.events.append(event(made.pods[-1], "TriggeredScaleUp", "pod triggered scale-up", kind="Normal"))
    assert refused(made) == (Reason.SLOW_START,)


def test_an_unchanged_init_container_that_still_runs_is_a_slow_start() -> None:
    init = [{"name": "warm", "image": "registry.example/warm:1"}]
    made = shop(
        old=template("registry.example/web:1", initContainers=init),
        new=template("registry.example/web:2", initContainers=init),
    )
    running = {"name": "warm", "ready": False, "restartCount": 0, "state": {"running": {"startedAt": ago(minutes=19)}}}
    made.fails(waiting("PodInitializing"), init=[running])
    assert Reason.SLOW_START in refused(made)


def test_no_room_in_the_cluster_is_not_the_releases_when_it_asks_for_no_more_than_before() -> None:
    made = _that_no_node_takes()
    made.new["spec"]["template"]["spec"].pop("nodeSelector")
    made.deployment["spec"]["template"]["spec"].pop("nodeSelector")
    for where in (made.new, made.deployment):
        where["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example/web:2"
    made.events = [event(made.pods[-1], "FailedScheduling", "0/3 nodes are available: 3 Insufficient cpu.")]
    assert Reason.QUOTA_BLOCKS in refused(made)


def test_a_surge_pod_on_a_node_where_something_else_fails_says_nothing_about_the_release() -> None:
    made = shop()
    made.fails(crashing(), nodes=("node-a",))
    neighbour = pod(
        replica_set(9, template("registry.example/db:1"), wanted=1, ready=0), "x", node="node-a", statuses=[crashing()]
    )
    neighbour["metadata"]["ownerReferences"][0]["uid"] = "another"
    made.others = [neighbour]
    assert Reason.COMMON_CAUSE in refused(made)


def test_a_registry_that_others_cannot_pull_from_either_is_the_cause() -> None:
    made = badly_named()
    other = pod(
        replica_set(9, template("registry.example/db:1"), wanted=1, ready=0),
        "x",
        node="node-z",
        statuses=[waiting("ErrImagePull")],
    )
    other["status"]["containerStatuses"][0]["image"] = "registry.example/db:1"
    other["metadata"]["ownerReferences"][0]["uid"] = "another"
    made.others = [other]
    assert Reason.COMMON_CAUSE in refused(made)


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("unauthorized: authentication required", Cause.IMAGE_AUTH),
        ("toomanyrequests: You have reached your pull rate limit", Cause.IMAGE_RATE_LIMITED),
        ("dial tcp 192.0.2.1:443: i/o timeout", Cause.IMAGE_TIMEOUT),
    ],
)
def test_a_pull_that_fails_for_another_reason_than_a_wrong_name_is_a_persons(said: str, cause: Cause) -> None:
    made = shop()
    (bad,) = made.fails(waiting("ImagePullBackOff"), nodes=("node-a",))
    made.events = [event(bad, "Failed", f'Failed to pull image "x": {said}')]
    assert refused(made) == (Reason.CAUSE_NEEDS_A_PERSON,)
    assert made.diagnose().cause is cause


def test_not_found_for_an_image_that_a_pod_of_the_release_already_runs_is_a_refusal_in_disguise() -> None:
    made = badly_named()
    made.pods.append(pod(made.new, "fine", node="node-f", ready=True, since=ago(seconds=20)))
    made.counts(new_pods=2, new_ready=1)
    refused(made)
    assert made.diagnose().cause is Cause.IMAGE_AUTH


def test_an_image_that_is_the_old_one_is_not_cured_by_the_old_template() -> None:
    made = shop(new=template("registry.example/web:1", container={"env": [{"name": "A", "value": "b"}]}))
    (bad,) = made.fails(waiting("ImagePullBackOff"), nodes=("node-a",))
    made.events = [not_found(bad)]
    refused(made)


def test_a_dependency_that_is_down_is_nobodys_release() -> None:
    made = crashed()
    made.log_tail = "Error: connect ECONNREFUSED 10.0.0.9:5432"
    assert Reason.VICTIM_OF_ANOTHER in refused(made)
    assert made.diagnose().cause is Cause.DEPENDENCY_DOWN


@pytest.mark.parametrize("status", [crashing(code=137, reason="OOMKilled"), crashing(code=137)])
def test_a_kill_that_names_no_fault_of_the_release_is_a_persons(status: dict[str, object]) -> None:
    made = shop()
    made.fails(status)
    refused(made)


def test_when_pods_of_the_old_revision_fail_as_well_the_release_is_not_what_they_share() -> None:
    made = crashed()
    made.pods[0]["status"]["containerStatuses"] = [crashing()]
    made.pods[0]["status"]["conditions"][0]["status"] = "False"
    made.counts(new_pods=2, old_ready=2)
    assert Reason.COMMON_CAUSE in refused(made)


def test_a_missing_key_of_configuration_that_both_revisions_name_is_not_the_releases() -> None:
    source = {"envFrom": [{"configMapRef": {"name": "web-config"}}]}
    made = shop(
        old=template("registry.example/web:1", container=source),
        new=template("registry.example/web:2", container=source),
    )
    made.fails(waiting("CreateContainerConfigError", message='configmap "web-config" not found'))
    assert refused(made) == (Reason.CAUSE_NEEDS_A_PERSON,)


def test_a_quota_that_refuses_the_new_pods_blocks_the_release_and_nothing_is_undone() -> None:
    made = shop()
    made.counts(new_pods=0)
    made.new["spec"]["replicas"] = 1
    made.events = [event(made.new, "FailedCreate", 'pods "web-2" is forbidden: exceeded quota: compute')]
    assert Reason.QUOTA_BLOCKS in refused(made)
    assert made.diagnose().cause is Cause.QUOTA


def test_a_webhook_that_sets_another_image_than_the_template_makes_every_template_useless() -> None:
    made = crashed()
    for bad in made.pods[-2:]:
        bad["spec"]["containers"][0]["image"] = "mirror.example/web:2"
    refused(made)
    assert made.diagnose().cause is Cause.MUTATOR
    assert "web-222222222" in (made.diagnose().culprit or "")


# --- history ----------------------------------------------------------------------------------------------------


def test_a_first_revision_that_never_worked_has_no_history() -> None:
    made = crashed()
    made.old["metadata"]["ownerReferences"] = []
    made.pods = made.pods[3:]
    assert Reason.NO_HISTORY in refused(made)
    assert any(fact.name == "created_at" for fact in made.diagnose().facts)


def test_an_old_revision_without_pods_that_nobody_remembers_is_not_known_to_be_good() -> None:
    made = crashed()
    made.pods = made.pods[3:]
    made.old["spec"]["replicas"] = 0
    made.counts(new_pods=2, old_ready=0)
    assert Reason.NO_KNOWN_GOOD_REVISION in refused(made)


def test_a_restart_of_the_same_release_is_not_the_cause_and_nothing_further_back_is_either() -> None:
    same = template("registry.example/web:2", annotations={"kubectl.kubernetes.io/restartedAt": "2026-03-10T08:40:00Z"})
    made = shop(old=template("registry.example/web:2"), new=same)
    made.fails(crashing())
    made.earlier = [replica_set(0, template("registry.example/web:0"), wanted=1, ready=1)]
    assert Reason.TEMPLATES_EQUAL in refused(made)
    assert made.diagnose().cause is Cause.CONFIG_UNSEEN


def test_a_changed_checksum_annotation_is_the_same_release() -> None:
    made = shop(new=template("registry.example/web:1", annotations={"checksum/config": "b"}))
    made.fails(crashing())
    assert Reason.TEMPLATES_EQUAL in refused(made)


def test_a_restart_of_a_bad_release_that_sits_right_before_it_is_not_walked_past() -> None:
    made = crashed()
    made.deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "3"
    made.new["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "3"
    made.earlier = [replica_set(2, template("registry.example/web:2", annotations={"x": "y"}), wanted=0, ready=0)]
    assert Reason.TEMPLATES_EQUAL in refused(made)


# --- whose Deployment it is -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "key", "value", "reason", "named"),
    [
        (
            "annotations",
            "argocd.argoproj.io/tracking-id",
            "web:apps/Deployment:shop/web",
            Reason.GITOPS_MANAGED,
            "argocd",
        ),
        ("labels", "argocd.argoproj.io/instance", "web", Reason.GITOPS_MANAGED, "argocd"),
        ("labels", "kustomize.toolkit.fluxcd.io/name", "apps", Reason.GITOPS_MANAGED, "flux"),
        ("labels", "helm.toolkit.fluxcd.io/name", "web", Reason.GITOPS_MANAGED, "flux"),
        ("labels", "app.kubernetes.io/managed-by", "acme-operator", Reason.OWNED_BY_CONTROLLER, "acme-operator"),
        ("labels", "olm.owner", "x", Reason.OWNED_BY_CONTROLLER, "olm"),
        ("labels", "scaledobject.keda.sh/name", "web", Reason.OWNED_BY_CONTROLLER, "keda"),
    ],
)
def test_who_else_would_put_the_template_back_is_named_and_left_in_charge(
    where: str, key: str, value: str, reason: Reason, named: str
) -> None:
    made = crashed()
    made.deployment["metadata"][where][key] = value
    assert refused(made) == (reason,)
    assert made.diagnose().culprit == named


def test_an_owner_reference_of_any_kind_is_a_controller() -> None:
    made = crashed()
    made.deployment["metadata"]["ownerReferences"] = [
        {"apiVersion": "x/v1", "kind": "WebApp", "name": "web", "uid": "u"}
    ]
    assert refused(made) == (Reason.OWNED_BY_CONTROLLER,)
    assert made.diagnose().culprit == "WebApp/web"


def test_an_autoscaler_that_something_else_owns_marks_the_deployment_as_owned() -> None:
    made = crashed()
    made.others = [
        {
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "keda-hpa-web", "namespace": "shop"},
            "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}},
        }
    ]
    assert refused(made) == (Reason.OWNED_BY_CONTROLLER,)


def _managed(name: str, operation: str = "Update", at: str = ago(minutes=20)) -> dict[str, object]:
    written: dict[str, object] = {"f:spec": {"f:template": {"f:spec": {}}}}
    return {"manager": name, "operation": operation, "time": at, "fieldsV1": written}


def test_a_template_that_was_applied_server_side_waits_for_a_yes_that_knows_of_the_conflict() -> None:
    made = crashed()
    made.deployment["metadata"]["managedFields"] = [_managed("helm", "Apply")]
    assert caveats(made) == (Reason.SERVER_SIDE_APPLIED,)


def test_a_robot_that_released_twice_within_a_day_will_do_so_again() -> None:
    made = crashed()
    made.deployment["metadata"]["managedFields"] = [_managed("release-bot")]
    made.old["metadata"]["creationTimestamp"] = ago(hours=3)
    assert refused(made) == (Reason.OWNED_BY_CONTROLLER,)


def test_a_person_who_released_twice_within_a_day_is_no_robot() -> None:
    made = crashed()
    made.deployment["metadata"]["managedFields"] = [_managed("kubectl-client-side-apply")]
    made.old["metadata"]["creationTimestamp"] = ago(hours=3)
    assert acts(made)


@pytest.mark.parametrize("word", ["approval", "never", "Allowed"])
def test_an_owner_may_narrow_what_is_done_alone(word: str) -> None:
    made = crashed()
    made.deployment["metadata"]["annotations"]["byteport.io/rollback"] = word
    assert caveats(made) == (Reason.OWNER_ASKS_APPROVAL,)


def test_an_owners_word_cannot_widen_what_the_administrator_gave() -> None:
    made = crashed()
    made.deployment["metadata"]["labels"]["byteport.io/rollback"] = "allowed"
    made.config = PolicyConfig(mode=Mode.AUTO, rollback_allowed=frozenset({"shop/other", "web", "*/*"}))
    assert caveats(made) == (Reason.NOT_ALLOW_LISTED,)


def test_a_namespace_may_be_allowed_as_a_whole() -> None:
    made = crashed()
    made.config = PolicyConfig(mode=Mode.AUTO, rollback_allowed=frozenset({"shop/*"}))
    assert acts(made)


# --- what it may have changed, and what it holds -----------------------------------------------------------------


def _migrating_init() -> Shop:
    before = [{"name": "migrate", "image": "registry.example/web:1", "command": ["./manage", "migrate"]}]
    after = [{"name": "migrate", "image": "registry.example/web:2", "command": ["./manage", "migrate"]}]
    return shop(
        old=template("registry.example/web:1", initContainers=before),
        new=template("registry.example/web:2", initContainers=after),
    )


def test_a_migration_that_may_have_run_before_the_new_code_crashed_is_a_persons() -> None:
    made = _migrating_init()
    made.fails(crashing(), init=[{"name": "migrate", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}])
    assert caveats(made) == (Reason.MIGRATION_UNDER_WAY,)


def test_a_migration_whose_image_never_came_has_migrated_nothing() -> None:
    made = _migrating_init()
    for bad in made.fails(waiting("PodInitializing"), init=[waiting("ImagePullBackOff", "migrate")]):
        made.events.append(not_found(bad))
    assert acts(made)


def test_a_changed_init_container_that_is_done_may_have_prepared_data_for_the_new_code_only() -> None:
    before = [{"name": "prepare", "image": "registry.example/prep:1"}]
    after = [{"name": "prepare", "image": "registry.example/prep:2"}]
    made = shop(
        old=template("registry.example/web:1", initContainers=before),
        new=template("registry.example/web:2", initContainers=after),
    )
    made.fails(crashing(), init=[{"name": "prepare", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}])
    assert caveats(made) == (Reason.MIGRATION_UNDER_WAY,)


@pytest.mark.parametrize(
    "job",
    [
        {"metadata": {"name": "web-migrate-42", "namespace": "shop"}, "status": {"active": 1}},
        {
            "metadata": {"name": "db-migrate", "namespace": "shop"},
            "status": {"succeeded": 1, "completionTime": ago(minutes=21)},
        },
        {
            "metadata": {
                "name": "hook",
                "namespace": "shop",
                "labels": {"app": "web"},
                "annotations": {"helm.sh/hook": "pre-upgrade"},
            },
            "status": {"succeeded": 1, "completionTime": ago(minutes=21)},
        },
    ],
)
def test_a_job_that_may_have_migrated_since_the_release_began_is_a_persons(job: dict[str, object]) -> None:
    made = crashed()
    made.others = [{"kind": "Job", **job}]
    assert caveats(made) == (Reason.MIGRATION_UNDER_WAY,)


def test_a_migration_that_ended_long_before_the_release_is_not_its_own() -> None:
    made = crashed()
    job = {"name": "db-migrate", "namespace": "shop"}
    made.others = [{"kind": "Job", "metadata": job, "status": {"succeeded": 1, "completionTime": ago(days=3)}}]
    assert acts(made)


def test_an_annotation_that_speaks_of_a_migration_is_a_persons() -> None:
    made = crashed()
    made.deployment["metadata"]["annotations"]["release.example/schema-migration"] = "0042"
    assert caveats(made) == (Reason.MIGRATION_UNDER_WAY,)


def test_a_log_that_shows_a_migration_under_way_refuses() -> None:
    made = crashed()
    made.log_tail = "running migration 0042: 41% done"
    assert Reason.MIGRATION_UNDER_WAY in made.diagnose().reasons
    assert not acts(made)


@pytest.mark.parametrize("which", ["old", "new"])
def test_a_claim_in_either_template_is_a_persons(which: str) -> None:
    volume = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    given = {"old": template("registry.example/web:1"), "new": template("registry.example/web:2")}
    given[which]["spec"]["volumes"] = volume
    made = shop(given["old"], given["new"])
    made.fails(crashing())
    assert caveats(made) == (Reason.HOLDS_CLAIM,)


def test_two_deployments_behind_one_service_are_a_persons() -> None:
    made = crashed()
    other = {"kind": "Deployment", "metadata": {"name": "web-b", "namespace": "shop", "uid": "b"}}
    other["spec"] = {"replicas": 1, "template": template()}
    service = {
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"selector": {"app": "web"}},
    }
    made.others = [other, service]
    assert caveats(made) == (Reason.SHARED_SERVICE,)
    assert made.diagnose().culprit == "Service/web"


@pytest.mark.parametrize(
    ("key", "value"), [("track", "canary"), ("track", "stable"), ("role", "canary"), ("canary", "true")]
)
def test_one_of_a_pair_of_canary_and_stable_is_a_persons(key: str, value: str) -> None:
    made = crashed()
    made.deployment["metadata"]["labels"][key] = value
    assert caveats(made) == (Reason.CANARY,)


def test_a_quota_that_has_no_room_for_the_pods_that_going_back_would_make_refuses() -> None:
    made = crashed()
    made.old["spec"]["replicas"] = 1
    made.counts(new_pods=2, old_ready=1)
    made.pods = [made.pods[0], *made.pods[3:]]
    quota = {"hard": {"pods": "3"}, "used": {"pods": "3"}}
    made.others = [{"kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "shop"}, "status": quota}]
    assert acts(made)  # two broken pods make room for the two that are missing
    quota["hard"] = {"pods": "2"}
    assert Reason.QUOTA_BLOCKS in refused(made)


@pytest.mark.parametrize("plural", ["services", "jobs", "horizontalpodautoscalers", "events", "resourcequotas"])
def test_what_could_not_be_read_cannot_be_told(plural: str) -> None:
    made = crashed()
    made.denied = frozenset({plural})
    assert caveats(made) == (Reason.CANNOT_TELL,)


# --- it has served, or is held ------------------------------------------------------------------------------------


def test_a_revision_that_took_over_is_the_pods_own_trouble_and_handed_over() -> None:
    made = crashed()
    made.progress("NewReplicaSetAvailable", since=ago(hours=2))
    made.old["spec"]["replicas"] = 0
    made.pods = made.pods[3:]
    made.counts(new_pods=2, old_ready=0)
    diagnosis = made.diagnose()
    assert diagnosis.hand_over is Failure.CRASHLOOP
    assert isinstance(made.plan(), Refused)


def test_what_was_handed_over_to_it_is_not_handed_back() -> None:
    made = crashed()
    made.source = Source.HANDOVER
    made.progress("NewReplicaSetAvailable", since=ago(hours=2))
    assert made.diagnose().hand_over is None
    assert Reason.REVISION_HAS_SERVED in made.diagnose().reasons
    assert not acts(made)


def test_a_person_may_ask_for_a_served_release_to_be_undone_and_then_must_say_yes() -> None:
    made = shop()
    made.source = Source.PERSON
    made.progress("NewReplicaSetAvailable", since=ago(hours=2))
    made.pods.append(pod(made.new, "new", ready=True, since=ago(hours=2)))
    made.counts(new_pods=1, new_ready=1)
    assert caveats(made) == (Reason.REVISION_HAS_SERVED,)


def test_a_revision_some_of_whose_pods_serve_for_the_settle_time_has_served() -> None:
    made = shop(replicas=4)
    made.fails(crashing())
    made.pods.append(pod(made.new, "fine", node="node-f", ready=True, since=ago(minutes=10)))
    made.counts(new_pods=3, new_ready=1, old_ready=4)
    assert Reason.REVISION_HAS_SERVED in made.diagnose().reasons
    assert not acts(made)


def test_a_moment_of_ready_between_two_crashes_is_no_service() -> None:
    made = shop()
    flapping = crashing(code=139, restarts=15)
    flapping.update(ready=True, started=True, state={"running": {"startedAt": ago(seconds=40)}})
    made.fails(flapping, ready=True, since=ago(seconds=20))
    made.counts(new_pods=2, new_ready=2, new_available=2)
    made.released(minutes=95)
    assert made.diagnose().reasons == ()
    assert acts(made)


def test_paused_is_a_persons_decision() -> None:
    made = crashed()
    made.deployment["spec"]["paused"] = True
    assert Reason.PAUSED in refused(made)


def test_scaled_to_zero_is_a_persons_decision() -> None:
    made = crashed()
    made.deployment["spec"]["replicas"] = 0
    assert refused(made) == (Reason.SCALED_TO_ZERO,)


def test_a_spec_that_the_controller_has_not_seen_is_not_judged() -> None:
    made = crashed()
    made.deployment["metadata"]["generation"] = 5
    diagnosis = made.diagnose()
    assert diagnosis.look_again_seconds is not None
    assert isinstance(made.plan(), Refused)


def test_a_statefulset_is_nobody_elses_deployment() -> None:
    made = crashed()
    target = made.target().model_copy(update={"kind": "StatefulSet", "uid": ""})
    signal = made.signal().model_copy(update={"target": target})
    situation = made.situation().model_copy(update={"target": target, "rollout": None})
    assert RUNBOOK.diagnose(signal, situation).reasons == (Reason.NOT_A_DEPLOYMENT,)


@pytest.mark.parametrize("gone", ["gone", "deleting", "healthy"])
def test_what_is_gone_or_well_again_is_left_in_silence(gone: str) -> None:
    made = crashed()
    if gone == "gone":
        made.deployment["metadata"]["uid"] = "made-again"
        signal = made.signal().model_copy(update={"target": made.target().model_copy(update={"uid": "before"})})
        situation = made.situation().model_copy(update={"gone": True})
        assert RUNBOOK.diagnose(signal, situation).silent
        return
    if gone == "deleting":
        made.deployment["metadata"]["deletionTimestamp"] = ago(seconds=3)
    else:
        made.old["spec"]["replicas"] = 0
        made.pods = [pod(made.new, f"n{n}", ready=True, since=ago(minutes=5)) for n in range(3)]
        made.counts(new_pods=3, new_ready=3, old_ready=0)
        made.progress("NewReplicaSetAvailable")
    assert made.diagnose().silent
    assert made.verdict().kind is VerdictKind.SKIP
