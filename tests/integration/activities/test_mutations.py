"""At most one effect per action id, whatever is lost, killed, throttled, changed meanwhile, or sent again.

What holds for every act that leaves a trace; each act's own guards are in `test_deletions.py`, `test_rollbacks.py` and
`test_raising.py`, `test_restoring.py`, and the one that leaves none in `test_pruning.py`.
"""

from datetime import timedelta

from byteport.domain.ids import audit_id
from byteport.domain.warrants import Warrant
from byteport.errors import NotPermitted, PreconditionFailed, Throttled, UnknownOutcome
from byteport.kubernetes import port
from tests.integration.activities.asking import VERB, failure, refusal
from tests.integration.activities.simulated_bench import SimulatedBench

# -- done once --------------------------------------------------------------------------------------------------------


async def test_a_write_carries_its_action_id_to_where_the_api_server_logs_it(
    bench: SimulatedBench, warrant: Warrant
) -> None:
    await bench.act(warrant)
    mutation = bench.cluster.mutations()[-1]
    action = warrant.grant.body.action_id
    assert mutation.by == port.Attribution(action, audit_id(action), "byteport-agent")


async def test_fault_1_killed_before_the_call_it_acts_once_on_another_worker(
    bench: SimulatedBench, warrant: Warrant
) -> None:
    mutated = await bench.act(warrant, attempt=2, on=bench.new_mutations())
    assert not mutated.already
    assert len(bench.written()) == 1


async def test_fault_2_killed_after_the_call_the_effect_is_found_and_no_second_call_made(
    bench: SimulatedBench, warrant: Warrant
) -> None:
    await bench.act(warrant)
    mutated = await bench.act(warrant, attempt=2, on=bench.new_mutations())
    assert mutated.already
    assert len(bench.written()) == 1


async def test_fault_2_the_effect_is_found_also_when_the_world_has_gone_on(
    bench: SimulatedBench, warrant: Warrant
) -> None:
    await bench.act(warrant)
    bench.cluster.advance(50)
    assert (await bench.act(warrant, attempt=2, on=bench.new_mutations())).already


async def test_what_was_done_is_told_also_when_it_would_not_be_allowed_any_more(
    bench: SimulatedBench, warrant: Warrant
) -> None:
    """The worker died after the call; since then the policy was changed, the key revoked, everything halted."""
    await bench.act(warrant)
    bench.set_policy("mode: observe")
    bench.revoke("ada")
    bench.switch.on = True
    bench.clock.advance(78)
    assert (await bench.act(warrant, attempt=2, on=bench.new_mutations())).already
    assert len(bench.written()) == 1


async def test_what_was_not_done_is_refused_when_it_is_not_allowed_any_more(
    bench: SimulatedBench, warrant: Warrant
) -> None:
    bench.revoke("ada")
    bench.switch.on = True
    assert (await failure(bench, warrant, attempt=2)).type == "not_permitted"
    assert bench.written() == []


async def test_fault_3_applied_and_the_answer_lost_it_is_found_in_place(
    bench: SimulatedBench, warrant: Warrant, kind: str
) -> None:
    bench.cluster.fail_next(VERB[kind], UnknownOutcome("no answer"), applied=True)
    mutated = await bench.act(warrant)
    assert mutated.already
    assert len(bench.written()) == 1


async def test_lost_and_not_in_place_it_is_unknown_and_nobody_tries_again(
    bench: SimulatedBench, warrant: Warrant, kind: str
) -> None:
    bench.cluster.fail_next(VERB[kind], UnknownOutcome("no answer"))
    error = await failure(bench, warrant)
    assert (error.type, error.non_retryable) == ("unknown_outcome", True)


async def test_a_grant_that_ends_while_we_read_is_noticed_as_the_last_thing(
    bench: SimulatedBench, warrant: Warrant
) -> None:
    async def meanwhile() -> None:
        bench.clock.advance(78)

    bench.switch.meanwhile = meanwhile
    error = await failure(bench, warrant)
    assert (error.type, bench.written()) == ("precondition_failed", [])
    assert "lease" in error.message


async def test_a_request_that_arrives_while_the_next_attempt_is_preparing_is_found(
    bench: SimulatedBench, warrant: Warrant, kind: str
) -> None:
    """The zombie of the attempt before writes between this attempt's look and its call."""
    bench.cluster.fail_next(VERB[kind], PreconditionFailed("the object moved"), applied=True)
    mutated = await bench.act(warrant, attempt=2)
    assert mutated.already
    assert len(bench.written()) == 1


# -- sent again -------------------------------------------------------------------------------------------------------


async def test_a_warrant_replayed_after_the_act_writes_nothing_more(bench: SimulatedBench, warrant: Warrant) -> None:
    await bench.act(warrant)
    assert (await bench.act(warrant)).already
    assert len(bench.written()) == 1


# -- changed meanwhile ------------------------------------------------------------------------------------------------


async def test_fault_4_a_failed_precondition_of_the_server_is_not_retried(
    bench: SimulatedBench, warrant: Warrant, kind: str
) -> None:
    bench.cluster.fail_next(VERB[kind], PreconditionFailed("422"))
    error = await failure(bench, warrant)
    assert (error.type, error.non_retryable) == ("precondition_failed", True)


async def test_fault_5_a_throttle_is_honoured_with_the_servers_own_delay(
    bench: SimulatedBench, warrant: Warrant, kind: str
) -> None:
    bench.cluster.fail_next(VERB[kind], Throttled("slow down", timedelta(seconds=7)))
    error = await failure(bench, warrant)
    assert (error.type, error.non_retryable) == ("throttled", False)
    assert error.next_retry_delay == timedelta(seconds=7)
    assert not (await bench.act(warrant, attempt=2)).already
    assert len(bench.written()) == 1


async def test_a_right_that_was_taken_away_is_not_retried(bench: SimulatedBench, warrant: Warrant, kind: str) -> None:
    bench.cluster.fail_next(VERB[kind], NotPermitted("403"))
    error = await failure(bench, warrant)
    assert (error.type, error.non_retryable) == ("not_permitted", True)


async def test_a_caller_that_may_not_ask_hears_nothing_of_what_was_done(
    bench: SimulatedBench, warrant: Warrant
) -> None:
    """Whoever reaches Temporal can replay a receipt to the very worker that remembers it."""
    await bench.act(warrant)
    for caller in (None, "SomethingElse"):
        assert await refusal(bench, warrant, workflow_type=caller) == ("not_permitted", "caller")
