"""The third verdict on a real API server: its own audit log, written by nobody of ours, against the log.

A repair matches. Then somebody with the agent's own token, outside of the agent, does what the token can: whatever they
do, with whatever id, shows. That all five kinds of acts match is shown by the demo (`test_demo_real.py`) and, after each
remediation on this control plane, by `tests/faults/invariants.py`.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from activities.kubernetes.client import KubernetesCluster, connect
from byteport.audit.words import Event
from byteport.cli.main import invoke
from byteport.domain.failures import Failure
from byteport.domain.ids import audit_id
from byteport.errors import NotPermitted
from byteport.kubernetes.port import DEPLOYMENTS, PODS, Attribution, InVain
from byteport.sandbox.dev_server import DevServer
from tests.agent.agent import Agent
from tests.agent.places import APP, eventually
from tests.agent.real import RealPlace
from tests.agent.running import quick, running

JSON = dict[str, Any]

pytestmark = pytest.mark.timeout(600)


@pytest_asyncio.fixture
async def repaired(server: DevServer, place: RealPlace, tmp_path: Path) -> AsyncIterator[Agent]:
    """A crash loop that was repaired, and verified, by an agent that is not there any more."""
    async with running(server, tmp_path / "home", place, quick("auto", place.namespace)) as agent:
        async with agent.worker():
            await place.healthy()
            await place.one_pod_crashes()
            closed = await agent.until_closed(await agent.report(Failure.CRASHLOOP))
            assert closed.result == "success"
            await place.serves()
        yield agent


@pytest_asyncio.fixture
async def thief(place: RealPlace) -> AsyncIterator[KubernetesCluster]:
    """Whoever holds the agent's token, with a client as good as the agent's."""
    async with await connect(place.kubeconfig) as cluster:
        yield cluster


def verdict(agent: Agent, folder: Path, capsys: pytest.CaptureFixture[str]) -> JSON:
    """What the command line says, of the audit log since this test began."""
    log = folder / "audit.log"
    log.write_bytes(b"".join(agent.place.audit_lines()))
    capsys.readouterr()
    config = str(agent.home.config_file)
    code = invoke(["--config", config, "verify-log", "--all", "--against", str(log), "--json"])
    (report,) = json.loads(capsys.readouterr().out)
    assert report["intact"] == "intact"
    assert (code == 0) is (report["matched"]["verdict"] == "matched")
    found: JSON = report["matched"]
    return found


def causes(found: JSON) -> list[str]:
    return [finding["cause"] for finding in found["findings"]]


async def deleted(place: RealPlace, thief: KubernetesCluster, by: Attribution) -> None:
    """One more pod that crashes, deleted with the agent's token: what the boundary lets it do."""
    victim = await place.one_pod_crashes()

    async def gone() -> bool:
        pod = (await thief.get(PODS, place.namespace, victim))["metadata"]
        try:
            await thief.delete(
                PODS, place.namespace, victim, uid=pod["uid"], resource_version=pod["resourceVersion"], by=by
            )
        except Exception:  # noqa: BLE001  it has just changed, or is Ready for a moment
            return False
        return True

    await eventually("the thief to delete it", gone)


@pytest.mark.claim("C-093")
@pytest.mark.control_plane
async def test_a_repair_matches_and_what_the_self_check_asks_is_no_write(
    repaired: Agent, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = await asyncio.to_thread(verdict, repaired, tmp_path, capsys)
    assert (found["verdict"], found["findings"], found["notices"], found["not_covered"]) == ("matched", [], [], [])
    assert (found["matched"], found["uids_compared"], found["contents_compared"]) == (found["acts"], 1, 1)


@pytest.mark.claim("C-093", "C-094")
@pytest.mark.control_plane
async def test_critique_b7_what_a_stolen_token_does_outside_of_the_agent_is_found_whatever_id_it_carries(
    repaired: Agent, thief: KubernetesCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = repaired.place
    assert isinstance(place, RealPlace)
    (*_, intent) = repaired.records(event=Event.STARTED)
    action = str(intent.action_id)
    await deleted(place, thief, Attribution("b" * 64, str(uuid.uuid4()), "byteport-agent"))
    found = await asyncio.to_thread(verdict, repaired, tmp_path, capsys)
    assert (found["verdict"], causes(found)) == ("unmatched", ["after_the_records"])
    await deleted(place, thief, Attribution(action, audit_id(action), "byteport-agent"))
    found = await asyncio.to_thread(verdict, repaired, tmp_path, capsys)
    assert causes(found) == ["after_the_records", "other_object"]


@pytest.mark.claim("C-095")
@pytest.mark.control_plane
async def test_what_a_stolen_token_tried_in_vain_is_told(
    repaired: Agent, thief: KubernetesCluster, place: RealPlace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = Attribution("", "", "byteport-agent")
    with pytest.raises(NotPermitted):
        await thief.patch(
            DEPLOYMENTS, place.namespace, APP, [{"op": "replace", "path": "/spec/replicas", "value": 0}], by=nobody
        )
    with pytest.raises(NotPermitted):
        await thief.ask_in_vain(place.namespace, InVain.EVICTION)
    found = await asyncio.to_thread(verdict, repaired, tmp_path, capsys)
    assert (found["verdict"], found["findings"]) == ("matched", [])
    (notice,) = found["notices"]
    assert (notice["remark"], notice["count"]) == ("refused_attempt", 1)
    assert notice["first"].startswith(f"patch deployments {place.namespace}/{APP}")
