"""Whoever reaches Temporal can start an activity or forge its input: tried on the real control plane.

The attacker has the installation's Temporal credential and its payload key, its task queues' names, and grants that the
ledger has really signed; not the ledger's key and nobody's approval key. Each attempt is refused, and the API server's
own audit log holds no write of the agent's account.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.client import ActivityFailureError, WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from byteport.contracts.acts import Queue, task_queue_name
from byteport.contracts.kubernetes import DELETE_POD, ROLL_BACK, Mutated, MutatingCall
from byteport.contracts.workflows import REMEDIATION
from byteport.domain.failures import Failure
from byteport.domain.plans import DeletePodPlan, plan_digest
from byteport.domain.warrants import Warrant
from byteport.kubernetes.patches import ACTION_ID
from byteport.sandbox.controlplane import ControlPlane
from byteport.sandbox.dev_server import DevServer, DevServerOptions, temporal_binary
from byteport.trust.grants import GrantSigner
from byteport.trust.private_keys import new_private_key
from tests.agent.agent import Agent
from tests.agent.real import RealPlace, through_a_gateway
from tests.agent.running import quick, running
from tests.agent.stops import Fate
from tests.agent.trouble import trouble
from tests.faults.invariants import witnesses
from workers.processes import Process

pytestmark = pytest.mark.timeout(600)

ONCE = RetryPolicy(maximum_attempts=1)
DEADLINE = timedelta(seconds=30)
REFUSED = ("not_permitted: ", "precondition_failed: ", "target_gone: ")
NOT_PERMITTED = '"type": "not_permitted"'
"""All that Temporal's command line shows: the failure's words are encrypted."""


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[DevServer]:
    started = await DevServer.start(DevServerOptions(folder=tmp_path / "temporal", ui=False))
    yield started
    await started.stop()


@pytest_asyncio.fixture
async def place(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[RealPlace]:
    async with through_a_gateway(control_plane, tmp_path) as found:
        yield found


# -- the attacker -----------------------------------------------------------------------------------------------------


@workflow.defn(name="SomethingElse")
class SomethingElse:
    """A workflow of the attacker's own."""

    @workflow.run
    async def run(self, act: str, queue: str, call: MutatingCall) -> Mutated:
        return await _start(act, queue, call)


@workflow.defn(name=REMEDIATION)
class Impostor:
    """One that calls itself as the one does that may mutate: a name is all that Temporal knows of it."""

    @workflow.run
    async def run(self, act: str, queue: str, call: MutatingCall) -> Mutated:
        return await _start(act, queue, call)


async def _start(act: str, queue: str, call: MutatingCall) -> Mutated:
    done: Mutated = await workflow.execute_activity(
        act, call, result_type=Mutated, task_queue=queue, start_to_close_timeout=DEADLINE, retry_policy=ONCE
    )
    return done


