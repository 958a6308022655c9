"""One field of one object is not what it was: the act is refused, or it is the very same one. Never another object's.

Every saved bundle in which something is done, each of its objects flipped one field at a time (`tests/builders/flips.py`).
"""

from __future__ import annotations

import json
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from byteport.domain.plans import (
    AnyPlan,
    DeletePodPlan,
    PruneImagesPlan,
    RaiseFloorPlan,
    RestoreFloorPlan,
    RollbackPlan,
)
from byteport.domain.policy import Mode
from byteport.runbooks.bundles import bundle_of
from byteport.runbooks.explain import assumed_policy, explain
from tests.builders.flips import Flip, flips

FOLDER = Path(__file__).parents[2] / "cases"
FULL = {json.loads(path.read_text())["id"] for path in sorted(FOLDER.glob("*.json"))}
NOW = datetime(2030, 1, 1, tzinfo=UTC)
SAVED = [json.loads(path.read_text()) for path in sorted([*FOLDER.glob("*.json"), *FOLDER.glob("unseen/*.json")])]
ACTING = [case for case in SAVED if case["expect"]["act"] is not None]


def acts(case: dict[str, Any]) -> list[AnyPlan]:
    read = bundle_of(case.get("id", "case"), [case], now=NOW)
    said = explain(read.world, assumed_policy(read.world), Mode.AUTO, alert=read.alert)
    return [found.plan for found in said.incidents if found.act is not None and found.plan is not None]


def object_of(plan: AnyPlan) -> tuple[str, ...]:
    """What would be changed, and into what: names, since a flip may be of a uid."""
    match plan:
        case DeletePodPlan():
            return plan.act, plan.pod.namespace, plan.pod.name
        case RollbackPlan():
            return plan.act, plan.target.namespace, plan.target.name, plan.to_replica_set
        case PruneImagesPlan():
            return plan.act, plan.target.name
        case RaiseFloorPlan() | RestoreFloorPlan():
            return plan.act, plan.target.namespace, plan.target.name, plan.autoscaler


def is_sound(plan: AnyPlan) -> bool:
    """What no flip may bring about: a floor that is none, a rollback to itself."""
    if isinstance(plan, RaiseFloorPlan):
        return 1 <= plan.floor_before <= plan.floor_from < plan.floor_to
    return not isinstance(plan, RollbackPlan) or plan.from_template_digest != plan.to_template_digest


def every(case: dict[str, Any], nth: int) -> list[Flip]:
    """Every `nth` flip of a case, beginning at another one for each case."""
    return list(flips(case))[zlib.crc32(case["id"].encode()) % nth :: nth]


def wrong_acts(case: dict[str, Any], chosen: list[Flip]) -> dict[str, list[tuple[str, ...]]]:
    """What is done after a flip, where that is neither nothing nor the right act."""
    right = {object_of(plan) for plan in acts(case)}
    wrong = {}
    for flip in chosen:
        others = [object_of(plan) for plan in acts(flip.of(case)) if object_of(plan) not in right or not is_sound(plan)]
        if others:
            wrong[flip.name] = others
    return wrong


@pytest.mark.parametrize("case", ACTING, ids=lambda case: case["id"])
def test_a_flipped_field_leads_to_refusal_or_to_the_same_act(case: dict[str, Any]) -> None:
    assert wrong_acts(case, every(case, 40 if case["id"] in FULL else 400)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("case", ACTING, ids=lambda case: case["id"])
def test_every_field_flipped_leads_to_refusal_or_to_the_same_act(case: dict[str, Any]) -> None:
    assert wrong_acts(case, every(case, 1 if case["id"] in FULL else 12)) == {}


def test_there_are_flips_of_all_that_an_act_rests_on() -> None:
    names = {flip.name.split(": ", 1)[1] for case in ACTING if case["id"] in FULL for flip in flips(case)}
    for wanted in (
        "another selector",
        "no owner",
        "spec.replicas 0",
        "generation 99",
        "revision '99'",
        "Ready is False",
    ):
        assert wanted in names
