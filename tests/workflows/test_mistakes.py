"""What must not happen does: a mistake of ours, or a ledger that refuses. The run ends or pages, and is never stuck."""

import sqlite3

import pytest
from temporalio.client import WorkflowExecutionStatus

from byteport.contracts.ledger import Decision, Result
from byteport.contracts.workflows import ACKNOWLEDGE, Acknowledge, Phase
from byteport.domain.reasons import Reason
from byteport.runbooks.failed_deploy_rollback import FailedDeployAutoRollbackRunbook
from byteport.runbooks.pod_crashloop import PodCrashloopRunbook
from byteport.sandbox.simulated import SimulatedCluster
from tests.workflows import remediation as remediations
from tests.workflows.interference import after_the_call
from tests.workflows.patience import paged
from tests.workflows.remediation import Remediation, Waiting
from tests.workflows.restored import restored_pods_fail
from tests.workflows.world import World


def mistaken(*_args: object, **_kwargs: object) -> None:
    raise KeyError("a mistake of ours")


async def test_a_run_that_is_cancelled_while_the_ledger_refuses_its_record_ends(
    world: World, crash_to_come: Remediation
) -> None:
    with world.time_stands_still():
        await crash_to_come.report()
    await crash_to_come.until(Phase.VERIFYING)
    with sqlite3.connect(world.ledger_file) as sql:
        sql.execute("UPDATE intents SET outcome = 'not_done'")
    await crash_to_come.handle.cancel()
    assert await crash_to_come.has_ended() is WorkflowExecutionStatus.FAILED


async def test_what_may_have_no_more_messages_is_acknowledged_by_an_update(world: World) -> None:
    world.policy(mode="observe")
    escalated = await remediations.bad_release(world)
    await escalated.until(Phase.ESCALATED)
    await escalated.handle.execute_update(ACKNOWLEDGE, Acknowledge(by="ada"))
    assert (await escalated.closed()).decision is Decision.ESCALATED
    assert world.records[-1].approver == "claimed: ada"


async def test_a_mistake_in_verifying_ends_the_intent_and_pages(
    world: World, crash_to_come: Remediation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PodCrashloopRunbook, "health", mistaken)
    await crash_to_come.report()
    escalated = await crash_to_come.until(Phase.ESCALATED)
    assert Reason.FAILED in escalated.state.reasons
    assert Reason.FAILED in (await paged(world)).reasons


async def test_a_mistake_in_undoing_pages(
    world: World, cluster: SimulatedCluster, half_bad: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FailedDeployAutoRollbackRunbook, "inverse", mistaken)
    after_the_call(cluster, "patch", lambda: restored_pods_fail(world))
    await half_bad.approve(by="grace")
    await half_bad.remediation.until(Phase.ESCALATED)
    assert (await paged(world, phase="escalated")).tried[-1] == "not undone: failed"
    assert len(world.writes) == 1


async def test_a_mistake_in_telling_whether_it_has_recovered_leaves_the_plan_waiting(
    world: World, bad_release: Remediation, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = await bad_release.until(Phase.AWAITING_APPROVAL)
    monkeypatch.setattr(FailedDeployAutoRollbackRunbook, "recovered", mistaken)
    await waiting.approve(by="ada")
    assert (await bad_release.closed()).result is Result.SUCCESS
    assert len(world.writes) == 1
