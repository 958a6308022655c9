"""The checker itself: each invariant, broken by hand in what was seen of a good run, is named."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from byteport.audit.bundle import line_of
from byteport.audit.matched import MatchVerdict
from byteport.audit.records import read_header
from byteport.audit.words import Event
from byteport.domain.failures import Failure
from tests.agent.agent import Agent
from tests.agent.places import Write
from tests.agent.simulated import SimulatedPlace
from tests.agent.trouble import trouble
from tests.faults.conftest import Begin
from tests.faults.exported import Exported
from tests.faults.invariants import Witnesses, violations, witnesses
from tests.faults.matched import matching

JSON = dict[str, Any]

Break = Callable[[Witnesses], Witnesses]


def the_write_is_nobodys(seen: Witnesses) -> Witnesses:
    (write,) = seen.writes
    return seen._replace(writes=[write, Write(write.at, "delete", "web-x", "00000000-0000-4000-8000-000000000000")])


def the_write_came_before_its_intent(seen: Witnesses) -> Witnesses:
    (write,) = seen.writes
    return seen._replace(writes=[write._replace(at=seen.records[0].at - timedelta(seconds=1))])


def the_write_came_after_the_lease(seen: Witnesses) -> Witnesses:
    (write,) = seen.writes
    return seen._replace(writes=[write._replace(at=write.at + timedelta(minutes=10))])


def the_write_was_of_another_object(seen: Witnesses) -> Witnesses:
    (write,) = seen.writes
    return seen._replace(writes=[write._replace(name="another")])


def no_history_holds_its_warrant(seen: Witnesses) -> Witnesses:
    return seen._replace(warrants={})


def the_answers_are_missing(seen: Witnesses) -> Witnesses:
    return seen._replace(
        warrants={action: one.model_copy(update={"answers": ()}) for action, one in seen.warrants.items()}
    )


def it_was_done_twice(seen: Witnesses) -> Witnesses:
    return seen._replace(writes=[*seen.writes, *seen.writes])


def its_end_is_missing(seen: Witnesses) -> Witnesses:
    return seen._replace(records=[one for one in seen.records if one.event is not Event.FINISHED])


def its_end_is_there_twice(seen: Witnesses) -> Witnesses:
    return seen._replace(records=[*seen.records, seen.records[-1]])


def nobody_was_told_that_it_is_unknown(seen: Witnesses) -> Witnesses:
    end = seen.records[-1].model_copy(update={"result": None, "reason": "unknown_outcome"})
    return seen._replace(records=[*seen.records[:-1], end])


def audited(seen: Witnesses, change: Callable[[JSON], JSON | None]) -> Witnesses:
    """`seen`, with the write's own line of the audit log as `change` makes it, after the line itself if that stays."""
    (write,) = seen.writes
    lines = []
    for line in seen.audit_lines:
        event = json.loads(line)
        changed = change(event) if event["auditID"] == write.audit_id else event
        lines += [] if changed is None else [json.dumps(changed).encode() + b"\n"]
    return seen._replace(audit_lines=lines)


def the_api_server_saw_no_such_write(seen: Witnesses) -> Witnesses:
    return audited(seen, lambda _: None)


def the_api_server_saw_it_twice(seen: Witnesses) -> Witnesses:
    (write,) = seen.writes
    (line,) = (line for line in seen.audit_lines if write.audit_id.encode() in line)
    again = {**json.loads(line), "requestReceivedTimestamp": (write.at + timedelta(seconds=1)).isoformat()}
    return seen._replace(audit_lines=[*seen.audit_lines, json.dumps(again).encode() + b"\n"])


def the_api_server_saw_another_object(seen: Witnesses) -> Witnesses:
    return audited(seen, lambda event: {**event, "objectRef": {**event["objectRef"], "name": "another"}})


def the_api_server_saw_somebody_else(seen: Witnesses) -> Witnesses:
    return audited(seen, lambda event: {**event, "user": {"username": "somebody"}})


def the_api_server_saw_a_write_under_an_id_that_nobody_recorded(seen: Witnesses) -> Witnesses:
    return audited(seen, lambda event: {**event, "auditID": "00000000-0000-4000-8000-000000000000"})


