"""What stops the agent though the plan is right: a node that has just come back, an alarm, a changed policy."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from datetime import UTC, datetime

import pytest

from activities.audit.alarms import Alarms
from activities.audit.policies import SOMEBODY
from activities.policy_file import change_policy, setting
from byteport.audit.records import Record
from byteport.audit.words import Event
from byteport.cli.show import reasons_chain
from byteport.contracts.ledger import Decision
from byteport.contracts.workflows import Phase
from byteport.domain.failures import Failure
from byteport.domain.reasons import Cause, Reason
from byteport.kubernetes import port
from byteport.ledger.log import Filter
from byteport.sandbox.simulated import SimulatedCluster
from tests.workflows.interference import Counted, held
from tests.workflows.patience import paged, until
from tests.workflows.remediation import Remediation, crash_loop, remediation_of
from tests.workflows.world import World

pytestmark = pytest.mark.slow


async def crash_on_a_restarted_node(world: World, cluster: SimulatedCluster) -> tuple[str, Remediation]:
    """A pod that crashes in `auto`, by name, whose node has come back just now; nothing is reported yet."""
    world.policy(mode="auto")
    victim = await world.one_pod_crashes()
    node = next(pod["spec"]["nodeName"] for pod in await world.pods() if pod["metadata"]["name"] == victim)
    await cluster.set_node_condition(node, "Ready", "False")
    await cluster.set_node_condition(node, "Ready", "True")
    return victim, await remediation_of(world, Failure.CRASHLOOP)


async def test_for_ten_minutes_after_its_node_restarted_no_pod_is_deleted_and_afterwards_it_is(
    world: World, cluster: SimulatedCluster
) -> None:
    victim, remediation = await crash_on_a_restarted_node(world, cluster)
    restarted = world.clock()
    with world.time_stands_still():
        await remediation.report()
    diagnosing = await remediation.until(Phase.DIAGNOSING)
    await remediation.pass_time(500)
    diagnosing = await remediation.until(Phase.DIAGNOSING)
    assert diagnosing.state.cause is Cause.NODE_RESTART
    assert diagnosing.state.reasons == (Reason.TOO_EARLY,)  # whoever asks meanwhile why nothing is done hears it
    assert diagnosing.state.timeline[-1].what == "looks again later: too_early"
    assert any(line.startswith("because   too early: ") for line in reasons_chain(diagnosing.state))
    assert world.writes == []
    assert world.notices == []
    await remediation.pass_time(700)
    await until(lambda: world.writes, "the act")
    assert world.writes == [("delete", victim)]
    assert (await remediation.state()).reasons == ()
    (deleted,) = cluster.mutations()
    assert (deleted.at - restarted).total_seconds() > 598  # the API server writes whole seconds


async def test_a_symptom_that_comes_while_the_target_is_read_is_followed_by_another_look(
    world: World, cluster: SimulatedCluster
) -> None:
    """What it is about may be just what that look has missed, and the runbook's own time is minutes away."""
    _, remediation = await crash_on_a_restarted_node(world, cluster)
    with held(cluster, "list", port.EVENTS) as hold, world.time_stands_still():
        await remediation.report()
        await hold.reached.wait()
        await remediation.report()
    looks = Counted(cluster, "list")
    await until(lambda: looks.of(port.EVENTS, "shop"), "another look, though no time has passed")
    waiting = await remediation.until(Phase.DIAGNOSING)
    assert (waiting.state.reports, waiting.state.reasons) == (2, (Reason.TOO_EARLY,))


async def test_while_an_alarm_stands_people_are_asked(world: World) -> None:
    world.policy(mode="auto", reread_seconds=3600)
    store = world.store()
    alarms = Alarms(store, world.installation)
    alarms.raise_("checkout-slo", namespace="shop", by="ada", reason="burning")
    remediation = await crash_loop(world)
    waiting = await remediation.until(Phase.AWAITING_APPROVAL)
    assert waiting.state.reasons == (Reason.ALARM,)
    await paged(world, 1)
    assert world.writes == []
    await waiting.approve(by="ada")
    assert (await remediation.closed()).decision is Decision.ACTED
    store.close()


def changes(world: World) -> list[Record]:
    return list(world.log.iter_records(Filter(event=Event.POLICY_CHANGED)))


async def known(world: World) -> None:
    """The ledger has seen the policy that it begins with; what is changed before that is no change."""

    def seen() -> bool:
        with contextlib.closing(sqlite3.connect(world.ledger_file)) as sql:
            return sql.execute("SELECT 1 FROM policies").fetchone() is not None

    await until(seen, "the first policy")


@pytest.mark.claim("C-092")
async def test_a_change_of_the_policy_is_on_record_within_seconds_though_nothing_else_happens(world: World) -> None:
    await known(world)
    await asyncio.to_thread(
        change_policy,
        world.home.policy_file,
        setting("mode_by_namespace.shop", "observe"),
        by="ada",
        reason="an audit",
        now=datetime(2026, 3, 10, tzinfo=UTC),
    )
    (change,) = await until(lambda: changes(world), "the record")
    assert (change.approver, change.note) == ("ada", "changed mode_by_namespace; an audit")


async def test_auto_that_is_switched_on_while_everything_runs_acts_and_stands_behind_its_record(world: World) -> None:
    await known(world)
    world.policy(mode="auto")
    remediation: Remediation = await crash_loop(world)
    assert (await remediation.closed()).decision is Decision.ACTED
    told = [(r.event, r.approver) for r in world.log.iter_records()]
    assert told[0] == (Event.POLICY_CHANGED, SOMEBODY)
    assert told[1][0] is Event.STARTED
    assert json.loads(changes(world)[0].model_dump_json())["note"] == "changed mode to auto"
