"""`byteport api` as a process: it needs no cluster, answers, drains on SIGTERM, and says in one line what it lacks."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.integration.api.world import World

pytestmark = pytest.mark.ledger


def settings(world: World, **changes: object) -> dict[str, object]:
    key = world.folder / "bodies.key"
    key.touch(mode=0o600)
    key.write_text(secrets.token_hex(32) + "\n")
    return {
        "state_dir": str(world.folder / "state"),
        "ledger": {"path": str(world.folder / "of-process.db"), "body_key": str(key)},
        "api": {
            "address": "127.0.0.1:0",
            "certificate": str(world.certificate.certificate),
            "key": str(world.certificate.key),
            "client_ca": str(world.authority.file),
            "enrolment": str(world.enrolment),
            **changes,
        },
    }


def started(world: World, config: dict[str, object]) -> subprocess.Popen[str]:
    file = world.folder / "config.yaml"
    file.write_text(yaml.safe_dump(config))
    command = [str(Path(sys.executable).with_name("byteport")), "--config", str(file), "api"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BYTEPORT_")}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)


async def test_it_needs_no_cluster_answers_and_ends_well_when_told_to(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.server.close()
    world.store.close()
    process = started(world, settings(world))
    assert process.stderr is not None
    line = ""
    deadline = time.monotonic() + 30
    while "on port" not in line and time.monotonic() < deadline and process.poll() is None:
        line = process.stderr.readline()
    found = re.search(r"port (\d+)", line)
    assert found is not None, line
    world.port = int(found[1])
    log = world.logs["acme"].append(3)
    assert (await world.agent().hand_in(log.lines())).json["new"] == 3
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert "Traceback" not in process.stderr.read()


def test_what_it_lacks_is_one_line_with_the_code_of_a_wrong_setting(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.server.close()
    world.store.close()
    process = started(world, settings(world, enrolment=None))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert said.strip().endswith("api.enrolment: must be set")
