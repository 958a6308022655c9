"""Errors that an alert measures: a plan for a person where they began with the newest release, and a named cause otherwise."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.domain.diagnoses import Diagnosis
from byteport.domain.plans import Refused, RollbackPlan
from byteport.domain.policy import Mode, Standing, VerdictKind, judge
from byteport.domain.reasons import Cause, Reason
from byteport.domain.signals import Signal, SignalType, Source
from byteport.kubernetes.situation import Situation
from byteport.runbooks.error_rate import SKEW, SOON_AFTER
from tests.builders.rollouts import NOW, RUNBOOK, Shop, ago, pod, shop

MINUTES = 20
"""How long ago the newest release began."""


def served() -> Shop:
    """Three of the old revision serve, one of the new does, and has for longer than the settle time."""
    made = shop()
    made.released(minutes=MINUTES)
    made.progress("NewReplicaSetAvailable", since=ago(minutes=MINUTES - 2))
    made.pods.append(pod(made.new, "new", ready=True, since=ago(minutes=MINUTES - 1)))
    made.counts(new_pods=1, new_ready=1)
    return made


def errors(made: Shop, *, minutes_ago: float, source: Source = Source.ALERTMANAGER) -> Signal:
    return made.signal().model_copy(
        update={
            "type": SignalType.ERROR_RATE,
            "source": source,
            "observed_at": NOW - timedelta(minutes=minutes_ago),
            "value": 0.2,
            "threshold": 0.05,
        }
    )


def asked(made: Shop, signal: Signal) -> tuple[Diagnosis, RollbackPlan | Refused, Situation]:
    situation = made.situation()
    diagnosis = RUNBOOK.diagnose(signal, situation)
    return diagnosis, RUNBOOK.plan(diagnosis, situation, made.config), situation


def test_errors_that_began_with_a_release_that_served_are_a_plan_for_a_person() -> None:
    made = served()
    diagnosis, plan, _ = asked(made, errors(made, minutes_ago=MINUTES - 5))
    assert isinstance(plan, RollbackPlan)
    assert plan.caveats == (Reason.REVISION_HAS_SERVED,)
    assert diagnosis.cause is Cause.BAD_ROLLOUT
    facts = {fact.name: fact.value for fact in diagnosis.facts}
    assert facts["error_rate"] == 0.2
    assert facts["error_rate_threshold"] == 0.05
    assert facts["errors_began_at"] > facts["release_began_at"]  # type: ignore[operator]  # both are times as text


def test_no_measure_of_others_makes_it_act_alone() -> None:
    made = served()
    diagnosis, plan, _ = asked(made, errors(made, minutes_ago=MINUTES - 5))
    assert judge(Mode.AUTO, plan, diagnosis, Standing(), made.config).kind is VerdictKind.ESCALATE


@pytest.mark.parametrize("minutes_ago", [MINUTES + 2, MINUTES + 600])
def test_errors_that_were_there_before_the_release_are_not_laid_at_its_door(minutes_ago: float) -> None:
    made = served()
    diagnosis, plan, _ = asked(made, errors(made, minutes_ago=minutes_ago))
    assert isinstance(plan, Refused)
    assert Reason.NOT_WITH_RELEASE in plan.because
    assert diagnosis.cause is Cause.ALERT


def test_errors_long_after_the_release_are_not_laid_at_its_door() -> None:
    made = served()
    made.released(minutes=SOON_AFTER.total_seconds() / 60 + 30)
    made.progress("NewReplicaSetAvailable", since=ago(minutes=80))
    _, plan, _ = asked(made, errors(made, minutes_ago=1))
    assert isinstance(plan, Refused)
    assert Reason.NOT_WITH_RELEASE in plan.because


@given(st.integers(-7 * 86400, 7 * 86400))
def test_they_are_tied_to_the_release_exactly_within_an_hour_of_its_beginning(seconds_after: int) -> None:
    made = served()
    signal = errors(made, minutes_ago=0)
    began = made.situation().rollout.began_at  # type: ignore[union-attr]  # the builder's Deployment is there
    assert began is not None
    signal = signal.model_copy(update={"observed_at": began + timedelta(seconds=seconds_after)})
    _, plan, _ = asked(made, signal)
    tied = -SKEW <= timedelta(seconds=seconds_after) <= SOON_AFTER
    assert isinstance(plan, RollbackPlan) is tied


def test_a_revision_that_a_rollback_of_ours_went_back_to_is_not_undone_in_turn() -> None:
    made = served()
    made.deployment["metadata"]["annotations"]["byteport.io/rollback-to"] = made.new["metadata"]["name"]
    _, plan, _ = asked(made, errors(made, minutes_ago=MINUTES - 5))
    assert isinstance(plan, Refused)
    assert Reason.NOT_WITH_RELEASE in plan.because


def test_a_mark_of_an_earlier_rollback_says_nothing_of_a_later_release() -> None:
    made = served()
    made.deployment["metadata"]["annotations"]["byteport.io/rollback-to"] = made.old["metadata"]["name"]
    _, plan, _ = asked(made, errors(made, minutes_ago=MINUTES - 5))
    assert isinstance(plan, RollbackPlan)


def test_where_nothing_old_serves_there_is_no_plan_but_a_page() -> None:
    made = served()
    made.old["spec"]["replicas"] = 0
    made.pods = made.pods[3:]
    made.counts(new_pods=3, new_ready=3, old_ready=0)
    diagnosis, plan, _ = asked(made, errors(made, minutes_ago=MINUTES - 5))
    assert isinstance(plan, Refused)
    assert Reason.NO_KNOWN_GOOD_REVISION in plan.because
    assert diagnosis.cause is Cause.BAD_ROLLOUT
    assert not diagnosis.silent


def test_pods_that_are_well_do_not_show_that_errors_are_over() -> None:
    made = served()
    situation = made.situation()
    assert not RUNBOOK.recovered(errors(made, minutes_ago=5), situation)


def test_a_person_may_blame_the_release_whenever_they_saw_it() -> None:
    made = served()
    _, plan, _ = asked(made, errors(made, minutes_ago=MINUTES + 600, source=Source.PERSON))
    assert isinstance(plan, RollbackPlan)
    assert plan.caveats == (Reason.REVISION_HAS_SERVED,)


def test_a_release_that_never_served_is_judged_by_its_own_pods_as_ever() -> None:
    made = shop()
    made.released(minutes=2)
    diagnosis, plan, _ = asked(made, errors(made, minutes_ago=1))
    assert isinstance(plan, Refused)
    assert diagnosis.look_again_seconds is not None
