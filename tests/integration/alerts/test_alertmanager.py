"""A real Alertmanager sends to the door, by a token and over verified TLS, as `docs/how-to/alerts.md` has it configured.

It takes minutes to build, so CI does not: `BYTEPORT_ALERTMANAGER` names the program, as `go install` makes it
(`docs/reference/integrations.md` says of which version, and what came of it). Without it the strict sender of
`test_door.py` is all there is.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from tests.agent.places import eventually
from tests.house.tree import ROOT
from tests.integration.alerts.world import TOKEN, World

PROGRAM = os.environ.get("BYTEPORT_ALERTMANAGER", "")
pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(not PROGRAM, reason="expected: its build takes minutes, and BYTEPORT_ALERTMANAGER names none"),
]


def configuration(world: World, folder: Path) -> str:
    """That of the page, with this door's address and files, and no wait that a test would sit through."""
    page = (ROOT / "docs" / "how-to" / "alerts.md").read_text()
    plain = yaml.safe_load(page.partition("```yaml\n# alertmanager.yaml\n")[2].partition("```")[0])
    token = folder / "token"
    token.write_text(TOKEN)
    (receiver,) = [one for one in plain["receivers"] if one["name"] == "byteport"]
    (webhook,) = receiver["webhook_configs"]
    webhook["url"] = world.url + "/v1/alertmanager"
    webhook["http_config"]["authorization"]["credentials_file"] = str(token)
    webhook["http_config"]["tls_config"]["ca_file"] = str(world.authority.file)
    plain["route"] |= {"group_wait": "1s", "group_interval": "1s"}
    return yaml.safe_dump(plain)


@contextmanager
def alertmanager(world: World, folder: Path) -> Iterator[str]:
    """Its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = folder / "alertmanager.yaml"
    config.write_text(configuration(world, folder))
    address = f"127.0.0.1:{port}"
    arguments = [PROGRAM, f"--config.file={config}", f"--storage.path={folder / 'data'}", "--cluster.listen-address="]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*arguments, f"--web.listen-address={address}"], stdout=log, stderr=log)
    try:
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(20)


async def post(url: str, *alerts: dict[str, Any]) -> None:
    async def taken() -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.post(f"{url}/api/v2/alerts", json=alerts) as answer:
                return answer.status == 200
        except aiohttp.ClientConnectionError:
            return False

    await eventually("Alertmanager to take it", taken)


async def test_a_real_alertmanager_tells_of_the_beginning_and_of_the_end(tmp_path: Path) -> None:
    with World(tmp_path).running() as world, alertmanager(world, tmp_path) as url:
        began = datetime.now(UTC) - timedelta(minutes=5)
        labels = {"alertname": "KubePodCrashLooping", "namespace": "shop", "pod": "web-1", "service.name": "é🙂"}
        alert = {"labels": labels, "annotations": {"description": "\x1b[31mred\r\n"}, "startsAt": began.isoformat()}
        await post(url, alert)

        async def told(over: bool) -> Any:
            found = [one for batch in world.handed for one in batch.symptoms if one.over is over]
            return found[0] if found else None

        first = await eventually("the alert", lambda: told(False))
        assert (first.subject.kind, first.subject.namespace, first.subject.name) == ("Pod", "shop", "web-1")
        assert abs(first.observed_at - began) < timedelta(seconds=1)
        await post(url, alert | {"endsAt": datetime.now(UTC).isoformat()})
        last = await eventually("its end", lambda: told(True))
        assert last.evidence_digest == first.evidence_digest
