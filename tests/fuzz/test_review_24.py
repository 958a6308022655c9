"""Whatever a parser of somebody else's text is given, it answers or raises its declared error, soon, and gives little.

Two ways: text and bytes of hypothesis, led by words that the parser knows; and one word many times over, where a regular
expression or a loop that is worse than linear shows in how the time grows.
"""

from __future__ import annotations

import gc
import itertools
import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from byteport.errors import BytePortError
from tests.builders.sampled import examples, some
from tests.fuzz.parsers import PARSERS, Parser

TIMES = 8
GROWTH = 4 * TIMES
"""So many times the text may take this many times as long; what is quadratic takes twice that."""
NOISE_SECONDS = 0.004
"""A time below it says nothing of how it grows."""
REPEATED = (
    "a",
    "0",
    " ",
    "\n",
    "=",
    '"',
    "'",
    "\\",
    "/",
    "-",
    ".",
    ":",
    "a:",
    "a=",
    "[",
    "{",
    "(",
    "\x1b[",
    "\x00",
    "é",
    "\u202e",
    "a ",
    "a.a-",
    "//",
)
LONGEST_MESSAGE = 4000

EACH = pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
ONE_IN = 4
"""So many fewer repeated words where a part is enough."""
pytestmark = pytest.mark.sampled


def read(parser: Parser, data: bytes, folder: Path) -> str:
    """What is shown of it: its value where it is for people, else its error's words."""
    try:
        found = parser.reads(data, folder)
    except parser.raises as error:
        return str(error) if isinstance(error, BytePortError) else ""
    return str(found) if parser.shown else ""


def near(parser: Parser) -> st.SearchStrategy[bytes]:
    """Bytes, and text in which the parser's own words stand between any others."""
    text = st.text(max_size=40).map(lambda said: said.encode("utf-8", "surrogatepass"))
    word = (
        st.sampled_from(parser.words).map(lambda said: said.encode("utf-8", "surrogatepass")) if parser.words else text
    )
    return st.one_of(
        st.binary(max_size=400), st.lists(st.one_of(word, text, st.binary(max_size=8)), max_size=24).map(b"".join)
    )


@EACH
def test_review_24_whatever_it_is_given_it_answers_or_raises_its_declared_error(parser: Parser, tmp_path: Path) -> None:
    @settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))
    @given(near(parser))
    def any_bytes(data: bytes) -> None:
        read(parser, data, tmp_path)

    any_bytes()


@EACH
def test_review_24_what_it_says_is_bounded_and_holds_no_control_character(parser: Parser, tmp_path: Path) -> None:
    """A terminal or a log would act on one."""

    @settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))
    @given(near(parser))
    def any_bytes(data: bytes) -> None:
        said = read(parser, data, tmp_path)
        assert len(said) <= LONGEST_MESSAGE
        assert [char for char in said if unicodedata.category(char) in ("Cc", "Cs")] == []

    any_bytes()
    for word in some((*REPEATED, *parser.words), ONE_IN, of=parser.name):
        assert len(read(parser, many(word, parser.largest // TIMES), tmp_path)) <= LONGEST_MESSAGE


def many(word: str, size: int) -> bytes:
    raw = word.encode("utf-8", "surrogatepass")
    return (raw * (size // len(raw) + 1))[:size]


def seconds(parser: Parser, data: bytes, folder: Path, *, times: int) -> float:
    """The best of so many: what else the machine does makes it longer only. Collecting the garbage of every test before
    this one would be counted too."""
    taken = []
    gc.disable()
    try:
        for _ in range(times):
            began = time.process_time()
            read(parser, data, folder)
            taken.append(time.process_time() - began)
    finally:
        gc.enable()
    return min(taken)


@EACH
def test_review_24_its_time_grows_no_faster_than_the_text(parser: Parser, tmp_path: Path) -> None:
    pairs = [f"{one}{other}" for one, other in itertools.permutations(parser.words[:3], 2)]
    slow = {}
    for word in some((*REPEATED, *parser.words, *pairs), ONE_IN, of=parser.name):
        whole, part = many(word, parser.largest), many(word, parser.largest // TIMES)
        large = seconds(parser, whole, tmp_path, times=1)
        if large <= NOISE_SECONDS * GROWTH:
            continue
        allowed = GROWTH * max(seconds(parser, part, tmp_path, times=2), NOISE_SECONDS)
        if large > allowed and seconds(parser, whole, tmp_path, times=4) > allowed:
            slow[word] = (large, allowed)
    assert slow == {}
