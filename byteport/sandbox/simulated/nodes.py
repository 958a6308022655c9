"""The nodes of the simulated cluster: their disks and memory, what their kubelets notice, and what the helper answers.

Comes after `disks.py` and `metrics.py`, before `simulation.py` and `port.py`. Only a node that has been given a disk, or
a figure for its memory, is watched here; any other keeps the conditions that somebody set. Thresholds, intervals and
words are the kubelet's own defaults (`pkg/kubelet/eviction`, `pkg/kubelet/images`) in Kubernetes 1.37.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from byteport.domain.plans import PRUNE_ARGV, Runtime
from byteport.kubernetes.node_commands import DF, FREE, du
from byteport.kubernetes.port import NODES, PODS
from byteport.kubernetes.quantities import quantity
from byteport.sandbox.simulated import disks, events, statuses
from byteport.sandbox.simulated.clocks import stamp
from byteport.sandbox.simulated.conditions import is_true, set_condition
from byteport.sandbox.simulated.disks import Collection, Filling, Image, NodeDisk
from byteport.sandbox.simulated.loads import Loads
from byteport.sandbox.simulated.scripts import Reply
from byteport.sandbox.simulated.store import Store

JSON = dict[str, Any]

NODEFS_FULL, IMAGEFS_FULL, INODES_FULL = 90, 85, 95
"""Percent used at which `nodefs.available<10%`, `imagefs.available<15%` and `nodefs.inodesFree<5%` are met."""
COLLECTS_AT, COLLECTS_TO = 85, 80
COLLECTION_EVERY = timedelta(minutes=5)
TRANSITION = timedelta(minutes=5)
"""A pressure stays for so long after its threshold was last met."""
MEMORY_LEFT = 100 * 1024**2
"""`memory.available<100Mi`."""
POD_IMAGE_BYTES = 80 * 1024**2
MOST_REPORTED = 50
"""The kubelet's `nodeStatusMaxImages`."""
_SAID = {
    "DiskPressure": (
        "KubeletHasDiskPressure",
        "KubeletHasNoDiskPressure",
        "NodeHasDiskPressure",
        "NodeHasNoDiskPressure",
    ),
    "MemoryPressure": (
        "KubeletHasInsufficientMemory",
        "KubeletHasSufficientMemory",
        "NodeHasInsufficientMemory",
        "NodeHasSufficientMemory",
    ),
}


