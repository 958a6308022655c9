"""A request's query is read as Go reads it: what is shown is what was run."""

from __future__ import annotations

import pytest

from byteport.audit.queries import pairs_of


@pytest.mark.parametrize(
    ("uri", "pairs"),
    [
        ("/x", ()),
        ("/x?", ()),
        ("/x?a=1&b", (("a", "1"), ("b", ""))),
        ("/x?a=1#&b=2", (("a", "1#"), ("b", "2"))),
        ("/x#y?a=1", (("a", "1"),)),
        ("/x?a=1?b=2", (("a", "1?b=2"),)),
        ("//[x?a=1", (("a", "1"),)),
        ("/x?a=1;b=2&c=3", (("c", "3"),)),
        ("/x?a=%zz&b=%4&c=%41", (("c", "A"),)),
        ("/x?a=b+c%2Bd&=e&&", (("a", "b c+d"), ("", "e"))),
        ("/x?a=1&a=2", (("a", "1"), ("a", "2"))),
    ],
)
def test_each_pair_is_what_the_api_server_takes_it_for(uri: str, pairs: tuple[tuple[str, str], ...]) -> None:
    assert pairs_of(uri) == pairs


def test_a_query_of_very_many_pairs_is_read_whole() -> None:
    assert len(pairs_of("/x?" + "a=1&" * 5000 + "command=df")) == 5001
