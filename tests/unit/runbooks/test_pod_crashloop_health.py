"""After the delete: when the target is healthy, when it may still become so, and when it was an outage that we made."""

from __future__ import annotations

from datetime import timedelta

import pytest

from byteport.domain.failures import Failure
from byteport.domain.plans import DeletePodPlan, Refused
from byteport.domain.reasons import Reason
from byteport.kubernetes.reading import read_situation
from byteport.runbooks.base import Checked, Health
from byteport.runbooks.pod_crashloop import PodCrashloopRunbook
from tests.builders.asking import ask, deployment, signal_on
from tests.builders.objects import NOW, stamp, status, terminated, waiting
from tests.builders.workload import Workload

RUNBOOK = PodCrashloopRunbook()
ACTED = NOW - timedelta(seconds=30)


def deleted() -> tuple[Workload, DeletePodPlan]:
    """A workload whose crashing pod was deleted half a minute ago, and the plan by which it was."""
    shop = Workload()
    shop.crash(0)
    plan = ask(shop.world()).plan
    assert isinstance(plan, DeletePodPlan)
    del shop.pods[0]
    return shop, plan


def replaced(**more: object) -> tuple[Workload, DeletePodPlan]:
    shop, plan = deleted()
    shop.add_pod(shop.current, index=9, created=0.4, **more)
    return shop, plan


def look(shop: Workload, plan: DeletePodPlan, *, seconds: int = 30) -> Checked:
    now = ACTED + timedelta(seconds=seconds)
    situation = read_situation(shop.world(), deployment(), Failure.CRASHLOOP)
    return RUNBOOK.health(plan, situation, acted_at=ACTED, now=now)


def test_a_replacement_that_is_ready_is_healthy() -> None:
    checked = look(*replaced())
    assert checked.health is Health.HEALTHY
    assert checked.available == 5


def test_a_replacement_that_still_pulls_is_waited_for() -> None:
    starting = status("web", state=waiting("ContainerCreating"), ready=False)
    assert look(*replaced(statuses=[starting], ready=False), seconds=300).health is Health.NOT_YET


def test_no_replacement_yet_is_waited_for_during_a_minute() -> None:
    assert look(*deleted(), seconds=59).health is Health.NOT_YET


def test_no_replacement_after_a_minute_is_an_outage_that_we_made() -> None:
    checked = look(*deleted(), seconds=61)
    assert checked.health is Health.FAILED
    assert checked.reasons == (Reason.NO_REPLACEMENT,)


def test_the_pod_on_its_way_out_is_neither_a_replacement_nor_a_replica() -> None:
    shop, plan = deleted()
    leaving = shop.add_pod(shop.current, index=8)
    leaving["metadata"] |= {"deletionTimestamp": stamp(0.5), "uid": plan.pod.uid}
    assert look(shop, plan, seconds=61).reasons == (Reason.NO_REPLACEMENT,)


@pytest.mark.parametrize(
    "again",
    [
        status("web", state=waiting("CrashLoopBackOff"), last=terminated(1), restarts=1, ready=False),
        status("web", last=terminated(1), restarts=1),
        status("web", state=waiting("ImagePullBackOff", "not found"), ready=False),
    ],
    ids=["crashes again", "ready after a restart", "cannot be pulled"],
)
def test_a_replacement_that_fails_again_is_not_waited_for(again: dict[str, object]) -> None:
    assert look(*replaced(statuses=[again], ready=bool(again["ready"]))).health is Health.FAILED


def test_a_replacement_that_is_found_late_is_not_blamed_for_a_siblings_old_restart() -> None:
    """The worker died after the call: the act is dated when it was found, long after its replacement was made."""
    shop, plan = deleted()
    shop.add_pod(shop.current, index=9, created=4)
    long_ago = status("web", last=terminated(1, finished=600), restarts=1)
    shop.pods[0]["status"]["containerStatuses"] = [long_ago]
    assert look(shop, plan).health is Health.HEALTHY
    just_now = status("web", last=terminated(1, finished=0.1), restarts=2)
    shop.pods[0]["status"]["containerStatuses"] = [just_now]
    assert look(shop, plan).health is Health.FAILED


@pytest.mark.parametrize("spoil", ["scaled", "deleted", "terminating"])
def test_a_target_that_is_taken_away_meanwhile_is_failure_and_never_health(spoil: str) -> None:
    shop, plan = replaced()
    if spoil == "scaled":
        shop.deployment["spec"]["replicas"] = 0
        shop.pods.clear()
    elif spoil == "deleted":
        shop.deployment["metadata"]["deletionTimestamp"] = stamp(0)
    else:
        shop.namespace["status"]["phase"] = "Terminating"
    assert look(shop, plan).health is Health.FAILED


def test_a_target_that_is_gone_is_failure() -> None:
    shop, plan = replaced()
    world = shop.world()
    objects = tuple(item for item in world.objects if item["kind"] != "Deployment")
    situation = read_situation(type(world)(now=NOW, objects=objects), deployment(), Failure.CRASHLOOP)
    checked = RUNBOOK.health(plan, situation, acted_at=ACTED, now=NOW)
    assert (checked.health, checked.reasons) == (Health.FAILED, (Reason.TARGET_GONE,))


def test_there_is_no_inverse() -> None:
    shop, plan = replaced()
    situation = read_situation(shop.world(), deployment(), Failure.CRASHLOOP)
    assert isinstance(RUNBOOK.inverse(plan, situation, now=NOW), Refused)


def test_the_symptom_has_gone_by_itself_when_every_pod_is_well() -> None:
    shop = Workload()
    situation = read_situation(shop.world(), deployment(), Failure.CRASHLOOP)
    assert RUNBOOK.recovered(signal_on(deployment(), at=shop.world()), situation)
    shop.crash(0)
    situation = read_situation(shop.world(), deployment(), Failure.CRASHLOOP)
    assert not RUNBOOK.recovered(signal_on(deployment(), at=shop.world()), situation)


def test_everything_that_the_runbook_may_do_is_declared() -> None:
    verbs = {(right.resource, right.verb) for right in RUNBOOK.scope.rights}
    assert ("pods", "delete") in verbs
    assert not any(resource == "secrets" for resource, _ in verbs)
    assert not any(verb in ("update", "patch", "deletecollection") for _, verb in verbs)


def test_a_crash_that_began_with_a_new_revision_is_handed_to_the_rollback() -> None:
    shop = Workload(replicas=3, nodes=3)
    bad = shop.release("registry.example.internal/shop/web:8", number=5, created=12, replicas=1, promote=True)
    shop.deployment["status"]["conditions"] = shop.conditions("ReplicaSetUpdated", since=10)
    shop.add_pod(bad, index=3, created=12)
    shop.crash(3)
    answer = ask(shop.world())
    assert answer.diagnosis.hand_over is Failure.BAD_ROLLOUT
    assert isinstance(answer.plan, Refused)
