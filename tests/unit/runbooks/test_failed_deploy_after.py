"""After a rollback: what counts as healthy, and when the act is undone in turn (hardly ever)."""

from __future__ import annotations

import copy
from datetime import timedelta

import pytest

from byteport.domain.plans import DeletePodPlan, Refused, RollbackPlan
from byteport.domain.reasons import Reason
from byteport.domain.targets import PodRef
from byteport.kubernetes.patches import rollback_patch
from byteport.runbooks.base import Checked, Health
from tests.builders.rollouts import NOW, RUNBOOK, Shop, ago, crashing, pod, shop

ACTION = "ab" * 32


def planned() -> tuple[Shop, RollbackPlan]:
    made = shop()
    made.fails(crashing())
    plan = made.plan()
    assert isinstance(plan, RollbackPlan)
    return made, plan


def rolled_back(*, manager: str = "byteport", old_ready: int = 3) -> tuple[Shop, RollbackPlan]:
    """The world right after our patch: revision 1 is the newest again, as number 3."""
    made, plan = planned()
    patch = rollback_patch(made.deployment, made.old, ACTION)
    made.deployment["spec"]["template"] = patch[2]["value"]
    meta = made.deployment["metadata"]
    meta["generation"], made.deployment["status"]["observedGeneration"] = 5, 5
    meta["annotations"].update(
        {operation["path"].rpartition("/")[2].replace("~1", "/"): operation["value"] for operation in patch[3:]}
    )
    meta["annotations"]["deployment.kubernetes.io/revision"] = "3"
    if manager:
        written: dict[str, object] = {"f:spec": {"f:template": {"f:spec": {}}}}
        meta["managedFields"] = [
            {"manager": manager, "operation": "Update", "time": ago(seconds=9), "fieldsV1": written}
        ]
    made.old["metadata"]["annotations"].update(
        {"deployment.kubernetes.io/revision": "3", "deployment.kubernetes.io/revision-history": "1"}
    )
    made.pods = made.pods[:3]
    made.new["spec"]["replicas"] = 0
    made.new["status"] = {"replicas": 0}
    made.old["status"] = {"replicas": 3, "readyReplicas": old_ready, "availableReplicas": old_ready}
    made.deployment["status"].update(
        replicas=3,
        updatedReplicas=3,
        readyReplicas=old_ready,
        availableReplicas=old_ready,
        unavailableReplicas=3 - old_ready,
    )
    made.progress("NewReplicaSetAvailable", since=ago(seconds=5))
    return made, plan


def look(made: Shop, plan: RollbackPlan) -> Checked:
    return RUNBOOK.health(plan, made.situation(), acted_at=NOW - timedelta(seconds=10), now=NOW)


def undo(made: Shop, plan: RollbackPlan) -> RollbackPlan | Refused:
    return RUNBOOK.inverse(plan, made.situation(), now=NOW)


def test_complete_by_kubectls_definition_is_healthy() -> None:
    made, plan = rolled_back()
    assert look(made, plan) == Checked(health=Health.HEALTHY, available=3)


def test_old_pods_that_satisfy_the_counts_before_the_controller_has_looked_are_not_health() -> None:
    made, plan = rolled_back()
    made.deployment["metadata"]["generation"] = 6
    assert look(made, plan).health is Health.NOT_YET


@pytest.mark.parametrize(
    "status",
    [
        {"updatedReplicas": 2},
        {"replicas": 4},
        {"availableReplicas": 2},
    ],
)
def test_too_few_updated_an_old_pod_or_one_not_available_is_not_yet(status: dict[str, int]) -> None:
    made, plan = rolled_back()
    made.deployment["status"].update(status)
    assert look(made, plan).health is Health.NOT_YET


def test_a_pod_that_hangs_in_terminating_does_not_count_as_old() -> None:
    made, plan = rolled_back()
    stuck = pod(made.new, "stuck", statuses=[crashing()])
    stuck["metadata"]["deletionTimestamp"] = ago(minutes=5)
    made.pods.append(stuck)
    assert look(made, plan).health is Health.HEALTHY


def test_a_good_image_that_is_slow_to_pull_is_not_yet_and_never_a_second_write() -> None:
    made, plan = rolled_back(old_ready=2)
    assert look(made, plan).health is Health.NOT_YET
    assert undo(made, plan) == Refused(because=(Reason.NOT_VERIFIED,))


def test_restored_pods_between_two_crashes_are_not_health() -> None:
    made, plan = rolled_back()
    flapping = crashing(restarts=9)
    flapping.update(ready=True, state={"running": {"startedAt": ago(seconds=9)}})
    made.pods[0]["status"]["containerStatuses"] = [flapping]
    assert look(made, plan).health is Health.NOT_YET


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("scaled", Reason.SCALED_TO_ZERO),
        ("deleting", Reason.BEING_DELETED),
        ("other uid", Reason.TARGET_GONE),
        ("gone", Reason.TARGET_GONE),
        ("other template", Reason.TARGET_CHANGED),
    ],
)
def test_what_cannot_become_healthy_any_more_has_failed(change: str, reason: Reason) -> None:
    made, plan = rolled_back()
    situation = made.situation()
    if change == "scaled":
        made.deployment["spec"]["replicas"] = 0
    elif change == "deleting":
        made.deployment["metadata"]["deletionTimestamp"] = ago(seconds=1)
    elif change == "other template":
        made.deployment["spec"]["template"] = made.new["spec"]["template"]
    elif change == "other uid":
        plan = plan.model_copy(update={"target": plan.target.model_copy(update={"uid": "another"})})
    if change == "gone":
        checked = RUNBOOK.health(
            plan, situation.model_copy(update={"gone": True, "rollout": None}), acted_at=NOW, now=NOW
        )
    else:
        checked = look(made, plan)
    assert (checked.health, checked.reasons) == (Health.FAILED, (reason,))


