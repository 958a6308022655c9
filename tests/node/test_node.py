"""What a real kubelet gives: a node that is Ready, logs, exit codes, kills, pulls, probes and the figures of its disk."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

import pytest

from activities.kubernetes.client import connect
from byteport.domain.plans import HELPER_CONTAINER
from byteport.errors import TargetGone
from byteport.kubernetes import fields
from byteport.kubernetes.disk_output import read_disk_output
from byteport.kubernetes.node_commands import DF, du
from byteport.sandbox.controlplane import ApiRefused, KubectlFailed
from byteport.sandbox.realnode import IMAGE, MISSING_IMAGE, RealNode
from byteport.sandbox.realnode.image import REPOSITORY, TAGS
from tests.agent.places import APP, eventually
from tests.agent.real import RealPlace
from tests.node import workload
from tests.node.helper import HELPER_NAMESPACE, HELPER_POD, installed_helper
from tests.node.workload import break_one, log_of, run_in, serve

JSON = dict[str, Any]

pytestmark = pytest.mark.timeout(180)


async def container_of(place: RealPlace, pod: str) -> JSON:
    """Status of the pod's one container, `{}` while there is none."""
    found = await asyncio.to_thread(place.plane.api.call, "GET", f"/api/v1/namespaces/{place.namespace}/pods/{pod}")
    return next(iter(found["status"].get("containerStatuses") or []), {})


async def until_status(place: RealPlace, pod: str, what: str, fits: Callable[[JSON], bool]) -> JSON:
    """The container's status once it fits."""

    async def look() -> JSON | None:
        status = await container_of(place, pod)
        return status if status and fits(status) else None

    return await eventually(what, look, within=60.0)


def last_end(status: JSON) -> JSON:
    """How it ended last, `{}` when it never did."""
    ends = fields.mapping(fields.at(status, "state", "terminated")) or fields.mapping(
        fields.at(status, "lastState", "terminated")
    )
    return dict(ends)


async def events_of(place: RealPlace, reason: str) -> list[str]:
    """Messages of the namespace's events with that reason."""
    path = f"/api/v1/namespaces/{place.namespace}/events?fieldSelector=reason%3D{reason}"
    found = await asyncio.to_thread(place.plane.api.call, "GET", path)
    return [event["message"] for event in found["items"]]


async def told(place: RealPlace, reason: str, words: str) -> None:
    """Wait until an event of that reason has these words: a kubelet's events follow what they are about."""

    async def look() -> bool:
        return any(words in said for said in await events_of(place, reason))

    await eventually(f"an event {reason}: {words}", look, within=60.0)


async def test_the_node_is_ready_and_names_its_runtime_and_images(node: RealNode) -> None:
    found = await asyncio.to_thread(node.plane.api.call, "GET", f"/api/v1/nodes/{node.name}")
    info = found["status"]["nodeInfo"]
    assert info["containerRuntimeVersion"].startswith("containerd://")
    assert info["kubeletVersion"] == "v1.37.2"
    conditions = {one["type"]: one["status"] for one in found["status"]["conditions"]}
    assert conditions["Ready"] == "True"
    assert {conditions[kind] for kind in ("MemoryPressure", "DiskPressure", "PIDPressure")} == {"False"}
    assert any("busybox" in name for image in found["status"]["images"] for name in image["names"])


async def test_a_container_answers_commands_with_their_exit_code_and_keeps_its_log(place: RealPlace) -> None:
    await serve(place, replicas=1)
    (pod,) = [item["metadata"]["name"] for item in await place.pods()]
    assert (await run_in(place, pod, "hostname")).strip() == pod
    assert await log_of(place, pod) == "serving\n"
    with pytest.raises(KubectlFailed) as failed:
        await run_in(place, pod, "/bin/sh", "-c", "echo no >&2; exit 7")
    assert failed.value.exit_code == 7
    assert "no" in failed.value.stderr