@dataclass(frozen=True)
class Attacker:
    """What somebody with Temporal's credential can do."""

    agent: Agent

    @property
    def queue(self) -> str:
        return task_queue_name(Queue.CLUSTER, self.agent.place.uid)

    async def by_workflow(self, defined: type[SomethingElse | Impostor], warrant: Warrant) -> Mutated | str:
        """Run the act from a workflow: its result, or the code and words of its failure."""
        own = f"attacker-{secrets.token_hex(4)}"
        async with Worker(
            self.agent.client, task_queue=own, workflows=[defined], workflow_runner=UnsandboxedWorkflowRunner()
        ):
            try:
                done: Mutated = await self.agent.client.execute_workflow(
                    defined.run,
                    args=[act_of(warrant), self.queue, MutatingCall(warrant=warrant)],
                    id=own,
                    task_queue=own,
                )
            except WorkflowFailureError as failure:
                return _words(failure.cause.__cause__)
            return done

    async def alone(self, warrant: Warrant) -> str:
        """Run the act without any workflow, by the SDK."""
        with pytest.raises(ActivityFailureError) as failed:
            await self.agent.client.execute_activity(
                act_of(warrant),
                MutatingCall(warrant=warrant),
                id=f"attacker-{secrets.token_hex(4)}",
                task_queue=self.queue,
                start_to_close_timeout=DEADLINE,
                retry_policy=ONCE,
            )
        return _words(failed.value.cause)

    async def by_command_line(self, warrant: Warrant) -> str:
        """The same by Temporal's own command line, whose input is not even encrypted."""
        command = ["activity", "execute", "--type", act_of(warrant), "--task-queue", self.queue]
        command += ["--activity-id", f"attacker-{secrets.token_hex(4)}", "--start-to-close-timeout", "30s"]
        command += ["--retry-maximum-attempts", "1", "--input", MutatingCall(warrant=warrant).model_dump_json()]
        command += ["--address", self.agent.settings.temporal.address]
        command += ["--namespace", self.agent.settings.temporal.namespace, "--output", "json"]
        started = await asyncio.create_subprocess_exec(
            temporal_binary(),
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complained = await started.communicate()
        assert started.returncode, said
        return (said + complained).decode()


def _words(cause: BaseException | None) -> str:
    assert isinstance(cause, ApplicationError)
    return f"{cause.type}: {cause.message}"


def act_of(warrant: Warrant) -> str:
    return DELETE_POD.name if isinstance(warrant.plan, DeletePodPlan) else ROLL_BACK.name


# -- a warrant that nobody has used -----------------------------------------------------------------------------------


@asynccontextmanager
async def an_unused_warrant(
    server: DevServer, folder: Path, place: RealPlace, failure: Failure, mode: str
) -> AsyncIterator[tuple[Agent, Warrant]]:
    """A real one: planned, granted by the ledger, signed for where it must be, and its act never came to its call.

    Its own remediation is stopped, so that nobody but the attacker asks for anything.
    """
    async with running(server, folder / "home", place, quick(mode, place.namespace)) as agent:
        async with agent.worker():
            await trouble(place, failure)
            last_look = place.stops.hold("get", "namespaces", when=agent.has_intent)
            remediation = await agent.report(failure)
            if mode == "dry_run":
                await agent.give(agent.sign(await agent.asked()))
            await last_look.until_reached()
            await agent.client.get_workflow_handle(remediation).terminate("the test takes its warrant")
        last_look.let(Fate.LOSE)  # the worker that waited for it has ended
        (warrant,) = (await witnesses(agent)).warrants.values()
        async with agent.worker(Process.CLUSTER):
            yield agent, warrant
    assert place.attempts() == []


@pytest.mark.claim("C-071")
@pytest.mark.parametrize(("failure", "mode"), [(Failure.CRASHLOOP, "auto"), (Failure.BAD_ROLLOUT, "dry_run")])
async def test_critique_0_1_an_act_without_a_remediation_is_refused_though_its_warrant_is_real(
    server: DevServer, place: RealPlace, tmp_path: Path, failure: Failure, mode: str
) -> None:
    async with an_unused_warrant(server, tmp_path, place, failure, mode) as (agent, warrant):
        attacker = Attacker(agent)
        refusal = "only a remediation may change anything"
        assert refusal in await attacker.alone(warrant)
        assert NOT_PERMITTED in await attacker.by_command_line(warrant)
        assert refusal in str(await attacker.by_workflow(SomethingElse, warrant))
        assert place.attempts() == []


def granted_by_another_key(warrant: Warrant, agent: Agent) -> Warrant:
    return warrant.model_copy(update={"grant": GrantSigner(new_private_key()).sign(warrant.grant.body)})


def granted_for_longer(warrant: Warrant, agent: Agent) -> Warrant:
    body = warrant.grant.body.model_copy(update={"lease_until": warrant.grant.body.lease_until + timedelta(days=1)})
    return warrant.model_copy(update={"grant": warrant.grant.model_copy(update={"body": body})})


def aimed_at_a_healthy_pod(warrant: Warrant, agent: Agent) -> Warrant:
    """Digest and all as the attacker would compute them."""
    assert isinstance(warrant.plan, DeletePodPlan)
    neighbour = warrant.plan.pod.model_copy(update={"name": f"{warrant.plan.pod.name}x"})
    plan = warrant.plan.model_copy(update={"pod": neighbour})
    return warrant.model_copy(update={"plan": plan, "plan_digest": plan_digest(plan, warrant.policy_version)})


def under_another_policy(warrant: Warrant, agent: Agent) -> Warrant:
    return warrant.model_copy(update={"policy_version": "0" * 64})


def of_another_tenant(warrant: Warrant, agent: Agent) -> Warrant:
    return warrant.model_copy(update={"tenant": "globex"})


Forge = Callable[[Warrant, Agent], Warrant]
FORGERIES: dict[Forge, str] = {
    granted_by_another_key: "not signed by the ledger",
    granted_for_longer: "not signed by the ledger",
    aimed_at_a_healthy_pod: "the grant is for another target or arguments",
    under_another_policy: "the policy is not the one",
    of_another_tenant: "another tenant's",
}


@pytest.mark.claim("C-071")
async def test_critique_0_1_a_forged_input_is_refused_whatever_the_workflow_calls_itself(
    server: DevServer, place: RealPlace, tmp_path: Path
) -> None:
    async with an_unused_warrant(server, tmp_path, place, Failure.CRASHLOOP, "auto") as (agent, warrant):
        attacker = Attacker(agent)
        for forge, refusal in FORGERIES.items():
            forged = forge(warrant, agent)
            assert refusal in str(await attacker.by_workflow(Impostor, forged)), forge.__name__
            assert "only a remediation" in str(await attacker.by_workflow(SomethingElse, forged)), forge.__name__
            assert place.attempts() == [], forge.__name__


@pytest.mark.claim("C-060")
async def test_critique_0_1_and_b3_an_approval_cannot_be_left_out_or_made_up(
    server: DevServer, place: RealPlace, tmp_path: Path
) -> None:
    async with an_unused_warrant(server, tmp_path, place, Failure.BAD_ROLLOUT, "dry_run") as (agent, warrant):
        attacker = Attacker(agent)
        assert warrant.request is not None
        made_up = agent.sign(warrant.request, by=new_private_key())
        forgeries: dict[str, dict[str, Any]] = {
            "1 valid yes needed": {"answers": ()},
            "1 valid yes needed; not taken: not_an_approver": {"answers": (made_up,)},
            "nothing is done without a person's yes": {"auto": True, "answers": (), "request": None},
        }
        for refusal, change in forgeries.items():
            forged = warrant.model_copy(update=change)
            assert refusal in str(await attacker.by_workflow(Impostor, forged))
        assert place.attempts() == []


# -- a warrant that has been used -------------------------------------------------------------------------------------


@pytest.mark.claim("C-071")
@pytest.mark.parametrize("failure", [Failure.CRASHLOOP, Failure.BAD_ROLLOUT])
async def test_critique_0_1_a_receipt_replayed_after_the_act_writes_nothing(
    server: DevServer, place: RealPlace, tmp_path: Path, failure: Failure
) -> None:
    policy = quick("auto", place.namespace)
    async with running(server, tmp_path / "home", place, policy) as agent:
        attacker = Attacker(agent)
        async with agent.worker():
            await trouble(place, failure)
            await agent.until_closed(await agent.report(failure))
            (receipt,) = (await witnesses(agent)).warrants.values()
            (done,) = place.attempts()
            assert "only a remediation" in await attacker.alone(receipt)
            assert NOT_PERMITTED in await attacker.by_command_line(receipt)
            assert "only a remediation" in str(await attacker.by_workflow(SomethingElse, receipt))
            told = await attacker.by_workflow(Impostor, receipt)
            assert isinstance(told, Mutated)
            assert told.already
        await trouble_again(place, failure)
        async with agent.worker(Process.CLUSTER):  # which remembers nothing
            told = await attacker.by_workflow(Impostor, receipt)
            assert told.already if isinstance(told, Mutated) else told.startswith(REFUSED)
        tomorrow = agent.place.clock() + timedelta(days=1)
        async with agent.worker(Process.CLUSTER, clock=lambda: tomorrow):
            assert "the lease would end" in str(await attacker.by_workflow(Impostor, receipt))
        assert place.attempts() == [done]


async def trouble_again(place: RealPlace, failure: Failure) -> None:
    """The same trouble, so that the same act would help again; of a rollback, the stamp is taken away too."""
    if failure is Failure.CRASHLOOP:
        await place.one_pod_crashes()
    else:
        await place.release(2, fault="crash")
        await place.is_rolling_out()  # a release that was there before may never be said to be late
        await place.annotate_deployment({ACTION_ID: None})
