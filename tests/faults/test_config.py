"""Fault 32: an unknown, missing or absurd setting. A real process says one line that names the key, and starts nothing.

That each setting is checked is shown in `tests/unit/settings`; here the whole program is run, and what it leaves behind
is looked at: no connection, no run, no ledger.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
import yaml

from byteport.cli.exits import Exit
from byteport.sandbox.dev_server import DevServer
from tests.agent.agent import Agent
from tests.agent.processes import PROGRAM
from tests.agent.running import quick, running
from tests.agent.simulated import SimulatedPlace

pytestmark = pytest.mark.slow

JSON = dict[str, Any]

WITHIN_SECONDS = 60.0


class Ended(NamedTuple):
    code: int
    said: str
    """Everything that it wrote."""


async def worker(config: Path, process: str = "rest", **variables: str) -> Ended:
    """Run `byteport worker` until it ends by itself."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BYTEPORT_")}
    started = await asyncio.create_subprocess_exec(
        *PROGRAM, "--config", config, "worker", "--process", process,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env=environment | variables, cwd=config.parent,
    )  # fmt: skip
    try:
        async with asyncio.timeout(WITHIN_SECONDS):
            said, _ = await started.communicate()
    except TimeoutError:
        started.kill()
        await started.wait()
        raise AssertionError("it started") from None
    return Ended(started.returncode or 0, said.decode())


def refuses(ended: Ended, key: str) -> None:
    """One line, naming the key, and the code that is documented for it."""
    assert ended.code == Exit.USAGE, ended.said
    assert re.fullmatch(rf"error: {re.escape(key)}: [^\n]+\n", ended.said), ended.said


def made_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


class Ear:
    """Listens where Temporal should be, and counts who comes."""

    def __init__(self) -> None:
        self.heard = 0
        self.address = ""

    async def listen(self) -> AsyncIterator[Ear]:
        def come(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.heard += 1
            writer.close()

        server = await asyncio.start_server(come, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield self
        server.close()
        await server.wait_closed()


@pytest_asyncio.fixture
async def ear() -> AsyncIterator[Ear]:
    async for listening in Ear().listen():
        yield listening


ABSURD: list[tuple[str, JSON, dict[str, str]]] = [
    ("temporal.adress", {"temporal": {"adress": "127.0.0.1:7233"}}, {}),
    ("cluster", {"cluster": None}, {}),
    ("limits.per_target_per_hour", {"limits": {"per_target_per_hour": -1}}, {}),
    ("escalation.rung_seconds.0", {"escalation": {"rung_seconds": [0]}}, {}),
    ("reobserve_after_seconds", {"reobserve_after_seconds": [3600, 60]}, {}),
    ("BYTEPORT_TEMPORAL_ADRESS", {}, {"BYTEPORT_TEMPORAL_ADRESS": "127.0.0.1:7233"}),
]


@pytest.mark.parametrize(("key", "wrong", "variables"), ABSURD, ids=[key for key, *_ in ABSURD])
async def test_fault_32_an_absurd_setting_is_one_line_and_nothing_starts(
    ear: Ear, tmp_path: Path, key: str, wrong: JSON, variables: dict[str, str]
) -> None:
    config = tmp_path / "config.yaml"
    right = {"state_dir": "state", "cluster": {"name": "prod"}, "temporal": {"address": ear.address}}
    config.write_text(yaml.safe_dump({name: value for name, value in (right | wrong).items() if value is not None}))
    refuses(await worker(config, **variables), key)
    assert ear.heard == 0
    assert made_in(tmp_path) == ["config.yaml"]


def of_no_policy(agent: Agent) -> None:
    agent.home.policy_file.unlink()


def of_an_absurd_policy(agent: Agent) -> None:
    agent.home.policy_file.write_text("mode: auto\nsettle_seconds: -1\n")


def of_a_payload_key_that_others_may_read(agent: Agent) -> None:
    agent.home.payload_key.chmod(0o644)


def of_no_grant_key(agent: Agent) -> None:
    (agent.home.folder / "keys" / "grant").unlink()


def of_a_ledger_that_is_none(agent: Agent) -> None:
    agent.ledger.write_bytes(b"SQLite format 3\0" + b"x" * 100)
    agent.ledger.chmod(0o600)


DEEPER: dict[Callable[[Agent], None], str] = {
    of_no_policy: "policy_file",
    of_an_absurd_policy: "settle_seconds",
    of_a_payload_key_that_others_may_read: "temporal.payload_key_file",
    of_no_grant_key: "ledger.grant_key",
    of_a_ledger_that_is_none: "ledger.path",
}


@pytest.mark.parametrize("because", DEEPER, ids=lambda because: because.__name__)
async def test_fault_32_a_file_that_a_setting_names_is_wrong_and_nothing_starts(
    server: DevServer, tmp_path: Path, because: Callable[[Agent], None]
) -> None:
    async with running(
        server, tmp_path / "home", SimulatedPlace(), quick("auto"), settings={"watch": {"enabled": True}}
    ) as agent:
        because(agent)
        refuses(await worker(agent.home.config_file), DEEPER[because])
        assert await agent.runs() == []
        assert because is of_a_ledger_that_is_none or not agent.ledger.exists()
