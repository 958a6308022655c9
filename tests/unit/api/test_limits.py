"""A tenant's allowance: used up, filled again, and nobody else's."""

from __future__ import annotations

import pytest

from byteport.api.limits import Allowances
from byteport.contracts.ledger_api import ApiLimits
from byteport.serving.problems import Code, Problem


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def allowances(clock: Clock, **changes: int) -> Allowances:
    return Allowances(
        ApiLimits.model_validate({"requests_per_minute": 6, "lines": 10, "records_per_minute": 60, **changes}), clock
    )


def refused(allowances: Allowances, tenant: str) -> Problem:
    with pytest.raises(Problem) as problem, allowances.request(tenant):
        pass
    return problem.value


def test_a_tenant_that_has_used_up_its_requests_is_told_when_to_come_again_and_is_let_in_then() -> None:
    clock = Clock()
    tested = allowances(clock)
    for _ in range(6):
        with tested.request("acme"):
            pass
    problem = refused(tested, "acme")
    assert (problem.code, problem.retry_after) == (Code.RATE_LIMITED, 10)
    clock.now += 9.9
    assert refused(tested, "acme").retry_after == 1
    clock.now += 0.1
    with tested.request("acme"):
        pass


def test_what_one_tenant_uses_is_not_taken_from_another() -> None:
    tested = allowances(Clock())
    for _ in range(6):
        with tested.request("acme"):
            pass
    assert refused(tested, "acme").code is Code.RATE_LIMITED
    with tested.request("other"):
        tested.records("other", 60)


def test_records_that_are_not_left_are_not_taken_in_part() -> None:
    clock = Clock()
    tested = allowances(clock)
    tested.records("acme", 50)
    with pytest.raises(Problem) as problem:
        tested.records("acme", 11)
    assert problem.value.retry_after == 1
    tested.records("acme", 10)


def test_so_many_requests_at_once_of_one_tenant_leave_room_for_another() -> None:
    tested = allowances(Clock(), concurrent=3, concurrent_per_tenant=2)
    with tested.request("acme"), tested.request("acme"):
        assert refused(tested, "acme").code is Code.BUSY
        with tested.request("other"):
            assert refused(tested, "third").code is Code.BUSY
    with tested.request("acme"):
        pass


def test_a_clock_that_stands_still_or_goes_back_fills_nothing() -> None:
    clock = Clock()
    tested = allowances(clock)
    tested.records("acme", 60)
    clock.now -= 500
    with pytest.raises(Problem):
        tested.records("acme", 1)


def test_limits_under_which_a_full_request_is_never_taken_are_refused() -> None:
    with pytest.raises(ValueError, match="never taken"):
        ApiLimits(lines=100, records_per_minute=99)


def test_bytes_are_counted_for_each_tenant_and_what_could_never_be_taken_is_refused() -> None:
    clock = Clock()
    tested = allowances(clock, body_bytes=1024, bytes_per_minute=6000)
    tested.bytes("acme", 6000)
    with pytest.raises(Problem) as problem:
        tested.bytes("acme", 100)
    assert (problem.value.code, problem.value.retry_after) == (Code.RATE_LIMITED, 1)
    tested.bytes("other", 6000)
    clock.now += 1
    tested.bytes("acme", 100)
    with pytest.raises(ValueError, match="never taken"):
        ApiLimits(body_bytes=2048, bytes_per_minute=2047)
