"""What goes over the wire to the ledger outside: a remediation full of secrets is repaired, its log is shipped, the wire is read."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h11
import pytest

from activities.export.api import LedgerApi
from activities.export.portions import next_portion
from activities.export.target import Batch
from byteport.audit.heads import Chain
from byteport.audit.records import Record
from byteport.contracts.ledger_api import ApiTargetConfig
from byteport.contracts.workflows import Phase
from byteport.kubernetes.port import DEPLOYMENTS, EVENTS
from byteport.sandbox.simulated import SimulatedCluster
from tests.integration.api.world import World as Ledger
from tests.workflows.remediation import bad_release
from tests.workflows.test_secrecy import CANARIES, CANARY, OF_THE_API, _with_canaries
from tests.workflows.world import World

pytestmark = pytest.mark.ledger


class Wire:
    """What an agent sent, between its TLS and the ledger's."""

    def __init__(self) -> None:
        self.sent = b""
        self.port = 0

    def requests(self) -> list[tuple[bytes, bytes]]:
        """Header and body of each, unpacked."""
        found: list[tuple[bytes, bytes]] = []
        parser = h11.Connection(h11.SERVER)
        parser.receive_data(self.sent)
        header, body = b"", b""
        while True:
            event = parser.next_event()
            if isinstance(event, h11.Request):
                header, body = event.target + b"".join(name + value for name, value in event.headers), b""
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                found.append((header, gzip.decompress(body)))
                parser.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                parser.send(h11.EndOfMessage())
                parser.start_next_cycle()
            else:
                return found


@asynccontextmanager
async def tapped(ledger: Ledger) -> AsyncIterator[Wire]:
    wire = Wire()
    inside = ledger.nobody().context()
    outside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    outside.load_cert_chain(ledger.certificate.certificate, ledger.certificate.key)

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, kept: bool) -> None:
        while data := await reader.read(65536):
            wire.sent += data if kept else b""
            writer.write(data)
            await writer.drain()
        writer.close()

    async def through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", ledger.port, ssl=inside, server_hostname="localhost")
        await asyncio.gather(pump(reader, there[1], kept=True), pump(there[0], writer, kept=False))

    server = await asyncio.start_server(through, "127.0.0.1", 0, ssl=outside)
    wire.port = server.sockets[0].getsockname()[1]
    yield wire
    server.close()


async def fill_with_canaries(world: World, cluster: SimulatedCluster) -> None:
    """In templates, environment, arguments, annotations and logs. The cluster itself writes the events."""
    await world.healthy()
    deployment: Mapping[str, Any] = await cluster.get(DEPLOYMENTS, "shop", "web")
    await cluster.apply(_with_canaries(deployment))
    world.advance(600)
    for previous in (True, False):
        await cluster.set_log("shop", "web", "web", CANARIES["log"], previous=previous)


@pytest.mark.claim("C-362")
async def test_review_12_a_log_is_shipped_and_nothing_that_a_pod_printed_or_holds_is_on_the_wire(
    world: World, cluster: SimulatedCluster, tmp_path: Path
) -> None:
    await fill_with_canaries(world, cluster)
    remediation = await bad_release(world)
    waiting = await remediation.until(Phase.AWAITING_APPROVAL)
    events = await cluster.list(EVENTS, "shop")
    assert events.items, "there are events to be leaked"
    await waiting.approve(by="ada")
    await remediation.closed()

    chain = Chain(tenant=world.settings.tenant, cluster_uid=cluster.uid)
    folder = tmp_path / "ledger"
    folder.mkdir()
    ledger = Ledger(folder)
    ledger.write_enrolment(
        {
            "name": "agent-of-this-world",
            "role": "agent",
            "tenant": chain.tenant,
            "cluster_uid": chain.cluster_uid,
            "token": {"issuer": "acme", "subject": "system:serviceaccount:byteport-agent:wire"},
        }
    )
    token = folder / "token"
    token.write_text(ledger.clusters["acme"].token(sub="system:serviceaccount:byteport-agent:wire"))
    with ledger.running():
        async with tapped(ledger) as wire:
            config = ApiTargetConfig(url=f"https://localhost:{wire.port}", token_file=token)
            target = LedgerApi(config, ca_file=ledger.authority.file)
            portion = next_portion(world.log, chain, 0, now=datetime.now(UTC), hourly=False)
            shipped = await target.ship(Batch(chain, portion.first, portion.last, portion.lines))
            await target.close()
        assert shipped.last == portion.head > 3
        kept = await ledger.reader(chain.tenant).get(f"/v1/chains/{chain.cluster_uid}/export")
        assert kept.text.splitlines() == list(portion.lines)

    (request,) = wire.requests()
    header, body = request
    assert b"kubectl rollout undo" in body, "what may be on it is there to be seen"
    for part in (wire.sent, header, body):
        assert CANARY.encode() not in part
        assert [word for word in OF_THE_API if word.encode() in part] == []
    for event in events.items:
        assert str(event["message"]).encode() not in body
    published = {*Record.model_fields, "sealed"}
    assert {frozenset(json.loads(line)) for line in body.splitlines()} == {frozenset(published)}
