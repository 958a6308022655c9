"""Lines and bodies that are refused, each by its number and field. Nothing is kept, so that one server answers them all."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from byteport.audit.bundle import line_of
from byteport.audit.chain import SALT_BYTES
from byteport.audit.records import seal
from byteport.domain.canonical import canonical_bytes
from tests.builders.chained import Log, body
from tests.integration.api.world import ACME_UID, RECORDS, Answer, World

pytestmark = pytest.mark.ledger


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("refusing")).running() as world:
        yield world


@pytest.fixture
def log() -> Log:
    return Log("acme", ACME_UID).append(1)


def changed(line: bytes, **fields: Any) -> bytes:
    return canonical_bytes(json.loads(line) | fields)


def resealed(log: Log, **more: Any) -> bytes:
    """The next record, whose payload has more fields than were published."""
    seq = len(log.entries) + 1
    sealed = json.loads(log.payload(seq).model_dump_json()) | more
    payload = canonical_bytes(sealed)
    salt = log.chance(SALT_BYTES, seq)
    entry = seal(log.header(seq), log.payload(seq), salt)
    return line_of(entry._replace(payload=payload))[:-1]


async def refused(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.code


@pytest.mark.claim("C-362")
@pytest.mark.parametrize("field", ["pod_spec", "log_tail", "exec_output"])
async def test_a_field_that_was_not_published_is_refused_by_its_name(world: World, log: Log, field: str) -> None:
    beside = await world.agent().hand_in(changed(log.lines()[0], **{field: "x"}))
    assert (beside.status, beside.code, beside.json["field"]) == (422, "line_refused", field)
    within = await world.agent().hand_in(resealed(log, **{field: "x"}))
    assert (within.status, within.code, within.json["field"]) == (422, "line_refused", f"sealed.payload.{field}")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"hash": "sha256:" + "0" * 64}, "hash"),
        ({"seq": 2}, "seq"),
        ({"id": "0" * 8}, "id"),
        ({"note": None}, "note"),
        ({"removed": "pruned"}, "removed"),
    ],
)
async def test_a_field_that_says_another_thing_than_what_was_hashed_is_named(
    world: World, log: Log, change: dict[str, Any], field: str
) -> None:
    answer = await world.agent().hand_in(changed(log.lines()[0], **change))
    assert (answer.status, answer.code, answer.json["field"]) == (422, "line_refused", field)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "neither a record nor a checkpoint"),
        (b"\xff", "not UTF-8"),
        (b'{"checkpoint":1}', "neither a record nor a checkpoint"),
        (b'{"a":1,"a":2}', "twice"),
        (b"[" * 5000, "JSON"),
    ],
)
async def test_what_is_no_line_is_refused_by_its_number(world: World, log: Log, line: bytes, says: str) -> None:
    answer = await world.agent().hand_in(log.lines(), line)
    assert (answer.status, answer.code, answer.json["line"]) == (422, "line_refused", 2)
    assert says in answer.json["detail"] or "deep" in answer.json["detail"]


async def test_a_body_that_is_not_what_its_header_commits_to_is_refused(world: World, log: Log) -> None:
    other = log.payload(1, note="another")
    line = line_of(log.entries[0]._replace(payload=canonical_bytes(other)))[:-1]
    answer = await world.agent().hand_in(line)
    assert (answer.status, answer.json["field"]) == (422, "sealed.payload")
    gone = line_of(log.entries[0]._replace(payload=None, salt=None))[:-1]
    assert (await world.agent().hand_in(gone)).json["field"] == "sealed.payload"


async def test_media_types_and_encodings_that_are_not_taken(world: World, log: Log) -> None:
    agent, lines = world.agent(), body(log.lines())
    for headers, data, expected in (
        ({"Content-Type": "text/plain"}, lines, (415, "media_type_refused")),
        ({"Content-Type": "application/x-ndjson", "Content-Encoding": "br"}, lines, (415, "media_type_refused")),
        ({"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}, lines, (400, "bad_encoding")),
        (
            {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"},
            gzip.compress(lines) + b"more",
            (400, "bad_encoding"),
        ),
        (
            {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"},
            gzip.compress(lines)[:-9],
            (400, "bad_encoding"),
        ),
        ({"Content-Type": "application/json"}, b"{}", (422, "line_refused")),
        ({"Content-Type": "application/json"}, b"[NaN]", (422, "line_refused")),
        ({"Content-Type": "application/json"}, b"[]", (422, "line_refused")),
        ({"Content-Type": "application/x-ndjson"}, b"", (422, "line_refused")),
    ):
        assert await refused(await agent.send("POST", RECORDS, data=data, headers=headers)) == expected
