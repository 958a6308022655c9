"""An alert beside what the cluster shows: it may ask people for more, and never makes the agent do less than without it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byteport.domain.diagnoses import Diagnosis
from byteport.domain.failures import Failure
from byteport.domain.plans import Refused, RollbackPlan
from byteport.domain.policy import Mode, Standing, VerdictKind, judge
from byteport.domain.signals import Signal, SignalType, Source
from byteport.runbooks.error_rate import SOON_AFTER
from tests.builders.rollouts import NOW, RUNBOOK, Shop, ago, crashing, pod
from tests.builders.sampled import examples
from tests.unit.runbooks.rollback_worlds import badly_named, crashed, that_no_node_takes
from tests.unit.runbooks.test_failed_deploy_properties import SPOILS

WORLDS = {"crashed": crashed, "badly named": badly_named, "no node": that_no_node_takes}
OTHERS = [Source.ALERTMANAGER, Source.CLOUDWATCH, Source.PROMETHEUS, Source.AWS]


def alert_of(made: Shop, *, began: timedelta, source: Source = Source.ALERTMANAGER) -> Signal:
    """Errors that began so long ago."""
    return made.signal().model_copy(
        update={"type": SignalType.ERROR_RATE, "source": source, "observed_at": NOW - began, "value": 0.4}
    )


def judged(made: Shop, signal: Signal) -> tuple[Diagnosis, RollbackPlan | Refused, VerdictKind]:
    situation = made.situation()
    diagnosis = RUNBOOK.diagnose(signal, situation)
    plan = RUNBOOK.propose(diagnosis, situation, made.config)
    assert isinstance(plan, RollbackPlan | Refused)
    return diagnosis, plan, judge(Mode.AUTO, plan, diagnosis, Standing(), made.config).kind


def taken_over() -> Shop:
    """The newest release took over an hour ago and served; now two of its pods fail."""
    made = shop_that_serves()
    made.fails(crashing())
    return made


def shop_that_serves() -> Shop:
    made = crashed()
    made.pods = [one for one in made.pods if "-bad" not in one["metadata"]["name"]]
    made.progress("NewReplicaSetAvailable", since=ago(hours=1))
    made.pods.append(pod(made.new, "well", node="node-z", ready=True, since=ago(hours=1)))
    return made


@pytest.mark.claim("C-485")
@pytest.mark.parametrize("began", [timedelta(0), SOON_AFTER + timedelta(hours=5), timedelta(days=6)], ids=str)
def test_a_release_that_plainly_crashes_is_undone_whenever_errors_were_measured(began: timedelta) -> None:
    made = crashed()
    made.released(minutes=20)
    made.progress("ProgressDeadlineExceeded", status="False", since=ago(minutes=9))
    _, plan, verdict = judged(made, alert_of(made, began=began))
    assert isinstance(plan, RollbackPlan)
    assert plan.caveats == ()
    assert verdict is VerdictKind.ACT


@pytest.mark.claim("C-485")
@settings(max_examples=examples(80), deadline=None)
@given(
    st.sampled_from([*WORLDS, "taken over"]),
    st.lists(st.sampled_from(sorted(SPOILS)), max_size=3, unique=True),
    st.integers(-3600, 7 * 86400),
    st.sampled_from(OTHERS),
)
def test_whatever_is_there_an_alert_never_makes_it_less(
    world: str, spoils: list[str], seconds: int, source: Source
) -> None:
    made = WORLDS.get(world, taken_over)()
    if world not in ("crashed", "taken over"):
        spoils = [name for name in spoils if name not in ("oom", "mutated", "too few")]
    for name in spoils:
        SPOILS[name](made)
    own, own_plan, own_verdict = judged(made, made.signal())
    found, plan, verdict = judged(made, alert_of(made, began=timedelta(seconds=seconds), source=source))
    if own_verdict is VerdictKind.ACT:
        assert verdict is VerdictKind.ACT
    if isinstance(own_plan, RollbackPlan):
        assert isinstance(plan, RollbackPlan)
        assert set(plan.caveats) <= set(own_plan.caveats)
    if own.hand_over is not None:
        assert found.hand_over is own.hand_over or isinstance(plan, RollbackPlan)
    if not own.silent:
        assert not found.silent


def test_pods_that_fail_by_themselves_are_the_pods_own_where_the_errors_are_not_the_releases() -> None:
    made = taken_over()
    found, _, _ = judged(made, alert_of(made, began=timedelta(days=2)))
    assert found.hand_over is Failure.CRASHLOOP
