"""The stories of the log's checkpoints: signed and witnessed, and refused. Comes after `telling.py`; `stories.py` has them in its list."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trustme
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.audit.alarms import Alarms
from activities.clock import utc_now
from byteport.audit.heads import Chain
from byteport.audit.notes import SignatureType, key_of, parse_note
from byteport.domain.ids import checkpoint_id
from byteport.ledger import checkpoints
from byteport.ledger.opening import open_reader, open_store
from byteport.sandbox.children import free_port
from byteport.witness.server import served
from byteport.witness.witness import Logs, Witness
from tests.agent.places import eventually
from tests.replay.telling import Telling
from workers.signing import log_key

NAME = "witness.example.com/w1"
KEY = Ed25519PrivateKey.from_private_bytes(b"\x05" * 32)
PORT = free_port()
SIGNED: dict[str, Any] = {
    "audit": {
        "pruning": False,
        "signer": {"key": "keys/checkpoint"},
        "checkpoint_seconds": 1,
        "export": {"ca_file": "witness/ca.pem"},
        "witnesses": [{"url": f"https://localhost:{PORT}/", "key": str(key_of(NAME, SignatureType.COSIGNATURE, KEY))}],
    }
}


async def the_log_is_signed_and_witnessed(telling: Telling) -> None:
    run = checkpoint_id(telling.agent.installation.cluster_uid)
    async with _witnessed(telling), telling.working():
        await eventually("two signatures", lambda: _has_signatures(telling, 2))
        await telling.keep("checkpoint-open", run)


async def the_log_is_refused(telling: Telling) -> None:
    """On a server that suggests soon to continue as new: the signer's memory is lost."""
    agent = telling.agent
    run = checkpoint_id(agent.installation.cluster_uid)
    async with _witnessed(telling), telling.working():
        await eventually("two signatures", lambda: _has_signatures(telling, 2))
        state = agent.settings.audit.signer.state_file
        assert state is not None
        state.unlink()
        await eventually("the alarm", lambda: _recorded(telling, "alarm_raised", times=2))
        first = await eventually("a later run", lambda: later_run(telling, run))
        await telling.keep("checkpoint-before-continue-as-new", run, first)
        await telling.keep("checkpoint-open-refused", run)


@asynccontextmanager
async def _witnessed(telling: Telling) -> AsyncIterator[None]:
    """A log with a record to sign, and a witness of it."""
    agent = telling.agent
    folder = agent.home.folder / "witness"
    folder.mkdir()
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert("localhost").configure_cert(context)
    (folder / "logs").write_text(f"{log_key(agent.settings, agent.installation)}\n")
    settings = agent.settings
    store = open_store(settings.ledger, settings.tenant, clock=telling.place.clock, randomness=secrets.token_bytes)
    Alarms(store, agent.installation).raise_("slo", by="ada", reason="burning")
    store.close()
    witness = Witness(NAME, KEY, folder / "states", Logs(folder / "logs"), clock=utc_now)
    async with served(witness, "localhost", PORT, context=context):
        yield


async def _has_signatures(telling: Telling, count: int) -> bool:
    settings, ours = telling.agent.settings, telling.agent.installation
    with open_reader(settings.ledger, settings.tenant).snapshot() as sql:
        newest = checkpoints.latest(sql, Chain(tenant=ours.tenant, cluster_uid=ours.cluster_uid))
    return newest is not None and len(parse_note(newest.note).signatures) == count


async def _recorded(telling: Telling, event: str, *, times: int) -> bool:
    return [record.event.value for record in telling.agent.records()].count(event) == times


async def later_run(telling: Telling, workflow_id: str) -> str | None:
    """The first run's id, once it has continued as new."""
    handle = telling.agent.client.get_workflow_handle(workflow_id)
    described = (await handle.describe()).raw_description.workflow_execution_info
    first = described.first_run_id
    return first if first and first != described.execution.run_id else None
