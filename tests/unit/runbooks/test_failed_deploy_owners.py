"""Where there is nothing to go back to, or somebody else would put the release back, it is left to a person."""

from __future__ import annotations

import pytest

from byteport.domain.plans import Refused, RollbackPlan
from byteport.domain.policy import Mode, PolicyConfig
from byteport.domain.reasons import Cause, Reason
from byteport.kubernetes.rollout_reading import read_rollout
from byteport.kubernetes.templates import release_digest
from tests.builders.rollouts import (
    RUNBOOK,
    Shop,
    ago,
    crashing,
    replica_set,
    shop,
    template,
)
from tests.unit.runbooks.rollback_worlds import (
    acts,
    caveats,
    crashed,
    refused,
)


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


def test_a_strategy_that_let_all_old_pods_go_first_is_named() -> None:
    made = crashed()
    made.deployment["spec"]["strategy"] = {"type": "Recreate"}
    made.pods = made.pods[3:]
    made.old["spec"]["replicas"] = 0
    made.counts(new_pods=2, old_ready=0)
    assert Reason.NO_KNOWN_GOOD_REVISION in refused(made)
    assert "strategy" in (made.diagnose().culprit or "")


def remembering(made: Shop) -> RollbackPlan | Refused:
    """The plan when revision 1 has no pods any more, but was once seen to serve."""
    made.old["spec"]["replicas"] = 0
    made.counts(new_pods=2, old_ready=0)
    known = frozenset({release_digest(made.old["spec"]["template"])})
    rollout = read_rollout(made.world(), made.target(), known)
    situation = made.situation().model_copy(update={"rollout": rollout})
    return RUNBOOK.plan(RUNBOOK.diagnose(made.signal(), situation), situation, made.config)


def test_a_revision_that_is_only_remembered_is_a_persons() -> None:
    made = crashed()
    made.pods = made.pods[3:]
    plan = remembering(made)
    assert isinstance(plan, RollbackPlan)
    assert (plan.to_revision, plan.caveats) == (1, (Reason.TARGET_NOT_AVAILABLE_NOW,))


@pytest.mark.parametrize("mounted", [True, False])
def test_a_remembered_revision_may_name_only_what_a_ready_pod_uses_now(*, mounted: bool) -> None:
    source = {"envFrom": [{"configMapRef": {"name": "web-config-7f6d"}}]}
    made = shop(template("registry.example/web:1", container=source), template("registry.example/web:2"))
    made.fails(crashing())
    ready = made.pods[0]
    made.pods = made.pods[3:]
    if mounted:
        earlier = replica_set(0, template("registry.example/web:0", container=source), wanted=0, ready=0)
        made.earlier = [earlier]
        ready["metadata"]["ownerReferences"][0].update(name="web-000000000", uid=earlier["metadata"]["uid"])
        made.pods.append(ready)
    plan = remembering(made)
    if mounted:
        assert isinstance(plan, RollbackPlan)
        assert plan.caveats == (Reason.TARGET_NOT_AVAILABLE_NOW,)
    else:
        assert isinstance(plan, Refused)
        assert Reason.REFERENCES_MISSING in plan.because


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


def test_the_owner_is_named_before_what_fails() -> None:
    made = crashed()
    made.deployment["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] = "x"
    made.log_tail = "connect ECONNREFUSED 10.0.0.9:5432"
    assert made.diagnose().culprit == "argocd"


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


def test_critique_0_8_a_template_that_was_applied_server_side_waits_for_a_yes_that_knows_of_the_conflict() -> None:
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
