"""Every bundle of `tests/cases/alerts` through a running door, and what it hands over onto a simulated cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.kubernetes.outside import Outside
from byteport.contracts.symptoms import ReportSymptoms
from byteport.kubernetes.enrolment import ENABLED_LABEL
from tests.house.tree import ROOT
from tests.integration.activities.simulated_bench import SimulatedBench
from tests.integration.activities.watching import Inbox
from tests.integration.alerts.world import TOKEN, World

pytestmark = pytest.mark.peers

BUNDLES = {path.stem: path for path in sorted((ROOT / "tests" / "cases" / "alerts").glob("*.json"))}
MACHINE = "aws:///eu-west-1a/i-0123456789abcdef0"


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    limits = {"requests_per_minute": 10_000, "strangers_per_minute": 10_000}
    with World(tmp_path_factory.mktemp("door"), limits=limits).running() as world:
        yield world


async def shop(folder: Path) -> SimulatedBench:
    """The cluster of README.md."""
    bench = SimulatedBench(folder)
    await bench.enable("shop")
    for name in ("web", "cart", "checkout"):
        await bench.deploy(name, f"{name}:1")
    bench.cluster.advance(600)
    await bench.cluster.label_node("node-1", {ENABLED_LABEL: "true"})
    metadata = {"name": "ip-10-0-0-9", "labels": {ENABLED_LABEL: "true"}}
    node = {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {"providerID": MACHINE}, "status": {}}
    await bench.cluster.apply(node)
    return bench


async def posted(door: World, bundle: dict[str, Any], bench: SimulatedBench) -> Any:
    """The door's answer."""
    text = json.dumps(bundle["body"])
    for name in ("web", "cart", "checkout"):
        for number, pod in enumerate(await bench.pods(name)):
            text = text.replace(f"POD:{name}:{number}", pod["metadata"]["name"])
    if bundle["path"] == "sns":
        return await door.post("/v1/sns", door.aws.message(text), token=None, headers={"Content-Type": "text/plain"})
    return await door.post("/v1/alertmanager", text.encode(), token=TOKEN)


async def looked_at(door: World, bench: SimulatedBench) -> list[dict[str, Any]]:
    """What became of each symptom that was handed over."""
    found = []
    for symptom in (one for batch in door.handed for one in batch.symptoms):
        inbox = Inbox()
        outside = Outside(bench.port, cluster_uid=bench.uid, sink=inbox, policy=bench.policy)
        call = ReportSymptoms(cluster_uid=bench.uid, symptoms=(symptom,))
        reported = await ActivityEnvironment().run(outside.report_symptoms, call)
        targets = [signal.target.ref for signal in inbox.signals] + [ref for ref, _, _ in inbox.over]
        found.append(
            {
                "type": symptom.type.value,
                "target": targets[0] if targets else None,
                "source": symptom.source.value,
                "over": symptom.over,
                "fate": reported.fates[0].value,
            }
        )
    return found


@pytest.mark.claim("C-489")
@pytest.mark.parametrize("name", BUNDLES)
async def test_each_bundle_comes_to_what_it_says(door: World, tmp_path: Path, name: str) -> None:
    bundle = json.loads(BUNDLES[name].read_text())
    bench = await shop(tmp_path)
    door.handed.clear()
    answer = await posted(door, bundle, bench)
    if "refused" in bundle:
        expected = bundle["refused"]
        assert (answer.status, answer.code, answer.json.get("field")) == (
            expected["status"],
            expected["code"],
            expected.get("field"),
        )
        assert door.handed == []
        return
    assert answer.json == bundle["answer"]
    assert await looked_at(door, bench) == bundle["symptoms"]
    told = [
        f"{one.alert} {one.subject.kind}/{one.subject.name or one.subject.provider_id}"
        for batch in door.handed
        for one in batch.untreated
    ]
    assert told == bundle["untreated"]
