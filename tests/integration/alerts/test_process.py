"""`byteport alerts` as a process of its own: it needs Temporal and no cluster, hands over, and ends when it is told to."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from byteport.contracts.alerts import AlertsState
from byteport.contracts.workflows import STATE
from byteport.domain.ids import alerts_id
from byteport.sandbox.dev_server import DevServer, DevServerOptions
from tests.agent.places import eventually
from tests.agent.running import quick, running
from tests.agent.simulated import SimulatedPlace
from tests.integration.alerts.world import World, firing

pytestmark = pytest.mark.peers


def started(config: Path) -> subprocess.Popen[str]:
    command = [str(Path(sys.executable).with_name("byteport")), "--config", str(config), "alerts"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BYTEPORT_")}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)


def with_door(config: Path, world: World, **changes: Any) -> Path:
    """The agent's settings, with a door as the test's and without a kubeconfig."""
    plain: dict[str, Any] = yaml.safe_load(config.read_text())
    plain["cluster"] = {name: value for name, value in plain["cluster"].items() if name != "kubeconfig"}
    shown = world.config.model_dump(mode="json", exclude_defaults=True)
    door = {name: value for name, value in shown.items() if name not in ("health_address", "issuers", "workloads")}
    made = config.with_name("alerts.yaml")
    made.write_text(yaml.safe_dump(plain | {"alerts": {**door, **changes}}))
    return made


def port_of(process: subprocess.Popen[str]) -> int:
    assert process.stderr is not None
    line, deadline = "", time.monotonic() + 60
    while "on port" not in line and time.monotonic() < deadline and process.poll() is None:
        line = process.stderr.readline()
    found = re.search(r"port (\d+)", line)
    assert found is not None, line
    return int(found[1])


class Elsewhere(World):
    """The client's side of a door that another process is."""

    port = 0

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"


async def test_it_hands_over_to_temporal_and_ends_well_when_told_to(tmp_path: Path) -> None:
    server = await DevServer.start(DevServerOptions(folder=tmp_path / "temporal", ui=False))
    try:
        async with running(server, tmp_path / "home", SimulatedPlace(), quick(mode="observe")) as agent:
            world = Elsewhere(tmp_path)
            world.server.close()
            process = started(with_door(agent.home.config_file, world))
            world.port = await asyncio.to_thread(port_of, process)
            assert (await world.alertmanager(firing())).json == {"taken": 1}
            run = agent.client.get_workflow_handle(alerts_id(agent.installation.cluster_uid))
            async with agent.worker():

                async def looked() -> bool:
                    state: AlertsState = await run.query(STATE, result_type=AlertsState)
                    fates: Mapping[str, int] = state.fates
                    return sum(fates.values()) == 1

                await eventually("the alert to be looked at", looked)
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, 20) == 0
            assert process.stderr is not None
            assert "Traceback" not in process.stderr.read()
            nobody = with_door(
                agent.home.config_file, world, tokens_file=None, client_certificates=[], sns={"topics": []}
            )
            refused = await asyncio.to_thread(started(nobody).communicate, None, 60)
            assert "alerts.tokens_file: nobody may send" in refused[1]
    finally:
        await server.stop()
