"""One statement for two databases: parameters are found where they are, and nowhere else."""

import pytest

from byteport.ledger.dialect import placeholders, plain


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("SELECT * FROM t WHERE a = ? AND b IN (?, ?)", "SELECT * FROM t WHERE a = %s AND b IN (%s, %s)"),
        ("SELECT :name, :other_name", "SELECT %(name)s, %(other_name)s"),
        ("SELECT '?', ':name', 'it''s ?', ?", "SELECT '?', ':name', 'it''s ?', %s"),
        ("SELECT a::text, 5 % 3, '100%'", "SELECT a::text, 5 %% 3, '100%%'"),
    ],
)
def test_placeholders(written: str, sent: str) -> None:
    assert placeholders(written) == sent


def test_a_nul_is_no_reason_to_refuse_a_word() -> None:
    assert plain(["a\0b", 1, None, b"\0"]) == ["a\N{REPLACEMENT CHARACTER}b", 1, None, b"\0"]
    assert plain({"x": "\0"}) == {"x": "\N{REPLACEMENT CHARACTER}"}
