"""The record: its public fields, its bytes, and what it refuses to hold."""

import json
import math
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.audit.chain import GENESIS, commitment, record_hash
from byteport.audit.ids import parse_record_id, uuid7
from byteport.audit.records import (
    PUBLIC_FIELDS,
    Payload,
    Removed,
    read_header,
    read_payload,
    record_of,
    seal,
    timestamp,
)
from byteport.audit.words import Removal
from byteport.domain.canonical import canonical_bytes
from byteport.errors import MalformedInput
from tests.unit.audit.chains import START_MS, chain, chance, header, payload

SALT = b"s" * 32


@pytest.mark.claim("C-085")
def test_a_record_shows_exactly_the_public_schema_in_its_order() -> None:
    (entry,) = chain(1)
    assert list(record_of(entry).public()) == [
        *("id", "timestamp", "actor", "cluster", "signal_type", "signal_value", "runbook", "decision", "command"),
        *("result", "mttr_seconds", "postmortem_url", "hash"),
    ]
    assert record_of(entry).public() == {
        "id": uuid7(START_MS + 1, chance(10, 1)),
        "timestamp": "2026-03-10T09:00:00.000Z",
        "actor": "byteport-agent",
        "cluster": "prod",
        "signal_type": "pod_crashloop",
        "signal_value": 1.5,
        "runbook": "PodCrashloopRunbook",
        "decision": "acted",
        "command": "kubectl delete pod web-1 -n shop",
        "result": "success",
        "mttr_seconds": 1,
        "postmortem_url": None,
        "hash": entry.hash,
    }
    assert len(PUBLIC_FIELDS) == 13


@pytest.mark.claim("C-086")
def test_nobody_else_can_be_the_actor() -> None:
    with pytest.raises(ValueError, match="actor"):
        Payload.model_validate({**payload(1).model_dump(), "actor": "root"})


def test_the_hash_is_over_the_stored_header_and_the_header_commits_to_the_stored_payload() -> None:
    (entry,) = chain(1)
    assert entry.payload is not None
    assert entry.salt is not None
    assert entry.hash == record_hash(entry.header)
    assert read_header(entry.header).payload == commitment(entry.salt, entry.payload)


def test_names_and_words_that_may_have_to_be_erased_are_not_in_the_header() -> None:
    (entry,) = chain(1)
    assert entry.payload is not None
    for word in (b"web-1", b"shop", b"prod", b"transient"):
        assert word in entry.payload
        assert word not in entry.header


def test_the_same_payload_under_another_salt_is_committed_to_differently() -> None:
    one = seal(header(1, GENESIS), payload(1), b"a" * 32)
    two = seal(header(1, GENESIS), payload(1), b"b" * 32)
    assert read_header(one.header).payload != read_header(two.header).payload


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_signal_value_is_stored_and_read_back(value: float) -> None:
    entry = seal(header(1, GENESIS), payload(1).model_copy(update={"signal_value": value}), SALT)
    assert record_of(entry).signal_value == value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_signal_value_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(MalformedInput, match="signal_value"):
        seal(header(1, GENESIS), payload(1).model_copy(update={"signal_value": value}), SALT)


@given(st.text())
def test_any_text_is_stored_and_read_back_or_refused(text: str) -> None:
    try:
        entry = seal(header(1, GENESIS), payload(1).model_copy(update={"note": text}), SALT)
    except MalformedInput:
        assert any("\ud800" <= char <= "\udfff" for char in text)
    else:
        assert record_of(entry).note == text


def test_a_record_is_read_only_from_canonical_bytes() -> None:
    (entry,) = chain(1)
    spaced = json.dumps(json.loads(entry.payload or b"")).encode()
    with pytest.raises(MalformedInput, match="canonical"):
        read_payload(spaced)


def test_an_erased_record_says_so() -> None:
    (entry,) = chain(1)
    with pytest.raises(MalformedInput, match="record 1: has no payload"):
        record_of(entry._replace(payload=None, salt=None))


@pytest.mark.claim("C-085")
@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2026, 3, 10, 9, 0, 0, 1999, tzinfo=UTC), "2026-03-10T09:00:00.001Z"),
        (datetime(2026, 3, 10, 9, 0, tzinfo=timezone(timedelta(hours=2))), "2026-03-10T07:00:00.000Z"),
    ],
)
def test_a_timestamp_is_utc_with_milliseconds(at: datetime, text: str) -> None:
    assert timestamp(at) == text


@pytest.mark.claim("C-085")
@given(st.integers(0, (1 << 48) - 1), st.binary(min_size=10, max_size=10))
def test_a_record_id_is_a_uuid_of_version_7_that_holds_its_time(ms: int, chance: bytes) -> None:
    made = uuid.UUID(uuid7(ms, chance))
    assert (made.variant, made.int >> 76 & 0xF, made.int >> 80) == (uuid.RFC_4122, 7, ms)


@given(st.integers(0, (1 << 48) - 2), st.binary(min_size=10, max_size=10), st.binary(min_size=10, max_size=10))
def test_ids_sort_by_time(ms: int, one: bytes, two: bytes) -> None:
    assert uuid7(ms, one) < uuid7(ms + 1, two)


@pytest.mark.parametrize("length", [0, 9, 11])
def test_an_id_takes_exactly_its_randomness(length: int) -> None:
    with pytest.raises(ValueError, match="10 random bytes"):
        uuid7(1, bytes(length))


def test_an_id_is_understood_in_every_spelling() -> None:
    made = uuid7(1_773_133_200_000, bytes(range(10)))
    plain = uuid.UUID(made)
    digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    ulid = "".join(digits[plain.int >> shift & 31] for shift in range(125, -1, -5))
    for text in (made, made.upper(), plain.hex, f" {plain.urn} ", ulid, ulid.lower(), ulid.replace("0", "o")):
        assert parse_record_id(text) == made


@pytest.mark.parametrize("text", ["", "5", "not-an-id", "8" + "0" * 25, "U" * 26, "0" * 27])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(MalformedInput, match="neither a UUID nor a ULID"):
        parse_record_id(text)


def test_a_record_is_one_line_of_canonical_json() -> None:
    (entry,) = chain(1)
    assert canonical_bytes(json.loads(entry.header)) == entry.header
    assert b"\n" not in entry.header + (entry.payload or b"")


def test_a_payload_written_before_bodies_could_be_destroyed_is_read_as_naming_none() -> None:
    plain = json.loads(canonical_bytes(payload(1)))
    assert plain.pop("removed") == []
    assert read_payload(canonical_bytes(plain)) == payload(1)


def test_a_record_of_a_pruning_names_the_bodies() -> None:
    removed = (Removed(first=1, last=4, cause=Removal.PRUNED), Removed(first=6, last=6, cause=Removal.PRUNED))
    entry = seal(header(9, GENESIS), payload(9).model_copy(update={"removed": removed}), SALT)
    assert read_payload(entry.payload or b"").removed == removed


@pytest.mark.parametrize(("first", "last"), [(0, 1), (5, 4), (-1, -1)])
def test_bodies_are_named_forwards_and_from_one(first: int, last: int) -> None:
    with pytest.raises(ValueError):
        Removed(first=first, last=last, cause=Removal.ERASED)
