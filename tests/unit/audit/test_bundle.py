"""The lines of an export: written so that they can be compared byte by byte, read so that whatever is wrong with one is named."""

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.audit.bundle import (
    LONGEST_LINE,
    BadLine,
    Cause,
    CheckpointLine,
    EntryLine,
    Line,
    checkpoint_line,
    cut,
    line_of,
    read,
)
from byteport.audit.records import PUBLIC_FIELDS, Entry, Record, record_of
from byteport.audit.words import Removal
from byteport.domain.canonical import canonical_bytes
from tests.unit.audit.chains import chain

ENTRIES = chain(3)
LINE = line_of(ENTRIES[0])
NOTE = "byteport.io/log/acme/uid-1\n1\nAAAA\n\n— byteport.io/log/acme/uid-1 AAAAAAAA\n"


def one(raw: bytes) -> Line:
    (found,) = read([raw], "export.ndjson")
    assert (found.file, found.number) == ("export.ndjson", 1)
    return found


def changed(**fields: Any) -> bytes:
    return canonical_bytes({**json.loads(LINE), **fields}) + b"\n"


def test_a_line_is_canonical_and_says_every_field_of_the_record() -> None:
    for entry in ENTRIES:
        line = line_of(entry)
        plain = json.loads(line)
        assert canonical_bytes(plain) + b"\n" == line
        sealed = plain.pop("sealed")
        assert plain == record_of(entry).model_dump(mode="json")
        assert set(PUBLIC_FIELDS) <= set(plain) == set(Record.model_fields)
        assert (sealed["header"].encode(), sealed["payload"].encode()) == (entry.header, entry.payload)
        assert bytes.fromhex(sealed["salt"]) == entry.salt


def test_what_was_written_is_read() -> None:
    lines = [line_of(ENTRIES[0]), checkpoint_line(NOTE), line_of(ENTRIES[1])]
    assert list(read(lines, "a")) == [
        EntryLine("a", 1, ENTRIES[0], None),
        CheckpointLine("a", 2, NOTE),
        EntryLine("a", 3, ENTRIES[1], None),
    ]


@pytest.mark.parametrize("removed", [None, *Removal])
def test_a_record_without_its_body_keeps_what_the_header_says(removed: Removal | None) -> None:
    bare = ENTRIES[1]._replace(payload=None, salt=None)
    line = line_of(bare, removed)
    plain = json.loads(line)
    assert (plain["seq"], plain["event"], plain["hash"]) == (2, "finished", ENTRIES[1].hash)
    assert (plain["target"], plain["command"], plain["answers"], plain["sealed"]["payload"]) == (None, None, None, None)
    assert plain.get("removed") == removed
    assert one(line) == EntryLine("export.ndjson", 1, bare, removed)


def test_a_payload_that_lacks_a_later_field_has_its_default_in_the_line() -> None:
    plain = json.loads(ENTRIES[0].payload or b"")
    for name in ("answers", "allowed_signers", "removed"):
        del plain[name]
    older = ENTRIES[0]._replace(payload=canonical_bytes(plain))
    written = json.loads(line_of(older))
    assert (written["answers"], written["allowed_signers"]) == ([], None)
    assert one(line_of(older)) == EntryLine("export.ndjson", 1, older, None)


@pytest.mark.parametrize(
    "kept",
    [
        json.dumps(json.loads(LINE)).encode(),
        json.dumps(json.loads(LINE), indent=1).encode(),
        LINE[:-1],
        LINE[:-1] + b"\r\n",
    ],
)
def test_white_space_and_the_order_of_keys_are_nobodys_fault(kept: bytes) -> None:
    assert one(kept) == EntryLine("export.ndjson", 1, ENTRIES[0], None)


@pytest.mark.parametrize("field", sorted(Record.model_fields))
def test_a_field_that_is_not_what_was_hashed_is_named(field: str) -> None:
    for value in ("other", 7, True, None, [], ["x"]):
        if json.loads(LINE)[field] != value:
            found = one(changed(**{field: value}))
            assert isinstance(found, EntryLine)
            if field == "hash" and isinstance(value, str):  # the record is then said to have been edited
                assert (found.differs, found.entry) == (None, ENTRIES[0]._replace(hash=value))
            else:
                assert (found.differs, found.entry) == (field, ENTRIES[0])
    plain = json.loads(LINE)
    del plain[field]
    without = one(canonical_bytes(plain) + b"\n")
    assert isinstance(without, EntryLine)
    assert without.differs == field


def test_a_field_that_no_record_has_is_named() -> None:
    found = one(changed(severity="low"))
    assert isinstance(found, EntryLine)
    assert found.differs == "severity"


def test_a_truth_value_is_not_a_number() -> None:
    found = one(changed(mttr_seconds=True))
    assert isinstance(found, EntryLine)
    assert found.differs == "mttr_seconds"


