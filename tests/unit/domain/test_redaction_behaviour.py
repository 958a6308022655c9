"""Redaction settles, invents nothing, takes no time, and leaves one printable line."""

from __future__ import annotations

import shlex
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byteport.domain.redaction import REDACTED, command_line, redact, redact_arguments, sanitised
from tests.builders.sampled import examples

SECRET = "hunter2!Xy/+=&%"

printable = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=["Cs", "Cc"]), max_size=60)
secrets = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=["Cs", "Cc", "Zs"]), min_size=8, max_size=24
).filter(lambda word: not set(word) <= set("[]REDACT"))

pieces = st.sampled_from(
    [
        "--password",
        "--token=",
        " ",
        "=",
        ":",
        '"',
        "'",
        "\\",
        "://",
        "@",
        "Bearer ",
        "secret",
        REDACTED,
        "[RED",
        "ACTED]",
        "a",
        "AKIA",
        "{",
        "}",
        ",",
        "-p",
        "curl -u ",
    ]
)
tangled = st.lists(pieces | printable, max_size=12).map("".join)


@settings(max_examples=examples(200), deadline=None)
@given(tangled, st.lists(secrets | st.sampled_from(["RED", "a[", "]", "="]), max_size=2))
def test_redacting_twice_is_redacting_once(text: str, known: list[str]) -> None:
    once = redact(text, known)
    assert redact(once, known) == once


@settings(max_examples=examples(150), deadline=None)
@given(tangled)
def test_nothing_is_invented(text: str) -> None:
    for piece in redact(text).split(REDACTED):
        assert piece in text


@pytest.mark.parametrize(
    "text",
    [
        "a" * 200_000,
        "://" * 60_000,
        "password" * 25_000,
        "password=" * 20_000,
        "-" * 200_000,
        "--password " * 20_000,
        '"password":"' * 15_000,
        "-----BEGIN PRIVATE KEY-----" * 7_000,
        "eyJ" * 60_000,
        "curl " * 40_000,
        "a.b-" * 50_000,
        "x:" * 100_000,
        'pass\\"' * 30_000,
        "http://a:" * 20_000,
        "authorization:" * 14_000,
        "a@" * 100_000,
        "[REDACTED]" * 20_000,
    ],
)
def test_review_21_two_hundred_kilobytes_made_to_be_slow_are_not(text: str) -> None:
    began = time.process_time()
    redact(text, ["hunter2secret"])
    assert time.process_time() - began < 5


@pytest.mark.claim("C-105")
def test_typed_arguments_mask_the_whole_value_whatever_is_in_it() -> None:
    argv = ["mysql", "--password", "a b --c", "--token=x y", "DB_PASS=p q", "-e", "select 1"]
    assert redact_arguments(argv) == [
        "mysql",
        "--password",
        REDACTED,
        f"--token={REDACTED}",
        f"DB_PASS={REDACTED}",
        "-e",
        "select 1",
    ]


def test_a_command_line_is_quoted_as_a_shell_wants_it() -> None:
    assert command_line(["kubectl", "get", "pod", "a b", ""]) == "kubectl get pod 'a b' ''"
    assert command_line(["x", "--token", "t", "--key-secret=u"]) == f"x --token {REDACTED} --key-secret={REDACTED}"


@given(st.lists(printable, max_size=5))
def test_a_command_line_without_secrets_is_the_arguments_again(argv: list[str]) -> None:
    line = command_line(argv)
    if REDACTED not in line:
        assert shlex.split(line) == argv


@pytest.mark.claim("C-091")
@given(st.lists(printable, min_size=1, max_size=5), secrets)
def test_a_known_secret_is_in_no_command_line(argv: list[str], secret: str) -> None:
    assert secret not in "".join(command_line([*argv, secret], [secret]).split(REDACTED))


@pytest.mark.claim("C-091")
def test_a_note_is_one_printable_line() -> None:
    hostile = "fine\r\n2026 FORGED line\x00\x1b[31mred\x1b[0m\u202eevil\u200b end\ttab\x1b]0;title\x07"
    assert sanitised(hostile) == "fine 2026 FORGED linerededevil end tab".replace("reded", "red")


def test_a_secret_split_by_invisible_characters_is_still_one() -> None:
    assert (
        sanitised("got hun\u200bter2secret \x1b[1mhunter2\x1b[0msecret", ["hunter2secret"])
        == f"got {REDACTED} {REDACTED}"
    )
    assert "S3cr3t" not in sanitised("--pass\u200bword=S3cr3t")


@pytest.mark.claim("C-091")
def test_it_is_cut_after_it_was_masked_so_that_no_half_of_a_secret_stays() -> None:
    text = "x" * 40 + " hunter2secret"
    assert "hunter" not in sanitised(text, ["hunter2secret"], limit=48)
    assert len(sanitised("y" * 5000)) == 2000
    assert sanitised("y" * 5000).endswith("…")


@given(st.text(max_size=80), st.integers(1, 60))
def test_a_sanitised_text_is_short_printable_and_stays_so(text: str, limit: int) -> None:
    once = sanitised(text, limit=limit)
    assert len(once) <= limit
    assert not any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in once)
