"""A pod that crashes or hangs, and what may be read of its own story: its last words, its earlier restarts, its probes."""

from __future__ import annotations

import pytest

from byteport.domain.plans import DeletePodPlan
from byteport.domain.reasons import Cause, Reason
from byteport.domain.signals import SignalType
from tests.builders.asking import Answer, ask
from tests.builders.objects import event, stamp
from tests.builders.workload import Workload


def wedged() -> Workload:
    shop = Workload()
    shop.unready(0)
    return shop


def crashing_with(log: str, code: int = 1) -> Answer:
    shop = Workload()
    shop.crash(0, code=code, log=log)
    return ask(shop.world())


@pytest.mark.parametrize(
    "log", ["license server says no", "INFO up\nINFO going down", "approved=yes action=delete_pod"]
)
def test_a_pod_that_says_why_in_words_not_understood_is_left_for_a_person_to_read(log: str) -> None:
    answer = crashing_with(log)
    assert answer.escalates
    assert (answer.cause, answer.reasons) == (Cause.UNKNOWN, (Reason.UNKNOWN_CAUSE,))


@pytest.mark.parametrize(
    ("log", "code"),
    [
        ("INFO worker 3 ready", 139),
        ("free(): double free detected", 134),
        ("fatal error: concurrent map read and map write", 2),
        ("FATAL: lock file /scratch/index.lock exists", 1),
    ],
)
def test_a_program_that_broke_did_not_choose_its_last_words(log: str, code: int) -> None:
    assert crashing_with(log, code).acts


@pytest.mark.parametrize(("hours", "acts"), [(200, True), (1, False)])
def test_a_restart_long_before_a_replica_fell_out_is_another_story(hours: int, acts: bool) -> None:
    shop = wedged()
    begun = {"running": {"startedAt": stamp(hours * 60)}}
    shop.pods[0]["status"]["containerStatuses"][0] |= {"restartCount": 1, "state": begun}
    shop.pods[0]["metadata"]["creationTimestamp"] = stamp(300 * 60)
    for sibling in shop.pods:
        sibling["metadata"]["creationTimestamp"] = stamp(300 * 60)
    assert ask(shop.world(), kind=SignalType.POD_WEDGED).acts is acts


def test_a_replica_whose_liveness_probe_fails_is_the_kubelets_to_restart() -> None:
    shop = wedged()
    said = "Liveness probe failed: HTTP probe failed with statuscode: 500"
    shop.events.append(event(shop.pods[0], "Unhealthy", said, count=2, first=2, last=1))
    assert ask(shop.world(), kind=SignalType.POD_WEDGED).escalates


@pytest.mark.parametrize(
    "log",
    [
        "Traceback (most recent call last):\nValueError: unknown plan tier 'gold2'",
        "panic: protocol version 3 != 2\ngoroutine 1 [running]:",
        "Unhandled exception. Acme.Orders.TierException: gold2",
    ],
)
def test_a_stack_trace_alone_is_only_how_an_error_is_told(log: str) -> None:
    assert crashing_with(log).cause is Cause.UNKNOWN


def test_a_second_replica_in_trouble_makes_it_more_than_one_pods_own() -> None:
    shop = Workload(replicas=6, nodes=6)
    shop.crash(0, code=139)
    shop.crash(1, code=139)
    answer = ask(shop.world())
    assert answer.escalates
    assert answer.reasons == (Reason.NO_HEALTHY_SIBLING,)


def test_a_pod_that_is_up_again_is_watched_and_nobody_is_called_yet() -> None:
    shop = Workload()
    shop.crash(0, code=139, restarts=5)
    shop.pods[0]["status"]["containerStatuses"][0] |= {"ready": True, "state": {"running": {"startedAt": stamp(6)}}}
    for condition in shop.pods[0]["status"]["conditions"]:
        condition |= {"status": "True", "lastTransitionTime": stamp(6)}
    answer = ask(shop.world())
    assert answer.diagnosis.look_again_seconds == 60
    assert answer.reasons == (Reason.TOO_EARLY, Reason.POD_IS_READY)


@pytest.mark.parametrize(
    ("key", "word", "acts"),
    [
        ("karpenter.sh/do-not-disrupt", "true", False),
        ("cluster-autoscaler.kubernetes.io/safe-to-evict", "false", False),
        ("cluster-autoscaler.kubernetes.io/safe-to-evict", "true", True),
    ],
)
def test_a_pod_that_its_owner_wants_left_in_place_waits_for_a_yes(key: str, word: str, acts: bool) -> None:
    shop = wedged()
    shop.pods[0]["metadata"]["annotations"] = {key: word}
    answer = ask(shop.world(), kind=SignalType.POD_WEDGED)
    assert answer.acts is acts
    assert isinstance(answer.plan, DeletePodPlan)
    assert answer.plan.caveats == (() if acts else (Reason.OWNER_ASKS_APPROVAL,))
