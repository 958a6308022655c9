"""Temporal's own command line reads a real history through the codec server, with a person's token and not without."""

from __future__ import annotations

import asyncio
import base64
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from byteport.sandbox.dev_server import DevServer, DevServerOptions, temporal_binary
from byteport.temporal.config import TemporalConfig
from byteport.temporal.connect import connect
from tests.integration.codec.page import CANARY, RING, Served

pytestmark = [pytest.mark.peers, pytest.mark.asyncio(loop_scope="session")]

OPEN = base64.b64encode(f'"{CANARY}"'.encode()).decode()
"""As its JSON has a plain payload."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DevServer]:
    started = await DevServer.start(DevServerOptions(folder=tmp_path_factory.mktemp("temporal"), ui=False))
    yield started
    await started.stop()


async def shown(server: DevServer, served: Served, workflow_id: str, *options: str) -> tuple[int | None, str]:
    """What `temporal workflow show` prints, errors too."""
    arguments = ["workflow", "show", "-w", workflow_id, "-o", "json", "--address", server.address]
    process = await asyncio.create_subprocess_exec(
        str(temporal_binary()),
        *arguments,
        "--codec-endpoint",
        served.url,
        *options,
        env=os.environ | {"SSL_CERT_FILE": str(served.tls.ca), "HOME": str(Path(served.tls.ca).parent)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(20):
        said, _ = await process.communicate()
    return process.returncode, said.decode()


@pytest.mark.claim("C-465")
async def test_temporals_command_line_is_shown_a_history_with_a_persons_token_and_not_without(
    server: DevServer, served: Served
) -> None:
    client = await connect(TemporalConfig(address=server.address), RING, identity="test")
    workflow_id = f"remediate:{uuid.uuid4()}"
    await client.start_workflow("nobody-runs-it", CANARY, id=workflow_id, task_queue="nobody")
    code, said = await shown(server, served, workflow_id, "--codec-auth", f"Bearer {served.token()}")
    assert (code, OPEN in said) == (0, True), said
    for options in ((), ("--codec-auth", f"Bearer {served.token(groups=['sales'])}")):
        code, said = await shown(server, served, workflow_id, "--command-timeout", "2s", *options)
        assert (code, OPEN in said) == (1, False), said
