"""How much is taken: bytes, lines, records a minute, before and after unpacking, each tenant for itself."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.builders.chained import body
from tests.integration.api.world import RECORDS, World

pytestmark = [pytest.mark.ledger, pytest.mark.claim("C-366")]

GZIP = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}


async def test_a_body_a_line_and_a_number_of_lines_too_many_are_told_apart(tmp_path: Path) -> None:
    with World(tmp_path, body_bytes=20_000, line_bytes=4000, lines=5).running() as world:
        agent = world.agent()
        assert (await agent.hand_in(b"x" * 20_001)).code == "body_too_large"
        assert (await agent.hand_in(b"x" * 4001)).code == "line_too_large"
        assert (await agent.hand_in([b"{}"] * 6)).code == "too_many_lines"
        for array, code in (
            (b"[" + b"1," * 5 + b"1]", "too_many_lines"),
            (b'["' + b"x" * 4000 + b'"]', "line_too_large"),
        ):
            answer = await agent.send("POST", RECORDS, data=array, headers={"Content-Type": "application/json"})
            assert answer.code == code

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(30):
                yield b"y" * 1000

        chunked = await agent.send("POST", RECORDS, data=pieces(), headers={"Content-Type": "application/x-ndjson"})
        assert (chunked.status, chunked.code) == (413, "body_too_large")


async def test_what_would_unpack_to_more_than_a_body_is_not_unpacked(tmp_path: Path) -> None:
    with World(tmp_path, body_bytes=100_000).running() as world:
        bomb = gzip.compress(b"\0" * 50_000_000)
        assert len(bomb) < 100_000
        answer = await world.agent().send("POST", RECORDS, data=bomb, headers=GZIP)
        assert (answer.status, answer.code) == (413, "body_too_large")


async def test_a_tenant_that_has_used_up_its_records_waits_and_another_does_not(tmp_path: Path) -> None:
    with World(tmp_path, lines=10, records_per_minute=10).running() as world:
        mine, others = world.logs["acme"].append(20), world.logs["other"].append(5)
        assert (await world.agent().hand_in(mine.lines(1, 10))).status == 200
        late = await world.agent().hand_in(mine.lines(11, 20))
        assert (late.status, late.code) == (429, "rate_limited")
        assert 1 <= int(late.headers["Retry-After"]) <= 60
        assert late.json["retry_after"] == int(late.headers["Retry-After"])
        assert (await world.agent("other").hand_in(others.lines())).status == 200


async def test_a_tenant_that_has_used_up_its_bytes_waits_and_another_does_not(tmp_path: Path) -> None:
    """By what is unpacked, and whether it was taken or refused."""
    with World(tmp_path, body_bytes=50_000, bytes_per_minute=60_000).running() as world:
        packed = gzip.compress(b"x" * 50_000)
        first, second = [await world.agent().send("POST", RECORDS, data=packed, headers=GZIP) for _ in range(2)]
        assert first.code == "line_refused"
        assert (second.status, second.code) == (429, "rate_limited")
        assert "bytes" in second.json["detail"]
        others = world.logs["other"].append(1)
        assert (await world.agent("other").hand_in(others.lines())).status == 200


async def test_a_tenant_that_has_used_up_its_requests_waits_and_another_does_not(tmp_path: Path) -> None:
    with World(tmp_path, requests_per_minute=3).running() as world:
        path = f"/v1/chains/{world.logs['acme'].chain.cluster_uid}/head"
        statuses = [(await world.agent().get(path)).status for _ in range(4)]
        assert statuses == [404, 404, 404, 429]
        assert (await world.reader("other").get("/v1/chains")).status == 200


async def test_a_refused_sender_of_a_large_body_still_hears_why(tmp_path: Path) -> None:
    with World(tmp_path).running() as world:
        answer = await world.nobody().send(
            "POST", RECORDS, data=body(b"x" * 500_000), headers={"Content-Type": "application/x-ndjson"}
        )
        assert (answer.status, answer.code) == (401, "credential_missing")