async def test_a_crash_keeps_its_exit_code_its_log_and_a_growing_back_off(place: RealPlace) -> None:
    await serve(place, replicas=1)
    pod = await break_one(place, workload.PANICS)

    def backs_off(status: JSON) -> bool:
        waits = fields.at(status, "state", "waiting", "reason")
        return waits == "CrashLoopBackOff" and status["restartCount"] >= 2

    status = await until_status(place, pod, "a crash loop", backs_off)
    assert last_end(status)["exitCode"] == 3
    assert last_end(status)["reason"] == "Error"

    async def printed() -> bool:
        """The kubelet keeps one dead container a pod, and for a moment none."""
        return "panic: index out of range [7]" in await log_of(place, pod, "--previous")

    await eventually("the log of the container before", printed)
    await told(place, "BackOff", "Back-off restarting failed container")


async def test_a_container_over_its_limit_is_killed_by_the_kernel_and_named_so(place: RealPlace) -> None:
    await serve(place, replicas=1)
    pod = await break_one(place, workload.EATS_MEMORY)
    status = await until_status(place, pod, "an end", lambda found: bool(last_end(found)))
    assert (last_end(status)["reason"], last_end(status)["exitCode"]) == ("OOMKilled", 137)


async def test_a_failing_liveness_probe_kills_the_container(place: RealPlace) -> None:
    await serve(place, replicas=1, probed=True)
    pod = await break_one(place, workload.GOES_DEAF)
    await until_status(place, pod, "a restart", lambda status: bool(status["restartCount"]))
    await told(place, "Unhealthy", "Liveness probe failed")
    await told(place, "Killing", "failed liveness probe, will be restarted")


async def test_an_image_is_pulled_and_one_that_is_not_there_is_not_found(place: RealPlace) -> None:
    await serve(place, image=f"{REPOSITORY}:{TAGS[1]}", replicas=1)
    await told(place, "Pulled", f'Successfully pulled image "{REPOSITORY}:{TAGS[1]}"')
    await place.apply(workload.web(image=MISSING_IMAGE, replicas=1))
    await told(place, "Failed", f"{MISSING_IMAGE}: not found")
    assert IMAGE.rpartition(":")[0] == MISSING_IMAGE.rpartition(":")[0]


async def test_the_helpers_figures_are_those_of_the_disk_that_the_node_lies_on(
    node: RealNode, place: RealPlace
) -> None:
    async with installed_helper(node), await connect(place.kubeconfig) as cluster:
        said = await cluster.exec(HELPER_NAMESPACE, HELPER_POD, HELPER_CONTAINER, DF)
        assert said.exit_code == 0
        disk = os.statvfs(node.state_dir)
        percent = 100 * (disk.f_blocks - disk.f_bfree) / (disk.f_blocks - disk.f_bfree + disk.f_bavail)
        mounts = {mounted.mount: mounted.percent for mounted in read_disk_output(said.stdout.splitlines()).mounts}
        assert mounts["/var/lib/containerd"] == pytest.approx(percent, abs=2)
        assert mounts["/var/lib/kubelet"] == mounts["/var/lib/containerd"]
        measured = await cluster.exec(HELPER_NAMESPACE, HELPER_POD, HELPER_CONTAINER, du("/var/lib/containerd"))
        (found,) = read_disk_output(measured.stdout.splitlines()).measured
        assert found.used_bytes > 1 << 20


async def test_the_kubelets_own_figures_are_of_that_disk_too(node: RealNode) -> None:
    async def measured() -> JSON | None:
        try:
            return dict(await asyncio.to_thread(node.kubelet.call, "GET", "/stats/summary"))
        except ApiRefused:
            return None  # it has not measured yet

    summary = await eventually("the kubelet to have measured", measured, within=60.0)
    disk = os.statvfs(node.state_dir)
    assert summary["node"]["fs"]["capacityBytes"] == disk.f_blocks * disk.f_frsize
    assert summary["node"]["fs"]["availableBytes"] == pytest.approx(disk.f_bavail * disk.f_frsize, rel=0.05)
    assert summary["node"]["runtime"]["imageFs"]["usedBytes"] > 1 << 20


async def test_the_agents_port_reads_a_real_log_and_none_of_a_pod_that_is_gone(place: RealPlace) -> None:
    await serve(place, replicas=1)
    (pod,) = [item["metadata"]["name"] for item in await place.pods()]
    async with await connect(place.kubeconfig) as cluster:
        assert await cluster.logs(place.namespace, pod, APP) == "serving\n"
        with pytest.raises(TargetGone):
            await cluster.logs(place.namespace, "gone", APP)
