"""The disks of the control plane's simulated nodes: the helper's answers, the node's images and conditions, its events.

The same model as the simulated cluster's (`byteport/sandbox/simulated/disks.py`), written out to where a real API server
has it: answers of a pod's commands (`replies.py`), the node's status, events in `default`. Nobody plays the kubelet in
between: `settle` does, once, after a prune. Comes after `start.py`; used by the sandbox, by scenarios and by tests.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from byteport.domain.plans import HELPER_CONTAINER, PRUNE_ARGV
from byteport.errors import MalformedInput
from byteport.kubernetes.node_commands import DF, FREE, HELPER_LABEL, HELPER_NAME, KUBELET_DIR, LOG_DIR, du
from byteport.sandbox.controlplane.replies import Answer
from byteport.sandbox.controlplane.start import ControlPlane
from byteport.sandbox.simulated import disks
from byteport.sandbox.simulated.clocks import stamp
from byteport.sandbox.simulated.disks import Filling, Image, NodeDisk
from byteport.sandbox.simulated.nodes import POD_IMAGE_BYTES, reclaims

JSON = dict[str, Any]

HELPER_NAMESPACE = "byteport-node"
FULL, WELL = ("KubeletHasDiskPressure", "True"), ("KubeletHasNoDiskPressure", "False")
MERGE = "application/strategic-merge-patch+json"


class NodeDisks:
    """The disks of one control plane's nodes."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._disks: dict[str, NodeDisk] = {}
        self._written: dict[str, str] = {}
        """What `df` was last set to say of each."""

    def install_helper(self, node: str) -> None:
        """The node helper's pod on one node; its commands answer from now on."""
        api, labels = self._plane.api, {HELPER_LABEL: HELPER_NAME}
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HELPER_NAMESPACE}}
        api.apply(f"/api/v1/namespaces/{HELPER_NAMESPACE}", namespace)
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": _pod(node), "labels": labels},
            "spec": {
                "nodeName": node,
                "serviceAccountName": "default",
                "automountServiceAccountToken": False,
                "tolerations": [{"operator": "Exists"}],
                "containers": [{"name": HELPER_CONTAINER, "image": "registry.example/byteport-node-helper:1"}],
            },
        }
        api.apply(f"/api/v1/namespaces/{HELPER_NAMESPACE}/pods/{_pod(node)}", pod)
        self._write(node)

    def fill(self, node: str, what: Filling, *, percent: float = 90.0, path: str = "") -> str:
        """Add of one thing until its filesystem is so full; the path that it lies in.

        Where that meets a kubelet's threshold, the node's condition and its kubelet's events say so.
        """
        disk = self._disk(node)
        room = disk.room_until(what, percent)
        match what:
            case Filling.IMAGES:
                disk.add_unused_images(room)
                where = disk.runtime_dir
            case Filling.LOGS | Filling.EMPTY_DIR | Filling.HOST_PATH:
                where = path or f"{LOG_DIR}/journal"
                disk.directories[where] = disk.directories.get(where, 0) + room
            case Filling.CONTAINERS:
                disk.container_bytes += room
                where = disk.runtime_dir
            case _:
                raise MalformedInput("disk", f"{what.value} cannot be shown on the control plane")
        self._write(node)
        if not reclaims(disk):
            self._report(node, *WELL)
            return where
        self._report(node, *FULL)
        self._say(node, "NodeHasDiskPressure", f"Node {node} status is now: NodeHasDiskPressure")
        self._say(node, "EvictionThresholdMet", "Attempting to reclaim ephemeral-storage", type_="Warning")
        words = f"Attempted to free {room} bytes, but only found {room // 10} bytes eligible to free."
        message = f"Failed to garbage collect required amount of images. {words}"
        self._say(node, "FreeDiskSpaceFailed", message, type_="Warning")
        return where

    def settle(self, node: str) -> bool:
        """Let the node's status follow a prune that was run in its helper; False when none was."""
        said = self._plane.replies.answers(HELPER_NAMESPACE, _pod(node), HELPER_CONTAINER).get(DF)
        if said == self._written.get(node):
            return False
        self._written[node] = said or ""
        self._disk(node).prune(self._used(node))
        self._report(node, *WELL)
        self._say(node, "NodeHasNoDiskPressure", f"Node {node} status is now: NodeHasNoDiskPressure")
        return True

    def mend(self, node: str) -> None:
        """An empty disk, a green condition and no word of the kubelet's, as if nothing had been."""
        self._disks.pop(node, None)
        self._write(node)
        self._report(node, *WELL)
        about = f"involvedObject.kind%3DNode%2CinvolvedObject.name%3D{node}"
        self._plane.api.call("DELETE", f"/api/v1/namespaces/default/events?fieldSelector={about}")

    def _disk(self, node: str) -> NodeDisk:
        disk = self._disks.setdefault(node, NodeDisk())
        known = {image.name for image in disk.images}
        disk.images.extend(Image(name, POD_IMAGE_BYTES) for name in self._used(node) if name not in known)
        return disk

    def _used(self, node: str) -> list[str]:
        pods = self._plane.api.call("GET", f"/api/v1/pods?fieldSelector=spec.nodeName%3D{node}")["items"]
        parts = ("initContainers", "containers")
        return sorted({one["image"] for pod in pods for part in parts for one in pod["spec"].get(part) or []})

    def _write(self, node: str) -> None:
        """What the helper answers, and what it will once its prune has been run."""
        disk = self._disk(node)
        after = NodeDisk(**{**vars(disk), "images": list(disk.images)})
        removed = after.prune(self._used(node))
        paths = {LOG_DIR, KUBELET_DIR, disk.runtime_dir, *disk.directories}
        prune, self._written[node] = PRUNE_ARGV[disk.runtime], disks.df(disk)
        for argv, said in _answers(disk, paths).items():
            self._reply(node, argv, said)
        then = [Answer(argv, stdout=said) for argv, said in _answers(after, paths).items()]
        self._plane.write_exec(
            HELPER_NAMESPACE,
            _pod(node),
            HELPER_CONTAINER,
            prune,
            stdout=disks.removed_by_crictl(removed),
            then=[*then, Answer(prune)],
        )

    def _reply(self, node: str, argv: tuple[str, ...], said: str) -> None:
        self._plane.write_exec(HELPER_NAMESPACE, _pod(node), HELPER_CONTAINER, argv, stdout=said)

    def _report(self, node: str, reason: str, status: str) -> None:
        disk, now = self._disk(node), stamp(datetime.now(UTC))
        condition = {
            "type": "DiskPressure",
            "status": status,
            "reason": reason,
            "lastTransitionTime": now,
            "lastHeartbeatTime": now,
        }
        images = [{"names": [image.name], "sizeBytes": image.size_bytes} for image in disk.images]
        patch = {"status": {"conditions": [condition], "images": images}}
        self._plane.api.call("PATCH", f"/api/v1/nodes/{node}/status", patch, content_type=MERGE)

    def _say(self, node: str, reason: str, message: str, *, type_: str = "Normal") -> None:
        uid = self._plane.api.call("GET", f"/api/v1/nodes/{node}")["metadata"]["uid"]
        now = stamp(datetime.now(UTC))
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{node}.{secrets.token_hex(8)}", "namespace": "default"},
            "involvedObject": {"apiVersion": "v1", "kind": "Node", "name": node, "uid": uid},
            "type": type_,
            "reason": reason,
            "message": message,
            "count": 1,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "source": {"component": "kubelet", "host": node},
            "reportingComponent": "kubelet",
            "reportingInstance": node,
        }
        self._plane.api.call("POST", "/api/v1/namespaces/default/events", event)


def _pod(node: str) -> str:
    return f"{HELPER_NAME}-{node}"


def _answers(disk: NodeDisk, paths: set[str]) -> Mapping[tuple[str, ...], str]:
    measured = {du(path): disks.du(disk, path) for path in sorted(paths)}
    said = {argv: text for argv, text in measured.items() if text is not None}
    return {DF: disks.df(disk), FREE: disks.free(64 * disks.GIBIBYTE, 4 * disks.GIBIBYTE), **said}
