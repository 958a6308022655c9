"""When a storm watch must be renewed, for what it waits then, and what it hands to the next run."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from temporalio import workflow

from byteport.contracts.ledger import SetStorm
from byteport.contracts.workflows import Acknowledge, Installation, StormAct, Trouble, WatchStorm
from byteport.domain.failures import Failure
from byteport.domain.reasons import Cause
from byteport.domain.targets import Target
from workflows.phases.storm_acts import MOST_UNDER_WAY, StormActs
from workflows.phases.storm_renewal import LEGACY_MESSAGES, MOST_AT_ALL, MOST_BYTES, MOST_MESSAGES
from workflows.phases.storm_words import MOST_KNOWN
from workflows.storm import StormWorkflow

OURS = Installation(tenant="t", cluster_uid="c", cluster_name="c1")
NINE = datetime(2026, 3, 10, 9, tzinfo=UTC)


def trouble(number: int) -> Trouble:
    return Trouble(
        target=Target(cluster_uid="c", namespace="shop", kind="Deployment", name=f"w{number}"),
        failure=Failure.CRASHLOOP,
        cause=Cause.CRASHING,
        incident_id=f"i{number}",
        at=NINE,
    )


def pause(number: int) -> StormAct:
    return StormAct(pause=SetStorm(cluster_uid="c", on=bool(number % 2), key=str(number), workflow_id="storm:c"))


def run_of(
    monkeypatch: pytest.MonkeyPatch, *, renews: bool, messages: int, known: int = 0, size: int = 0, busy: bool = False
) -> StormWorkflow:
    info = SimpleNamespace(
        is_continue_as_new_suggested=lambda: False, get_current_history_size=lambda: size, first_execution_run_id="r"
    )
    monkeypatch.setattr(workflow, "info", lambda: info)
    monkeypatch.setattr(StormActs, "idle", property(lambda _: not busy))
    run = StormWorkflow(WatchStorm(installation=OURS, troubles=tuple(trouble(number) for number in range(known))))
    run._renewal.by_patch, run._renewal.messages = renews, messages
    return run


@pytest.mark.parametrize(
    ("messages", "known", "size", "full"),
    [
        (MOST_MESSAGES - 1, 0, 0, False),
        (MOST_MESSAGES, 0, 0, True),
        (MOST_MESSAGES, 1000, 0, False),
        (1000, 1000, 0, True),
        (MOST_AT_ALL, MOST_KNOWN, 0, True),
        (1, 0, MOST_BYTES, True),
    ],
)
def test_a_run_is_full_after_as_many_messages_as_it_carries_troubles_and_never_after_more_than_fit(
    monkeypatch: pytest.MonkeyPatch, messages: int, known: int, size: int, full: bool
) -> None:
    run = run_of(monkeypatch, renews=True, messages=messages, known=known, size=size)
    assert run._renewal.due(len(run._known)) is full


@pytest.mark.parametrize(
    ("renews", "messages", "busy", "waits"),
    [
        (True, MOST_MESSAGES, False, False),
        (True, MOST_MESSAGES, True, True),
        (True, MOST_AT_ALL, True, False),
        (False, LEGACY_MESSAGES, False, False),
        (False, LEGACY_MESSAGES, True, True),
        (False, 4 * LEGACY_MESSAGES, True, True),
    ],
)
def test_what_is_under_way_is_waited_for_until_there_are_too_many_messages(
    monkeypatch: pytest.MonkeyPatch, renews: bool, messages: int, busy: bool, waits: bool
) -> None:
    run = run_of(monkeypatch, renews=renews, messages=messages, busy=busy)
    assert run._renewal.needs_no_wait() is not waits


@pytest.mark.claim("C-931")
def test_the_next_run_has_all_that_this_one_knew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who took it over in the last moment is not on record yet, and the next run does that."""
    run = run_of(monkeypatch, renews=True, messages=MOST_AT_ALL, known=3, busy=True)
    run._since, run._storm_no, run._rung, run._paged_at, run._counted_at = NINE, 2, 1, NINE, NINE
    run.acknowledge(Acknowledge(by="grace"))
    acts = [pause(number) for number in range(MOST_UNDER_WAY + 1)]
    run._acts._under_way = [*acts]
    next_run = StormWorkflow(run._carried())
    assert next_run._known == run._known
    assert (next_run._told, next_run._acknowledged) == (False, Acknowledge(by="grace"))
    assert (next_run._since, next_run._storm_no, next_run._rung, next_run._paged_at) == (NINE, 2, 1, NINE)
    assert next_run._counted_at == NINE
    assert run._carried().under_way == tuple(acts[1:])


def test_of_a_run_from_before_whoever_had_taken_it_over_is_on_record(monkeypatch: pytest.MonkeyPatch) -> None:
    run_of(monkeypatch, renews=True, messages=0)
    before = WatchStorm(installation=OURS, since=NINE, storm_no=1, acknowledged=Acknowledge(by="grace"))
    assert StormWorkflow(before)._told
