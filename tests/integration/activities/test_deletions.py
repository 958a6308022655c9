"""Deleting a pod: what is not the pod that was agreed to, or not in that state any more, is left alone."""

from datetime import timedelta

import pytest

from activities.kubernetes.mutations import MOST_CALLS
from byteport.domain.warrants import Warrant
from byteport.errors import Throttled
from byteport.kubernetes import port
from tests.integration.activities.asking import failure, name_of
from tests.integration.activities.simulated_bench import SimulatedBench
from tests.scenarios.hands import SimulatedHands


async def test_a_deletion_replayed_on_another_worker_finds_the_pod_gone(
    bench: SimulatedBench, deletion: Warrant
) -> None:
    await bench.act(deletion)
    bench.cluster.advance(40)
    error = await failure(bench, deletion, on=bench.new_mutations())
    assert error.type == "target_gone"
    assert len(bench.written()) == 1


async def test_a_deletion_granted_again_is_found_done_by_a_worker_that_remembers_nothing(
    bench: SimulatedBench, deletion: Warrant
) -> None:
    """A workflow that was reset while it verified asks again: the pod is gone, and the log must say done."""
    await bench.act(deletion)
    bench.cluster.advance(40)
    body = deletion.grant.body.model_copy(update={"again": True, "lease_until": bench.clock() + timedelta(minutes=2)})
    again = deletion.model_copy(update={"grant": bench.ledger.sign(body)})
    assert (await bench.act(again, on=bench.new_mutations())).already
    assert len(bench.written()) == 1


@pytest.mark.claim("C-040")
async def test_fault_14_a_pod_made_again_under_its_name_is_another(bench: SimulatedBench, deletion: Warrant) -> None:
    pod = await bench.cluster.get(port.PODS, "shop", name_of(deletion))
    await bench.cluster.remove(port.PODS, "shop", name_of(deletion))
    bench.cluster.advance(40)
    await bench.cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": _named(pod), "spec": pod["spec"]})
    assert await bench.cluster.get(port.PODS, "shop", name_of(deletion))
    error = await failure(bench, deletion)
    assert (error.type, bench.written()) == ("target_gone", [])


def _named(pod: port.JSON) -> port.JSON:
    return {key: pod["metadata"][key] for key in ("name", "namespace")}


@pytest.mark.claim("C-040")
async def test_a_pod_that_turned_ready_is_left_alone(bench: SimulatedBench, deletion: Warrant) -> None:
    await bench.cluster.annotate_pod("shop", name_of(deletion), {"sim.byteport.io/fault": None})
    bench.cluster.advance(400)
    error = await failure(bench, bench.warrant(deletion.plan, auto=False))
    assert (error.type, bench.written()) == ("precondition_failed", [])
    assert "pod_is_ready" in error.message


@pytest.mark.claim("C-040")
async def test_a_pod_that_restarted_between_our_read_and_our_call_is_left_alone(
    bench: SimulatedBench, deletion: Warrant
) -> None:
    async def meanwhile() -> None:
        await bench.cluster.annotate_pod("shop", name_of(deletion), {"touched": "by somebody"})

    bench.switch.meanwhile = meanwhile
    error = await failure(bench, deletion)
    assert (error.type, bench.written()) == ("precondition_failed", [])


async def test_a_pod_that_never_rests_is_left_alone(bench: SimulatedBench) -> None:
    alone = bench.warrant(await bench.deletion(await bench.one_pod_crashes()), auto=True)
    asked = 0

    async def meanwhile() -> None:
        nonlocal asked
        asked += 1
        await bench.cluster.annotate_pod("shop", name_of(alone), {"touched": str(asked)})

    bench.switch.meanwhile = meanwhile
    error = await failure(bench, alone)
    assert (error.type, bench.written(), asked) == ("precondition_failed", [], MOST_CALLS)


