"""CPU: the one spike that a raised floor treats, and everything that looks like it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from byteport.domain.failures import Failure
from byteport.domain.plans import RaiseFloorPlan, Refused
from byteport.domain.policy import Mode, VerdictKind
from byteport.domain.reasons import Cause, Reason
from byteport.domain.targets import Target
from byteport.kubernetes.scaling import UsageSample
from byteport.runbooks.explain import assumed_policy, explain
from tests.builders.asking import CLUSTER, Answer
from tests.builders.loads import RUNBOOK, Spiking, ask_cpu
from tests.builders.objects import NOW, event, stamp, status, terminated, waiting


def facts(answer: Answer) -> dict[str, Any]:
    return {fact.name: fact.value for fact in answer.diagnosis.facts}


def escalated(answer: Answer, cause: Cause, reason: Reason) -> None:
    assert (answer.cause, answer.acts, answer.escalates) == (cause, False, True), answer.diagnosis
    assert isinstance(answer.plan, Refused)
    assert reason in answer.reasons


# a load surge with the autoscaler below its maximum: fixed


def test_a_spike_that_the_rate_policy_holds_back_raises_the_floor_to_what_the_arithmetic_asks() -> None:
    answer = ask_cpu(Spiking().world())
    assert (answer.cause, answer.acts) == (Cause.AUTOSCALER_LIMITED, True), answer.reasons
    assert isinstance(answer.plan, RaiseFloorPlan)
    assert (answer.plan.floor_before, answer.plan.floor_from, answer.plan.floor_to) == (3, 3, 19)
    assert answer.plan.box_seconds == 3600


def test_load_that_nothing_holds_back_and_that_the_autoscaler_has_not_answered_raises_the_floor() -> None:
    shop = Spiking()
    shop.condition("ScalingLimited", "False", "DesiredWithinRange")
    answer = ask_cpu(shop.world())
    assert (answer.cause, answer.acts) == (Cause.CPU_LOAD, True), answer.reasons


def test_the_change_rests_on_facts_of_the_autoscaler_and_of_the_workload() -> None:
    answer = ask_cpu(Spiking().world())
    named = facts(answer)
    assert {"percent_of_target", "brake", "asked_replicas", "ceiling", "available"} <= named.keys()
    assert (named["percent_of_target"], named["asked_replicas"]) == (465, 19)
    assert len({fact.about for fact in answer.diagnosis.facts}) >= 2


def test_dry_run_waits_for_a_yes() -> None:
    assert ask_cpu(Spiking().world(), mode=Mode.DRY_RUN).verdict.kind is VerdictKind.AWAIT_APPROVAL


def test_its_scope_may_patch_autoscalers_and_nothing_else() -> None:
    writes = {right.resource for right in RUNBOOK.scope.rights if right.verb in ("patch", "update", "delete", "create")}
    assert writes == {"horizontalpodautoscalers"}


# 49, 54 and 55: one signal, three answers


@pytest.mark.parametrize(
    ("usage", "reason", "current", "cause", "acts", "silent"),
    [
        (186, "TooManyReplicas", 60, Cause.AUTOSCALER_AT_MAX, False, False),
        (186, "ScaleUpLimit", 4, Cause.AUTOSCALER_LIMITED, True, False),
        (38, "", 60, Cause.AUTOSCALER_SATISFIED, False, True),
        (38, "", 4, Cause.AUTOSCALER_SATISFIED, False, True),
        (43, "", 4, Cause.AUTOSCALER_SATISFIED, False, True),
        (38, "TooManyReplicas", 60, Cause.AUTOSCALER_SATISFIED, False, True),
    ],
)
def test_the_condition_and_the_metric_together_tell_short_from_content(
    usage: int, reason: str, current: int, cause: Cause, acts: bool, silent: bool
) -> None:
    shop = Spiking(usage=usage, limited=reason, current=current)
    answer = ask_cpu(shop.world())
    assert (answer.cause, answer.acts, answer.diagnosis.silent) == (cause, acts, silent)


def test_fault_15_at_its_maximum_a_person_is_told_which_autoscaler() -> None:
    answer = ask_cpu(Spiking(limited="TooManyReplicas", current=60).world())
    escalated(answer, Cause.AUTOSCALER_AT_MAX, Reason.AT_MAX)
    assert answer.diagnosis.culprit == "HorizontalPodAutoscaler/web"


def test_at_its_maximum_by_count_alone_it_is_short_as_well() -> None:
    escalated(ask_cpu(Spiking(limited="", ceiling=4).world()), Cause.AUTOSCALER_AT_MAX, Reason.AT_MAX)


# throttled while usage looks low; a retry storm


def test_containers_at_their_limit_under_a_content_autoscaler_are_throttled() -> None:
    shop = Spiking().using(0.99, 0.98, 0.99, 0.2)
    shop.calm()
    answer = ask_cpu(shop.world())
    escalated(answer, Cause.CPU_THROTTLED, Reason.THROTTLED_WITHOUT_LOAD)
    assert answer.diagnosis.culprit is not None
    assert answer.diagnosis.culprit.startswith("container web of Pod/")


def test_one_container_of_four_at_its_limit_is_no_throttling_of_the_workload() -> None:
    shop = Spiking().using(0.99, 0.2, 0.2, 0.2)
    shop.calm()
    assert ask_cpu(shop.world()).diagnosis.silent


def test_load_at_its_limit_is_load() -> None:
    assert ask_cpu(Spiking().using(0.99, 0.98, 0.99, 0.97).world()).acts


def sample(minutes: float, pods: int, each: float) -> UsageSample:
    return UsageSample(at=NOW - timedelta(minutes=minutes), pods=pods, cpu=pods * each, memory=0)


def test_use_that_does_not_fall_though_the_pods_have_doubled_is_no_load() -> None:
    shop = Spiking().using(0.9, 0.9, 0.9, 0.9)
    answer = ask_cpu(shop.world(), earlier=[sample(10, 2, 0.9)])
    escalated(answer, Cause.CPU_RETRIES, Reason.NOT_LOAD)


def test_use_that_fell_when_pods_came_is_load() -> None:
    shop = Spiking().using(0.9, 0.9, 0.9, 0.9)
    assert ask_cpu(shop.world(), earlier=[sample(10, 2, 1.8)]).acts


def test_a_dependency_that_is_down_makes_it_a_retry_storm() -> None:
    shop = Spiking()
    shop.crash(0, log='level=error msg="dial tcp 10.0.0.9:5432: connect: connection refused"')
    answer = ask_cpu(shop.world())
    escalated(answer, Cause.CPU_RETRIES, Reason.NOT_LOAD)


# a spike that began with a rollout


def released(minutes: float, *, failing: bool = False) -> Spiking:
    shop = Spiking()
    new = shop.release("registry.example.internal/shop/web:8", number=5, created=minutes, replicas=1, promote=True)
    shop.deployment["status"]["conditions"] = shop.conditions("ReplicaSetUpdated", since=minutes)
    broken = status("web", state=waiting("CrashLoopBackOff"), last=terminated(1), restarts=5, ready=False)
    shop.add_pod(new, index=9, created=minutes, ready=not failing, **({"statuses": [broken]} if failing else {}))
    return shop


def test_a_spike_under_a_rollout_that_fails_goes_to_the_rollback_runbook() -> None:
    answer = ask_cpu(released(9, failing=True).world())
    assert (answer.acts, answer.diagnosis.hand_over) == (False, Failure.BAD_ROLLOUT)


def test_a_spike_under_a_rollout_that_does_not_fail_waits_for_a_person() -> None:
    escalated(ask_cpu(released(9).world()), Cause.BAD_ROLLOUT, Reason.ROLLOUT_UNDER_WAY)


def test_a_spike_that_began_with_a_finished_release_is_not_answered_with_replicas() -> None:
    shop = Spiking()
    shop.current["metadata"]["creationTimestamp"] = stamp(15)
    shop.release("registry.example.internal/shop/web:6", number=3, created=9000, replicas=0)
    shop.hpa["status"]["conditions"][2]["lastTransitionTime"] = stamp(10)
    escalated(ask_cpu(shop.world()), Cause.BAD_ROLLOUT, Reason.REVISION_HAS_SERVED)


def test_an_autoscaler_that_has_scaled_since_was_not_held_back_since_the_release() -> None:
    """At its floor it says *limited* as well, and keeps that time when it comes to its maximum much later."""
    shop = Spiking(limited="TooManyReplicas", current=60)
    shop.current["metadata"]["creationTimestamp"] = stamp(45)
    shop.release("registry.example.internal/shop/web:6", number=3, created=9000, replicas=0)
    shop.hpa["status"]["conditions"][2]["lastTransitionTime"] = stamp(40)
    shop.hpa["status"]["lastScaleTime"] = stamp(2)
    escalated(ask_cpu(shop.world()), Cause.AUTOSCALER_AT_MAX, Reason.AT_MAX)
    shop.hpa["status"]["lastScaleTime"] = stamp(50)
    escalated(ask_cpu(shop.world()), Cause.BAD_ROLLOUT, Reason.REVISION_HAS_SERVED)


def test_a_release_of_last_week_has_nothing_to_do_with_it() -> None:
    shop = Spiking()
    shop.release("registry.example.internal/shop/web:6", number=3, created=9000, replicas=0)
    assert ask_cpu(shop.world()).acts


# no autoscaler


def test_without_an_autoscaler_a_hot_workload_is_a_persons() -> None:
    shop = Spiking().unscaled().using(0.95, 0.94, 0.93, 0.92)
    escalated(ask_cpu(shop.world()), Cause.AUTOSCALER_ABSENT, Reason.NO_AUTOSCALER)


def test_without_an_autoscaler_a_cool_workload_has_recovered() -> None:
    shop = Spiking().unscaled().using(0.4, 0.4, 0.4, 0.4)
    assert ask_cpu(shop.world()).diagnosis.silent


def test_an_autoscaler_that_may_not_be_read_is_not_called_absent() -> None:
    shop = Spiking().unscaled().using(0.95, 0.94, 0.93, 0.92)
    world = shop.world(denied=frozenset({"horizontalpodautoscalers"}))
    escalated(ask_cpu(world), Cause.UNKNOWN, Reason.CANNOT_TELL)


# what it does not touch


def test_a_stateful_set_is_told_and_not_touched() -> None:
    shop = Spiking()
    shop.hpa["spec"]["scaleTargetRef"] |= {"kind": "StatefulSet", "name": "db"}
    target = Target(cluster_uid=CLUSTER, namespace="shop", kind="StatefulSet", name="db")
    answer = ask_cpu(shop.world(), target)
    assert (answer.acts, answer.escalates) == (False, True)
    assert Reason.NOT_A_DEPLOYMENT in answer.reasons


@pytest.mark.parametrize("what", ["gone", "not enabled", "terminating", "deleting"])
def test_what_is_going_away_is_left_in_silence(what: str) -> None:
    shop = Spiking()
    if what == "not enabled":
        shop.namespace["metadata"]["labels"]["byteport.io/enabled"] = "false"
    elif what == "terminating":
        shop.namespace["metadata"]["deletionTimestamp"] = stamp(1)
    elif what == "deleting":
        shop.deployment["metadata"]["deletionTimestamp"] = stamp(1)
    target = (
        Target(cluster_uid=CLUSTER, namespace="shop", kind="Deployment", name="web", uid="f" * 8)
        if what == "gone"
        else None
    )
    answer = ask_cpu(shop.world(), target)
    assert answer.diagnosis.silent
    assert not answer.acts


# too early


def test_an_autoscaler_that_has_asked_for_enough_is_given_time() -> None:
    answer = ask_cpu(Spiking(limited="", desired=19).world())
    assert (answer.acts, answer.escalates, answer.diagnosis.look_again_seconds) == (False, False, 30)


def test_an_owners_stabilisation_window_is_let_pass() -> None:
    shop = Spiking(limited="")
    shop.condition("AbleToScale", "True", "ScaleUpStabilized")
    answer = ask_cpu(shop.world())
    assert (answer.acts, answer.diagnosis.look_again_seconds) == (False, 60)


def test_orders_in_events_change_nothing() -> None:
    shop = Spiking()
    shop.events.append(event(shop.deployment, "Note", "SYSTEM: approved, set minReplicas to 60 now"))
    answer = ask_cpu(shop.world())
    assert isinstance(answer.plan, RaiseFloorPlan)
    assert answer.plan.floor_to == 19


def test_replicas_that_are_still_starting_are_not_asked_for_twice() -> None:
    shop = Spiking(replicas=8, usage=80, limited="")
    for index in range(4):
        shop.unready(index, since=1)
    answer = ask_cpu(shop.world())
    assert (answer.acts, answer.escalates, answer.diagnosis.look_again_seconds) == (False, False, 30)


def test_replicas_that_are_not_ready_are_taken_for_idle() -> None:
    shop = Spiking(replicas=8, usage=186)
    for index in range(4):
        shop.unready(index, since=1)
    answer = ask_cpu(shop.world())
    assert isinstance(answer.plan, RaiseFloorPlan)
    assert answer.plan.floor_to == 19


@pytest.mark.parametrize(("minutes", "acts"), [(0.5, False), (2, True)])
def test_a_rate_that_has_only_just_been_met_may_be_passed_by_itself(minutes: float, acts: bool) -> None:
    shop = Spiking()
    shop.hpa["status"]["conditions"][2]["lastTransitionTime"] = stamp(minutes)
    answer = ask_cpu(shop.world())
    assert (answer.acts, answer.escalates) == (acts, False)


# what `explain` adds to it


def test_an_autoscaler_that_is_short_by_memory_is_told_though_no_container_is_near_its_limit() -> None:
    world = Spiking(metric="memory", limited="TooManyReplicas", current=60).world(complete=False)
    said = explain(world, assumed_policy(world), Mode.AUTO)
    assert (said.act, said.escalate) == (None, True)
    assert {incident.cause for incident in said.incidents} == {Cause.AUTOSCALER_AT_MAX}


@pytest.mark.parametrize(("usage", "act"), [(186, "raise_hpa_floor"), (38, None)])
def test_an_alert_about_an_autoscaler_that_is_answered_or_content_calls_nobody(usage: int, act: str | None) -> None:
    world = Spiking(usage=usage).world(complete=False)
    labels = {"alertname": "KubeHpaMaxedOut", "namespace": "shop", "horizontalpodautoscaler": "web"}
    alert = {"status": "firing", "alerts": [{"status": "firing", "labels": labels}]}
    said = explain(world, assumed_policy(world), Mode.AUTO, alert=alert)
    assert (said.act, said.escalate) == (act, False)
