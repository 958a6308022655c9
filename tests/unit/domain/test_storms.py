"""When many troubles are one: counted by target, by what they share, and by how many there are."""

from hypothesis import given
from hypothesis import strategies as st

from byteport.domain.limits import StormRule
from byteport.domain.storms import Tally, begins, calms, must_count, tally

RULE = StormRule(targets=5, share=0.2, common_targets=4)
FACTORS = st.sampled_from(["Node/a", "Node/b", "Zone/z", "Registry/r", "Service/shop/db", "Namespace/shop"])
TROUBLES = st.dictionaries(st.text("abcdefghij", min_size=1, max_size=2), st.lists(FACTORS, max_size=4), max_size=30)


def test_the_factor_that_the_most_share_is_named_with_its_count() -> None:
    seen = tally({"a": ["Node/x", "Zone/z"], "b": ["Node/y", "Zone/z"], "c": ["Node/x", "Zone/z"], "d": []})
    assert seen == Tally(targets=4, factor="Zone/z", sharing=3, cause_shared=3)
    assert seen.says() == "Zone/z: 3 of 4"


def test_of_equal_factors_a_cause_goes_before_a_place() -> None:
    assert tally({"a": ["Namespace/shop", "Node/x"], "b": ["Namespace/shop", "Node/x"]}).factor == "Node/x"


def test_a_namespace_is_no_cause_in_common() -> None:
    seen = tally({str(n): ["Namespace/shop"] for n in range(4)})
    assert (seen.factor, seen.cause_shared) == ("Namespace/shop", 0)
    assert not begins(RULE, seen, of=1000)


def test_what_one_target_has_alone_is_shared_by_nobody() -> None:
    assert tally({"a": ["Node/x"], "b": ["Node/y"]}).factor == ""


def test_enough_targets_that_share_a_cause_are_a_storm_however_many_there_are() -> None:
    seen = tally({str(n): ["Node/x"] for n in range(4)})
    assert begins(RULE, seen, of=100_000)
    assert not must_count(RULE, seen)


def test_without_a_cause_in_common_it_takes_number_and_share() -> None:
    five = tally({str(n): [] for n in range(5)})
    assert must_count(RULE, five)
    assert begins(RULE, five, of=25)
    assert not begins(RULE, five, of=26)
    assert not begins(RULE, tally({str(n): [] for n in range(4)}), of=4)


def test_where_nobody_knows_of_how_many_enough_targets_are_a_storm() -> None:
    assert begins(RULE, tally({str(n): [] for n in range(5)}), of=None)


@given(TROUBLES, st.one_of(st.none(), st.integers(0, 200)))
def test_what_makes_a_storm_is_never_calm(troubles: dict[str, list[str]], of: int | None) -> None:
    seen = tally(troubles)
    assert not (begins(RULE, seen, of) and calms(RULE, seen, of))
    assert calms(RULE, Tally(), of)


@given(TROUBLES, st.one_of(st.none(), st.integers(0, 200)))
def test_more_trouble_is_never_less_of_a_storm(troubles: dict[str, list[str]], of: int | None) -> None:
    if begins(RULE, tally(troubles), of):
        assert begins(RULE, tally(troubles | {"one more": ["Node/a"]}), of)


@given(TROUBLES)
def test_counts_are_what_a_count_by_hand_says(troubles: dict[str, list[str]]) -> None:
    seen = tally(troubles)
    assert seen.targets == len(troubles)
    if seen.factor:
        assert seen.sharing == sum(seen.factor in factors for factors in troubles.values()) >= 2
    assert seen.sharing >= seen.cause_shared or seen.cause_shared < 2
