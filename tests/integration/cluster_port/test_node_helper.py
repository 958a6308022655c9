"""The node helper's commands through the port, and what a prune changes in what they answer."""

from __future__ import annotations

import pytest

from byteport.domain.plans import HELPER_CONTAINER, PRUNE_ARGV, Runtime
from byteport.errors import NotPermitted
from byteport.kubernetes.disk_output import read_disk_output
from byteport.kubernetes.node_commands import DF, FREE, HELPER_SELECTOR, du
from byteport.kubernetes.node_memory import read_free
from byteport.kubernetes.port import EVENTS, JSON, NODES, PODS, ExecResult
from byteport.sandbox.simulated import Filling, Right
from tests.integration.cluster_port.stages import Stage

NODE = "node-3"
HOME = "byteport-node"
PRUNE = PRUNE_ARGV[Runtime.CONTAINERD]


async def _run(stage: Stage, *argv: str) -> ExecResult:
    return await stage.port.exec(HOME, await _helper(stage), HELPER_CONTAINER, argv)


async def _helper(stage: Stage) -> str:
    """The helper's pod on the node, once it is Ready."""

    async def look() -> str | None:
        for pod in (await stage.port.list(PODS, HOME, labels=HELPER_SELECTOR)).items:
            conditions = pod["status"].get("conditions") or []
            ready = any((one["type"], one["status"]) == ("Ready", "True") for one in conditions)
            if pod["spec"].get("nodeName") == NODE and ready:
                return str(pod["metadata"]["name"])
        return None

    return await stage.eventually(look)


async def _percent(stage: Stage) -> float:
    mounts = read_disk_output((await _run(stage, *DF)).stdout.splitlines()).mounts
    return max(mounted.percent for mounted in mounts)


async def _pressure(stage: Stage) -> JSON:
    conditions = (await stage.port.get(NODES, "", NODE))["status"]["conditions"]
    return next((one for one in conditions if one["type"] == "DiskPressure"), {})


async def test_a_node_full_of_unused_images_says_so_and_a_prune_empties_it(stage: Stage) -> None:
    async with stage.full_disk(NODE, Filling.IMAGES, percent=90):
        assert await _percent(stage) == 90
        pressure = await _pressure(stage)
        assert (pressure["status"], pressure["reason"]) == ("True", "KubeletHasDiskPressure")
        node = await stage.port.get(NODES, "", NODE)
        assert node["status"]["nodeInfo"]["containerRuntimeVersion"].startswith("containerd://")
        assert all({"names", "sizeBytes"} <= set(image) for image in node["status"]["images"])
        pruned = await _run(stage, *PRUNE)
        assert (pruned.exit_code, pruned.stderr) == (0, "")
        assert all(line.startswith("Deleted: ") for line in pruned.stdout.splitlines())
        assert await _percent(stage) < 20
        assert (await _run(stage, *PRUNE)).stdout == ""


async def test_its_kubelet_tells_of_the_disk_in_the_namespace_default(stage: Stage) -> None:
    async with stage.full_disk(NODE, Filling.IMAGES, percent=90):
        events = (await stage.port.list(EVENTS, "default", fields=f"involvedObject.name={NODE}")).items
        found = {event["reason"]: event for event in events}
        assert {"NodeHasDiskPressure", "EvictionThresholdMet", "FreeDiskSpaceFailed"} <= set(found)
        assert found["FreeDiskSpaceFailed"]["source"] == {"component": "kubelet", "host": NODE}
        assert found["FreeDiskSpaceFailed"]["involvedObject"]["kind"] == "Node"


async def test_logs_that_fill_it_are_measured_and_no_prune_helps(stage: Stage) -> None:
    async with stage.full_disk(NODE, Filling.LOGS, percent=92):
        said = (await _run(stage, *du("/var/log"))).stdout
        (measured,) = read_disk_output(said.splitlines()).measured
        assert (measured.path, measured.used_bytes > 50 << 30) == ("/var/log", True)
        await _run(stage, *PRUNE)
        assert await _percent(stage) == 92


async def test_free_memory_is_told_in_mebibytes(stage: Stage) -> None:
    async with stage.full_disk(NODE, Filling.LOGS, percent=50):
        free = read_free((await _run(stage, *FREE)).stdout.splitlines())
        assert free is not None
        assert free.total == 64 << 30


@pytest.mark.parametrize(
    "argv", [("sh", "-c", "df -h"), ("df",), ("docker", "system", "prune", "-f"), ("df", "-h", "/")]
)
async def test_any_other_word_is_not_found(stage: Stage, argv: tuple[str, ...]) -> None:
    async with stage.full_disk(NODE, Filling.LOGS, percent=50):
        assert (await _run(stage, *argv)).exit_code == 127


async def test_commands_are_a_right_of_their_own(stage: Stage) -> None:
    async with (
        stage.full_disk(NODE, Filling.LOGS, percent=50),
        stage.without(Right("create", PODS, "exec")) as port,
    ):
        helper = await _helper(stage)
        with pytest.raises(NotPermitted):
            await port.exec(HOME, helper, HELPER_CONTAINER, DF)
