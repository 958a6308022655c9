"""How a body is written: the API server compares some of it byte by byte."""

import json

import pytest

from activities.kubernetes.wire import encoded

SPECIAL = 'a && b <c> \u2028 \u2029 é 漢 " \\ \n \t \x7f'


def test_what_is_written_is_still_the_same_value() -> None:
    assert json.loads(encoded([{"value": SPECIAL, SPECIAL: 1}])) == [{"value": SPECIAL, SPECIAL: 1}]


@pytest.mark.parametrize(
    ("text", "form"), [("&&", "\\u0026\\u0026"), ("<", "\\u003c"), (">", "\\u003e"), ("\u2028", "\\u2028"), ("é", "é")]
)
def test_a_string_has_the_form_in_which_the_api_server_keeps_it(text: str, form: str) -> None:
    assert encoded(text) == f'"{form}"'.encode()
