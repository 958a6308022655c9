"""Each single right taken away, and each single right too many, is found where it is and nowhere else."""

from __future__ import annotations

import pytest

from byteport.boundary.choices import Choices
from byteport.boundary.expected import EVERYWHERE, SWITCH, Expected
from byteport.boundary.names import ACCOUNTS_GROUP
from byteport.boundary.policies.catalogue import policies
from byteport.boundary.selfcheck import Seen, always_reviewed, ceilings_in, findings, kept, refuses_auto
from byteport.boundary.whole import Granted, Kind, Right, covered, written
from byteport.domain.ceilings import Ceiling, Sight
from byteport.domain.modes import Mode

CEILINGS = {
    "shop": Ceiling(mode=Mode.AUTO, rollback=("api",), hpa=("*",)),
    "till": Ceiling(mode=Mode.OBSERVE),
}
EVERY = [Choices(sight=sight, helper=helper) for sight in Sight for helper in (False, True)]
EVERY += [Choices(events=True)]


def name_of(choices: Choices) -> str:
    return f"{choices.sight.value}-{'helper' if choices.helper else 'no-helper'}{'-events' if choices.events else ''}"


def rights_of(choices: Choices) -> dict[str, Granted]:
    """Exactly what is expected, by namespace."""
    expected = Expected(choices, CEILINGS)
    return {name: expected.allowed(name) for name in (*always_reviewed(choices), *CEILINGS)}


def seen(choices: Choices, rights: dict[str, Granted]) -> Seen:
    live = {(item["kind"], item["metadata"]["name"]): item for item in policies(choices)}
    return Seen([ACCOUNTS_GROUP], dict(CEILINGS), rights, complete=True, policies=dict(live))


def found(choices: Choices, rights: dict[str, Granted]) -> list[tuple[Kind, str, str]]:
    return [(one.kind, one.what, one.namespace) for one in findings(seen(choices, rights), choices)]


@pytest.mark.parametrize("choices", EVERY, ids=name_of)
def test_what_is_expected_is_whole(choices: Choices) -> None:
    assert found(choices, rights_of(choices)) == []


@pytest.mark.parametrize("choices", EVERY, ids=name_of)
def test_each_right_that_is_gone_from_its_place_is_missed_there(choices: Choices) -> None:
    expected, every, tried = Expected(choices, CEILINGS), rights_of(choices), 0
    for place in (EVERYWHERE, *always_reviewed(choices), *CEILINGS):
        for need in expected.needed(place):
            where = every if place == EVERYWHERE else [place]
            rights = {name: held - {need.right} if name in where else held for name, held in every.items()}
            needless = need.because or covered(need.right, rights[place or "kube-system"])
            what = written(*need.right)
            said = found(choices, rights)
            assert ((Kind.MISSING, what, place) in said) is not bool(needless)
            assert {one for _, one, _ in said} <= {what}, "needed at several places"
            tried += not needless
    assert tried > 30


MORE: tuple[Right, ...] = (
    ("", "secrets", "get", ""),
    ("apps", "deployments", "patch", ""),
    ("apps", "deployments", "patch", "other"),
    ("", "pods", "*", ""),
    ("*", "*", "*", ""),
    ("", "", "get", "/logs"),
    ("", "pods/exec", "create", ""),
)


@pytest.mark.claim("C-011")
@pytest.mark.parametrize("more", MORE)
@pytest.mark.parametrize("choices", EVERY, ids=name_of)
def test_each_right_too_many_in_one_namespace_is_found_there_alone(choices: Choices, more: Right) -> None:
    for place, held in rights_of(choices).items():
        if more in held:  # the helper's own
            continue
        rights = rights_of(choices) | {place: held | {more}}
        assert found(choices, rights) == [(Kind.EXCESS, written(*more), place)]
        everywhere = place in kept(choices)
        judged = findings(seen(choices, rights), choices)
        assert refuses_auto(judged, place, choices)
        assert refuses_auto(judged, "somewhere", choices) is everywhere


@pytest.mark.claim("C-011")
@pytest.mark.parametrize("helper", [True, False])
def test_critique_0_10_the_helpers_namespace_is_administrators_only_while_there_is_a_helper(helper: bool) -> None:
    """Without one, a namespace of that name may be a tenant's: what is bound there refuses `auto` to nobody else."""
    choices = Choices(helper=helper)
    every, theirs = rights_of(choices), choices.helper_namespace
    judged = findings(seen(choices, every | {theirs: every[theirs] | {("", "secrets", "get", "")}}), choices)
    assert refuses_auto(judged, theirs, choices)
    assert refuses_auto(judged, "shop", choices) is helper
    assert ceilings_in({"data": {theirs: "{}", "shop": "{}"}}, choices).keys() == {"shop"}, "it is given to nobody"


@pytest.mark.claim("C-011")
@pytest.mark.parametrize("more", MORE)
def test_one_too_many_everywhere_is_said_once(more: Right) -> None:
    choices = Choices()
    rights = {name: held | {more} for name, held in rights_of(choices).items()}
    assert found(choices, rights) == [(Kind.EXCESS, written(*more), "")]


def test_rights_that_only_a_tenants_namespace_lacks_are_not_missed_everywhere() -> None:
    choices = Choices()
    rights = rights_of(choices) | {"shop": frozenset()}
    assert {place for _, _, place in found(choices, rights)} == {"shop"}


def test_the_switch_is_neither_needed_nor_too_much() -> None:
    expected = Expected(Choices(), {})
    assert SWITCH in expected.allowed("kube-system")
    assert SWITCH not in [need.right for need in expected.needed(EVERYWHERE)]
