"""A line is what was published and what was hashed, or it is refused; no byte of it can be another unseen."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.api.lines import Sent, SentCheckpoint, SentRecord, read
from byteport.api.problems import LedgerCode
from byteport.audit.bundle import line_of
from byteport.audit.chain import commitment, record_hash
from byteport.audit.records import Entry
from byteport.domain.canonical import canonical_bytes
from byteport.serving.problems import Problem
from tests.builders.chained import Log

UID = "11111111-2222-4333-8444-555555555555"
LOG = Log("acme", UID).append(3)
LINE = LOG.lines()[1]


def test_a_record_and_a_checkpoint_are_read_as_they_were_written() -> None:
    found = read(7, LINE, LOG.chain)
    assert isinstance(found, SentRecord)
    assert (found.line, found.entry, found.header.seq) == (7, LOG.entries[1], 2)
    note = read(1, LOG.checkpoint(), LOG.chain)
    assert note == SentCheckpoint(1, LOG.note())


def answer(number: int, line: bytes) -> Sent | Problem:
    try:
        return read(number, line, LOG.chain)
    except Problem as problem:
        return problem


def same(line: bytes) -> bool:
    """Whether it is the same record in another spelling of JSON."""
    try:
        return bool(json.loads(line) == json.loads(LINE))
    except (ValueError, RecursionError):
        return False


@given(at=st.integers(0, len(LINE) - 1), byte=st.integers(0, 255))
def test_a_line_with_one_byte_changed_is_refused(at: int, byte: int) -> None:
    changed = LINE[:at] + bytes([byte]) + LINE[at + 1 :]
    found = answer(1, changed)
    if isinstance(found, Problem):
        assert found.code in (LedgerCode.LINE_REFUSED, LedgerCode.FOREIGN_CHAIN)
        assert found.line == 1
    else:
        assert isinstance(found, SentRecord)
        assert same(changed)
        assert found.entry == LOG.entries[1]


@given(st.binary(max_size=300))
def test_whatever_is_sent_is_refused_by_its_line_and_nothing_else(line: bytes) -> None:
    found = answer(3, line)
    assert isinstance(found, Problem)
    assert (found.code, found.line) == (LedgerCode.LINE_REFUSED, 3)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda x: (
            st.lists(x, max_size=3)
            | st.dictionaries(
                st.sampled_from(["sealed", "removed", "checkpoint", "header", "payload", "salt", "id"]), x, max_size=4
            )
        ),
    )
)
def test_json_of_any_shape_is_refused_by_its_line_and_nothing_else(value: object) -> None:
    found = answer(3, json.dumps(value).encode("utf-8", "surrogatepass"))
    if isinstance(found, Problem):
        assert found.line == 3
    else:
        assert isinstance(found, SentCheckpoint)
        assert value == {"checkpoint": found.note}


def forged(**header: object) -> bytes:
    """A record that is consistent in itself, as whoever owns a cluster can make it."""
    payload, salt = canonical_bytes(LOG.payload(4)), bytes(32)
    plain = json.loads(canonical_bytes(LOG.header(4))) | {"payload": commitment(salt, payload)} | header
    data = canonical_bytes(plain)
    return line_of(Entry(4, data, payload, salt, record_hash(data)))[:-1]


@pytest.mark.parametrize(
    "at",
    [
        "2026-02-30T00:00:00.000Z",
        "2026-13-45T25:61:61.999Z",
        "0000-01-01T00:00:00.000Z",
        "2026-06-30T23:59:60.000Z",
        "2027-01-01T24:00:00.000Z",
    ],
)
def test_a_record_of_a_time_that_there_is_not_is_refused(at: str) -> None:
    assert isinstance(answer(1, forged()), SentRecord)
    found = answer(2, forged(timestamp=at))
    assert isinstance(found, Problem)
    assert (found.code, found.line) == (LedgerCode.LINE_REFUSED, 2)


@pytest.mark.parametrize("word", ["a\0b", "\0", "ö" * 501, "x" * 100_000])
def test_a_word_that_not_every_store_can_hold_and_find_is_refused(word: str) -> None:
    found = answer(1, forged(action_id=word))
    assert isinstance(found, Problem)
    assert (found.code, found.field) == (LedgerCode.LINE_REFUSED, "action_id")
    assert isinstance(answer(1, forged(action_id="x" * 1000)), SentRecord)
