"""The proof of a rollback never leaves a server that can have it, and asks before the marks of a rollback are looked at."""

from __future__ import annotations

from itertools import combinations

import pytest

from byteport.boundary.choices import EVERY_RUNBOOK, Choices
from byteport.boundary.policies import deployments
from byteport.boundary.policies.catalogue import policies
from byteport.boundary.policies.ownership import unforged
from byteport.domain.ceilings import Sight
from byteport.kubernetes.port import JSON
from byteport.kubernetes.refusals import RollbackRule, rule_in

PROOF = {helper: deployments.proof(Choices(helper=helper)) for helper in (True, False)}
"""Whether the helper is installed says only whose requests it is about."""
SOME = [
    frozenset(some) for count in range(len(EVERY_RUNBOOK) + 1) for some in combinations(sorted(EVERY_RUNBOOK), count)
]


def messages(choices: Choices) -> list[str]:
    policy: JSON = deployments.rollbacks(choices)[0]
    return [str(one["message"]) for one in policy["spec"]["validations"]]


@pytest.mark.parametrize("runbooks", SOME, ids=lambda some: f"{len(some)} on")
def test_the_proof_is_the_same_whatever_is_chosen(runbooks: frozenset[str]) -> None:
    for sight in Sight:
        for helper, proof in PROOF.items():
            made = policies(Choices(runbooks=runbooks, sight=sight, helper=helper, protected=("temporal",)))
            assert [one for one in made if one["metadata"]["name"] in (deployments.STRIP, deployments.PROVE)] == proof


def test_the_proof_is_bound_in_the_same_way_with_the_helper_and_without() -> None:
    bound = [[one for one in proof if one["kind"].endswith("Binding")] for proof in PROOF.values()]
    assert bound[0] == bound[1] != []
    kinds = [[one["spec"].get("paramKind") for one in proof] for proof in PROOF.values()]
    assert kinds[0] == kinds[1]


def test_the_proof_is_asked_for_after_what_may_change_and_before_the_marks_and_who_set_what() -> None:
    """The API server tells the first rule that refuses and no other: so the answer to a question that changes nothing,
    and that is asked under a name of its own, says whether it stamped."""
    rules = [rule_in(one) for one in messages(Choices())]
    last = len(unforged("template", [], []))
    assert rules[-last - 2 :] == [RollbackRule.NOT_PROVED, RollbackRule.NO_ROLLBACK, *[None] * last]
    assert not any(rules[: -last - 2])


def test_a_server_that_proves_nothing_is_not_asked_for_it() -> None:
    assert [rule_in(one) for one in messages(Choices(proves_rollbacks=False)) if rule_in(one)] == [
        RollbackRule.NO_ROLLBACK
    ]
