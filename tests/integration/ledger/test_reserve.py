"""Reserve: one transaction that grants or refuses, idempotent by action id, and believes nothing that it was told."""

from datetime import timedelta
from typing import Any

import pytest

from byteport.audit.records import Record
from byteport.contracts.ledger import AlreadyDone, Decision, Event, Result
from byteport.domain.policy import Mode, PolicyConfig
from byteport.domain.reasons import Reason
from byteport.trust.grants import Call
from tests.integration.ledger.world import ADA, AUTO, World, pod_plan, rollback_plan


def records(world: World) -> list[Record]:
    return list(world.log.iter_records())


@pytest.mark.claim("C-072")
def test_a_grant_is_signed_for_this_very_call_and_its_intent_is_in_the_log_first(world: World) -> None:
    call = world.ask(pod_plan())
    granted = world.granted(call)
    (record,) = records(world)
    assert (record.event, record.decision, record.result) == (Event.STARTED, Decision.ACTED, None)
    assert (record.action_id, record.plan_digest, record.command) == (
        call.action_id,
        call.plan_digest,
        "kubectl delete pod web-1 -n shop",
    )
    assert record.object_uid == pod_plan().pod.uid  # the audit log of the API server names the same
    body = granted.grant.body
    assert (body.record_hash, body.seq) == (record.hash, record.seq)
    assert body.lease_until == world.clock.now + timedelta(seconds=77)
    call_now = Call(
        act=call.act,
        action_id=call.action_id,
        arguments_digest=call.arguments_digest,
        plan_digest=call.plan_digest,
        cluster_uid="uid-1",
        client_timeout=timedelta(seconds=12),
    )
    world.verifier.admit(granted.grant, call_now, now=world.clock.now)


def test_asked_again_it_grants_for_the_same_record_with_a_new_lease(world: World) -> None:
    call = world.ask(pod_plan())
    first = world.granted(call)
    world.clock.move(seconds=30)
    second = world.granted(call)
    assert second.record == first.record
    assert second.grant.body.lease_until == first.grant.body.lease_until + timedelta(seconds=30)
    assert len(records(world)) == 1


def test_asked_after_it_has_ended_it_says_how_and_writes_nothing(world: World) -> None:
    call = world.ask(pod_plan())
    world.granted(call)
    world.clock.move(seconds=5)
    world.finish(verified=True)
    ended = world.clock.now
    world.clock.move(hours=30)
    assert world.reserve(call) == AlreadyDone(outcome="done", result=Result.SUCCESS, at=ended)
    assert len(records(world)) == 2


@pytest.mark.parametrize(("outcome", "verified"), [("not_done", None), ("done", False)])
def test_what_was_not_done_or_did_not_help_ended_as_a_failure(
    world: World, outcome: str, verified: bool | None
) -> None:
    call = world.ask(pod_plan())
    world.granted(call)
    world.finish(outcome=outcome, verified=verified)
    answer = world.reserve(call)
    assert isinstance(answer, AlreadyDone)
    assert answer.result is Result.FAILURE


def test_an_unknown_outcome_is_not_tried_again(world: World) -> None:
    call = world.ask(pod_plan())
    world.granted(call)
    world.finish(outcome="unknown")
    assert world.refusal(call) == (Reason.UNKNOWN_OUTCOME,)


def test_one_action_id_stands_for_one_plan(world: World) -> None:
    world.granted(world.ask(pod_plan()))
    assert world.refusal(world.ask(pod_plan("api"))) == (Reason.NOT_PERMITTED,)


def test_a_grant_survives_the_end_of_the_process(world: World) -> None:
    call = world.ask(pod_plan())
    first = world.granted(call)
    world.open()
    assert world.granted(call).record == first.record


@pytest.mark.parametrize(
    "forged",
    [
        {"arguments_digest": "0" * 64},
        {"act": "kubernetes.roll_back"},
        {"lease_seconds": 0},
        {"lease_seconds": 901},
        {"incident_id": "inc-2"},
        {"inverse_of": rollback_plan()},
    ],
)
def test_a_request_that_contradicts_itself_is_refused_and_writes_nothing(world: World, forged: dict[str, Any]) -> None:
    assert world.refusal(world.ask(pod_plan()).model_copy(update=forged)) == (Reason.NOT_PERMITTED,)
    assert records(world) == []


