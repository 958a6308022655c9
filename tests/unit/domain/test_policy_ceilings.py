"""What a namespace was given for: it lowers the mode, names the objects, and nobody's yes goes beyond it."""

from __future__ import annotations

import pytest

from byteport.domain.ceilings import Ceiling
from byteport.domain.failures import Failure
from byteport.domain.modes import lowest
from byteport.domain.plans import DeletePodPlan, RaiseFloorPlan, RollbackPlan
from byteport.domain.policy import Mode, PolicyConfig, Standing, Verdict, VerdictKind, judge
from byteport.domain.reasons import Reason
from tests.unit.domain.values import GIVEN, TARGET, deletion, diagnosis, diagnosis_for, rollback

ALL_GIVEN = GIVEN.model_copy(update={"raise_allowed": frozenset({"shop/web"})})


def floor() -> RaiseFloorPlan:
    return RaiseFloorPlan(
        target=TARGET,
        autoscaler="web",
        autoscaler_uid="h1",
        rest_digest="1" * 64,
        floor_before=2,
        floor_from=2,
        floor_to=4,
        box_seconds=3600,
    )


def under(
    ceiling: Ceiling | None, plan: DeletePodPlan | RollbackPlan, mode: Mode = Mode.AUTO, *, unproven: bool = False
) -> Verdict:
    standing = Standing(ceiling=ceiling, unproven=unproven)
    return judge(mode, plan, diagnosis_for(plan), standing, GIVEN)


@pytest.mark.parametrize("plan", [deletion(), rollback()])
def test_a_ceiling_of_dry_run_lowers_auto(plan: DeletePodPlan | RollbackPlan) -> None:
    found = under(Ceiling(mode=Mode.DRY_RUN, rollback=("web",)), plan)
    assert found == Verdict(kind=VerdictKind.AWAIT_APPROVAL, reasons=(Reason.MODE_DRY_RUN,))


@pytest.mark.parametrize("plan", [deletion(), rollback()])
def test_a_ceiling_of_auto_raises_nothing(plan: DeletePodPlan | RollbackPlan) -> None:
    wide = Ceiling(mode=Mode.AUTO, rollback=("*",))
    assert under(wide, plan, Mode.DRY_RUN).kind is VerdictKind.AWAIT_APPROVAL
    assert under(wide, plan, Mode.OBSERVE).reasons == (Reason.MODE_OBSERVES,)
    assert under(wide, plan).kind is VerdictKind.ACT


@pytest.mark.parametrize("plan", [deletion(), rollback()])
@pytest.mark.parametrize("mode", [Mode.AUTO, Mode.DRY_RUN])
def test_under_a_ceiling_of_observe_nobodys_yes_is_enough(plan: DeletePodPlan | RollbackPlan, mode: Mode) -> None:
    found = under(Ceiling(mode=Mode.OBSERVE, rollback=("web",)), plan, mode)
    assert found == Verdict(kind=VerdictKind.ESCALATE, reasons=(Reason.CEILING_OBSERVES,))


@pytest.mark.parametrize("names", [(), ("api",), ("web-2",)])
@pytest.mark.parametrize("mode", [Mode.AUTO, Mode.DRY_RUN])
def test_a_deployment_that_is_not_named_is_not_rolled_back(names: tuple[str, ...], mode: Mode) -> None:
    found = under(Ceiling(mode=Mode.AUTO, rollback=names), rollback(), mode)
    assert found == Verdict(kind=VerdictKind.ESCALATE, reasons=(Reason.NOT_NAMED,))


@pytest.mark.parametrize("names", [("web",), ("api", "web"), ("*",)])
def test_one_that_is_named_is(names: tuple[str, ...]) -> None:
    assert under(Ceiling(mode=Mode.AUTO, rollback=names), rollback()).kind is VerdictKind.ACT


def test_deleting_a_pod_needs_no_name() -> None:
    assert under(Ceiling(mode=Mode.AUTO), deletion()).kind is VerdictKind.ACT


@pytest.mark.parametrize(("names", "reason"), [(("web",), None), (("*",), None), (("api",), Reason.NOT_NAMED)])
def test_a_floor_is_raised_of_a_named_autoscaler_only(names: tuple[str, ...], reason: Reason | None) -> None:
    about = diagnosis(Failure.CPU)
    found = judge(Mode.AUTO, floor(), about, Standing(ceiling=Ceiling(mode=Mode.AUTO, hpa=names)), ALL_GIVEN)
    assert found.reasons == (() if reason is None else (reason,))


def test_what_is_outside_the_ceiling_is_told_with_the_caveats_beside_it() -> None:
    found = under(Ceiling(mode=Mode.AUTO), rollback(Reason.GITOPS_MANAGED))
    assert found.reasons == (Reason.NOT_NAMED, Reason.GITOPS_MANAGED)


def test_an_unproven_rollback_waits_for_a_person_and_nothing_else_does() -> None:
    found = under(None, rollback(), unproven=True)
    assert found == Verdict(kind=VerdictKind.AWAIT_APPROVAL, reasons=(Reason.ROLLBACK_UNPROVEN,))
    assert under(None, deletion(), unproven=True).kind is VerdictKind.ACT


def test_without_a_boundary_the_policy_alone_decides() -> None:
    assert under(None, rollback()).kind is VerdictKind.ACT


def test_whoever_says_less_is_obeyed() -> None:
    assert lowest(Mode.AUTO, Mode.OBSERVE, Mode.DRY_RUN) is Mode.OBSERVE
    assert lowest(Mode.AUTO, Mode.DRY_RUN) is Mode.DRY_RUN
    assert PolicyConfig(mode=Mode.AUTO).mode_for("PodCrashloopRunbook", "shop") is Mode.AUTO
