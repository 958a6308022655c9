"""The door: what comes in becomes one run, one reply, or one clear refusal."""

import asyncio
import math
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.worker import Worker

from byteport.contracts.workflows import Acknowledge, Installation, Ladder
from byteport.domain.approvals import Answer, AnswerText, NotTaken, Rejection, SignedAnswer, Taken
from byteport.domain.ids import approval_id, remediation_id
from byteport.domain.signals import Signal, SignalType, Source
from byteport.domain.targets import Target
from byteport.errors import MalformedInput, NotPermitted, TargetGone
from byteport.temporal.attributes import CLUSTER, NAMESPACE, TARGET
from byteport.temporal.intake import acknowledge, answer, report_signal
from byteport.temporal.standing_runs import start_watch
from tests.integration.temporal.conftest import MOST_MESSAGES
from tests.integration.temporal.stand_ins import Approval, Remediation, Watcher

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)


@pytest.fixture
def installation() -> Installation:
    return Installation(tenant="acme", cluster_uid=str(uuid.uuid4()), cluster_name="prod")


@pytest_asyncio.fixture
async def worker(client: Client) -> AsyncIterator[Worker]:
    async with Worker(client, task_queue="control", workflows=[Remediation, Approval, Watcher]) as running:
        yield running


def signal(installation: Installation, name: str = "web", evidence: str = "e1") -> Signal:
    return Signal(
        type=SignalType.POD_CRASHLOOP,
        value=3,
        threshold=3,
        target=Target(cluster_uid=installation.cluster_uid, namespace="shop", kind="Deployment", name=name),
        observed_at=NOW,
        source=Source.WATCH,
        evidence_digest=evidence,
    )


def signed(installation: Installation, plan_digest: str) -> SignedAnswer:
    text = AnswerText(
        tenant="acme",
        cluster_uid=installation.cluster_uid,
        incident_id="inc-1",
        plan_digest=plan_digest,
        answer=Answer.APPROVE,
        reason_digest="0" * 64,
        asked_because="0" * 64,
        not_before=NOW,
        expires_at=NOW + timedelta(hours=1),
        id=uuid.uuid4().hex,
    )
    return SignedAnswer(text=text)


async def report(client: Client, installation: Installation, symptom: Signal) -> str:
    reported = await report_signal(client, installation, symptom, ladder=Ladder(), reobserve_after_seconds=(3600,))
    return reported.workflow_id


async def test_many_symptoms_on_two_targets_are_two_runs_and_none_is_lost(
    client: Client, installation: Installation, worker: Worker
) -> None:
    symptoms = [signal(installation, name, f"e{n}") for n in range(15) for name in ("web", "db")]
    ids = await asyncio.gather(*(report(client, installation, symptom) for symptom in symptoms))
    assert len(set(ids)) == 2
    for workflow_id in set(ids):
        handle = client.get_workflow_handle(workflow_id)
        assert await handle.query("count") == 15
        await acknowledge(client, workflow_id, Acknowledge(by="ada"))
        assert await handle.result() == 15


async def test_a_run_that_may_have_no_more_messages_holds_up_no_symptom_and_can_still_be_taken_over(
    client: Client, installation: Installation, worker: Worker
) -> None:
    """Hours of a crash loop that nobody takes over use all of them up; the watch must go on for everybody else."""
    for number in range(MOST_MESSAGES + 3):
        workflow_id = await report(client, installation, signal(installation, evidence=f"e{number}"))
    handle = client.get_workflow_handle(workflow_id)
    assert await handle.query("count") == MOST_MESSAGES
    await acknowledge(client, workflow_id, Acknowledge(by="ada"))
    assert await handle.result() == MOST_MESSAGES


async def test_after_a_run_has_closed_the_next_symptom_starts_another(
    client: Client, installation: Installation, worker: Worker
) -> None:
    first = await report(client, installation, signal(installation))
    handle = client.get_workflow_handle(first)
    run = (await handle.describe()).run_id
    await acknowledge(client, first, Acknowledge(by="ada"))
    await handle.result()
    assert await report(client, installation, signal(installation)) == first
    assert (await handle.describe()).run_id != run


