"""I4 and I6 with everything there is: an agent whose log is signed and exported while it repairs; it is ended, and started
again to finish that.

The checkers are shown to fail in the same world: a record taken from the receiver's files, and one from the log's end
after it was signed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from byteport.audit.bundle import CheckpointLine, read
from byteport.domain.failures import Failure
from byteport.sandbox.dev_server import DevServer
from byteport.trust.files import make_key
from tests.agent.agent import Agent
from tests.agent.places import eventually
from tests.agent.running import quick, running
from tests.agent.simulated import SimulatedPlace
from tests.agent.trouble import trouble
from tests.faults.exported import held_in_files
from tests.faults.invariants import check, violations, witnesses

pytestmark = [pytest.mark.ledger, pytest.mark.timeout(180)]


@asynccontextmanager
async def keeping(server: DevServer, folder: Path) -> AsyncIterator[Agent]:
    """An agent whose log is signed every second, and shipped to files."""
    key = folder / "checkpoints.key"
    make_key(key, "audit.signer.key", comment="test")
    signer = {"key": str(key), "state_file": str(folder / "signer.json")}
    audit = {
        "checkpoint_seconds": 1,
        "signer": signer,
        "export": {"target": "file", "file": {"folder": str(folder / "held")}},
    }
    place = SimulatedPlace()
    async with running(server, folder / "home", place, quick("auto"), settings={"audit": audit}) as agent:
        yield agent


async def whole(agent: Agent) -> bool:
    """Whether the files hold every record, and a checkpoint over all of them."""
    held = held_in_files(agent.settings, agent.chain)
    if not held or not held[0].cursor or held[0].cursor < len(agent.records()):
        return False
    notes = [one.note for one in read(held[0].lines, "held") if isinstance(one, CheckpointLine)]
    return any(f"\n{len(agent.records())}\n" in note for note in notes)


async def repaired(agent: Agent, failure: Failure) -> None:
    async with agent.worker():
        await trouble(agent.place, failure)
        await agent.until_closed(await agent.report(failure))


async def test_a_log_that_is_signed_and_exported_while_it_grows_contains_everything(
    server: DevServer, tmp_path: Path
) -> None:
    async with keeping(server, tmp_path) as agent:
        await repaired(agent, Failure.CRASHLOOP)
        async with agent.worker():
            await eventually("all of it to be signed and shipped", lambda: whole(agent), within=60.0)
        seen = await witnesses(agent)
        assert seen.exported[0].cursor == len(seen.entries)
        await check(agent)
        lost = seen.exported[0]._replace(lines=seen.exported[0].lines[1:])
        assert [line[:2] for line in violations(agent, seen._replace(exported=(lost,)))] == ["I6"]
        cut(agent)
        assert "I4: the log is not what was signed" in " ".join(violations(agent, seen))


def cut(agent: Agent) -> None:
    """Take the last record from the log, and its trace from the head, as somebody with the file could."""
    with sqlite3.connect(agent.ledger) as sql:
        for (name,) in sql.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            sql.execute(f"DROP TRIGGER {name}")
        (last,) = sql.execute("SELECT max(seq) FROM agent_actions").fetchone()
        for table in ("agent_actions", "agent_action_bodies"):
            sql.execute(f"DELETE FROM {table} WHERE seq = ?", (last,))
        (before,) = sql.execute("SELECT hash FROM agent_actions WHERE seq = ?", (last - 1,)).fetchone()
        sql.execute("UPDATE chain_heads SET seq = ?, hash = ?", (last - 1, before))
