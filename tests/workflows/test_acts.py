"""Between permission and effect: the lease, the lost answer, the budget, the switch and the limits."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from temporalio.api.activity.v1 import ActivityOptions

from activities.notify.markdown import as_markdown
from byteport.audit.words import Event
from byteport.contracts.kubernetes import DELETE_POD, ROLL_BACK
from byteport.contracts.ledger import Decision, Result
from byteport.contracts.workflows import Phase
from byteport.domain.failures import Failure
from byteport.domain.reasons import Reason
from byteport.errors import NotPermitted, Unavailable
from byteport.kubernetes import port
from byteport.kubernetes.refusals import RollbackRule
from byteport.sandbox.dev_server import DevServer
from byteport.sandbox.simulated import SimulatedCluster
from tests.workflows.histories import scheduled
from tests.workflows.interference import held, lose_the_answer
from tests.workflows.operator import shorten
from tests.workflows.patience import paged, until
from tests.workflows.remediation import Remediation, bad_release, crash_loop, remediation_of
from tests.workflows.world import World, installed
from workflows.phases.act import lease_seconds

pytestmark = pytest.mark.slow

LEASE_SECONDS = lease_seconds(DELETE_POD)


def results(world: World) -> list[tuple[Event, Result | None]]:
    return [(record.event, record.result) for record in world.records if record.action_id]


def leases(world: World) -> list[str]:
    with sqlite3.connect(world.ledger_file) as sql:
        return [str(row[0]) for row in sql.execute("SELECT lease_key FROM leases")]


@pytest_asyncio.fixture
async def limited(server: DevServer, namespace: str, tmp_path: Path) -> AsyncIterator[World]:
    """One act on a target an hour."""
    async with installed(server, namespace, tmp_path, limits={"per_target_per_hour": 1}) as made:
        yield made


async def reported(world: World, failure: Failure) -> Remediation:
    remediation = await remediation_of(world, failure)
    await remediation.report()
    return remediation


async def test_a_call_that_hangs_until_its_lease_has_ended_is_never_made(
    world: World, cluster: SimulatedCluster
) -> None:
    world.policy(mode="auto")
    await world.one_pod_crashes()
    with held(cluster, "get", port.REPLICA_SETS) as hold:
        remediation = await reported(world, Failure.CRASHLOOP)
        await hold.reached.wait()
        assert leases(world) == ["shop/Deployment/web"]
        world.clock.advance(LEASE_SECONDS)
    closed = await remediation.closed()
    assert closed.result is Result.SUCCESS
    granted = [record.action_id for record in world.records if record.event is Event.STARTED]
    assert len(granted) == 2
    assert [mutation.by.action_id for mutation in cluster.mutations()] == granted[1:]
    assert results(world)[1] == (Event.FINISHED, Result.FAILURE)
    assert "the lease would end before the call could" in next(
        record.note or "" for record in world.records if record.event is Event.FINISHED
    )


async def test_an_attempt_that_temporal_has_given_up_but_that_still_runs_writes_nothing(
    world: World, cluster: SimulatedCluster
) -> None:
    """Its time-out does not stop the code: the next attempt acts, and the precondition is what stops the first."""
    world.policy(mode="auto")
    await world.a_release_fails()
    with held(cluster, "get", port.REPLICA_SETS) as hold:
        remediation = await reported(world, Failure.BAD_ROLLOUT)
        await hold.reached.wait()
        soon = ActivityOptions(start_to_close_timeout=Duration(seconds=1))
        await shorten(world.client, remediation.id, ROLL_BACK.name, soon)
        await until(lambda: world.writes, "the act of the second attempt")
        hold.let_go()
        assert (await remediation.closed()).result is Result.SUCCESS
    assert len(world.writes) == 1
    assert await world.image() == "web:1"


async def test_a_lost_answer_to_a_call_that_was_made_is_found_out_and_the_call_is_not_repeated(
    world: World, cluster: SimulatedCluster, crash_to_come: Remediation
) -> None:
    async def unreadable() -> None:
        cluster.fail_next("get", Unavailable("no connection"))

    lose_the_answer(cluster, "delete", applied=True, then=unreadable)
    await crash_to_come.report()
    closed = await crash_to_come.closed()
    assert (closed.decision, closed.result) == (Decision.ACTED, Result.SUCCESS)
    assert len(world.writes) == 1
    assert "kubernetes.resolve_outcome" in [name for name, _ in await scheduled(world.client, crash_to_come.handle)]


async def test_a_lost_answer_to_a_call_that_was_not_made_is_escalated_and_its_lease_given_back(
    world: World, cluster: SimulatedCluster, crash_to_come: Remediation
) -> None:
    async def lease_ends() -> None:
        world.clock.advance(LEASE_SECONDS)

    lose_the_answer(cluster, "delete", applied=False, then=lease_ends)
    await crash_to_come.report()
    escalated = await crash_to_come.until(Phase.ESCALATED)
    assert escalated.state.reasons == (Reason.UNKNOWN_OUTCOME,)
    assert world.writes == []
    assert results(world) == [(Event.STARTED, None), (Event.FINISHED, Result.FAILURE)]
    assert leases(world) == []


async def test_what_stays_unknown_is_escalated_and_its_lease_is_kept(world: World, cluster: SimulatedCluster) -> None:
    async def somebody_deploys() -> None:
        await cluster.deploy("shop/web", image="web:3", fault="crash")

    world.policy(mode="auto")
    await world.a_release_fails()
    lose_the_answer(cluster, "patch", applied=False, then=somebody_deploys)
    remediation = await reported(world, Failure.BAD_ROLLOUT)
    escalated = await remediation.until(Phase.ESCALATED)
    assert escalated.state.reasons == (Reason.UNKNOWN_OUTCOME,)
    assert results(world) == [(Event.STARTED, None), (Event.FINISHED, None)]
    assert leases(world) == ["shop/Deployment/web"]
    assert (world.writes, await world.image()) == ([], "web:3")


@pytest.mark.claim("C-041")
async def test_a_disruption_budget_that_refuses_at_the_act_is_escalated_at_once_by_its_name(
    world: World, cluster: SimulatedCluster
) -> None:
    remediation = await crash_loop(world)
    waiting = await remediation.until(Phase.AWAITING_APPROVAL)
    await cluster.apply(budget("keep-all"))
    await waiting.approve(by="ada")
    escalated = await remediation.until(Phase.ESCALATED)
    assert escalated.state.reasons == (Reason.BUDGET_REFUSES,)
    assert world.writes == []
    acts = [name for name, _ in await scheduled(world.client, remediation.handle)]
    assert "kubernetes.read_situation" not in acts[acts.index("kubernetes.delete_pod") :]
    assert any("keep-all" in line for line in (await paged(world)).tried)
    finished = next(record for record in world.records if record.event is Event.FINISHED)
    assert (finished.result, finished.reason) == (Result.FAILURE, "budget_refuses")


async def test_a_rollback_that_the_api_server_fails_to_prove_is_escalated_with_that_cause_and_what_to_do(
    world: World, cluster: SimulatedCluster
) -> None:
    world.policy(mode="auto")
    await world.a_release_fails()
    refused = NotPermitted("patch deployments shop/web: the admission policy refuses", RollbackRule.NOT_PROVED)
    cluster.fail_next("patch", refused, times=2)  # the first is the dry run of the replacement's admission
    remediation = await reported(world, Failure.BAD_ROLLOUT)
    escalated = await remediation.until(Phase.ESCALATED)
    assert escalated.state.reasons == (Reason.PROOF_STALE,)
    assert results(world) == [(Event.STARTED, None), (Event.FINISHED, Result.FAILURE)]
    assert world.writes == []
    page = await paged(world)
    assert any("though" in line and "serves" in line for line in page.tried)
    assert "Restart kube-apiserver" in as_markdown(page)


@pytest.mark.claim("C-080")
async def test_a_halt_refuses_an_act_whose_grant_was_given_already(world: World, cluster: SimulatedCluster) -> None:
    world.policy(mode="auto")
    await world.one_pod_crashes()
    with held(cluster, "get", port.REPLICA_SETS) as hold:
        remediation = await reported(world, Failure.CRASHLOOP)
        await hold.reached.wait()
        assert [record.event for record in world.records] == [Event.STARTED]
        world.halts.halt(by="ada", reason="stop everything")
    escalated = await remediation.until(Phase.ESCALATED)
    assert escalated.state.reasons == (Reason.NOT_PERMITTED,)
    assert world.writes == []
    assert any("halted" in line for line in (await paged(world)).tried)


@pytest.mark.claim("C-080")
async def test_while_halted_nothing_is_asked_for_and_nothing_done(world: World) -> None:
    world.halts.halt(by="ada", reason="stop everything")
    remediation = await bad_release(world)
    escalated = await remediation.until(Phase.ESCALATED)
    assert escalated.state.reasons == (Reason.HALTED,)
    assert world.writes == []


@pytest.mark.claim("C-113")
async def test_a_second_act_within_the_hour_waits_for_a_person_who_is_told_of_the_limit(
    limited: World,
) -> None:
    world = limited
    world.policy(mode="auto")
    remediation = await crash_loop(world)
    await remediation.closed()
    victim = str((await world.pods())[0]["metadata"]["name"])
    await world.cluster.annotate_pod("shop", victim, {"sim.byteport.io/fault": "transient"})
    world.advance(400)
    await remediation.report()
    waiting = await remediation.until(Phase.AWAITING_APPROVAL)
    assert waiting.state.reasons == (Reason.LIMIT_REACHED,)
    assert len(world.writes) == 1
    await waiting.approve(by="ada")
    assert (await remediation.closed()).result is Result.SUCCESS
    assert len(world.writes) == 2


async def test_from_the_symptom_to_the_act_three_calls_are_waited_for_one_after_another(
    crash_to_come: Remediation,
) -> None:
    """Evidence and standing together, the reservation, the act."""
    await crash_to_come.report()
    await crash_to_come.closed()
    history = await crash_to_come.handle.fetch_history()
    calls = [event.activity_task_scheduled_event_attributes for event in history.events]
    calls = [call for call in calls if call.activity_type.name]
    act = next(n for n, call in enumerate(calls) if call.activity_type.name == "kubernetes.delete_pod")
    assert len({call.workflow_task_completed_event_id for call in calls[: act + 1]}) == 3


def budget(name: str) -> dict[str, Any]:
    """A disruption budget that lets none of `web`'s pods go."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"minAvailable": 3, "selector": {"matchLabels": {"app": "web"}}},
    }
