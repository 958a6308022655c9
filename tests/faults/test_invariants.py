"""The checker itself: each invariant, broken by hand in what was seen of a good run, is named."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import timedelta

from byteport.audit.words import Event
from byteport.domain.failures import Failure
from tests.agent.agent import Agent
from tests.agent.places import Write
from tests.agent.simulated import SimulatedPlace
from tests.agent.trouble import trouble
from tests.faults.conftest import Begin
from tests.faults.invariants import Witnesses, violations, witnesses

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
}


async def repaired(agent: Agent) -> Witnesses:
    """A rollback by somebody's yes."""
    await trouble(agent.place, Failure.BAD_ROLLOUT)
    remediation = await agent.report(Failure.BAD_ROLLOUT)
    await agent.give(agent.sign(await agent.asked()))
    await agent.until_closed(remediation)
    return await witnesses(agent)


async def test_each_invariant_is_named_when_it_is_broken(place: SimulatedPlace, begin: Begin) -> None:
    async with begin(place, "dry_run") as agent:
        seen = await repaired(agent)
        assert violations(agent, seen) == []
        for break_it, invariant in BROKEN.items():
            found = violations(agent, break_it(seen))
            assert invariant in {line[:2] for line in found}, break_it.__name__


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
