"""A batch is what it says: as many lines as records, each the record of its number."""

from __future__ import annotations

import json

import pytest

from activities.export.target import Batch, lines_of
from byteport.audit.verify import Chain
from byteport.errors import MalformedInput

CHAIN = Chain(tenant="acme", cluster_uid="0f3c")


def line(seq: int, **changes: object) -> bytes:
    plain = {"id": f"id-{seq}", "seq": seq, "timestamp": "2026-03-10T09:00:00.000Z"}
    return json.dumps(plain | changes).encode()


def test_the_records_of_a_batch_come_with_id_number_and_time() -> None:
    (first, second) = lines_of(Batch(CHAIN, 7, 8, (line(7), line(8))))
    assert (first.id, first.seq, second.at.isoformat()) == ("id-7", 7, "2026-03-10T09:00:00+00:00")


def test_a_batch_with_another_number_of_lines_than_of_records_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="one line for each"):
        Batch(CHAIN, 7, 9, (line(7), line(8)))


@pytest.mark.parametrize(
    "text",
    [
        b"not json",
        b"[]",
        line(8),
        line(7, timestamp="2026-03-10T09:00:00"),
        line(7, timestamp=None),
        line(7, id=""),
        line(7) + b"\n",
    ],
)
def test_a_line_that_is_not_the_record_of_its_number_is_refused_by_its_number(text: bytes) -> None:
    with pytest.raises(MalformedInput, match="record 7"):
        lines_of(Batch(CHAIN, 7, 7, (text,)))
