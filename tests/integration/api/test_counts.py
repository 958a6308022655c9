"""What operators count: on loopback alone, by words of ours, and with a nought before the first time."""

from __future__ import annotations

import re

import aiohttp
import pytest

from tests.builders.chained import Log
from tests.integration.api.world import ACME_UID, World

pytestmark = [pytest.mark.ledger, pytest.mark.claim("C-379")]
PREFIX = "byteport_ledger_"


async def counted(world: World) -> dict[str, int]:
    async with aiohttp.ClientSession() as session:
        answer = await session.get(f"http://127.0.0.1:{world.server.health_port}/metrics")
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        text = await answer.text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(PREFIX + r'[a-z_]+(\{([a-z_]+="[a-zA-Z0-9_-]*",?)*\})? \d+', line) for line in lines), text
    return {name.removeprefix(PREFIX): int(count) for name, count in (line.rsplit(" ", 1) for line in lines)}


CHAIN = f'{{tenant="acme",cluster_uid="{ACME_UID}"}}'


async def test_before_anything_happened_every_enrolled_chain_has_noughts(world: World) -> None:
    found = await counted(world)
    assert found[f"forks_total{CHAIN}"] == found[f"large_erasures_total{CHAIN}"] == 0
    assert found['records_total{tenant="other"}'] == found["retention_failures_total"] == 0


async def test_requests_records_refusals_and_forks_are_counted(world: World) -> None:
    log = world.logs["acme"].append(3)
    await world.agent().hand_in(log.lines())
    await world.agent().hand_in(log.lines())
    await world.agent().hand_in(Log("acme", ACME_UID, salt="rewritten").append(3).lines())
    await world.nobody().get("/v1/chains")
    await world.nobody().get("/nothing")
    await world.agent().send("BREW", "/v1/records")
    found = await counted(world)
    assert found['records_total{tenant="acme"}'] == 3
    assert found[f"forks_total{CHAIN}"] == 1
    assert found['requests_total{method="POST",status="200"}'] == 2
    assert found['requests_total{method="other",status="405"}'] == 1
    refused = {name: count for name, count in found.items() if name.startswith("refusals_total")}
    assert refused == {
        f'refusals_total{{code="{code}"}}': 1
        for code in ("fork", "credential_missing", "not_found", "method_not_allowed")
    }


async def test_a_large_erasure_is_an_error_line_and_a_count(world: World, caplog: pytest.LogCaptureFixture) -> None:
    log = world.logs["acme"].append(12)
    await world.agent().hand_in(log.lines())
    log.erase(1, 3)
    await world.agent().hand_in(log.lines(13))
    assert "ledger_large_erasure" not in caplog.text
    log.erase(4, 12)
    await world.agent().hand_in(log.lines(14))
    assert f"ledger_large_erasure: tenant acme, cluster {ACME_UID}: its records say that 12 bodies" in caplog.text
    assert (await counted(world))[f"large_erasures_total{CHAIN}"] == 1


async def test_they_are_not_to_be_had_over_tls_and_what_is_asked_in_clear_is_not_counted(world: World) -> None:
    await counted(world)
    assert (await world.reader().get("/metrics")).status == 404
    assert [name for name in await counted(world) if name.startswith("requests_total")] == [
        'requests_total{method="GET",status="404"}'
    ]
