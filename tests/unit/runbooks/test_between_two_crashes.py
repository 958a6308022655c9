"""A look at just the moment in which a crashing container is Ready: neither recovered, nor healthy, nor a healthy sibling.

Without a readiness probe that is every moment between its start and its next crash.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from byteport.domain.failures import Failure
from byteport.domain.plans import DeletePodPlan, Refused
from byteport.domain.policy import VerdictKind
from byteport.domain.reasons import Cause, Reason
from byteport.kubernetes.reading import read_situation
from byteport.kubernetes.revisions import known_good_revision
from byteport.runbooks.base import Checked, Health
from byteport.runbooks.pod_crashloop import PodCrashloopRunbook
from byteport.runbooks.unserved import unserved_alerts
from tests.builders.asking import Answer, ask, deployment, signal_on
from tests.builders.objects import JSON, NOW, running, stamp, status, terminated
from tests.builders.rollouts import RUNBOOK as ROLLBACK
from tests.builders.rollouts import ago
from tests.builders.workload import Workload
from tests.unit.runbooks.rollback_worlds import crashed
from tests.unit.runbooks.test_failed_deploy_after import look as look_at_rollback
from tests.unit.runbooks.test_failed_deploy_after import rolled_back

RUNBOOK = PodCrashloopRunbook()


def ready_again(*, up: float = 1, lasted: float = 1, restarts: int = 2) -> JSON:
    """Ready for `up` seconds, after a run that failed when it had lasted `lasted` seconds."""
    ended = (up + 10) / 60
    return status(
        state=running(up / 60), last=terminated(1, started=ended + lasted / 60, finished=ended), restarts=restarts
    )


def with_ready_again(shop: Workload, index: int, **how: Any) -> Workload:
    up = how.get("up", 1) / 60
    shop.pods[index]["status"]["containerStatuses"] = [ready_again(**how)]
    for condition in shop.pods[index]["status"]["conditions"]:
        if condition["type"] in ("Ready", "ContainersReady"):
            condition |= {"status": "True", "lastTransitionTime": stamp(up)}
    return shop


def answer(**how: Any) -> Answer:
    return ask(with_ready_again(Workload(), 0, **how).world())


# nothing to do?


def test_a_pod_that_is_ready_between_two_crashes_has_not_recovered() -> None:
    found = answer()
    assert not found.diagnosis.silent
    assert (found.cause, found.reasons) == (Cause.CRASHING, (Reason.TOO_EARLY, Reason.POD_IS_READY))
    assert found.diagnosis.look_again_seconds == 59
    assert isinstance(found.plan, Refused)


def test_it_has_when_it_has_run_for_a_minute_and_for_longer_than_it_did_before() -> None:
    assert answer(up=60).verdict.kind is VerdictKind.SKIP
    assert answer(up=120, lasted=200).diagnosis.look_again_seconds == 80
    assert answer(up=200, lasted=200).verdict.kind is VerdictKind.SKIP


def test_what_waits_for_an_answer_is_not_taken_back_for_a_moment_of_readiness() -> None:
    world = with_ready_again(Workload(), 0).world()
    situation = read_situation(world, deployment(), Failure.CRASHLOOP)
    assert not RUNBOOK.recovered(signal_on(deployment(), at=world), situation)


def test_an_alert_about_such_a_pod_is_not_stale() -> None:
    def told(shop: Workload) -> bool:
        labels = {"alertname": "KubePodCrashLooping", "namespace": "shop", "pod": shop.name_of(0)}
        body = {"alerts": [{"status": "firing", "labels": labels, "startsAt": stamp(5)}]}
        return bool(unserved_alerts(shop.world(), body, frozenset()))

    assert told(with_ready_again(Workload(), 0))
    assert not told(with_ready_again(Workload(), 0, up=70))


# a healthy sibling?


def test_a_sibling_that_is_ready_between_two_crashes_is_no_healthy_sibling() -> None:
    shop = Workload(replicas=2, nodes=2)
    shop.crash(0, code=139)
    found = ask(with_ready_again(shop, 1).world())
    assert not found.acts
    assert found.diagnosis.look_again_seconds == 60


def test_it_is_one_when_it_has_proved_itself() -> None:
    shop = Workload(replicas=2, nodes=2)
    shop.crash(0, code=139)
    assert ask(with_ready_again(shop, 1, up=70).world()).acts


def test_a_wedged_replica_is_not_alone_while_another_has_just_come_up_again() -> None:
    shop = Workload()
    shop.unready(0)
    assert ask(shop.world()).acts
    assert ask(with_ready_again(shop, 1).world()).diagnosis.look_again_seconds == 60


def test_a_new_pod_that_was_only_ready_between_its_crashes_points_to_configuration_that_changed() -> None:
    shop = Workload()
    shop.crash(0, code=139, restarts=3, since=0.5)
    new = shop.pods[0]
    new["metadata"]["creationTimestamp"] = new["status"]["startTime"] = stamp(2.2)
    new["status"]["containerStatuses"][0]["lastState"] = terminated(139, started=0.52, finished=0.5)
    assert ask(shop.world()).cause is Cause.CONFIG_UNSEEN


# did it help?


def replaced(container: JSON, *, acted_seconds_ago: int, created_minutes_ago: float) -> Checked:
    """What is said of a pod that was deleted, when all that is there instead is one with `container`."""
    shop = Workload()
    shop.crash(0)
    plan = ask(shop.world()).plan
    assert isinstance(plan, DeletePodPlan)
    del shop.pods[0]
    shop.add_pod(shop.current, index=9, created=created_minutes_ago, statuses=[container])
    situation = read_situation(shop.world(), deployment(), Failure.CRASHLOOP)
    return RUNBOOK.health(plan, situation, acted_at=NOW - timedelta(seconds=acted_seconds_ago), now=NOW)


def crashed_before(*, up: float) -> JSON:
    """What says of a rollout's container that it ran for a second, crashed, and has run for `up` seconds since."""
    ended = {"exitCode": 1, "reason": "Error", "startedAt": ago(seconds=up + 12), "finishedAt": ago(seconds=up + 11)}
    state = {"running": {"startedAt": ago(seconds=up)}}
    return {"restartCount": 1, "lastState": {"terminated": ended}, "state": state}


