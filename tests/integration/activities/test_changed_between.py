"""What was approved is not done once its target, its namespace or its policy is another, however often that is tried.

Each round makes a plan that holds, has it approved and granted, changes one thing, and acts. In every other round the
change comes at the very last moment, after every look of ours, where the preconditions of the call alone are left.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import cycle, islice
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from byteport.kubernetes import port
from byteport.kubernetes.patches import CHANGE_CAUSE
from tests.integration.activities.bench import AUTO_POLICY, Bench
from tests.integration.activities.simulated_bench import SimulatedBench

ROUNDS_ON_CONTROL_PLANE = 40
REFUSALS = {"precondition_failed", "target_gone", "not_permitted"}

Change = Callable[[Bench, int], Awaitable[Any]]


async def template(bench: Bench, number: int) -> None:
    await bench.deploy("web", f"registry.example/web:{number + 3}", fault="crash")


async def label(bench: Bench, number: int) -> None:
    await bench.enable(bench.home, enabled=False)


async def policy(bench: Bench, number: int) -> None:
    """Another number of one limit is another policy."""
    named = AUTO_POLICY.replace("shop/", f"{bench.home}/")
    bench.set_policy(f"{named}settle_seconds: {30 + number % 500}\n")


async def uid(bench: Bench, number: int) -> None:
    await bench.remove(port.DEPLOYMENTS, "web")
    for release in (1, 2):
        await bench.deploy("web", f"registry.example/web:{release}", fault="crash" if release > 1 else None)


LATE = {template, uid}
"""What the call's own preconditions see; a label is then for the API server's policy, and a policy of ours for nobody."""


async def a_round(bench: Bench, change: Change, number: int, *, late: bool) -> None:
    warrant = bench.warrant(await bench.rollback(), auto=False)
    calls = 0

    async def meanwhile() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            await change(bench, number)

    if late:
        bench.switch.meanwhile = meanwhile
    else:
        await change(bench, number)
    with pytest.raises(ApplicationError) as refused:
        await bench.act(warrant)
    assert refused.value.type in REFUSALS, (change.__name__, late)
    assert bench.written() == [], (change.__name__, late)
    assert calls == int(late), "it came to the last look exactly where the change was late"
    bench.switch.meanwhile = None
    await bench.enable(bench.home)


@pytest.mark.claim("C-050")
@pytest.mark.parametrize(
    "rounds", [100, pytest.param(1000, marks=[pytest.mark.slow, pytest.mark.timeout(600)])], ids=["hundred", "thousand"]
)
async def test_review_8_what_was_approved_is_void_a_thousand_times_over(bench: SimulatedBench, rounds: int) -> None:
    await bench.a_release_fails()
    for number, change in enumerate(islice(cycle((template, label, policy, uid)), rounds)):
        await a_round(bench, change, number, late=change in LATE and number % 8 >= 4)


@pytest.mark.claim("C-050")
async def test_review_8_an_approval_is_void_on_either_cluster_whatever_has_changed(any_bench: Bench) -> None:
    await any_bench.a_release_fails()
    for number, change in enumerate(islice(cycle((template, label, policy)), ROUNDS_ON_CONTROL_PLANE)):
        await a_round(any_bench, change, number, late=change in LATE and number % 6 >= 3)
    await a_round(any_bench, uid, ROUNDS_ON_CONTROL_PLANE, late=False)


async def test_critique_0_9_what_only_counts_a_change_of_something_else_voids_nothing(any_bench: Bench) -> None:
    """An autoscaler sets the replicas, a person writes an annotation: the generation grows, and the plan is still that plan."""
    await any_bench.a_release_fails()
    warrant = any_bench.warrant(await any_bench.rollback(), auto=False)
    before = (await any_bench.deployment())["metadata"]["generation"]
    for replicas in range(2, 22):
        await any_bench.scale("web", 2 + replicas % 4)
    await any_bench.annotate(port.DEPLOYMENTS, "web", {CHANGE_CAUSE: None, "example.com/seen": "yes"})
    assert (await any_bench.deployment())["metadata"]["generation"] >= before + 20
    await any_bench.act(warrant)
    assert any_bench.written() == [("patch", "web")]