async def test_no_attempt_of_temporals_begins_to_count_anew(bench: SimulatedBench) -> None:
    alone = bench.warrant(await bench.deletion(await bench.one_pod_crashes()), auto=True)
    asked = 0

    async def meanwhile() -> None:
        nonlocal asked
        asked += 1
        await bench.cluster.annotate_pod("shop", name_of(alone), {"touched": str(asked)})
        bench.cluster.fail_next("evict", Throttled("later"))

    bench.switch.meanwhile = meanwhile
    codes = [(await failure(bench, alone, attempt=attempt)).type for attempt in range(1, MOST_CALLS + 1)]
    assert (codes, bench.written(), asked) == (
        [*["throttled"] * (MOST_CALLS - 1), "precondition_failed"],
        [],
        MOST_CALLS,
    )


async def test_a_pod_that_got_well_between_our_read_and_our_call_is_left_alone(bench: SimulatedBench) -> None:
    alone = bench.warrant(await bench.deletion(await bench.one_pod_crashes()), auto=True)

    async def meanwhile() -> None:
        await SimulatedHands(bench.cluster).set_status(port.PODS, "shop", name_of(alone), well)

    pods = await bench.pods("web")
    well = next(pod["status"] for pod in pods if pod["metadata"]["name"] != name_of(alone))
    bench.switch.meanwhile = meanwhile
    error = await failure(bench, alone)
    assert (error.type, bench.written()) == ("precondition_failed", [])
    assert "judged again" in error.message


async def test_the_kill_switch_stops_what_is_judged_anew(bench: SimulatedBench) -> None:
    alone = bench.warrant(await bench.deletion(await bench.one_pod_crashes()), auto=True)

    async def meanwhile() -> None:
        await bench.cluster.annotate_pod("shop", name_of(alone), {"touched": "by somebody"})
        bench.switch.meanwhile = then

    async def then() -> None:
        bench.switch.on = True

    bench.switch.meanwhile = meanwhile
    error = await failure(bench, alone)
    assert (error.type, bench.written()) == ("not_permitted", [])


async def test_a_pod_that_somebody_else_is_deleting_is_left_alone(bench: SimulatedBench, deletion: Warrant) -> None:
    await bench.cluster.set_finalizers(port.PODS, "shop", name_of(deletion), ["example.com/drain"])
    await bench.cluster.remove(port.PODS, "shop", name_of(deletion))
    error = await failure(bench, deletion)
    assert (error.type, bench.written()) == ("precondition_failed", [])
    assert "being_deleted" in error.message


@pytest.mark.claim("C-040")
async def test_a_pod_that_no_replica_set_would_make_again_is_left_alone(
    bench: SimulatedBench, deletion: Warrant
) -> None:
    pod = await bench.cluster.get(port.PODS, "shop", name_of(deletion))
    del pod["metadata"]["ownerReferences"]
    await bench.cluster.apply(pod)
    error = await failure(bench, deletion)
    assert (error.type, bench.written()) == ("precondition_failed", [])
    assert "owner" in error.message


@pytest.mark.claim("C-024", "C-040")
async def test_a_pod_of_another_deployment_is_left_alone(bench: SimulatedBench) -> None:
    victim = await bench.one_pod_crashes("api")
    await bench.cluster.deploy("shop/web", image="web:1")
    plan = await bench.deletion(victim, name="web")
    error = await failure(bench, bench.warrant(plan, auto=False))
    assert (error.type, bench.written()) == ("precondition_failed", [])


@pytest.mark.claim("C-041")
async def test_a_disruption_budget_that_refuses_is_not_waited_for(bench: SimulatedBench, deletion: Warrant) -> None:
    await bench.cluster.apply(
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"minAvailable": 3, "selector": {"matchLabels": {"app": "web"}}},
        }
    )
    error = await failure(bench, deletion)
    assert (error.type, error.non_retryable, bench.written()) == ("budget_refuses", True, [])