def test_a_replacement_whose_restarts_have_risen_since_the_act_has_failed_though_it_is_ready() -> None:
    found = replaced(ready_again(restarts=1), acted_seconds_ago=30, created_minutes_ago=0.4)
    assert found.health is Health.FAILED


def test_a_sibling_that_crashed_just_before_the_act_and_is_ready_is_not_healthy_yet() -> None:
    found = replaced(ready_again(restarts=1), acted_seconds_ago=3, created_minutes_ago=600)
    assert found.health is Health.NOT_YET


def test_a_restored_revision_that_is_ready_between_two_crashes_is_not_healthy_yet() -> None:
    made, plan = rolled_back()
    made.pods[0]["status"]["containerStatuses"][0] |= crashed_before(up=1)
    assert look_at_rollback(made, plan).health is Health.NOT_YET
    assert not ROLLBACK.recovered(made.signal(), made.situation())
    diagnosis = made.diagnose()
    assert (diagnosis.silent, diagnosis.look_again_seconds) == (False, 59)


def test_it_is_healthy_when_it_has_outlasted_its_failure() -> None:
    made, plan = rolled_back()
    made.pods[0]["status"]["containerStatuses"][0] |= crashed_before(up=80)
    assert look_at_rollback(made, plan).health is Health.HEALTHY
    assert made.diagnose().silent


def test_the_revision_to_go_back_to_is_not_one_that_is_ready_between_two_crashes() -> None:
    made = crashed()
    rollout = made.situation().rollout
    assert rollout is not None
    assert known_good_revision(rollout, made.situation().pods) is not None
    for item in made.pods[:3]:
        item["status"]["containerStatuses"][0] |= crashed_before(up=1)
    assert known_good_revision(rollout, made.situation().pods) is None