async def test_a_run_can_be_found_by_cluster_namespace_and_target(
    client: Client, installation: Installation, worker: Worker
) -> None:
    workflow_id = await report(client, installation, signal(installation))
    described = await client.get_workflow_handle(workflow_id).describe()
    found = described.typed_search_attributes
    assert (found[CLUSTER], found[NAMESPACE], found[TARGET]) == ("prod", "shop", "shop/Deployment/web")
    assert await described.static_summary() == "crashloop of shop/Deployment/web"


async def test_fault_16_a_symptom_of_another_cluster_starts_nothing(client: Client, installation: Installation) -> None:
    other = Installation(tenant="acme", cluster_uid=str(uuid.uuid4()), cluster_name="prod")
    with pytest.raises(NotPermitted, match="cluster_uid"):
        await report(client, installation, signal(other))


@pytest.mark.parametrize("name", ["web:crashloop", "../web", "web\n", "", "Web", "w" * 300, "web/extra"])
async def test_a_name_that_could_be_mistaken_for_another_run_starts_nothing(
    client: Client, installation: Installation, name: str
) -> None:
    symptom = signal(installation, name)
    with pytest.raises(MalformedInput, match=r"signal\.target\.name"):
        await report(client, installation, symptom)
    query = f"WorkflowId = '{remediation_id(symptom.target, symptom.failure)}'" if "\n" not in name else ""
    assert not query or [run async for run in client.list_workflows(query)] == []


@pytest.mark.parametrize("field", ["value", "threshold"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
async def test_a_value_that_is_no_number_starts_nothing(
    client: Client, installation: Installation, field: str, value: float
) -> None:
    """JSON has none of them: no worker could read the message."""
    symptom = signal(installation, f"no-number-{field}").model_copy(update={field: value})
    with pytest.raises(MalformedInput, match=rf"signal\.{field}"):
        await report(client, installation, symptom)
    query = f"WorkflowId = '{remediation_id(symptom.target, symptom.failure)}'"
    assert [run async for run in client.list_workflows(query)] == []


async def test_an_answer_reaches_what_waits_and_hears_at_once(
    client: Client, installation: Installation, worker: Worker
) -> None:
    plan = uuid.uuid4().hex
    given = signed(installation, plan)
    await client.start_workflow(
        "ApprovalWorkflow", {"installation": installation, "request": None}, id=approval_id(plan), task_queue="control"
    )
    reply = await answer(client, installation, given)
    assert isinstance(reply.verdict, Taken)
    assert reply.verdict.answer_digest == given.text.digest


async def test_the_same_answer_given_twice_counts_once(
    client: Client, installation: Installation, worker: Worker
) -> None:
    plan = uuid.uuid4().hex
    given = signed(installation, plan)
    handle = await client.start_workflow(
        "ApprovalWorkflow", {"installation": installation, "request": None}, id=approval_id(plan), task_queue="control"
    )
    first = await answer(client, installation, given)
    assert await answer(client, installation, given) == first
    assert await handle.result() == [given.text.digest]


async def test_an_answer_to_nothing_is_refused_and_a_run_records_it(
    client: Client, installation: Installation, worker: Worker
) -> None:
    given = signed(installation, uuid.uuid4().hex)
    reply = await answer(client, installation, given)
    assert reply.verdict == NotTaken(because=Rejection.CLOSED)
    handle = client.get_workflow_handle(approval_id(given.text.plan_digest))
    assert await handle.result() == ["late:" + given.text.digest]


async def test_acknowledging_what_is_not_open_says_how_to_find_what_is(client: Client) -> None:
    with pytest.raises(TargetGone, match="byteport runs"):
        await acknowledge(client, "remediate:none", Acknowledge(by="ada"))


async def test_however_many_workers_start_there_is_one_watch(
    client: Client, installation: Installation, worker: Worker
) -> None:
    ids = await asyncio.gather(*(start_watch(client, installation) for _ in range(5)))
    assert len(set(ids)) == 1
    await asyncio.sleep(0)
    runs = [run async for run in client.list_workflows(f"WorkflowId = '{ids[0]}'")]
    assert len(runs) <= 1
