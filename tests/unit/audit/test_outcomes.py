"""What became of an act, told by headers alone."""

from __future__ import annotations

import pytest

from byteport.audit.chain import GENESIS
from byteport.audit.outcomes import Outcome, end_key, intent_key, is_intent, outcome_of
from byteport.audit.records import Header
from byteport.domain.canonical import digest
from tests.unit.audit.chains import header

ACTION = "a" * 64


def keyed(key: str, action_id: str | None = ACTION) -> Header:
    return header(1, GENESIS).model_copy(update={"key": digest(key), "action_id": action_id})


@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("verified", [None, True, False])
def test_an_end_says_by_its_key_what_became_of_the_act(outcome: Outcome, verified: bool | None) -> None:
    found = keyed(end_key(ACTION, outcome.value, verified))
    assert outcome_of(found) is outcome
    assert not is_intent(found)


def test_an_intent_is_known_by_its_key_and_ends_nothing() -> None:
    found = keyed(intent_key(ACTION))
    assert is_intent(found)
    assert outcome_of(found) is None


def test_a_key_of_another_action_says_nothing() -> None:
    assert outcome_of(keyed(end_key("b" * 64, "done", verified=None))) is None
    assert not is_intent(keyed(intent_key("b" * 64)))
    assert outcome_of(keyed(end_key(ACTION, "done", verified=None), action_id=None)) is None
