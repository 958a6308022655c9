"""The page on running the ledger elsewhere, walked: its settings and its enrolment as they stand there, a process, a first record."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest
import yaml

from byteport.audit import independent
from byteport.ledger.postgres_migrating import Role
from tests.builders.elsewhere import ENROLMENT, SETTINGS, UNIT, plain, shown
from tests.builders.postgres import Database
from tests.integration.api.world import ACME_UID, Client, World

pytestmark = pytest.mark.ledger
STORES = ("postgres",)
ACCOUNT = "system:serviceaccount:byteport-agent"
SET_MDWE, REFUSE_EXEC_GAIN = 65, 1
"""`prctl`: from now on no memory is writable and executable, as the unit's `MemoryDenyWriteExecute` has it."""


def deny_write_and_execute() -> None:
    """In the child, before it is the program. Kernels before 6.3 do not know it."""
    ctypes.CDLL(None).prctl(SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0)


def as_shown(world: World, database: Database) -> Path:
    """The page's files with this test's places in them: the same keys, and the same words wherever there is no place."""
    folder = world.folder
    keys = folder / "state" / "keys"
    keys.mkdir(parents=True, mode=0o700)
    places = {
        "/etc/byteport/tls.crt": world.certificate.certificate,
        "/etc/byteport/tls.key": world.certificate.key,
        "/etc/byteport/clients-ca.crt": world.authority.file,
        "/etc/byteport/enrolment.yaml": folder / "enrolment.yaml",
        "/etc/byteport/database.password": folder / "database.password",
        "/var/lib/byteport-ledger": folder / "state",
        "0.0.0.0:8443": "127.0.0.1:0",
        "127.0.0.1:8081": "127.0.0.1:0",
        "postgresql://ledger@db.example.org/byteport": database.url(Role.INGEST),
    }
    (folder / "database.password").touch(mode=0o600)
    text = shown()[SETTINGS]
    for place, ours in places.items():
        assert place in text
        text = text.replace(place, str(ours))
    settings = folder / "ledger-api.yaml"
    settings.write_text(text)
    enrolment = plain(ENROLMENT)
    enrolment["issuers"][0]["algorithms"] = ["ES256"]  # the key of this test's issuer
    enrolment["identities"][0]["vkey"] = world.logs["acme"].vkey
    (folder / "enrolment.yaml").write_text(yaml.safe_dump(enrolment))
    return settings


@contextmanager
def running(settings: Path) -> Iterator[tuple[int, int]]:
    """The process, by the words of the unit; its ports."""
    (command,) = re.findall(r"^ExecStart=/opt/byteport/bin/byteport (.*)$", shown()[UNIT], re.MULTILINE)
    words = [str(Path(sys.executable).with_name("byteport")), *command.replace(SETTINGS, str(settings)).split()]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BYTEPORT_")}
    process = subprocess.Popen(
        words, stderr=subprocess.PIPE, text=True, env=environment, preexec_fn=deny_write_and_execute
    )
    try:
        assert process.stderr is not None
        ports: list[int] = []
        deadline = time.monotonic() + 30
        while len(ports) < 2 and time.monotonic() < deadline and process.poll() is None:
            ports += [int(port) for port in re.findall(r"on port (\d+)", process.stderr.readline())]
        assert len(ports) == 2, process.stderr.read() if process.poll() is not None else ports
        yield ports[0], ports[1]
    finally:
        process.terminate()
        assert process.wait(30) == 0


async def in_clear(port: int, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, await answer.text()


def verifies(file: Path, export: bytes) -> bool:
    """What the program beside exports says of it."""
    file.write_bytes(export)
    ended = subprocess.run([sys.executable, independent.__file__, str(file)], capture_output=True, check=False)
    return ended.returncode == 0


async def test_a_cluster_is_enrolled_as_the_page_says_and_its_first_record_is_seen(
    tmp_path: Path, stored: Database
) -> None:
    world = World(tmp_path)
    world.server.close()
    world.store.close()
    world.clusters["acme"].write_jwks(tmp_path / "prod-eu.json")  # as `kubectl get --raw /openid/v1/jwks` prints it
    with running(as_shown(world, stored)) as (world.port, health):
        assert (await in_clear(health, "/readyz"))[0] == 200
        assert 'byteport_ledger_records_total{tenant="acme"} 0' in (await in_clear(health, "/metrics"))[1]
        log = world.logs["acme"].append(3)
        assert (await world.agent().hand_in(log.lines(), log.checkpoint())).status == 200
        assert 'byteport_ledger_records_total{tenant="acme"} 3' in (await in_clear(health, "/metrics"))[1]
        chains = (await world.reader().get("/v1/chains")).json["chains"]
        assert [(one["cluster_uid"], one["head"]["seq"]) for one in chains] == [(ACME_UID, 3)]
        another = Client(world, token=world.clusters["acme"], subject=f"{ACCOUNT}:byteport-rest")
        assert (await another.hand_in(log.lines())).code == "not_enrolled"
        export = (await world.reader().get(f"/v1/chains/{ACME_UID}/export")).text
    assert verifies(tmp_path / "prod-eu.ndjson", export)
    keys = tmp_path / "state" / "keys"
    assert {path.name: path.stat().st_mode & 0o777 for path in keys.iterdir()} == {"acme.key": 0o600}


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="expected: there is no systemd-analyze on this machine"
)
def test_systemd_takes_the_unit_and_finds_little_exposed(tmp_path: Path) -> None:
    unit = tmp_path / "byteport-ledger.service"
    unit.write_text(shown()[UNIT].replace("/opt/byteport/bin/byteport", sys.executable))
    taken = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (taken.returncode, taken.stderr) == (0, "")
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(unit)], capture_output=True, check=False
    )
    assert judged.returncode == 0
