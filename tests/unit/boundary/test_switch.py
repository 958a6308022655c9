"""The policy that the switch is a rule of, held against what these very choices render, which its own text tells."""

from __future__ import annotations

import copy

import pytest

from byteport.boundary.choices import Choices
from byteport.boundary.policies import everything
from byteport.boundary.switch import bearer
from byteport.domain.ceilings import Sight


@pytest.mark.parametrize(
    "choices",
    [
        Choices(),
        Choices(helper=True),
        Choices(events=True),
        Choices(helper=True, helper_namespace="hands", protected=("temporal", "db")),
        Choices(sight=Sight.CLUSTER, runbooks=frozenset(), proves_rollbacks=False, protected=("kube-system",)),
    ],
)
def test_as_rendered_it_is_whole_whatever_was_chosen(choices: Choices) -> None:
    policy, its_binding = everything.writes(choices)
    assert list(bearer(policy, its_binding).findings) == []
    assert bearer(policy, its_binding).choices.helper is choices.helper


@pytest.mark.parametrize("text", ["", "request.namespace in ['Not A Name']", "request.namespace in ['a', "])
def test_names_that_cannot_be_are_no_choice_and_differ(text: str) -> None:
    policy, its_binding = copy.deepcopy(everything.writes(Choices()))
    policy["spec"]["validations"][-1]["expression"] = text
    assert bearer(policy, its_binding).findings
