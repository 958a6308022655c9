"""A real Alertmanager sends to the door, by a token and over verified TLS, as `docs/how-to/alerts.md` has it configured."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from byteport.domain.signals import alert_of
from byteport.errors import Unavailable
from tests.agent.places import eventually
from tests.house.tree import ROOT
from tests.integration.alerts.alertmanager import alertmanager, rooted
from tests.integration.alerts.world import TOKEN, World

pytestmark = pytest.mark.peers


def configuration(world: World, root: Path, *, interval: str = "1s") -> str:
    """That of the page, with this door's address and files, and no wait that a test would sit through."""
    page = (ROOT / "docs" / "how-to" / "alerts.md").read_text()
    plain = yaml.safe_load(page.partition("```yaml\n# alertmanager.yaml\n")[2].partition("```")[0])
    (root / "token").write_text(TOKEN)
    shutil.copy(world.authority.file, root / "ca.crt")
    (receiver,) = [one for one in plain["receivers"] if one["name"] == "byteport"]
    (webhook,) = receiver["webhook_configs"]
    webhook["url"] = world.url + "/v1/alertmanager"
    webhook["http_config"]["authorization"]["credentials_file"] = "/token"
    webhook["http_config"]["tls_config"]["ca_file"] = "/ca.crt"
    plain["route"] |= {"group_wait": "1s", "group_interval": interval}
    return yaml.safe_dump(plain)


async def post(url: str, *alerts: dict[str, Any]) -> None:
    async def taken() -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.post(f"{url}/api/v2/alerts", json=alerts) as answer:
                return answer.status == 200
        except aiohttp.ClientConnectionError:
            return False

    await eventually("Alertmanager to take it", taken)


async def test_a_real_alertmanager_tells_of_the_beginning_and_of_the_end(tmp_path: Path) -> None:
    root = rooted(tmp_path / "root")
    with World(tmp_path).running() as world, alertmanager(root, configuration(world, root)) as url:
        began = datetime.now(UTC) - timedelta(minutes=5)
        labels = {"alertname": "KubePodCrashLooping", "namespace": "shop", "pod": "web-1", "service": "é🙂"}
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


async def test_of_one_that_comes_and_goes_a_real_alertmanager_tells_a_beginning_and_the_end_of_a_later_one(
    tmp_path: Path,
) -> None:
    root = rooted(tmp_path / "root")
    with World(tmp_path).running() as world, alertmanager(root, configuration(world, root, interval="4s")) as url:
        labels = {"alertname": "KubePodCrashLooping", "namespace": "shop", "pod": "web-1", "container": "web"}
        now = datetime.now(UTC)
        first, later = ({"labels": labels, "startsAt": (now - timedelta(minutes=ago)).isoformat()} for ago in (5, 1))
        await post(url, first)

        async def told() -> list[Any]:
            return [one for batch in world.handed for one in batch.symptoms]

        await eventually("the alert", told)
        await post(url, first | {"endsAt": (now - timedelta(minutes=3)).isoformat()})
        await post(url, later)
        await post(url, later | {"endsAt": datetime.now(UTC).isoformat()})

        async def ended() -> bool:
            return bool((await told())[-1].over)

        await eventually("its end", ended)
        began, over = await told()
        assert began.evidence_digest != over.evidence_digest
        assert alert_of(began.evidence_digest) == alert_of(over.evidence_digest)


async def test_a_real_alertmanager_sends_a_group_again_that_was_not_taken(tmp_path: Path) -> None:
    root = rooted(tmp_path / "root")
    with World(tmp_path).running() as world, alertmanager(root, configuration(world, root)) as url:
        world.failure = Unavailable("Temporal does not answer")
        pods = [{"alertname": "KubePodCrashLooping", "namespace": "shop", "pod": f"web-{n}"} for n in range(3)]
        await post(url, *({"labels": labels, "annotations": {}} for labels in pods))

        async def refused() -> bool:
            return 'code="hand_over_failed"' in await world.metrics()

        await eventually("a refusal", refused)
        world.failure = None

        async def told() -> list[str | None]:
            return [one.subject.name for batch in world.handed for one in batch.symptoms]

        assert sorted(map(str, await eventually("the group", told))) == ["web-0", "web-1", "web-2"]