@pytest.mark.parametrize(
    ("raw", "cause"),
    [
        (LINE[:100], Cause.TRUNCATED),
        (b"{", Cause.TRUNCATED),
        (b"\n", Cause.NOT_JSON),
        (b"not json\n", Cause.NOT_JSON),
        (LINE[:-2] + b"\n", Cause.NOT_JSON),
        (LINE[:-1] + LINE, Cause.NOT_JSON),
        (b"\xff\xfe{}\n", Cause.NOT_UTF8),
        (b"\xef\xbb\xbf" + LINE, Cause.NOT_JSON),
        (b"[" * 200_000 + b"\n", Cause.TOO_DEEP),
        (b'{"a":' * 200_000 + b"1" + b"}" * 200_000 + b"\n", Cause.TOO_LONG),
        (b" " * (LONGEST_LINE + 1) + b"\n", Cause.TOO_LONG),
        (b'{"seq":1,' + LINE[1:], Cause.DUPLICATE_KEY),
        (b'{"sealed":{"header":"","header":"","payload":null,"salt":null}}\n', Cause.DUPLICATE_KEY),
        (LINE.replace(b'"mttr_seconds":1', b'"mttr_seconds":NaN'), Cause.NOT_A_NUMBER),
        (LINE.replace(b'"mttr_seconds":1', b'"mttr_seconds":-Infinity'), Cause.NOT_A_NUMBER),
        (LINE.replace(b'"mttr_seconds":1', b'"mttr_seconds":1e999'), Cause.NOT_A_NUMBER),
        (LINE.replace(b'"mttr_seconds":1', b'"mttr_seconds":' + b"9" * 5000), Cause.NOT_A_NUMBER),
        (LINE.replace(b'"prod"', b'"\\ud800"', 1), Cause.LONE_SURROGATE),
        (LINE.replace(b'"reason":', b'"\\udfff":1,"reason":', 1), Cause.LONE_SURROGATE),
        (b"null\n", Cause.NOT_OURS),
        (b"[]\n", Cause.NOT_OURS),
        (b"{}\n", Cause.NOT_OURS),
        (b'{"checkpoint":7}\n', Cause.NOT_OURS),
        (b'{"checkpoint":"x","more":1}\n', Cause.NOT_OURS),
        (changed(sealed=None), Cause.NOT_OURS),
        (changed(sealed={}), Cause.NOT_OURS),
        (changed(sealed={"header": 1, "payload": None, "salt": None}), Cause.NOT_OURS),
        (changed(sealed={"header": "", "payload": None, "salt": "xyz"}), Cause.NOT_OURS),
        (changed(sealed={"header": "", "payload": None, "salt": "AB"}), Cause.NOT_OURS),
        (changed(sealed={"header": "", "payload": None, "salt": None, "more": 1}), Cause.NOT_OURS),
        (changed(removed="lost"), Cause.NOT_OURS),
    ],
)
def test_what_is_no_line_of_ours_is_named_by_its_cause(raw: bytes, cause: Cause) -> None:
    found = one(raw)
    assert isinstance(found, BadLine)
    assert found.cause is cause


@given(place=st.integers(0, len(LINE) - 1), byte=st.integers(0, 255))
def test_a_changed_byte_of_a_line_is_seen_or_changes_what_was_hashed(place: int, byte: int) -> None:
    raw = LINE[:place] + bytes([byte]) + LINE[place + 1 :]
    found = one(raw)
    if isinstance(found, EntryLine) and found.differs is None and found.entry == ENTRIES[0]:
        assert json.loads(raw) == json.loads(LINE), "nothing but white space may change unseen"


@given(st.binary(max_size=200))
def test_nothing_raises(raw: bytes) -> None:
    assert isinstance(one(raw), BadLine)


@pytest.mark.parametrize(
    "header", [b"", b"\xff", b"[" * 100_000, b"{\n}", b'{"seq":"\xed\xa0\x80"}', b'{"seq":-0}', b"null"]
)
@pytest.mark.parametrize("body", [b"", b"\xff", b"{\n}", b"7"])
def test_a_damaged_record_has_one_line_which_says_the_damage(header: bytes, body: bytes) -> None:
    line = line_of(Entry(seq=4, header=header, payload=body, salt=b"x", hash="sha256:0"))
    assert line.count(b"\n") == 1
    found = one(line)
    assert isinstance(found, EntryLine | BadLine)
    if isinstance(found, EntryLine):
        assert found.entry.hash == "sha256:0"
        assert found.entry.header == header.decode("utf-8", "replace").encode()


def test_a_file_is_cut_into_its_lines_and_no_line_is_held_longer_than_may_be() -> None:
    long = b"x" * (3 * LONGEST_LINE)
    lines = list(cut(io.BytesIO(b"a\n" + long + b"\nb\n\nc")))
    assert [len(line) for line in lines] == [2, LONGEST_LINE + 1, 2, 1, 1]
    assert list(cut(io.BytesIO(long))) == [long[: LONGEST_LINE + 1]]
    assert list(cut(io.BytesIO(b""))) == []
