"""Bundles whose answers were written before the code was asked: the act, its revision, and whether a person is called.

`tests/cases/unseen/README.md` says how they came about. One wrong act is worse than any number of missed ones, so the
wrong act has a test of its own.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.builders.sampled import one_in
from tests.unit.runbooks.test_cases import answer

FOLDER = Path(__file__).parents[2] / "cases" / "unseen"
CASES = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}

every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def test_there_are_bundles_with_and_without_an_act_and_silent_ones() -> None:
    expected = [case["expect"] for case in CASES.values()]
    acts = [said for said in expected if said["act"]]
    silent = [said for said in expected if not said["act"] and not said["escalate"]]
    assert len(acts) >= 40
    assert len(silent) >= 20
    assert len(expected) - len(acts) - len(silent) >= 60


@every_case
def test_no_wrong_act_is_taken(case: dict[str, Any]) -> None:
    for incident in answer(case).incidents:
        if incident.act is not None:
            assert incident.act == case["expect"]["act"]
            assert incident.rollback_to_revision == case["expect"].get("rollback_to_revision")


@pytest.mark.parametrize("case", one_in(2, CASES.values()), ids=CASES.keys())
def test_the_answer_is_the_experts(case: dict[str, Any]) -> None:
    said = answer(case)
    assert (said.act, said.escalate) == (case["expect"]["act"], case["expect"]["escalate"])
