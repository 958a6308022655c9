"""What is written about the format, and what the second verifier knows of it, is what the format is."""

import re
from pathlib import Path

import pytest

from byteport.audit import independent
from byteport.audit.bundle import LONGEST_LINE, Cause
from byteport.audit.findings import Fault
from byteport.audit.records import Header, Payload, Record
from byteport.audit.words import REMOVALS, Decision, Event, Result
from byteport.domain.approvals import AnswerText, SignedAnswer
from tests.house.tree import ROOT

AUDIT = ROOT / "docs" / "audit"


def words(page: Path) -> set[str]:
    """Every word that stands in code in the text or a table of a page."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return {word for code in re.findall(r"`([^`]+)`", text) for word in re.findall(r"\w+", code)}


def test_every_code_is_explained() -> None:
    assert {fault.value for fault in Fault} - words(AUDIT / "verdicts.md") == set()


def test_every_cause_of_a_bad_line_is_a_code() -> None:
    assert {cause.value for cause in Cause} <= {fault.value for fault in Fault}


@pytest.mark.parametrize("kind", [Event, Decision, Result])
def test_every_word_of_a_record_is_in_the_format(kind: type[Event] | type[Decision] | type[Result]) -> None:
    assert {word.value for word in kind} - words(AUDIT / "format.md") == set()


def test_every_field_is_in_the_format() -> None:
    fields = {*Header.model_fields, *Payload.model_fields, *AnswerText.model_fields, *SignedAnswer.model_fields}
    assert fields - words(AUDIT / "format.md") == set()


def test_the_second_verifier_knows_the_same_fields_and_words() -> None:
    assert set(independent.HEADER) == set(Header.model_fields)
    required = {name for name, info in Payload.model_fields.items() if info.is_required()}
    assert set(independent.PAYLOAD) == required
    assert set(independent.LATER) == set(Payload.model_fields) - required
    assert set(independent.SHOWN) | set(independent.DEFAULTS) | {"hash"} == set(Record.model_fields)
    assert {*independent.PLAIN_EVENTS, *independent.REMOVALS} == {event.value for event in Event}
    assert set(independent.REMOVALS) == {event.value for event in REMOVALS}
    assert set(independent.DECISIONS) == {decision.value for decision in Decision}
    assert set(independent.RESULTS) == {result.value for result in Result}
    assert set(independent.ANSWER_TEXT) == set(AnswerText.model_fields) - {"format"}
    assert independent.LONGEST_LINE == LONGEST_LINE
