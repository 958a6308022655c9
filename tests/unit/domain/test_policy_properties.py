"""The policy by its properties: it acts only where everything says so, and no stop, caveat or mode ever loosens it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.domain.ceilings import Ceiling
from byteport.domain.diagnoses import Diagnosis
from byteport.domain.failures import Failure
from byteport.domain.plans import DeletePodPlan, Refused, RollbackPlan
from byteport.domain.policy import (
    PROTECTED_NAMESPACES,
    STOPS,
    Mode,
    PolicyConfig,
    Standing,
    Verdict,
    VerdictKind,
    judge,
)
from byteport.domain.reasons import Cause, Reason
from tests.unit.domain.values import FACTS, TARGET, deletion, rollback

PERMISSION = [VerdictKind.SKIP, VerdictKind.ESCALATE, VerdictKind.AWAIT_APPROVAL, VerdictKind.ACT]
"""From the least to the most that may follow."""


def allows(found: Verdict) -> int:
    return PERMISSION.index(found.kind)


reasons = st.lists(st.sampled_from(list(Reason)), max_size=3).map(tuple)
plans: st.SearchStrategy[Any] = st.one_of(
    reasons.map(lambda found: deletion(*found)),
    reasons.map(lambda found: rollback(*found)),
    reasons.filter(bool).map(lambda found: Refused(because=found)),
)
names = st.sampled_from([(), ("web",), ("*",), ("other",)])
ceilings = st.builds(Ceiling, mode=st.sampled_from(list(Mode)), rollback=names, hpa=names)
standings = st.builds(
    Standing,
    unproven=st.booleans(),
    ceiling=st.none() | ceilings,
    **{field: st.booleans() for field in STOPS},
)
diagnoses = st.builds(
    Diagnosis,
    failure=st.sampled_from([Failure.CRASHLOOP, Failure.BAD_ROLLOUT]),
    target=st.sampled_from([TARGET, TARGET.model_copy(update={"namespace": "kube-system"})]),
    cause=st.sampled_from([Cause.TRANSIENT, Cause.BAD_IMAGE]),
    facts=st.sampled_from([(), FACTS[:1], FACTS]),
    reasons=reasons,
    silent=st.booleans(),
    look_again_seconds=st.none() | st.just(30),
)
configs = st.builds(
    PolicyConfig,
    mode=st.sampled_from(list(Mode)),
    protected_namespaces=st.sampled_from([frozenset(), frozenset({"shop"})]),
    rollback_allowed=st.sampled_from([frozenset(), frozenset({"shop/*"})]),
    log_store_named=st.booleans(),
)
modes = st.sampled_from(list(Mode))


@pytest.mark.claim("C-032")
@given(modes, plans, diagnoses, standings, configs)
def test_it_acts_only_in_auto_on_a_plan_without_caveats_in_a_clear_standing(
    mode: Mode, plan: Any, about: Diagnosis, standing: Standing, config: PolicyConfig
) -> None:
    found = judge(mode, plan, about, standing, config)
    if found.kind is not VerdictKind.ACT:
        assert found.reasons, "whatever is not done has a reason"
        return
    assert mode is Mode.AUTO
    assert not isinstance(plan, Refused)
    assert not plan.caveats
    assert not about.reasons
    assert not about.silent
    assert len(about.facts) >= 2
    assert standing.model_copy(update={"unproven": False, "ceiling": None}) == Standing()
    assert standing.ceiling is None or standing.ceiling.mode is Mode.AUTO
    if isinstance(plan, RollbackPlan):
        assert not standing.unproven
        assert standing.ceiling is None or standing.ceiling.may_roll_back("web")
    assert plan.target.namespace not in PROTECTED_NAMESPACES | config.protected_namespaces
    assert config.log_store_named if isinstance(plan, DeletePodPlan) else config.rollback_allowed


@given(modes, plans, diagnoses, standings, configs, st.sampled_from(list(STOPS)))
def test_a_further_stop_never_allows_more(
    mode: Mode, plan: Any, about: Diagnosis, standing: Standing, config: PolicyConfig, stop: str
) -> None:
    before = judge(mode, plan, about, standing, config)
    after = judge(mode, plan, about, standing.model_copy(update={stop: True}), config)
    assert allows(after) <= allows(before)


@given(
    modes,
    plans.filter(lambda plan: not isinstance(plan, Refused)),
    diagnoses,
    standings,
    configs,
    st.sampled_from(list(Reason)),
)
def test_a_further_caveat_never_allows_more(
    mode: Mode, plan: Any, about: Diagnosis, standing: Standing, config: PolicyConfig, caveat: Reason
) -> None:
    before = judge(mode, plan, about, standing, config)
    after = judge(mode, plan.model_copy(update={"caveats": (*plan.caveats, caveat)}), about, standing, config)
    assert allows(after) <= allows(before)


@pytest.mark.claim("C-033")
@given(modes, modes, plans, diagnoses, standings, configs)
def test_a_lower_mode_never_allows_more(
    one: Mode, other: Mode, plan: Any, about: Diagnosis, standing: Standing, config: PolicyConfig
) -> None:
    order = list(Mode)
    lower, higher = sorted((one, other), key=order.index)
    assert allows(judge(lower, plan, about, standing, config)) <= allows(judge(higher, plan, about, standing, config))


@given(modes, plans, diagnoses, standings, configs, ceilings)
def test_a_ceiling_never_allows_more_than_none(
    mode: Mode, plan: Any, about: Diagnosis, standing: Standing, config: PolicyConfig, ceiling: Ceiling
) -> None:
    free = judge(mode, plan, about, standing.model_copy(update={"ceiling": None}), config)
    held = judge(mode, plan, about, standing.model_copy(update={"ceiling": ceiling}), config)
    assert allows(held) <= allows(free)


@given(modes, plans, diagnoses, standings, configs)
def test_the_same_question_has_the_same_answer_and_no_reason_twice(
    mode: Mode, plan: Any, about: Diagnosis, standing: Standing, config: PolicyConfig
) -> None:
    found = judge(mode, plan, about, standing, config)
    assert found == judge(mode, plan, about, standing, config)
    if not isinstance(plan, Refused) and not about.silent:
        assert len(set(found.reasons)) == len(found.reasons)
