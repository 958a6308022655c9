"""What must hold on every cluster: each test runs on the simulated one and on the real control plane.

There the worker's credential has exactly the declared rights, and what was written is what the API server's own audit
log says. What the two disagree about is a mistake of the simulation.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError

from activities.kubernetes.mutations import MOST_CALLS
from byteport.contracts.kubernetes import ReadSituation, ResolveOutcome, WatchCluster
from byteport.contracts.workflows import TIMEBOX
from byteport.domain.failures import Failure
from byteport.domain.ids import audit_id
from byteport.domain.plans import DeletePodPlan, RollbackPlan
from byteport.domain.signals import SignalType
from byteport.domain.warrants import Warrant
from byteport.kubernetes import port
from byteport.kubernetes.floor_patch import FLOOR_RESTORED
from byteport.kubernetes.patches import ACTION_ID
from byteport.runbooks.catalogue import runbook_for
from byteport.trust.grants import GrantSigner
from byteport.trust.private_keys import new_private_key
from tests.agent.places import eventually
from tests.integration.activities.autoscaled import autoscaled, autoscaler, marks, raising, read, restore
from tests.integration.activities.bench import Bench, environment_of
from tests.integration.activities.watching import Inbox, watching

pytestmark = pytest.mark.timeout(240)


async def deletion(bench: Bench, *, auto: bool = False) -> Warrant:
    return bench.warrant(await bench.deletion(await bench.one_pod_crashes()), auto=auto)


async def rollback(bench: Bench) -> Warrant:
    await bench.a_release_fails()
    return bench.warrant(await bench.rollback(), auto=False)


async def failure(bench: Bench, warrant: Warrant, *, workflow_type: str | None = "RemediationWorkflow") -> str:
    """The code of the error, once it is sure that the worker wrote nothing."""
    with pytest.raises(ApplicationError) as caught:
        await bench.act(warrant, workflow_type=workflow_type)
    assert bench.written() == []
    return str(caught.value.type)


# -- done, and only once ----------------------------------------------------------------------------------------------


@pytest.mark.claim("C-040")
async def test_a_pod_is_deleted_and_its_replica_set_makes_another(any_bench: Bench) -> None:
    warrant = await deletion(any_bench)
    assert isinstance(warrant.plan, DeletePodPlan)
    await any_bench.act(warrant)
    assert any_bench.written() == [("delete", warrant.plan.pod.name)]
    assert any_bench.audit_ids() == [audit_id(warrant.grant.body.action_id)]
    gone = warrant.plan.pod.uid

    async def replaced() -> bool:
        pods = await any_bench.pods()
        return len(pods) == 3 or gone not in [pod["metadata"]["uid"] for pod in pods]

    await eventually("the pod to be replaced", replaced)
    assert (await any_bench.act(warrant, attempt=2, on=any_bench.new_mutations())).already
    assert len(any_bench.written()) == 1


async def test_what_the_worker_finds_for_itself_is_done_on_the_word_auto(any_bench: Bench) -> None:
    await any_bench.act(await deletion(any_bench, auto=True))
    assert len(any_bench.written()) == 1


async def test_a_pod_that_is_written_between_our_read_and_our_call_is_judged_anew(any_bench: Bench) -> None:
    """Any write of its status does that: a pod that crashes is written at every restart."""
    warrant = await deletion(any_bench, auto=True)
    assert isinstance(warrant.plan, DeletePodPlan)
    pod = warrant.plan.pod.name
    calls: list[str] = []

    async def meanwhile() -> None:
        calls.append(pod)
        if len(calls) < MOST_CALLS:
            await any_bench.annotate(port.PODS, pod, {"touched": f"{len(calls)} times"})

    any_bench.switch.meanwhile = meanwhile
    await any_bench.act(warrant)
    assert (any_bench.written(), len(calls)) == ([("delete", pod)], MOST_CALLS)


@pytest.mark.claim("C-042")
async def test_a_rollback_restores_a_template_once_and_nothing_else(any_bench: Bench) -> None:
    warrant = await rollback(any_bench)
    await any_bench.scale("web", 4)
    before = await any_bench.deployment()
    await any_bench.act(warrant)
    after = await any_bench.deployment()
    assert after["spec"]["template"]["spec"]["containers"][0]["image"].endswith("web:1")
    assert {**after["spec"], "template": 0} == {**before["spec"], "template": 0}
    assert any_bench.audit_ids() == [audit_id(warrant.grant.body.action_id)]
    assert (await any_bench.act(warrant, attempt=2, on=any_bench.new_mutations())).already
    assert (await any_bench.act(warrant, on=any_bench.new_mutations())).already
    assert any_bench.written() == [("patch", "web")]
    outcome = await environment_of().run(any_bench.outcomes.resolve_outcome, ResolveOutcome(warrant=warrant))
    assert outcome.applied is True


async def test_what_the_runbook_plans_from_what_was_read_is_what_the_worker_sends(any_bench: Bench) -> None:
    await any_bench.a_release_fails()
    target = await any_bench.target()
    seen = await any_bench.reader.look(ReadSituation(target=target, failure=Failure.BAD_ROLLOUT))
    runbook = runbook_for(Failure.BAD_ROLLOUT)
    assert runbook is not None
    signal = any_bench.warrant(await any_bench.rollback()).signal
    plan = runbook.plan(runbook.diagnose(signal, seen.situation), seen.situation, seen.policy)
    assert isinstance(plan, RollbackPlan)
    await any_bench.act(any_bench.warrant(plan, auto=False))
    assert any_bench.written() == [("patch", "web")]


async def test_a_floor_is_raised_once_and_put_back_once(any_bench: Bench) -> None:
    await autoscaled(any_bench)
    owners = (await read(any_bench))["spec"]
    plan = await raising(any_bench)
    up = any_bench.warrant(plan, auto=False)
    await any_bench.act(up)
    assert (await read(any_bench))["spec"] == {**owners, "minReplicas": 5}
    assert (await any_bench.act(up, attempt=2, on=any_bench.new_mutations())).already
    down = restore(any_bench, plan)
    await any_bench.act(down, workflow_type=TIMEBOX)
    assert (await read(any_bench))["spec"] == owners
    assert await marks(any_bench) == {
        ACTION_ID: down.grant.body.action_id,
        FLOOR_RESTORED: up.grant.body.action_id,
    }
    for warrant in (up, down):
        assert (await any_bench.act(warrant, on=any_bench.new_mutations())).already
    assert any_bench.written() == [("patch", "web"), ("patch", "web")]
    assert any_bench.audit_ids() == [audit_id(warrant.grant.body.action_id) for warrant in (up, down)]


async def test_an_autoscaler_without_any_annotation_is_raised_and_put_back_too(any_bench: Bench) -> None:
    await autoscaled(any_bench, annotated=False)
    plan = await raising(any_bench)
    await any_bench.act(any_bench.warrant(plan, auto=False))
    await any_bench.act(restore(any_bench, plan), workflow_type=TIMEBOX)
    assert (await read(any_bench))["spec"]["minReplicas"] == 2


# -- refused, and nothing written ---------------------------------------------------------------------------------------


def by_another_key(warrant: Warrant) -> Warrant:
    return warrant.model_copy(update={"grant": GrantSigner(new_private_key()).sign(warrant.grant.body)})


def to_another_pod(warrant: Warrant) -> Warrant:
    assert isinstance(warrant.plan, DeletePodPlan)
    pod = warrant.plan.pod.model_copy(update={"name": "another", "uid": "another"})
    return warrant.model_copy(update={"plan": warrant.plan.model_copy(update={"pod": pod})})


def without_an_answer(warrant: Warrant) -> Warrant:
    return warrant.model_copy(update={"answers": ()})


FORGERIES: list[Callable[[Warrant], Warrant]] = [by_another_key, to_another_pod, without_an_answer]


@pytest.mark.claim("C-071")
async def test_critique_0_1_forgeries_and_calls_from_nowhere_write_nothing(any_bench: Bench) -> None:
    warrant = await deletion(any_bench)
    for forge in FORGERIES:
        assert await failure(any_bench, forge(warrant)) == "not_permitted"
    assert await failure(any_bench, warrant, workflow_type=None) == "not_permitted"
    assert await failure(any_bench, warrant, workflow_type="ApprovalWorkflow") == "not_permitted"
    ended = any_bench.warrant(warrant.plan, auto=False, lease=timedelta(seconds=5))
    assert await failure(any_bench, ended) == "precondition_failed"
    any_bench.revoke("ada")
    assert await failure(any_bench, warrant) == "not_permitted"
    any_bench.revoke()
    any_bench.switch.on = True
    assert await failure(any_bench, warrant) == "not_permitted"
    any_bench.switch.on = False
    await any_bench.enable(any_bench.home, enabled=False)
    assert await failure(any_bench, warrant) == "not_permitted"


@pytest.mark.claim("C-050")
async def test_fault_12_and_13_somebody_paused_or_deployed_meanwhile(any_bench: Bench) -> None:
    warrant = await rollback(any_bench)
    await any_bench.pause("web")
    assert await failure(any_bench, warrant) == "precondition_failed"
    await any_bench.deploy("web", "registry.example/web:3")
    assert await failure(any_bench, warrant) == "precondition_failed"


@pytest.mark.claim("C-050")
async def test_fault_14_the_target_was_made_again_under_its_name(any_bench: Bench) -> None:
    warrant = await rollback(any_bench)
    await any_bench.remove(port.DEPLOYMENTS, "web")
    await any_bench.deploy("web", "registry.example/web:1")
    assert await failure(any_bench, warrant) == "target_gone"


@pytest.mark.claim("C-041")
async def test_critique_0_2_a_disruption_budget_that_refuses_is_escalated_at_once(any_bench: Bench) -> None:
    warrant = await deletion(any_bench)
    await any_bench.create(
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "web"},
            "spec": {"minAvailable": 3, "selector": {"matchLabels": {"app": "web"}}},
        }
    )
    assert await failure(any_bench, warrant) == "budget_refuses"


async def test_an_autoscaler_that_somebody_has_changed_is_left_alone(any_bench: Bench) -> None:
    await autoscaled(any_bench)
    plan = await raising(any_bench)
    up = any_bench.warrant(plan, auto=False)
    assert await failure(any_bench, up, workflow_type=TIMEBOX) == "not_permitted"
    await any_bench.remove(port.AUTOSCALERS, "web")
    assert await failure(any_bench, up) == "target_gone"
    await any_bench.create(autoscaler(ceiling=20))
    assert await failure(any_bench, up) == "target_gone"


# -- seen -------------------------------------------------------------------------------------------------------------


@pytest.mark.claim("C-009")
async def test_one_look_reads_everything_with_the_declared_rights(any_bench: Bench) -> None:
    pod = await any_bench.one_pod_crashes()
    container = pod["spec"]["containers"][0]["name"]
    secret = "panic: cannot reach postgres://admin:hunter2@db"
    await any_bench.write_log(pod["metadata"]["name"], container, f"{secret}\n", previous=True)
    target = await any_bench.target()
    seen = await any_bench.reader.look(ReadSituation(target=target, failure=Failure.CRASHLOOP))
    assert seen.enabled
    assert seen.situation.denied == frozenset()
    assert [reading.uid for reading in seen.situation.pods if not reading.ready] == [pod["metadata"]["uid"]]
    assert len(seen.situation.surroundings.nodes) > 0
    assert "hunter2" not in seen.model_dump_json()


@pytest.mark.claim("C-009")
async def test_load_is_read_with_the_declared_rights_also_where_nobody_measures(any_bench: Bench) -> None:
    await autoscaled(any_bench)
    target = await any_bench.target()
    seen = await any_bench.load.look(ReadSituation(target=target, failure=Failure.CPU))
    assert seen.enabled
    assert seen.situation.denied <= {"podmetrics", "nodemetrics"}
    assert seen.situation.scaling is not None
    assert seen.situation.scaling.autoscaler is not None
    assert seen.situation.scaling.autoscaler.floor == 2


async def test_the_watch_reports_what_breaks_and_the_next_goes_on_from_its_bookmarks(any_bench: Bench) -> None:
    inbox = Inbox()
    async with watching(any_bench, inbox) as watched:
        await any_bench.one_pod_crashes("api")
        target = await any_bench.target("api")
        await watched.until(lambda: any(signal.target == target for signal in inbox.signals))
        handed_over = await watched.end()
    assert {signal.target.namespace for signal in inbox.signals} == {any_bench.home}
    assert handed_over.reported == len(inbox.signals)
    await any_bench.a_release_fails("web")
    call = WatchCluster(cluster_uid=any_bench.uid, bookmarks=handed_over.bookmarks)
    later = Inbox()
    async with watching(any_bench, later, call) as watched:
        await watched.until(lambda: (SignalType.FAILED_DEPLOY, f"{any_bench.home}/Deployment/web") in later.about())
