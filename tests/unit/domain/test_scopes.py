"""The union of scopes: the same whatever the order, required where anybody must have it, and no reason is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from byteport.contracts.kubernetes import READ_LOAD, READ_SITUATION
from byteport.domain.scopes import Right, Rights, union

AUTOSCALERS = ("autoscaling", "horizontalpodautoscalers", "list")

words = st.sampled_from(["", "a", "b"])
reasons = st.lists(st.sampled_from(["one", "two", "three; and four"]), max_size=3).map(tuple)
right = st.builds(Right, group=words, resource=words, verb=words, because=reasons)
scope = st.builds(Rights, rights=st.lists(right, max_size=6).map(tuple))


@given(scope, scope)
def test_the_order_of_two_scopes_does_not_matter(one: Rights, other: Rights) -> None:
    assert one + other == other + one


@given(scope, scope, scope)
def test_nor_does_it_matter_which_are_put_together_first(one: Rights, two: Rights, three: Rights) -> None:
    assert (one + two) + three == one + (two + three) == union((three, one, two))


@given(scope)
def test_a_scope_with_itself_or_with_nothing_is_itself(one: Rights) -> None:
    assert one + one == one == one + Rights() == Rights() + one


@given(st.lists(scope, max_size=4))
def test_a_right_is_optional_only_while_all_want_it_so_and_then_for_all_their_reasons(scopes: list[Rights]) -> None:
    every = [right for one in scopes for right in one.rights]
    found = union(scopes).rights
    assert [one.key for one in found] == sorted({one.key for one in every})
    for one in found:
        wanted = [right for right in every if right.key == one.key]
        assert one.optional is all(right.optional for right in wanted)
        if one.optional:
            assert {*one.because} == {reason for right in wanted for reason in right.because}


def test_autoscalers_must_be_listed_for_load_whatever_else_lists_them() -> None:
    for together in (READ_SITUATION.needs + READ_LOAD.needs, READ_LOAD.needs + READ_SITUATION.needs, READ_LOAD.needs):
        (found,) = [right for right in together.rights if right.key == AUTOSCALERS]
        assert not found.optional
