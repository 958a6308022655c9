"""What Temporal keeps: nothing readable without the key, and with it no log line, template or secret either."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHistory

from byteport.contracts.workflows import Phase
from byteport.kubernetes.port import DEPLOYMENTS
from byteport.sandbox.simulated import SimulatedCluster
from byteport.temporal.attributes import CLUSTER, DECISION, MTTR_SECONDS, NAMESPACE, PHASE, RUNBOOK, TARGET
from byteport.temporal.opened import open_history
from tests.workflows.histories import details
from tests.workflows.remediation import Remediation, bad_release
from tests.workflows.world import World

CANARY = "canary-7f3a"
CANARIES = {
    "log": f"panic: password={CANARY}-log token=ghp_{'a' * 36}",
    "env": f"{CANARY}-env",
    "argument": f"--dsn={CANARY}-argument",
    "annotation": f"{CANARY}-annotation",
}
SEALED = ("kubectl rollout undo", "release_crashes", "exit_code", "looks right to me")
"""Plans, causes, evidence and people's words: readable only with the key."""
OF_THE_API = ("imagePullPolicy", "containerStatuses", "ownerReferences", "managedFields")
"""Fields of objects as the API server gives them: an object that came through whole would show by one of them."""


async def histories(client: Client) -> AsyncIterator[WorkflowHistory]:
    """Of every run in the namespace."""
    async for run in client.list_workflows(""):
        yield await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()


def everything(history: WorkflowHistory) -> str:
    return "".join(event.SerializeToString().decode("latin-1") for event in history.events)


@pytest.fixture
async def told(world: World, cluster: SimulatedCluster) -> Remediation:
    """A release that fails, with a canary wherever a pod can hold one, rolled back after a yes."""
    await world.healthy()
    deployment = await cluster.get(DEPLOYMENTS, "shop", "web")
    await cluster.apply(_with_canaries(deployment))
    world.advance(600)
    for previous in (True, False):
        await cluster.set_log("shop", "web", "web", CANARIES["log"], previous=previous)
    remediation = await bad_release(world)
    waiting = await remediation.until(Phase.AWAITING_APPROVAL)
    await waiting.approve(by="ada")
    await remediation.closed()
    return remediation


def _with_canaries(deployment: Mapping[str, Any]) -> dict[str, Any]:
    """The same Deployment, whose template holds canaries."""
    template = deployment["spec"]["template"]
    (container,) = template["spec"]["containers"]
    filled = container | {
        "env": [{"name": "PASSWORD", "value": CANARIES["env"]}],
        "args": [CANARIES["argument"]],
    }
    annotated = template["metadata"] | {"annotations": {"example.com/note": CANARIES["annotation"]}}
    changed = template | {"metadata": annotated, "spec": template["spec"] | {"containers": [filled]}}
    return {**deployment, "spec": deployment["spec"] | {"template": changed}}


@pytest.mark.claim("C-100")
async def test_review_12_histories_are_sealed_and_hold_no_log_template_or_secret_when_opened(
    world: World, told: Remediation
) -> None:
    raw = await Client.connect(world.settings.temporal.address, namespace=world.client.namespace)
    runs = [history async for history in histories(raw)]
    kinds = {history.workflow_id.partition(":")[0] for history in runs}
    assert kinds == {"remediate", "approval", "reobserve", "storm"}
    for history in runs:
        sealed, opened = everything(history), everything(await open_history(history, world.client.data_converter))
        assert CANARY not in sealed
        assert CANARY not in opened
        assert [word for word in OF_THE_API if word in opened] == []
        assert [word for word in SEALED if word in sealed] == []
        assert "shop" in opened
    together = "".join([everything(await open_history(h, world.client.data_converter)) for h in runs])
    assert [word for word in SEALED if word not in together] == []


@pytest.mark.claim("C-100")
async def test_review_12_the_canaries_were_there_to_be_seen(
    world: World, cluster: SimulatedCluster, told: Remediation
) -> None:
    pod = (await world.pods())[0]
    assert [word for word in (*CANARIES.values(), *OF_THE_API) if word not in str(pod)] == [
        CANARIES["log"],
        "managedFields",
    ]
    assert CANARY in await cluster.logs("shop", pod["metadata"]["name"], "web")


@pytest.mark.claim("C-100")
async def test_review_12_neither_notices_nor_records_hold_what_a_pod_printed(world: World, told: Remediation) -> None:
    assert CANARY not in "".join(notice.model_dump_json() for notice in world.notices)
    assert CANARY not in "".join(record.model_dump_json() for record in world.records)


async def test_a_waiting_run_is_found_by_its_phase_and_tells_how_to_answer(
    world: World, bad_release: Remediation
) -> None:
    waiting = await bad_release.until(Phase.AWAITING_APPROVAL)
    attributes = (await bad_release.handle.describe()).typed_search_attributes
    found = [attributes.get(key) for key in (CLUSTER, NAMESPACE, TARGET, RUNBOOK, PHASE)]
    assert found == [
        "production",
        "shop",
        "shop/Deployment/web",
        "FailedDeployAutoRollbackRunbook",
        "awaiting_approval",
    ]
    shown = await details(bad_release.handle)
    assert f"byteport approve {waiting.plan_digest}" in shown
    assert "kubectl rollout undo deployment/web -n shop --to-revision=1" in shown
    assert "release_crashes" in shown
    assert await (await bad_release.handle.describe()).static_summary() == "bad rollout of shop/Deployment/web"


async def test_a_run_that_has_its_answer_is_not_found_among_those_that_wait(
    world: World, bad_release: Remediation
) -> None:
    waiting = await bad_release.until(Phase.AWAITING_APPROVAL)
    await waiting.approve(by="ada")
    await bad_release.until(Phase.ACTING, Phase.VERIFYING)
    described = await bad_release.handle.describe()
    assert described.typed_search_attributes.get(PHASE) not in ("awaiting_approval", "closed")


async def test_a_closed_run_is_found_by_its_decision_and_its_time_to_repair(crash_loop: Remediation) -> None:
    closed = await crash_loop.closed()
    attributes = (await crash_loop.handle.describe()).typed_search_attributes
    assert [attributes.get(key) for key in (PHASE, DECISION)] == ["closed", "acted"]
    assert attributes.get(MTTR_SECONDS) == closed.mttr_seconds
