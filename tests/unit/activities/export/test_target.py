"""A batch is what it says: as many lines as records, each the record of its number."""

from __future__ import annotations

import json
from datetime import UTC, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from activities.export.target import Batch, checkpoint_id, checkpoint_line, inert, lines_of, moment
from byteport.audit.verify import Chain
from byteport.errors import MalformedInput
from tests.builders.exported import DAMAGED_TIMES

CHAIN = Chain(tenant="acme", cluster_uid="0f3c")


def line(seq: int, **changes: object) -> bytes:
    plain = {"id": f"id-{seq}", "seq": seq, "timestamp": "2026-03-10T09:00:00.000Z"}
    return json.dumps(plain | changes).encode()


def test_the_records_of_a_batch_come_with_id_number_and_time() -> None:
    (first, second) = lines_of(Batch(CHAIN, 7, 8, (line(7), line(8))))
    assert (first.id, first.seq, str(second.at)) == ("id-7", 7, "2026-03-10 09:00:00+00:00")


def test_a_batch_with_another_number_of_lines_than_of_records_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="one line for each"):
        Batch(CHAIN, 7, 9, (line(7), line(8)))


@pytest.mark.parametrize("text", [b"not json", b"[]", b"7", line(7) + b"\n", b"[" * 100_000])
def test_a_line_that_is_no_record_is_refused_by_its_number(text: bytes) -> None:
    with pytest.raises(MalformedInput, match="record 7"):
        lines_of(Batch(CHAIN, 7, 7, (text,)))


@given(
    st.one_of(st.text(), st.sampled_from(DAMAGED_TIMES), st.datetimes(timezones=st.timezones()).map(str), st.integers())
)
def test_whatever_a_record_says_its_time_is_one_that_hours_can_be_counted_from_or_none(told: object) -> None:
    at = moment(told)
    if at is not None:
        assert at.tzinfo is UTC
        assert len(f"{at - timedelta(days=1):%Y-%m-%dT%H}") == len(f"{at + timedelta(days=1):%Y-%m-%dT%H}")


@pytest.mark.parametrize("damage", [{"id": None}, {"id": "a b"}, {"id": "x\r\ny"}, {"id": 7}])
def test_a_damaged_record_is_shipped_too_under_an_id_that_stays(damage: dict[str, object]) -> None:
    broken = Batch(CHAIN, 7, 7, (line(7, **damage),))
    (one,), (again,) = lines_of(broken), lines_of(broken)
    assert one.id == again.id
    assert one.id.startswith("damaged-")


@pytest.mark.parametrize("said", [None, 7, "yesterday", "2026-03-10T09:00:00"])
def test_a_record_without_a_time_has_none(said: object) -> None:
    (one,) = lines_of(Batch(CHAIN, 7, 7, (line(7, timestamp=said),)))
    assert one.at is None


HOSTILE = "a\r\n\x00\x1b[31m\x7f\x9b2J\u202e\u2066\u2028\ufeff\U000e0001=HYPERLINK(1)|**b** ü 漢 🙂"


@given(st.text())
@example(HOSTILE)
def test_review_13_a_line_holds_nothing_that_a_terminal_acts_on_and_says_the_same(text: str) -> None:
    raw = (
        json.dumps({"note": text}, ensure_ascii=False)
        .encode("utf-8", "surrogatepass")
        .decode("utf-8", "replace")
        .encode()
    )
    shown = inert(raw)
    assert shown.decode().isprintable()
    assert json.loads(shown) == json.loads(raw)


def test_what_may_be_shown_stands_as_it_is() -> None:
    assert inert('{"note":"ü 漢 🙂"}'.encode()) == '{"note":"ü 漢 🙂"}'.encode()


def test_a_checkpoint_is_known_again_by_its_note_alone() -> None:
    assert checkpoint_id("origin\n1\n") == checkpoint_id("origin\n1\n") != checkpoint_id("origin\n2\n")
    assert json.loads(checkpoint_line("origin\n1\n")) == {"checkpoint": "origin\n1\n"}
