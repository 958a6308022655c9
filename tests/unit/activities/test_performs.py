"""`@performs(ACT)`: the name and types of the act, and errors of ours in Temporal's form."""

from datetime import timedelta

import pytest
from temporalio import activity
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.testing import ActivityEnvironment

from activities.performs import act_of, activities_of, performs
from byteport.contracts.acts import Act, Effect, Queue
from byteport.domain.base import Frozen
from byteport.errors import (
    ConfigError,
    MalformedInput,
    PreconditionFailed,
    Throttled,
    Unavailable,
    UnknownOutcome,
)
from byteport.temporal.failures import MESSAGE_LENGTH, code_of, to_application_error


class Ask(Frozen):
    what: str


class Told(Frozen):
    what: str


TELL = Act(
    "test.tell",
    Ask,
    Told,
    queue=Queue.LEDGER,
    effect=Effect.READ,
    deadline=timedelta(seconds=1),
    summary="Tell",
)


class Teller:
    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error

    @performs(TELL)
    async def tell(self, call: Ask) -> Told:
        if self.error is not None:
            raise self.error
        return Told(what=call.what)


async def run(teller: Teller) -> Told:
    return await ActivityEnvironment().run(teller.tell, Ask(what="so"))


async def failing(error: BaseException) -> ApplicationError:
    with pytest.raises(ApplicationError) as caught:
        await run(Teller(error))
    return caught.value


async def test_a_method_that_performs_an_act_runs_as_it_is_written() -> None:
    assert await run(Teller()) == Told(what="so")


def test_it_is_registered_under_the_name_and_types_of_the_act() -> None:
    definition = activity._Definition.must_from_callable(Teller().tell)
    assert (definition.name, definition.arg_types, definition.ret_type) == ("test.tell", [Ask], Told)


def test_the_act_and_the_activities_are_found_again_from_the_instance() -> None:
    teller = Teller()
    assert act_of(teller.tell) is TELL
    assert activities_of(teller) == [teller.tell]


def test_a_callable_that_performs_no_act_is_told_apart() -> None:
    with pytest.raises(TypeError):
        act_of(print)


def test_a_method_of_other_types_does_not_import() -> None:
    with pytest.raises(TypeError, match=r"test\.tell takes Ask"):

        class Wrong:
            @performs(TELL)  # type: ignore[arg-type]
            async def tell(self, call: Told) -> Ask:
                return Ask(what=call.what)


async def test_a_permanent_error_is_not_tried_again() -> None:
    error = await failing(PreconditionFailed("another template"))
    assert (error.type, error.non_retryable) == ("precondition_failed", True)


async def test_an_unknown_outcome_is_not_tried_again() -> None:
    assert (await failing(UnknownOutcome("no answer"))).non_retryable


async def test_malformed_input_is_not_tried_again() -> None:
    assert (await failing(MalformedInput("a.yaml", "no kind"))).non_retryable


async def test_a_temporary_error_is_tried_again_after_the_delay_that_the_server_gave() -> None:
    error = await failing(Throttled("slow down", timedelta(seconds=7)))
    assert (error.type, error.non_retryable) == ("throttled", False)
    assert error.next_retry_delay == timedelta(seconds=7)


async def test_a_temporary_error_without_a_delay_leaves_the_delay_to_the_retry_policy() -> None:
    assert (await failing(Unavailable("no route"))).next_retry_delay is None


async def test_a_setting_that_can_be_mended_while_we_run_is_tried_again() -> None:
    assert not (await failing(ConfigError("ledger.key", "cannot be read"))).non_retryable


async def test_the_text_of_a_foreign_exception_does_not_cross() -> None:
    error = await failing(RuntimeError("password=hunter2"))
    assert error.type == "unexpected"
    assert "hunter2" not in str(error)
    assert error.__cause__ is None


async def test_a_cancellation_stays_a_cancellation() -> None:
    with pytest.raises(CancelledError):
        await run(Teller(CancelledError("stop")))


def test_a_message_is_one_short_line_whatever_it_held() -> None:
    error = to_application_error(Unavailable("a\r\nb\x1b[31m\x00\u202ec" + "x" * 10_000))
    assert error.message.isprintable()
    assert len(error.message) == MESSAGE_LENGTH


def test_the_code_is_found_below_other_failures() -> None:
    outer = RuntimeError("activity failed")
    outer.__cause__ = to_application_error(PreconditionFailed("x"))
    assert code_of(outer) == "precondition_failed"
    assert code_of(RuntimeError("timeout")) is None