@pytest.mark.parametrize("field", ["tenant", "cluster_uid"])
def test_another_tenants_or_clusters_intent_is_refused(world: World, field: str) -> None:
    call = world.ask(pod_plan())
    foreign = call.model_copy(update={"intent": call.intent.model_copy(update={field: "other"})})
    assert world.refusal(foreign) == (Reason.NOT_PERMITTED,)


def test_another_runbooks_name_does_not_get_around_a_fix_that_did_not_hold(world: World) -> None:
    world.granted(world.ask(pod_plan()))
    world.finish(verified=False)
    again = world.ask(pod_plan(), action="two", incident="inc-2")
    assert world.refusal(again) == (Reason.DID_NOT_HOLD,)
    for name in ("FailedDeployAutoRollbackRunbook", "none", ""):
        other = again.model_copy(update={"intent": again.intent.model_copy(update={"runbook": name})})
        assert world.refusal(other) == (Reason.NOT_PERMITTED,)


def test_another_targets_lease_does_not_stand_in_for_its_own(world: World) -> None:
    world.granted(world.ask(pod_plan()))
    other = world.ask(pod_plan(), action="two", incident="inc-2", lease_key="shop/Deployment/api")
    assert world.refusal(other) == (Reason.NOT_PERMITTED,)


def test_a_plan_that_its_digest_does_not_name_is_refused(world: World) -> None:
    call = world.ask(pod_plan())
    other = pod_plan("api")
    theirs = world.ask(other)
    swapped = theirs.model_copy(update={"plan_digest": call.plan_digest})
    assert world.refusal(swapped) == (Reason.TARGET_CHANGED,)


def test_a_policy_that_changed_since_voids_the_plan(world: World) -> None:
    call = world.ask(pod_plan())
    world.policy.policy = AUTO.model_copy(update={"settle_seconds": 61})
    assert world.refusal(call) == (Reason.TARGET_CHANGED,)


@pytest.mark.claim("C-023")
def test_a_protected_namespace_is_refused_whoever_asks(world: World) -> None:
    plan = pod_plan(namespace="kube-system")
    assert world.refusal(world.ask(plan)) == (Reason.PROTECTED_NAMESPACE,)
    assert world.refusal(world.asked(plan, ADA)) == (Reason.PROTECTED_NAMESPACE,)


@pytest.mark.claim("C-031")
@pytest.mark.parametrize(
    ("mode", "reason"), [(Mode.DRY_RUN, Reason.MODE_DRY_RUN), (Mode.OBSERVE, Reason.MODE_OBSERVES)]
)
def test_the_word_auto_is_worth_nothing_where_the_ledgers_own_policy_does_not_say_it(
    world: World, mode: Mode, reason: Reason
) -> None:
    world.policy.policy = PolicyConfig(mode=mode)
    assert world.refusal(world.ask(pod_plan())) == (reason,)


@pytest.mark.claim("C-032")
def test_a_plan_with_a_caveat_is_never_auto(world: World) -> None:
    plan = pod_plan(caveats=(Reason.NO_HEALTHY_SIBLING,))
    assert world.refusal(world.ask(plan)) == (Reason.NO_HEALTHY_SIBLING,)
    world.granted(world.asked(plan, ADA))


def test_the_record_says_what_the_ledger_knows_and_not_what_it_was_told(world: World) -> None:
    call = world.ask(pod_plan())
    lies = {"event": Event.SKIPPED, "result": Result.SUCCESS, "command": "ls", "approver": "ada", "mttr_seconds": 1}
    world.granted(call.model_copy(update={"intent": call.intent.model_copy(update=lies)}))
    (record,) = records(world)
    assert (record.event, record.result, record.approver, record.mttr_seconds) == (Event.STARTED, None, None, None)
    assert record.command == "kubectl delete pod web-1 -n shop"
