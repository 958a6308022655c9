"""The words by which the codec server refuses are those that Prometheus is told, and the page for people has each."""

from __future__ import annotations

import re
from pathlib import Path

from byteport.codec.refusals import Refused
from byteport.contracts.metrics import NotShown
from byteport.serving.problems import Code

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "codec-server.md"


def test_each_word_of_a_refusal_is_a_word_of_the_metric_and_there_is_no_other() -> None:
    assert {code.word for codes in (Code, Refused) for code in codes} == {word.value for word in NotShown}


def test_the_page_says_what_to_do_about_each_refusal_of_its_own() -> None:
    told = set(re.findall(r"^\| `([a-z_]+)`", PAGE.read_text(), re.MULTILINE))
    assert {refused.word for refused in Refused} - {"not_payloads"} <= told
