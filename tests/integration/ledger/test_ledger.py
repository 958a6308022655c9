"""Records and outcomes: once per key, in order whatever the clock does, and only from where they may come."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from byteport.audit.verify import Verdict
from byteport.contracts.ledger import Event, Result
from byteport.domain.approvals import SignedAnswer
from byteport.errors import MalformedInput, NotPermitted, PreconditionFailed
from tests.builders.sampled import examples
from tests.integration.ledger.world import ADA, DRY_RUN, World, draft, pod_plan


def test_a_record_is_appended_once_per_key(world: World) -> None:
    first = world.ledger.record(draft("key"))
    assert world.ledger.record(draft("key")) == first
    world.open()
    assert world.ledger.record(draft("key")) == first
    assert world.ledger.record(draft("another")).seq == 2


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keys=st.lists(st.text(max_size=8), max_size=12))
def test_whatever_is_retried_the_log_is_dense_and_holds_each_key_once(world: World, keys: list[str]) -> None:
    for key in keys:
        recorded = world.ledger.record(draft(key))
        assert world.ledger.record(draft(key)) == recorded
    numbers = [record.seq for record in world.log.iter_records()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert all(report.intact is not Verdict.BROKEN for report in world.log.verify_all())


def test_fault_21_a_clock_set_back_and_forth_keeps_the_order(world: World) -> None:
    """FAULTS 21."""
    for hours in (0, 1, -2, 1, 3):
        world.clock.move(hours=hours)
        world.ledger.record(draft(f"at {world.clock.now} {hours}"))
    times = [record.timestamp for record in world.log.iter_records()]
    ids = [record.id for record in world.log.iter_records()]
    assert times == sorted(times)
    assert [each[:13] for each in ids] == sorted(each[:13] for each in ids)
    assert world.log.verify_all()[0].intact is Verdict.INTACT


def test_a_time_to_repair_is_never_negative(world: World) -> None:
    world.ledger.record(draft("key", mttr_seconds=-3600))
    (record,) = world.log.iter_records()
    assert record.mttr_seconds == 0


@pytest.mark.claim("C-091")
def test_secrets_and_control_characters_do_not_reach_the_log(world: World) -> None:
    world.ledger.record(
        draft("key", command="kubectl exec web --token=abc123secret\r\nrm -rf /", note="password: hunter2\x1b[31m")
    )
    (record,) = world.log.iter_records()
    assert record.command is not None
    assert record.note is not None
    assert "abc123secret" not in record.command
    assert "hunter2" not in record.note
    assert (record.command + record.note).isprintable()


def test_a_name_cannot_move_a_readers_cursor_and_is_not_masked(world: World) -> None:
    world.ledger.record(
        draft("key", workflow_id="remediate:1:shop:Deployment:token:crashloop").model_copy(
            update={"target": "shop/Deployment/web\x1b[2J\r\n\u202e"}
        )
    )
    (record,) = world.log.iter_records()
    assert record.target.isprintable()
    assert record.workflow_id == "remediate:1:shop:Deployment:token:crashloop"


def test_a_persons_secret_does_not_reach_the_log_inside_their_answer_either(world: World) -> None:
    world.policy.policy = DRY_RUN
    call = world.asked(pod_plan(), ADA)
    assert call.request is not None

    def with_secret(answer: SignedAnswer) -> SignedAnswer:
        return answer.model_copy(update={"claimed_by": "password=hunter2"})

    world.granted(call.model_copy(update={"answers": tuple(with_secret(answer) for answer in call.answers)}))
    (record,) = world.log.iter_records()
    assert "hunter2" not in record.model_dump_json()
    assert record.answers[0].signature == call.answers[0].signature


def test_a_value_that_json_cannot_hold_is_refused_and_leaves_nothing(world: World) -> None:
    with pytest.raises(MalformedInput):
        world.ledger.record(draft("key", signal_value=float("nan")))
    assert list(world.log.iter_records()) == []


@pytest.mark.parametrize("field", ["tenant", "cluster_uid"])
def test_a_record_of_another_tenant_or_cluster_is_refused(world: World, field: str) -> None:
    with pytest.raises(NotPermitted):
        world.ledger.record(draft("key").model_copy(update={field: "other"}))


@pytest.mark.parametrize("event", [Event.STARTED, Event.HALTED, Event.RESUMED])
def test_what_is_recorded_with_its_act_is_never_recorded_alone(world: World, event: Event) -> None:
    with pytest.raises(NotPermitted, match=event.value):
        world.ledger.record(draft("key", event=event))


def test_an_outcome_without_an_intent_is_refused(world: World) -> None:
    with pytest.raises(PreconditionFailed, match="no intent"):
        world.finish()


def test_an_intent_does_not_end_in_two_ways(world: World) -> None:
    world.granted(world.ask(pod_plan()))
    world.finish(outcome="done", verified=True)
    with pytest.raises(PreconditionFailed, match="ended as done"):
        world.finish(outcome="not_done")


def test_an_unknown_outcome_may_become_known(world: World) -> None:
    world.granted(world.ask(pod_plan()))
    world.finish(outcome="unknown")
    world.finish(outcome="done", verified=True)
    assert [record.event.value for record in world.log.iter_records()] == ["started", "finished", "finished"]


def test_a_crash_between_intent_and_outcome_leaves_an_intent_that_can_be_ended(world: World) -> None:
    call = world.ask(pod_plan())
    first = world.granted(call)
    world.store.close()
    world.clock.move(minutes=3)
    world.open()
    assert world.granted(call).record == first.record
    world.finish(outcome="done", verified=True)
    assert [record.action_id for record in world.log.iter_records()] == [call.action_id, call.action_id]
    assert world.log.verify_all()[0].intact is Verdict.INTACT


def test_a_record_carries_the_public_fields_of_its_draft(world: World) -> None:
    world.granted(world.ask(pod_plan()))
    world.clock.move(seconds=42)
    world.finish(verified=True)
    record = list(world.log.iter_records())[1]
    public = record.public()
    assert (public["cluster"], public["runbook"], public["decision"], public["result"]) == (
        *("prod", "PodCrashloopRunbook"),
        *("acted", Result.SUCCESS.value),
    )
    assert record.at == world.clock.now
    assert record.at - timedelta(seconds=42) == next(iter(world.log.iter_records())).at
