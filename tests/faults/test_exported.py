"""The checker of I6 itself: whatever a receiver lacks, or holds otherwise than the log, is named."""

from __future__ import annotations

import pytest

from byteport.audit.bundle import checkpoint_line, line_of
from tests.faults.exported import Exported, not_contained
from tests.unit.audit.chains import chain, rewritten

LOG = chain(6)
LINES = tuple(line_of(entry) for entry in LOG)


def found(*lines: bytes, cursor: int = 6) -> list[str]:
    return list(not_contained([Exported("file", cursor, lines)], LOG))


def test_what_holds_every_record_once_or_twice_and_more_than_it_counts_contains_the_log() -> None:
    assert found(*LINES) == []
    assert found(*LINES[::-1], LINES[2]) == []
    assert found(*LINES, cursor=3) == []
    assert found(checkpoint_line("a note\n"), *LINES) == []
    assert found(cursor=0) == []


@pytest.mark.parametrize("gone", range(6))
def test_each_record_that_is_lacking_is_named(gone: int) -> None:
    lines = [line for number, line in enumerate(LINES) if number != gone]
    assert found(*lines) == [f"I6: file lacks record {gone + 1}, which counts as shipped"]


def test_a_record_that_was_changed_on_the_way_is_named_and_counts_as_lacking() -> None:
    edited = LINES[2].replace(b'"command":"kubectl delete pod web-3', b'"command":"kubectl delete pod web-8', 1)
    assert [line[:27] for line in found(*LINES[:2], edited, *LINES[3:])] == [
        "I6: file holds a record 3 w",
        "I6: file lacks record 3, wh",
    ]


def test_a_body_that_was_changed_in_every_place_or_left_out_is_named() -> None:
    for line in (LINES[2].replace(b"web-3", b"web-8"), line_of(LOG[2]._replace(payload=None, salt=None))):
        assert found(*LINES[:2], line, *LINES[3:])[0] == "I6: file holds another record 3 than the log"


def test_a_body_that_the_log_has_destroyed_since_may_still_be_held() -> None:
    pruned = [entry._replace(payload=None, salt=None) for entry in LOG]
    assert list(not_contained([Exported("file", 6, LINES)], pruned)) == []


def test_a_record_of_another_log_is_named() -> None:
    other = chain(8)
    assert found(*LINES, line_of(other[7])) == ["I6: file holds record 8, which the log has not"]
    forged = line_of(rewritten(LOG[1], lambda header: header.update(timestamp="2026-03-10T09:00:01.000Z")))
    assert found(*LINES, forged) == ["I6: file holds another record 2 than the log"]


def test_a_line_that_is_none_and_a_cursor_beyond_the_log_are_named() -> None:
    assert found(*LINES, b"{}\n")[0].startswith("I6: file holds a line that is none")
    assert found(*LINES, cursor=9) == ["I6: file is said to hold 9 records, which is more than there are"]
