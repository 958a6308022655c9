"""What records of a time come to together."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from byteport.audit import tally
from byteport.audit.records import Record, timestamp
from byteport.audit.tally import OfRunbook, Summary, Tally, Times, rounded, times
from byteport.audit.words import Decision, Event, Result

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
POD, DEPLOY = "PodCrashloopRunbook", "FailedDeployAutoRollbackRunbook"


def record(event: Event, after: float = 0, **said: Any) -> Record:
    """One, so many seconds after `NOW`."""
    empty: dict[str, Any] = dict.fromkeys(Record.model_fields)
    given_ = {"runbook": POD, "incident_id": "i", "target": "shop/Deployment/web", "decision": Decision.ACTED} | said
    return Record.model_construct(
        **(empty | {"event": event, "timestamp": timestamp(NOW + timedelta(seconds=after))} | given_)
    )


def summed(*records: Record) -> Summary:
    told = Tally()
    told.add_all(records)
    return told.summary(NOW, NOW + timedelta(days=7))


def fixed(seconds: int, **said: Any) -> Record:
    return record(Event.FINISHED, result=Result.SUCCESS, mttr_seconds=seconds, action_id="a", **said)


def test_nothing_comes_to_nothing() -> None:
    assert summed() == Summary(since=NOW, until=NOW + timedelta(days=7))


def test_a_repair_that_nobody_was_asked_about_and_that_holds_saved_a_page() -> None:
    said = summed(fixed(40, incident_id="i1"), fixed(80, incident_id="i2", approver="ada"))
    assert said.acted_alone_and_held == 1
    (pod,) = said.runbooks
    assert pod == OfRunbook(
        runbook=POD, fixed_alone=1, fixed_after_a_yes=1, mttr=Times(count=2, p50=40, p90=80, longest=80)
    )


def test_one_that_did_not_hold_saved_none_and_is_told_with_its_target() -> None:
    broke = record(Event.REOBSERVED, 3600, result=Result.FAILURE, incident_id="i1", cause="transient")
    said = summed(fixed(40, incident_id="i1"), fixed(40, incident_id="i2"), broke)
    assert said.acted_alone_and_held == 1
    assert said.runbooks[0].did_not_hold == 1
    assert [(one.target, one.incident_id, one.cause) for one in said.not_held] == [
        ("shop/Deployment/web", "i1", "transient")
    ]


def test_reasons_are_counted_each_by_itself_and_the_most_frequent_comes_first() -> None:
    said = summed(
        record(Event.ESCALATED, reason="oom_killed, limit_reached"),
        record(Event.SKIPPED, reason="recovered"),
        record(Event.ESCALATED, reason="limit_reached"),
    )
    assert [(one.reason, one.count) for one in said.refusals] == [
        ("limit_reached", 2),
        ("oom_killed", 1),
        ("recovered", 1),
    ]
    assert said.escalated == 2


def test_an_act_that_did_not_help_and_what_was_taken_back_are_told_apart() -> None:
    said = summed(
        record(Event.FINISHED, result=Result.FAILURE, action_id="a", reason="not_verified"),
        record(Event.REVERTED, result=Result.SUCCESS, action_id="b"),
    )
    assert (said.runbooks[0].did_not_help, said.runbooks[0].reverted) == (1, 1)
    assert said.acted_alone_and_held == 0


def asked(digest: str, after: float = 0, event: Event = Event.PLANNED) -> Record:
    return record(event, after, runbook=DEPLOY, result=Result.PENDING_APPROVAL, plan_digest=digest)


def test_a_wait_is_from_the_question_to_the_answer_that_counted() -> None:
    said = summed(
        asked("p1"),
        record(Event.REJECTED, 60, plan_digest="p1", note="refused: not_an_approver"),
        record(Event.APPROVED, 300, plan_digest="p1", approver="ada", runbook=DEPLOY),
        asked("p2", 400, Event.ESCALATED),
        record(Event.REJECTED, 1000, plan_digest="p2", approver="ada", note="no"),
        asked("p3", 2000),
        record(Event.EXPIRED, 90_000, plan_digest="p3"),
        asked("p4", 91_000),
    ).answers
    counts = (said.asked, said.approved, said.rejected, said.refused, said.expired, said.open)
    assert counts == (4, 1, 1, 1, 1, 1)
    assert said.waited == Times(count=2, p50=300, p90=600, longest=600)


@given(st.lists(st.integers(0, 10_000_000), min_size=1))
def test_percentiles_are_of_what_was_there_and_in_order(seconds: list[int]) -> None:
    counted = Counter(map(rounded, seconds))
    told = times(counted)
    assert told.count == len(seconds)
    assert told.p50 is not None
    assert told.p90 is not None
    assert min(counted) <= told.p50 <= told.p90 <= max(counted)
    assert sum(rounded(one) <= told.p50 for one in seconds) * 2 >= len(seconds)


@given(st.integers(0, 1 << 40))
def test_a_number_of_seconds_is_kept_to_three_digits(seconds: int) -> None:
    assert 0 <= seconds - rounded(seconds) <= seconds / 100


def test_what_is_remembered_does_not_grow_with_the_log(monkeypatch: Any) -> None:
    monkeypatch.setattr(tally, "MOST_OPEN", 50)
    told = Tally()
    for number in range(500):
        told.add(fixed(number, incident_id=f"i{number}"))
        told.add(asked(f"p{number}", number))
    assert len(told._alone) == len(told._asked) == 50
    assert told.summary(None, NOW).acted_alone_and_held == 500
