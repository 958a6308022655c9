"""An act that nobody said yes to: the cluster worker looks for itself, judges again, and does only that very act."""

import pytest
from temporalio.exceptions import ApplicationError

from byteport.domain.warrants import Warrant
from byteport.kubernetes import port
from tests.integration.activities.asking import pod_of
from tests.integration.activities.bench import AUTO_POLICY
from tests.integration.activities.simulated_bench import SimulatedBench


@pytest.fixture
async def auto(bench: SimulatedBench) -> Warrant:
    """The word `auto` for deleting the one pod that crashes."""
    pod = await bench.one_pod_crashes()
    return bench.warrant(await bench.deletion(pod), auto=True)


async def refused(bench: SimulatedBench, warrant: Warrant) -> ApplicationError:
    with pytest.raises(ApplicationError) as caught:
        await bench.act(warrant)
    assert caught.value.non_retryable
    assert bench.written() == []
    return caught.value


async def test_what_the_worker_finds_for_itself_is_done_without_anybody(bench: SimulatedBench, auto: Warrant) -> None:
    await bench.act(auto)
    assert len(bench.written()) == 1


@pytest.mark.claim("C-032")
async def test_a_healthy_pod_is_not_deleted_on_anybodys_word_but_a_persons(
    bench: SimulatedBench, auto: Warrant
) -> None:
    """Whatever diagnosis a forged workflow made up: here it is judged again."""
    healthy = next(pod for pod in await bench.pods() if pod["metadata"]["name"] != pod_of(auto).name)
    error = await refused(bench, bench.warrant(await bench.deletion(healthy), auto=True))
    assert error.type == "precondition_failed"
    assert "changed" in error.message


@pytest.mark.claim("C-032")
async def test_a_crash_that_has_ended_meanwhile_is_not_acted_on(bench: SimulatedBench, auto: Warrant) -> None:
    assert auto.plan.act == "delete_pod"
    await bench.cluster.annotate_pod("shop", auto.plan.pod.name, {"sim.byteport.io/fault": None})
    bench.cluster.advance(1200)
    error = await refused(bench, bench.warrant(auto.plan, auto=True))
    assert "verdict" in error.message


@pytest.mark.claim("C-032")
async def test_a_cause_that_wants_a_person_is_not_acted_on_alone(bench: SimulatedBench) -> None:
    await bench.enable("shop")
    await bench.cluster.deploy("shop/web", image="web:1")
    bench.cluster.advance(600)
    victim = (await bench.pods())[0]["metadata"]["name"]
    await bench.cluster.annotate_pod("shop", victim, {"sim.byteport.io/fault": "oom"})
    bench.cluster.advance(400)
    pod = await bench.cluster.get(port.PODS, "shop", victim)
    error = await refused(bench, bench.warrant(await bench.deletion(pod), auto=True))
    assert "verdict" in error.message


async def test_a_refusing_budget_seen_by_the_worker_itself_stops_it(bench: SimulatedBench, auto: Warrant) -> None:
    await bench.cluster.apply(
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"minAvailable": 3, "selector": {"matchLabels": {"app": "web"}}},
        }
    )
    assert "budget_refuses" in (await refused(bench, auto)).message


@pytest.mark.claim("C-032")
async def test_a_chaos_experiment_on_the_target_stops_it(bench: SimulatedBench, auto: Warrant) -> None:
    await bench.cluster.annotate_deployment("shop/web", {"litmuschaos.io/chaos": "true"})
    assert "chaos_experiment" in (await refused(bench, auto)).message


@pytest.mark.claim("C-022")
async def test_a_label_removed_since_the_diagnosis_stops_it(bench: SimulatedBench, auto: Warrant) -> None:
    await bench.cluster.label_namespace("shop", {"byteport.io/enabled": None})
    error = await refused(bench, auto)
    assert (error.type, "not_enabled" in error.message) == ("not_permitted", True)


async def test_without_a_named_log_store_nothing_is_deleted_alone(bench: SimulatedBench) -> None:
    bench.set_policy(AUTO_POLICY.replace("log_store_named: true", "log_store_named: false"))
    pod = await bench.one_pod_crashes()
    error = await refused(bench, bench.warrant(await bench.deletion(pod), auto=True))
    assert "no_log_store" in error.message


async def test_a_retry_after_the_act_is_not_judged_but_found(bench: SimulatedBench, auto: Warrant) -> None:
    """Judged again after the act, all is well and the act would look wrong; it was done all the same."""
    await bench.act(auto)
    bench.cluster.advance(5)
    assert (await bench.act(auto, attempt=2, on=bench.new_mutations())).already
    assert len(bench.written()) == 1
