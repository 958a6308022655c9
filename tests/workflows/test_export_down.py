"""Fault 22: the log's receiver is down for six hours, in skipped time. Nothing is lost, nothing is pruned, people are told once."""

from __future__ import annotations

import base64
import json
import secrets
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from activities.audit.alarms import Alarms
from activities.audit.retention import Retention
from byteport.audit.heads import Chain
from byteport.contracts.receivers import TargetKind
from byteport.contracts.retention import Prune
from byteport.domain.retention import RetentionConfig
from byteport.ledger import cursors
from byteport.ledger.opening import open_store
from byteport.ledger.store import Store
from byteport.sandbox.children import free_port
from byteport.sandbox.dev_server import DevServer
from tests.agent.agent import Agent
from tests.agent.places import eventually
from tests.agent.running import quick, running
from tests.agent.simulated import SimulatedPlace
from tests.faults.exported import Exported
from tests.faults.invariants import violations, witnesses
from tests.integration.export.authority import new_authority
from tests.integration.export.receivers import Got, listening

HOURS = 6
RECORDS = 5


@pytest.mark.slow
@pytest.mark.claim("C-157")
async def test_fault_22_a_receiver_that_is_down_for_six_hours_is_sent_everything_in_order_and_nothing_is_pruned_before(
    server: DevServer, tmp_path: Path
) -> None:
    place = SimulatedPlace()
    authority, port = new_authority(tmp_path), free_port()
    secret = tmp_path / "webhook"
    secret.touch(mode=0o600)
    secret.write_text("whsec_" + base64.b64encode(bytes(32)).decode() + "\n")
    url = f"https://localhost:{port}/"
    export = {"target": "webhook", "ca_file": str(authority.ca_file)}
    audit = {"pruning": False, "export": export | {"webhook": {"url": url, "secret_file": str(secret)}}}
    async with running(server, tmp_path / "home", place, quick("auto"), settings={"audit": audit}) as agent:
        store = opened(agent)
        for number in range(RECORDS):
            Alarms(store, agent.installation).raise_(f"slo-{number}", by="ada", reason="burning")
        began = place.clock()
        async with agent.worker():
            await eventually("six hours to pass", lambda: passed(place, began, HOURS), within=60.0)
            assert cursor(agent, store) == 0
            assert pruned(agent) == 0

            def respond(got: Got) -> web.StreamResponse:
                return web.Response()

            async with listening(respond, authority.server("localhost"), port=port) as receiver:
                await eventually("all of it to arrive", lambda: holds(agent, store), within=60.0)
                await eventually("people to hear that it is over", lambda: told(agent, [1, 0]))
                held = cursor(agent, store)
                lines = tuple(got.body + b"\n" for got in receiver.got)
        ids = [got.headers["webhook-id"] for got in receiver.got]
        assert Counter(ids).most_common(1)[0][1] == 1, "sent twice though it had answered"
        exported = [Exported("webhook", held, lines)]
        assert violations(agent, await witnesses(agent, exported)) == []
        assert pruned(agent) >= RECORDS
        store.close()


def rungs(agent: Agent) -> list[int]:
    """Of what people were told of the export."""
    path = agent.settings.escalation.file
    assert path is not None
    told = [json.loads(line) for line in path.read_text().splitlines()]
    return [notice["rung"] for notice in told if notice["cause"] == "export_failing"]


async def told(agent: Agent, wanted: list[int]) -> bool:
    return rungs(agent) == wanted


def opened(agent: Agent, *, days_later: int = 0) -> Store:
    settings, clock = agent.settings, agent.place.clock
    return open_store(
        settings.ledger,
        settings.tenant,
        clock=lambda: clock() + timedelta(days=days_later),
        randomness=secrets.token_bytes,
    )


async def passed(place: SimulatedPlace, began: datetime, hours: int) -> bool:
    return place.clock() - began >= timedelta(hours=hours)


def cursor(agent: Agent, store: Store) -> int:
    ours = agent.installation
    with store.snapshot() as sql:
        return cursors.read(sql, Chain(tenant=ours.tenant, cluster_uid=ours.cluster_uid), _name(agent))


def _name(agent: Agent) -> str:
    return agent.settings.audit.export.cursor(TargetKind.WEBHOOK, agent.installation.cluster_uid)


async def holds(agent: Agent, store: Store) -> bool:
    return cursor(agent, store) == len(agent.records()) > RECORDS


def pruned(agent: Agent) -> int:
    """How many bodies go, a year later."""
    store = opened(agent, days_later=365)
    config, limits = RetentionConfig(), agent.settings.limits
    retention = Retention(store, agent.installation, config=config, limits=limits, targets=[_name(agent)])
    later = agent.place.clock() + timedelta(days=365)
    found = retention.prune(Prune(cluster_uid=agent.installation.cluster_uid, now=later)).records
    store.close()
    return found
