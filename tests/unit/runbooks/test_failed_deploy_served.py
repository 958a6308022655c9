"""A release that has served, is held, or is gone is not undone by the agent alone."""

from __future__ import annotations

import pytest

from byteport.domain.failures import Failure
from byteport.domain.plans import Refused
from byteport.domain.policy import VerdictKind
from byteport.domain.reasons import Reason
from byteport.domain.signals import Source
from tests.builders.rollouts import (
    RUNBOOK,
    ago,
    crashing,
    pod,
    shop,
)
from tests.unit.runbooks.rollback_worlds import (
    acts,
    caveats,
    crashed,
    refused,
)


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


@pytest.mark.parametrize(("restarts", "served"), [(5, True), (40, False)])
def test_hours_that_no_back_off_can_have_taken_were_spent_serving(restarts: int, served: bool) -> None:
    made = shop()
    made.fails(crashing(restarts=restarts), created=ago(minutes=150), since=ago(minutes=9))
    made.released(minutes=151)
    assert (Reason.REVISION_HAS_SERVED in made.diagnose().reasons) is served
    assert acts(made) is not served
