"""What an administrator, or misfortune, does to the simulated cluster's nodes: disks, memory, reboots, the node helper.

Comes after `measuring.py` and `nodes.py`, before `cluster.py`. A node's disk is watched from the first of these hands
that names it on: its images, `DiskPressure` and the events of its kubelet follow from what is on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from byteport.domain.plans import HELPER_CONTAINER, Runtime
from byteport.errors import MalformedInput
from byteport.kubernetes.node_commands import HELPER_LABEL, HELPER_NAME, LOG_DIR, empty_dir, pod_logs
from byteport.kubernetes.port import NODES, PODS, Resource
from byteport.kubernetes.quantities import quantity
from byteport.sandbox.simulated import events, statuses
from byteport.sandbox.simulated.clocks import stamp
from byteport.sandbox.simulated.conditions import is_true, set_condition
from byteport.sandbox.simulated.disks import Collection, Filling, Image, NodeDisk
from byteport.sandbox.simulated.measuring import Amount, Measuring
from byteport.sandbox.simulated.nodes import MEMORY_LEFT
from byteport.sandbox.simulated.shapes import node_helper, node_helper_set
from byteport.sandbox.simulated.store import owner_reference

JSON = dict[str, Any]

HELPER_NAMESPACE = "byteport-node"


class NodeHands(Measuring):
    """An administrator's hands on nodes."""

    async def install_node_helper(self, nodes: Sequence[str] = ()) -> None:
        """The node helper's DaemonSet, and a pod of it, Ready at once, on each of `nodes` (on all when none is named)."""
        names = nodes or [item["metadata"]["name"] for item in self._store.all(NODES)]
        labels = {HELPER_LABEL: HELPER_NAME}
        (daemon_set,) = await self.apply(node_helper_set(HELPER_NAMESPACE, HELPER_NAME, HELPER_CONTAINER, labels))
        for name in names:
            self._simulation.nodes.disk(name)
            owner = owner_reference(daemon_set)
            shape = node_helper(HELPER_NAMESPACE, HELPER_NAME, HELPER_CONTAINER, labels, node=name, owner=owner)
            (pod,) = await self.apply(shape)
            if not is_true(pod["status"], "Ready"):
                statuses.started(self._store, statuses.Pod(pod), self._simulation.now)
        self.tick()

    def disk(self, node: str) -> NodeDisk:
        """The disk of a node as it is: to be looked at. Raises `TargetGone` when there is no such node."""
        self._existing(NODES, "", node)
        return self._simulation.nodes.disk(node)

    async def set_disk(
        self,
        node: str,
        *,
        size: Amount | None = None,
        image_size: Amount | None = None,
        runtime: Runtime | None = None,
        collection: Collection | None = None,
    ) -> None:
        """What is not given stays. `image_size` gives images a filesystem of their own; raises `MalformedInput`."""
        disk = self.disk(node)
        disk.size_bytes = disk.size_bytes if size is None else _bytes(size)
        disk.image_size_bytes = disk.image_size_bytes if image_size is None else _bytes(image_size)
        disk.runtime = runtime or disk.runtime
        disk.collection = collection or disk.collection
        self._changed()

    async def fill_disk(
        self, node: str, what: Filling | str, *, percent: float = 90.0, home: str = "", pod: str = "", path: str = ""
    ) -> str:
        """Add of one thing until its filesystem is `percent` full (of inodes: set them so); the path that it lies in.

        Images are ones that no pod uses. For logs and emptyDir a pod of the node may be named, else it is the first
        that has what is needed (for logs: the system's journal); `path` is that of a hostPath. Raises `MalformedInput`
        when nothing on the node has such a directory.
        """
        disk, filling = self.disk(node), Filling(what)
        room = disk.room_until(filling, percent)
        where = ""
        match filling:
            case Filling.IMAGES:
                disk.add_unused_images(room)
                where = disk.runtime_dir
            case Filling.CONTAINERS:
                disk.container_bytes += room
                where = disk.runtime_dir
            case Filling.INODES:
                disk.inodes_percent = int(percent)
            case Filling.OTHER:
                disk.other_bytes += room
            case Filling.LOGS | Filling.EMPTY_DIR | Filling.HOST_PATH:
                where = path or self._directory(node, filling, home, pod)
                disk.directories[where] = disk.directories.get(where, 0) + room
        self._changed()
        return where

    async def empty_disk(self, node: str, what: Filling | str) -> None:
        """Take all of one thing away again; of images, those that no pod uses come back only by `fill_disk`."""
        disk, filling = self.disk(node), Filling(what)
        match filling:
            case Filling.IMAGES:
                disk.images = []
            case Filling.CONTAINERS:
                disk.container_bytes = 0
            case Filling.INODES:
                disk.inodes_percent = 4
            case Filling.OTHER:
                disk.other_bytes = 0
            case Filling.LOGS | Filling.EMPTY_DIR | Filling.HOST_PATH:
                disk.directories = {}
        self._changed()

    async def add_image(self, node: str, name: str, size: Amount, *, dangling: bool = False) -> None:
        """One more image on a node."""
        self.disk(node).images.append(Image(name, _bytes(size), dangling))
        self._changed()

    async def set_pressure_transition(self, seconds: float) -> None:
        """How long a pressure stays after its threshold was last met; five minutes at first, as the kubelet's."""
        self._simulation.nodes.transition = timedelta(seconds=seconds)
        self._changed()

    async def starve_memory(self, node: str, *, left: Amount = MEMORY_LEFT // 2) -> None:
        """Use all of a node's memory but `left`: below 100 MiB its kubelet reports `MemoryPressure`."""
        capacity = quantity(self._existing(NODES, "", node)["status"]["capacity"]["memory"]) or 0
        await self.set_node_usage(node, cpu=1, memory=max(0, int(capacity) - _bytes(left)))

    async def system_oom(self, node: str, *, process: str = "java", pid: int = 21873) -> None:
        """The kernel kills a process for want of memory of the whole node, and the kubelet says so."""
        words = f"System OOM encountered, victim process: {process}, pid: {pid}"
        await self.say(NODES, "", node, reason="SystemOOM", message=words)

    async def cordon(self, node: str, *, cordoned: bool = True) -> None:
        """`kubectl cordon`, or `uncordon`."""
        with self._editing(NODES, "", node) as draft:
            draft["spec"].pop("unschedulable", None)
            if cordoned:
                draft["spec"]["unschedulable"] = True

    async def label_node(self, node: str, labels: dict[str, str | None]) -> None:
        """Set labels of a node; None takes one away."""
        self._edit(NODES, "", node, "labels", labels)

    async def taint_node(self, node: str, key: str, value: str) -> None:
        """`kubectl taint` with effect NoSchedule: new pods are placed elsewhere, whatever they tolerate."""
        with self._editing(NODES, "", node) as draft:
            others = [taint for taint in draft["spec"].get("taints") or [] if taint["key"] != key]
            draft["spec"]["taints"] = [*others, {"key": key, "value": value, "effect": "NoSchedule"}]

    async def stop_kubelet(self, node: str) -> None:
        """The node is heard of no more: `Ready` is Unknown, and so it stays until `reboot`."""
        self._set_ready(node, "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
        words = f"Node {node} status is now: NodeNotReady"
        await self.say(
            NODES, "", node, type_="Normal", reason="NodeNotReady", message=words, component="node-controller"
        )

    async def reboot(self, node: str) -> None:
        """The node comes back from a reboot: Ready from now on, and every container of its pods starts anew."""
        self._set_ready(node, "False", "KubeletNotReady", "container runtime is down")
        now = self._simulation.now
        for item in self._store.all(PODS):
            if item["spec"].get("nodeName") == node and item["status"].get("containerStatuses"):
                statuses.restarted_by_reboot(self._store, item, now)
        boot = f"Node {node} has been rebooted, boot id: simulated-{int(now.timestamp())}"
        await self.say(NODES, "", node, reason="Rebooted", message=boot)
        self._set_ready(node, "True", "KubeletReady", "kubelet is posting ready status")
        words = f"Node {node} status is now: NodeReady"
        await self.say(NODES, "", node, type_="Normal", reason="NodeReady", message=words)

    async def scale_up_triggered(self, home: str, pod: str, *, group: str = "pool-1") -> None:
        """A cluster autoscaler says that it adds a node for a pod that none has taken."""
        words = f"pod triggered scale-up: [{{{group} 3->4 (max: 10)}}]"
        await self.say(
            PODS, home, pod, type_="Normal", reason="TriggeredScaleUp", message=words, component="cluster-autoscaler"
        )

    async def say(
        self,
        resource: Resource,
        home: str,
        name: str,
        *,
        reason: str,
        message: str,
        type_: str = "Warning",
        component: str = "kubelet",
    ) -> None:
        """An event about an object, as `component` would send it. Raises `TargetGone`."""
        item = self._existing(resource, home, name)
        events.send(
            self._store,
            self._simulation.now,
            item,
            type_=type_,
            reason=reason,
            message=message,
            component=component,
        )
        self.tick()

    def _changed(self) -> None:
        self._simulation.nodes.changed()
        self.tick()

    def _set_ready(self, node: str, value: str, reason: str, message: str) -> None:
        with self._editing(NODES, "", node) as draft:
            now = stamp(self._simulation.now)
            set_condition(draft["status"], "Ready", value, now, reason=reason, message=message)

    def _directory(self, node: str, filling: Filling, home: str, pod: str) -> str:
        """Where such a thing of a pod on the node lies."""
        if filling is Filling.LOGS and not pod:
            return f"{LOG_DIR}/journal"
        for item in self._store.all(PODS, home):
            metadata, spec = item["metadata"], item["spec"]
            if spec.get("nodeName") != node or pod not in ("", metadata["name"]):
                continue
            if filling is Filling.LOGS:
                return pod_logs(metadata["namespace"], metadata["name"], metadata["uid"]) or ""
            for volume in spec.get("volumes") or []:
                if filling is Filling.EMPTY_DIR and "emptyDir" in volume:
                    return empty_dir(metadata["uid"], volume["name"]) or ""
                if filling is Filling.HOST_PATH and "hostPath" in volume:
                    found: str = volume["hostPath"]["path"]
                    return found
        raise MalformedInput("disk", f"no pod on {node} has such a directory ({filling.value})")


def _bytes(amount: Amount) -> int:
    found = quantity(amount)
    if found is None or found < 0:
        raise MalformedInput("disk", f"{amount!r} is no amount")
    return int(found)
