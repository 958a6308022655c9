"""A situation fits into one payload however many pods there are, says how many are not in it, and is then nothing to act on alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.domain.failures import Failure
from byteport.domain.plans import Refused
from byteport.domain.policy import PolicyConfig
from byteport.domain.reasons import Reason
from byteport.kubernetes.fitting import fitted
from byteport.kubernetes.pods import PodReading
from byteport.kubernetes.reading import read_situation
from byteport.kubernetes.situation import Situation
from byteport.runbooks.pod_crashloop import PodCrashloopRunbook
from tests.builders.asking import deployment, signal_on
from tests.builders.workload import Workload

PAYLOAD = 2 << 20
"""What Temporal takes, unless its administrator has changed `limit.blobSize.error`."""


def crashing() -> Workload:
    """One of five replicas."""
    shop = Workload(replicas=5)
    shop.crash(0)
    return shop


def seen() -> Situation:
    return read_situation(crashing().world(), deployment(), Failure.CRASHLOOP)


def many(count: int, failing: int) -> Situation:
    """As of so many replicas, each on a node of its own."""
    small = seen()
    (ill, *_) = (pod for pod in small.pods if pod.cause is not None)
    (well, *_) = (pod for pod in small.pods if pod.cause is None)
    node = small.surroundings.nodes[0]
    pods = tuple(_named(ill if number % count < failing else well, number) for number in range(count))
    nodes = tuple(node.model_copy(update={"name": f"node-{number}"}) for number in range(count))
    around = small.surroundings.model_copy(update={"nodes": nodes})
    return small.model_copy(update={"pods": pods, "surroundings": around})


def _named(pod: PodReading, number: int) -> PodReading:
    return pod.model_copy(update={"name": f"web-{number}", "uid": f"{number:036}", "node": f"node-{number}"})


@pytest.mark.claim("C-463")
@pytest.mark.parametrize(("count", "failing"), [(1000, 0), (5000, 0), (5000, 40), (5000, 5000)])
def test_fault_26_of_thousands_of_pods_as_many_as_fit_are_told_and_the_others_counted(count: int, failing: int) -> None:
    situation = fitted(many(count, failing))
    assert len(situation.model_dump_json().encode()) < PAYLOAD
    assert len(situation.pods) + situation.left_out == count
    assert (situation.left_out > 0) == (count > 1000)
    ill = [pod for pod in situation.pods if pod.cause is not None]
    assert len(ill) == min(failing, len(situation.pods)), "one that fails goes before one that is well"
    assert {node.name for node in situation.surroundings.nodes} == {pod.node for pod in situation.pods}
    assert Situation.model_validate_json(situation.model_dump_json()) == situation


@given(most=st.integers(0, 60_000))
def test_whatever_fits_no_more_than_that_is_told_in_the_order_that_it_had(most: int) -> None:
    whole = many(30, 7)
    situation = fitted(whole, most)
    assert sum(len(pod.model_dump_json()) for pod in situation.pods) <= most
    assert [pod for pod in whole.pods if pod in situation.pods] == list(situation.pods)
    assert fitted(situation, most) == situation


@pytest.mark.claim("C-463")
def test_fault_26_with_pods_left_out_every_plan_waits_for_a_person() -> None:
    runbook, situation, config = PodCrashloopRunbook(), seen(), PolicyConfig()
    signal = signal_on(situation.target, at=crashing().world())
    diagnosis = runbook.diagnose(signal, situation)
    plan = runbook.propose(diagnosis, situation, config)
    unseen = runbook.propose(diagnosis, situation.model_copy(update={"left_out": 1}), config)
    assert not isinstance(plan, Refused)
    assert not isinstance(unseen, Refused)
    assert Reason.CANNOT_TELL not in plan.caveats
    assert unseen.caveats == (*plan.caveats, Reason.CANNOT_TELL)