def test_the_inverse_of_a_rollback_from_a_release_that_never_served_is_never_taken_alone() -> None:
    made, plan = rolled_back(old_ready=0)
    assert plan.replaced_available == 0
    assert undo(made, plan) == Refused(because=(Reason.NOT_VERIFIED,))


def test_it_is_offered_to_a_person_as_a_plan_with_its_caveat() -> None:
    made, plan = rolled_back(old_ready=0)
    offered = RUNBOOK.offered_inverse(plan, made.situation())
    assert isinstance(offered, RollbackPlan)
    assert (offered.inverse, offered.to_revision, offered.to_replica_set) == (True, 2, "web-222222222")
    assert offered.to_template_digest == plan.from_template_digest
    assert offered.from_template_digest == plan.to_template_digest
    assert offered.caveats == (Reason.NOT_VERIFIED,)


def test_it_is_taken_when_going_back_cost_pods_and_the_replaced_revision_had_more() -> None:
    made, plan = rolled_back(old_ready=1)
    plan = plan.model_copy(update={"available_before": 3, "replaced_available": 2})
    inverse = undo(made, plan)
    assert isinstance(inverse, RollbackPlan)
    assert (inverse.inverse, inverse.caveats, inverse.to_revision) == (True, (), 2)


@pytest.mark.parametrize(("before", "replaced"), [(1, 2), (3, 1), (0, 0)])
def test_fewer_pods_than_before_or_more_in_the_replaced_one_alone_is_not_enough(before: int, replaced: int) -> None:
    made, plan = rolled_back(old_ready=1)
    plan = plan.model_copy(update={"available_before": before, "replaced_available": replaced})
    assert isinstance(undo(made, plan), Refused)


def with_losses(plan: RollbackPlan) -> RollbackPlan:
    return plan.model_copy(update={"available_before": 3, "replaced_available": 3})


def test_it_is_refused_when_somebody_has_deployed_since() -> None:
    made, plan = rolled_back(old_ready=0)
    made.deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example/web:3"
    assert undo(made, with_losses(plan)) == Refused(because=(Reason.TARGET_CHANGED,))


@pytest.mark.parametrize("field", ["paused", "strategy", "selector"])
def test_it_is_refused_when_what_the_plan_took_for_granted_has_changed(field: str) -> None:
    made, plan = rolled_back(old_ready=0)
    made.deployment["spec"][field] = {
        "paused": True,
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": {"app": "web", "x": "y"}},
    }[field]
    if field == "selector":
        for item in (made.old, made.new):
            item["metadata"]["labels"]["x"] = "y"
    assert undo(made, with_losses(plan)) == Refused(because=(Reason.TARGET_CHANGED,))


def test_a_persons_own_undo_that_brings_our_old_stamp_back_is_not_ours() -> None:
    made, plan = rolled_back(manager="kubectl-rollout", old_ready=0)
    assert made.deployment["metadata"]["annotations"]["byteport.io/action-id"] == ACTION
    assert undo(made, with_losses(plan)) == Refused(because=(Reason.TARGET_CHANGED,))


def test_where_no_writer_is_recorded_the_stamp_must_name_the_very_replica_set() -> None:
    made, plan = rolled_back(manager="", old_ready=0)
    assert isinstance(undo(made, with_losses(plan)), RollbackPlan)
    made.deployment["metadata"]["annotations"]["byteport.io/rollback-to"] = "web-000000000"
    assert undo(made, with_losses(plan)) == Refused(because=(Reason.TARGET_CHANGED,))


def test_it_is_refused_when_the_replaced_revision_is_gone() -> None:
    made, plan = rolled_back(old_ready=0)
    made.new["metadata"]["ownerReferences"] = []
    assert undo(made, with_losses(plan)) == Refused(because=(Reason.NO_HISTORY,))


def test_an_inverse_has_no_inverse() -> None:
    made, plan = rolled_back(old_ready=0)
    again = with_losses(plan).model_copy(update={"inverse": True})
    assert isinstance(undo(made, again), Refused)
    deletion = DeletePodPlan(target=plan.target, pod=PodRef(namespace="shop", name="p", uid="u", resource_version="1"))
    assert isinstance(RUNBOOK.inverse(deletion, made.situation(), now=NOW), Refused)


def test_a_release_that_came_well_by_itself_has_recovered() -> None:
    made, _ = planned()
    assert not RUNBOOK.recovered(made.signal(), made.situation())
    made.old["spec"]["replicas"] = 0
    made.pods = [pod(made.new, f"n{n}", ready=True, since=ago(minutes=5)) for n in range(3)]
    made.counts(new_pods=3, new_ready=3, old_ready=0)
    assert RUNBOOK.recovered(made.signal(), made.situation())


@pytest.mark.parametrize("change", ["gone", "not observed", "scaled to zero"])
def test_what_cannot_be_told_has_not_recovered(change: str) -> None:
    made, _ = rolled_back()
    made = copy.deepcopy(made)
    if change == "not observed":
        made.deployment["metadata"]["generation"] = 9
    elif change == "scaled to zero":
        made.deployment["spec"]["replicas"] = 0
    situation = made.situation()
    if change == "gone":
        situation = situation.model_copy(update={"gone": True})
    assert not RUNBOOK.recovered(made.signal(), situation)
