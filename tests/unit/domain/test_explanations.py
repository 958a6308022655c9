"""Every reason and every cause is told in words, with commands that can be typed as they stand."""

from __future__ import annotations

import pytest

from byteport.domain.cause_texts import CAUSES
from byteport.domain.explanations import meanings, next_steps
from byteport.domain.reason_texts import REASONS, Said
from byteport.domain.reasons import Cause, Reason
from byteport.domain.targets import Target

WEB = Target(cluster_uid="c", namespace="shop", kind="Deployment", name="web")
NODE = Target(cluster_uid="c", namespace="", kind="Node", name="node-a1")


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_told(reason: Reason) -> None:
    _reads_well(REASONS[reason])


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_is_told(cause: Cause) -> None:
    _reads_well(CAUSES[cause])


def _reads_well(said: Said) -> None:
    assert said.meaning[0].isupper()
    assert said.meaning.endswith(".")
    assert len(said.meaning) <= 200


@pytest.mark.parametrize("target", [WEB, NODE], ids=["workload", "node"])
def test_no_placeholder_is_left_in_a_command(target: Target) -> None:
    for step in next_steps(target, None, tuple(Reason)) + tuple(
        step for cause in Cause for step in next_steps(target, cause, ())
    ):
        assert "{" not in step, step


def test_the_cause_comes_first_and_nothing_is_said_twice() -> None:
    steps = next_steps(WEB, Cause.OOM_KILLED, (Reason.NOT_LOAD, Reason.NO_AUTOSCALER, Reason.HALTED))
    assert steps[0] == "Compare limit and working set: kubectl top pods -n shop --containers"
    assert len(set(steps)) == len(steps)
    assert steps[-1].startswith("byteport resume")


def test_a_statefulset_is_named_as_one() -> None:
    db = WEB.model_copy(update={"kind": "StatefulSet", "name": "db"})
    assert "kubectl rollout history statefulset/db -n shop" in next_steps(db, Cause.BAD_ROLLOUT, ())


def test_meanings_come_in_the_order_of_the_reasons() -> None:
    assert meanings((Reason.HALTED, Reason.HEALTHY)) == (
        "The kill switch is on: nothing is done.",
        "Nothing is wrong.",
    )
