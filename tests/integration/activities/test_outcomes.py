"""What became of an act whose answer was lost: found, not there once no request can be on its way, or not to be told."""

import pytest
from temporalio.exceptions import ApplicationError

from byteport.domain.warrants import Warrant
from byteport.kubernetes import port
from tests.integration.activities.asking import outcome
from tests.integration.activities.simulated_bench import SimulatedBench


async def test_an_outcome_is_true_when_the_effect_is_in_place(bench: SimulatedBench, warrant: Warrant) -> None:
    await bench.act(warrant)
    assert (await outcome(bench, warrant)).applied is True


async def test_not_in_place_is_said_only_when_no_request_can_be_on_its_way(
    bench: SimulatedBench, warrant: Warrant
) -> None:
    with pytest.raises(ApplicationError) as caught:
        await outcome(bench, warrant)
    assert (caught.value.type, caught.value.non_retryable) == ("unavailable", False)
    assert caught.value.next_retry_delay is not None
    bench.clock.advance(78)
    assert (await outcome(bench, warrant)).applied is False


async def test_what_somebody_changed_since_cannot_be_told(bench: SimulatedBench, rollback: Warrant) -> None:
    await bench.cluster.deploy("shop/web", image="web:3")
    assert (await outcome(bench, rollback)).applied is None
    await bench.cluster.remove(port.DEPLOYMENTS, "shop", "web")
    assert (await outcome(bench, rollback)).applied is None


async def test_an_outcome_is_told_of_granted_actions_of_this_cluster_only(
    bench: SimulatedBench, rollback: Warrant
) -> None:
    forged = rollback.grant.model_copy(update={"signature": "0" * 128})
    other = bench.warrant(rollback.plan, auto=False, cluster_uid="another")
    for warrant in (rollback.model_copy(update={"grant": forged}), other):
        with pytest.raises(ApplicationError) as caught:
            await outcome(bench, warrant)
        assert caught.value.type == "not_permitted"
