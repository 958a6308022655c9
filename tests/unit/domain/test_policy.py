"""The policy as a table: what it says to each plan, in each mode and standing."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from byteport.domain.diagnoses import Fact
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
from byteport.domain.reasons import Reason
from byteport.domain.targets import PodRef
from tests.unit.domain.values import FACTS, GIVEN, TARGET, deletion, diagnosis, diagnosis_for, rollback

Plan = DeletePodPlan | RollbackPlan


def verdict(
    mode: Mode, plan: Plan | Refused, standing: Standing | None = None, config: PolicyConfig = GIVEN
) -> Verdict:
    about = diagnosis() if isinstance(plan, Refused) else diagnosis_for(plan)
    return judge(mode, plan, about, standing or Standing(), config)


@pytest.mark.parametrize("plan", [deletion(), rollback()])
@pytest.mark.parametrize(
    ("mode", "kind", "reasons"),
    [
        (Mode.AUTO, VerdictKind.ACT, ()),
        (Mode.DRY_RUN, VerdictKind.AWAIT_APPROVAL, (Reason.MODE_DRY_RUN,)),
        (Mode.OBSERVE, VerdictKind.ESCALATE, (Reason.MODE_OBSERVES,)),
    ],
)
def test_a_clear_way(plan: Plan, mode: Mode, kind: VerdictKind, reasons: tuple[Reason, ...]) -> None:
    assert verdict(mode, plan) == Verdict(kind=kind, reasons=reasons)


@pytest.mark.parametrize("plan", [deletion, rollback])
@pytest.mark.parametrize("mode", [Mode.AUTO, Mode.DRY_RUN])
@pytest.mark.parametrize("caveat", list(Reason))
def test_any_caveat_makes_a_plan_a_persons(plan: Any, mode: Mode, caveat: Reason) -> None:
    assert verdict(mode, plan(caveat)) == Verdict(kind=VerdictKind.ESCALATE, reasons=(caveat,))


@pytest.mark.parametrize("plan", [deletion(), rollback()])
@pytest.mark.parametrize("field", list(STOPS))
@pytest.mark.parametrize("mode", [Mode.AUTO, Mode.DRY_RUN])
def test_every_stop_of_the_standing_stops_and_is_named(plan: Plan, field: str, mode: Mode) -> None:
    found = verdict(mode, plan, Standing.model_validate({field: True}))
    assert found == Verdict(kind=VerdictKind.ESCALATE, reasons=(STOPS[field],))


def test_every_field_of_a_standing_is_a_stop_but_for_what_depends_on_the_plan() -> None:
    assert set(STOPS) | {"unproven", "ceiling"} == set(Standing.model_fields)
    assert len(set(STOPS.values())) == len(STOPS)


def test_every_combination_of_stops_names_them_all() -> None:
    for hit in itertools.product([False, True], repeat=len(STOPS)):
        chosen = dict(zip(STOPS, hit, strict=True))
        found = verdict(Mode.AUTO, rollback(), Standing.model_validate(chosen))
        assert found.reasons == tuple(STOPS[field] for field, on in chosen.items() if on)
        assert found.kind is (VerdictKind.ESCALATE if any(hit) else VerdictKind.ACT)


@pytest.mark.parametrize("mode", list(Mode))
def test_a_refused_plan_is_an_escalation_with_its_reasons(mode: Mode) -> None:
    assert verdict(mode, Refused(because=(Reason.PAUSED,))) == Verdict(
        kind=VerdictKind.ESCALATE, reasons=(Reason.PAUSED,)
    )


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("plan", [deletion(), rollback(), Refused(because=(Reason.HEALTHY,))])
def test_silence_is_skipped_whatever_was_planned(mode: Mode, plan: Plan | Refused) -> None:
    silent = diagnosis(Failure.CRASHLOOP, Reason.RECOVERED).model_copy(update={"silent": True})
    assert judge(mode, plan, silent, Standing(halted=True), GIVEN) == Verdict(
        kind=VerdictKind.SKIP, reasons=(Reason.RECOVERED,)
    )


@pytest.mark.claim("C-023")
@pytest.mark.parametrize("namespace", [*sorted(PROTECTED_NAMESPACES), "temporal", ""])
@pytest.mark.parametrize("mode", list(Mode))
def test_a_protected_namespace_is_never_touched_and_settings_cannot_unprotect_one(namespace: str, mode: Mode) -> None:
    config = GIVEN.model_copy(
        update={"protected_namespaces": frozenset({"temporal"}), "rollback_allowed": frozenset({f"{namespace}/web"})}
    )
    plan = rollback().model_copy(update={"target": TARGET.model_copy(update={"namespace": namespace})})
    about = diagnosis_for(plan).model_copy(update={"target": plan.target})
    assert judge(mode, plan, about, Standing(), config).reasons == (Reason.PROTECTED_NAMESPACE,)


@pytest.mark.parametrize(
    "facts", [(), FACTS[:1], (FACTS[0], FACTS[0]), (FACTS[0], Fact(name="restarts", value=7, about="Pod/shop/web-1-a"))]
)
def test_one_fact_said_twice_is_one_fact(facts: tuple[Fact, ...]) -> None:
    found = judge(Mode.AUTO, deletion(), diagnosis(facts=facts), Standing(), GIVEN)
    assert found == Verdict(kind=VerdictKind.ESCALATE, reasons=(Reason.TOO_LITTLE_EVIDENCE,))


def test_a_reason_of_the_diagnosis_counts_though_the_plan_left_it_out() -> None:
    found = judge(Mode.AUTO, rollback(), diagnosis(Failure.BAD_ROLLOUT, Reason.GITOPS_MANAGED), Standing(), GIVEN)
    assert found == Verdict(kind=VerdictKind.ESCALATE, reasons=(Reason.GITOPS_MANAGED,))


@pytest.mark.claim("C-043")
@pytest.mark.parametrize("mode", [Mode.AUTO, Mode.DRY_RUN])
def test_what_the_administrator_did_not_give_is_asked_again(mode: Mode) -> None:
    bare = PolicyConfig()
    assert verdict(mode, deletion(), config=bare).reasons == (Reason.NO_LOG_STORE,)
    assert verdict(mode, rollback(), config=bare).reasons == (Reason.NOT_ALLOW_LISTED,)


@pytest.mark.claim("C-043")
@pytest.mark.parametrize(
    ("allowed", "may"),
    [
        ({"shop/web"}, True),
        ({"shop/*"}, True),
        ({"shop/api"}, False),
        ({"web"}, False),
        ({"*/*"}, False),
        ({"*"}, False),
        (set(), False),
    ],
)
def test_a_rollback_is_allowed_by_name_or_for_all_of_a_namespace(allowed: set[str], *, may: bool) -> None:
    assert PolicyConfig(rollback_allowed=frozenset(allowed)).may_roll_back("shop", "web") is may


@pytest.mark.parametrize(
    ("plan", "change", "reason"),
    [
        (deletion(), {"target": TARGET.model_copy(update={"name": "api"})}, Reason.TARGET_CHANGED),
        (rollback(), {"target": TARGET.model_copy(update={"uid": "d2"})}, Reason.TARGET_CHANGED),
        (rollback(), {"target": TARGET.model_copy(update={"cluster_uid": "c2"})}, Reason.TARGET_CHANGED),
        (deletion(), {"failure": Failure.BAD_ROLLOUT}, Reason.OUTSIDE_SCOPE),
        (rollback(), {"failure": Failure.MEMORY}, Reason.OUTSIDE_SCOPE),
        (rollback(), {"look_again_seconds": 30}, Reason.TOO_EARLY),
        (deletion(), {"hand_over": Failure.BAD_ROLLOUT}, Reason.HANDED_OVER),
    ],
)
def test_a_plan_that_does_not_follow_from_its_diagnosis_is_a_persons(
    plan: Plan, change: dict[str, Any], reason: Reason
) -> None:
    about = diagnosis_for(plan).model_copy(update=change)
    found = judge(Mode.AUTO, plan, about, Standing(), GIVEN)
    assert (found.kind, found.reasons) == (VerdictKind.ESCALATE, (reason,))


def test_a_uid_that_a_source_did_not_know_is_no_other_object() -> None:
    about = diagnosis_for(rollback()).model_copy(update={"target": TARGET.model_copy(update={"uid": ""})})
    assert judge(Mode.AUTO, rollback(), about, Standing(), GIVEN).kind is VerdictKind.ACT


def test_a_pod_of_another_namespace_is_outside_the_scope() -> None:
    plan = deletion().model_copy(update={"pod": PodRef(namespace="bank", name="x", uid="u", resource_version="1")})
    assert verdict(Mode.AUTO, plan).reasons == (Reason.OUTSIDE_SCOPE,)


def test_a_rollback_of_what_is_no_deployment_or_to_the_same_template_is_none() -> None:
    stateful = TARGET.model_copy(update={"kind": "StatefulSet"})
    plan = rollback().model_copy(update={"target": stateful})
    about = diagnosis_for(plan).model_copy(update={"target": stateful})
    assert judge(Mode.AUTO, plan, about, Standing(), GIVEN).reasons == (Reason.OUTSIDE_SCOPE,)
    same = rollback().model_copy(update={"to_template_digest": rollback().from_template_digest})
    assert verdict(Mode.AUTO, same).reasons == (Reason.TEMPLATES_EQUAL,)


def test_a_target_without_a_name_is_nobody_to_act_for() -> None:
    """Its owner's reference was damaged: the pod may be the right one, its owner cannot be told."""
    nameless = TARGET.model_copy(update={"name": ""})
    plan = deletion().model_copy(update={"target": nameless})
    about = diagnosis_for(plan).model_copy(update={"target": nameless})
    found = judge(Mode.AUTO, plan, about, Standing(), GIVEN)
    assert (found.kind, found.reasons) == (VerdictKind.ESCALATE, (Reason.CANNOT_TELL,))
