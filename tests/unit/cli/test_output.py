"""What is printed cannot be markup, and cannot speak to the terminal."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from byteport.cli.output import ago, complain, facts, print_json, say, table

HOSTILE = "[bold red]web[/] \x1b[31m\x07\r\nnext \u202e"


@pytest.mark.claim("C-111")
@pytest.mark.parametrize(
    "show", [say, complain, lambda text: table("A", rows=[[text]]), lambda text: facts([("a", text)])]
)
def test_review_13_a_hostile_name_is_printed_as_it_is_written(
    show: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    show(HOSTILE)
    captured = capsys.readouterr()
    text = captured.out + captured.err
    assert "[bold red]web[/]" in text
    assert not {"\x1b", "\x07", "\r", "\u202e"} & set(text)


def test_of_an_argument_without_end_an_error_repeats_the_beginning(capsys: pytest.CaptureFixture[str]) -> None:
    complain(f"{'x' * 1_000_000}: no such setting")
    assert len(capsys.readouterr().err) < 3000


def test_json_is_one_document_with_times_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"at": datetime(2026, 3, 10, 9, tzinfo=UTC), "names": {"b", "a"}, "text": HOSTILE})
    assert json.loads(capsys.readouterr().out) == {
        "at": "2026-03-10T09:00:00.000Z",
        "names": ["a", "b"],
        "text": HOSTILE,
    }


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (-5, "0 s"), (119, "119 s"), (180, "3 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_an_age_is_told_in_one_unit(seconds: int, words: str) -> None:
    now = datetime(2026, 3, 10, tzinfo=UTC)
    assert ago(now - timedelta(seconds=seconds), now) == words