def the_intent_is_missing_in_the_log(seen: Witnesses) -> Witnesses:
    return seen._replace(entries=[one for one in seen.entries if read_header(one.header).event is not Event.STARTED])


def a_receiver_lacks_a_record(seen: Witnesses) -> Witnesses:
    held = [line_of(entry) for entry in seen.entries]
    return seen._replace(exported=(Exported("file", len(held), tuple(held[:-2] + held[-1:])),))


def a_receiver_holds_another_record(seen: Witnesses) -> Witnesses:
    held = [line_of(entry) for entry in seen.entries]
    return seen._replace(exported=(Exported("file", len(held), (*held[1:], held[0].replace(b"web", b"bew"))),))


BROKEN: dict[Break, str] = {
    the_write_is_nobodys: "I1",
    the_write_came_before_its_intent: "I1",
    the_write_came_after_the_lease: "I2",
    the_write_was_of_another_object: "I2",
    no_history_holds_its_warrant: "I2",
    the_answers_are_missing: "I2",
    it_was_done_twice: "I3",
    its_end_is_missing: "I5",
    its_end_is_there_twice: "I5",
    nobody_was_told_that_it_is_unknown: "I5",
    a_receiver_lacks_a_record: "I6",
    a_receiver_holds_another_record: "I6",
}

MISMATCHED: dict[Break, str] = {
    the_api_server_saw_no_such_write: "I4: not matched (write_missing)",
    the_api_server_saw_it_twice: "I3: not matched (repeated_id)",
    the_api_server_saw_another_object: "I2: not matched (other_object)",
    the_api_server_saw_somebody_else: "I2: not matched (foreign_user)",
    the_api_server_saw_a_write_under_an_id_that_nobody_recorded: "I1: not matched (unrecorded_write)",
    the_intent_is_missing_in_the_log: "I1: not matched (unrecorded_write)",
}
"""What the third verdict says of it, without the histories."""


async def repaired(agent: Agent) -> Witnesses:
    """A rollback by somebody's yes."""
    await trouble(agent.place, Failure.BAD_ROLLOUT)
    remediation = await agent.report(Failure.BAD_ROLLOUT)
    await agent.give(agent.sign(await agent.asked()))
    await agent.until_closed(remediation)
    return await witnesses(agent)


@pytest.mark.slow
async def test_each_invariant_is_named_when_it_is_broken(place: SimulatedPlace, begin: Begin) -> None:
    async with begin(place, "dry_run") as agent:
        seen = await repaired(agent)
        assert violations(agent, seen) == []
        told = matching(seen.entries, seen.audit_lines)
        assert (told.verdict, told.matched, told.uids_compared) == (MatchVerdict.MATCHED, 1, 1)
        for break_it, invariant in BROKEN.items():
            found = violations(agent, break_it(seen))
            assert invariant in {line[:2] for line in found}, break_it.__name__
        for break_it, code in MISMATCHED.items():
            found = violations(agent, break_it(seen))
            assert any(line.startswith(code) for line in found), break_it.__name__


def swap(agent: Agent) -> None:
    """Exchange, behind the ledger's back, what the first two records say; twice, and they are as they were."""
    with sqlite3.connect(agent.ledger) as sql:
        sql.execute("DROP TRIGGER IF EXISTS agent_action_bodies_never_updated")
        bodies = sql.execute("SELECT body, seq FROM agent_action_bodies WHERE seq < 3 ORDER BY seq").fetchall()
        for (body, _), (_, seq) in zip(bodies, reversed(bodies), strict=True):
            sql.execute("UPDATE agent_action_bodies SET body = ? WHERE seq = ?", (body, seq))


async def test_a_log_that_was_edited_is_named(place: SimulatedPlace, begin: Begin) -> None:
    async with begin(place, "dry_run") as agent:
        seen = await repaired(agent)
        swap(agent)
        assert [line[:21] for line in violations(agent, seen)] == ["I4: the log is broken"]
        swap(agent)
