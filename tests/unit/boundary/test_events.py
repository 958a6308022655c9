"""The right to write Events: there only where it was chosen, and then with its policy; without it nothing is other than before."""

from __future__ import annotations

import json

import pytest

from byteport.boundary.changes import meanings
from byteport.boundary.choices import EVERY_RUNBOOK, Choices
from byteport.boundary.needs import TELLS, Place, placed_rights
from byteport.boundary.policies import events, everything
from byteport.boundary.policies.catalogue import POLICIES, names_of, policies
from byteport.boundary.roles import rule
from byteport.domain.ceilings import Sight

ON, OFF = Choices(events=True), Choices()


@pytest.mark.claim("C-480")
@pytest.mark.parametrize("sight", Sight)
@pytest.mark.parametrize("helper", [False, True])
def test_where_it_was_not_chosen_no_right_and_no_policy_speaks_of_it(sight: Sight, helper: bool) -> None:
    choices = Choices(sight=sight, helper=helper)
    assert TELLS not in [placed.key for placed in placed_rights(choices)]
    made = policies(choices)
    assert events.NAME not in [item["metadata"]["name"] for item in made]
    assert "'events'" not in json.dumps(made)


@pytest.mark.claim("C-480")
def test_where_it_was_chosen_it_is_one_right_more_in_the_namespaces_where_it_may_act() -> None:
    added = {placed.key: placed for placed in placed_rights(ON)}
    for placed in placed_rights(OFF):
        assert added.pop(placed.key) == placed
    (right,) = added.values()
    assert (right.key, right.place, right.right.optional) == (TELLS, Place.ACT, False)


@pytest.mark.claim("C-480")
def test_with_every_runbook_off_there_is_nothing_to_tell_and_no_right_to() -> None:
    none_on = Choices(runbooks=frozenset(), events=True)
    assert [placed.key for placed in placed_rights(none_on) if placed.writes] == []
    for name in EVERY_RUNBOOK:
        one_on = Choices(runbooks=frozenset({name}), events=True)
        assert TELLS in [placed.key for placed in placed_rights(one_on)]


@pytest.mark.claim("C-480")
def test_the_choice_changes_the_policy_over_everything_and_adds_its_own_and_no_other() -> None:
    changed = [make for make in POLICIES if make(ON) != make(OFF)]
    assert changed == [everything.writes, events.tellings]
    assert [*names_of(events.tellings(ON), "ValidatingAdmissionPolicyBinding")] == [events.NAME]
    assert events.tellings(OFF) == []


def test_whoever_enables_a_namespace_is_told_what_the_right_means() -> None:
    (said,) = meanings([rule(*TELLS[:2], [TELLS[2]])])
    assert said == "may write Events about workloads, which say what it planned and did"