class Nodes:
    """All nodes that are watched. `due` is when a kubelet acts next by itself."""

    def __init__(self, store: Store, loads: Loads) -> None:
        self._store = store
        self._loads = loads
        self._disks: dict[str, NodeDisk] = {}
        self._met: dict[tuple[str, str], datetime] = {}
        self._collects: dict[str, datetime] = {}
        self.transition = TRANSITION
        self.version = 0
        """Counts what an administrator or a command has changed."""

    @property
    def due(self) -> datetime | None:
        clears = [at + self.transition for at in self._met.values()]
        return min([*clears, *self._collects.values()], default=None)

    def disk(self, node: str) -> NodeDisk:
        """The disk of a node, an empty one from now on if it had none; change it, and then call `changed`."""
        return self._disks.setdefault(node, NodeDisk())

    def changed(self) -> None:
        self.version += 1

    def sync(self, now: datetime) -> None:
        for node in self._store.all(NODES):
            name = node["metadata"]["name"]
            disk = self._disks.get(name)
            if disk is not None:
                self._keep_pods_images(name, disk)
                self._collect(node, disk, now)
                self._report_images(name, disk)
                signal = reclaims(disk)
                self._press(name, "DiskPressure", signal, now)
            usage = self._loads.node(name)
            if usage is not None:
                short = _capacity(node) - usage.memory < MEMORY_LEFT
                self._press(name, "MemoryPressure", "memory" if short else "", now)

    def run(self, node: str, argv: Sequence[str], now: datetime) -> Reply | None:
        """What a command of the helper answers, and does; None for any other word."""
        item = self._store.find(NODES, "", node)
        if item is None:
            return None
        disk, words = self.disk(node), tuple(argv)
        self._keep_pods_images(node, disk)
        if words == DF:
            return Reply(disks.df(disk))
        if words == FREE:
            usage = self._loads.node(node)
            return Reply(disks.free(_capacity(item), usage.memory if usage else 4 * disks.GIBIBYTE))
        if len(words) == len(du("")) and words[:-1] == du("")[:-1]:
            said = disks.du(disk, words[-1])
            missing = f"du: cannot access '{words[-1]}': No such file or directory\n"
            return Reply(stderr=missing, exit_code=1) if said is None else Reply(said)
        if words != PRUNE_ARGV[disk.runtime]:
            return None
        self.changed()
        if disk.runtime is Runtime.DOCKER:
            return Reply(self._docker_prune(node, disk, now))
        return Reply(disks.removed_by_crictl(disk.prune(self._used_images(node))))

    def _used_images(self, node: str) -> list[str]:
        specs = [pod["spec"] for pod in self._on(node)]
        return [
            one["image"] for spec in specs for part in ("initContainers", "containers") for one in spec.get(part) or []
        ]

    def _on(self, node: str) -> list[JSON]:
        return [pod for pod in self._store.all(PODS) if pod["spec"].get("nodeName") == node]

    def _keep_pods_images(self, node: str, disk: NodeDisk) -> None:
        known = {image.name for image in disk.images}
        waiting = statuses.PULLING
        for pod in self._on(node):
            said = pod["status"].get("containerStatuses") or []
            if any((status.get("state") or {}).get("waiting", {}).get("reason") in waiting for status in said):
                continue
            for part in ("initContainers", "containers"):
                for container in pod["spec"].get(part) or []:
                    if container["image"] not in known:
                        known.add(container["image"])
                        disk.images.append(Image(container["image"], POD_IMAGE_BYTES))

    def _report_images(self, node: str, disk: NodeDisk) -> None:
        largest = sorted(disk.images, key=lambda image: (-image.size_bytes, image.name))[:MOST_REPORTED]
        reported = [{"names": [image.name], "sizeBytes": image.size_bytes} for image in largest if not image.dangling]
        version = {Runtime.CONTAINERD: "containerd", Runtime.DOCKER: "docker", Runtime.CRI_O: "cri-o"}[disk.runtime]
        item = self._item(node)
        with self._store.edited(item) as draft:
            draft["status"]["images"] = reported
            draft["status"].setdefault("nodeInfo", {})["containerRuntimeVersion"] = f"{version}://simulated"

    def _collect(self, node: JSON, disk: NodeDisk, now: datetime) -> None:
        """The kubelet's own collection of images, once in five minutes while it is needed."""
        name, here = node["metadata"]["name"], disk.holding(Filling.IMAGES)
        if here.percent < COLLECTS_AT or disk.collection is Collection.OFF:
            self._collects.pop(name, None)
            return
        if self._collects.get(name, now) > now:
            return
        self._collects[name] = now + COLLECTION_EVERY
        wanted = here.used_bytes - here.size_bytes * COLLECTS_TO // 100
        used = frozenset(self._used_images(name))
        unused = [image for image in disk.images if image.name not in used]
        if disk.collection is Collection.WORKS:
            freed = 0
            for image in unused:
                if freed < wanted:
                    disk.images.remove(image)
                    freed += image.size_bytes * disks.UNPACKED
            found = freed
        else:
            found = min(wanted // 2, sum(image.size_bytes for image in unused))
        if found < wanted:
            words = f"Attempted to free {wanted} bytes, but only found {found} bytes eligible to free."
            message = f"Failed to garbage collect required amount of images. {words}"
            self._says(name, now, "Warning", "FreeDiskSpaceFailed", message)

    def _press(self, name: str, type_: str, signal: str, now: datetime) -> None:
        """Set a pressure when its threshold is met, and clear it when that is long enough ago."""
        item, key = self._item(name), (name, type_)
        bad, good, says_bad, says_good = _SAID[type_]
        under = is_true(item["status"], type_)
        if signal:
            self._met.pop(key, None)
            if not under:
                self._set(item, type_, "True", bad, now)
                self._says(name, now, "Normal", says_bad, f"Node {name} status is now: {says_bad}")
                self._says(name, now, "Warning", "EvictionThresholdMet", f"Attempting to reclaim {signal}")
        elif under and self._met.setdefault(key, now) + self.transition <= now:
            del self._met[key]
            self._set(item, type_, "False", good, now)
            self._says(name, now, "Normal", says_good, f"Node {name} status is now: {says_good}")

    def _set(self, item: JSON, type_: str, value: str, reason: str, now: datetime) -> None:
        has = "has" if value == "True" else "has no"
        with self._store.edited(item) as draft:
            words = f"kubelet {has} {type_.removesuffix('Pressure').lower()} pressure"
            set_condition(draft["status"], type_, value, stamp(now), reason=reason, message=words)

    def _docker_prune(self, node: str, disk: NodeDisk, now: datetime) -> str:
        """Stopped containers go too; the kubelet misses the init containers of pods that live, and runs them again."""
        stopped: list[str] = []
        for pod in self._on(node):
            initial = pod["status"].get("initContainerStatuses") or []
            ended = [status for status in initial if "terminated" in (status.get("state") or {})]
            stopped.extend(status["containerID"].rpartition("://")[2] for status in ended)
            if pod["status"].get("phase") == "Running" and pod["spec"].get("initContainers"):
                statuses.initialised_again(self._store, pod, now)
        names, freed = disk.prune_dangling()
        digests = {name: hashlib.sha256(name.encode()).hexdigest() for name in names}
        return disks.removed_by_docker(stopped, digests, freed)

    def _item(self, node: str) -> JSON:
        item = self._store.find(NODES, "", node)
        assert item is not None
        return item

    def _says(self, node: str, now: datetime, type_: str, reason: str, message: str) -> None:
        item = self._item(node)
        events.send(self._store, now, item, type_=type_, reason=reason, message=message, component="kubelet")


def reclaims(disk: NodeDisk) -> str:
    """What the kubelet must reclaim; empty while no threshold is met."""
    if disk.inodes_percent >= INODES_FULL:
        return "inodes"
    pods, images = disk.filesystems()[0], disk.filesystems()[-1]
    return "ephemeral-storage" if pods.percent > NODEFS_FULL or images.percent > IMAGEFS_FULL else ""


def _capacity(node: JSON) -> int:
    return int(quantity((node["status"].get("capacity") or {}).get("memory")) or 0)
