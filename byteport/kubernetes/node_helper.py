"""The node helper's pod on one node, or why there is none: the only way to ask a node's own disk.

Which of the reasons it is decides what a person must do: install it, let it onto this node, mend it, or know that such
a node cannot have one.
"""

from __future__ import annotations

from byteport.domain.plans import HELPER_CONTAINER, Runtime
from byteport.domain.targets import PodRef
from byteport.kubernetes import fields
from byteport.kubernetes.node_commands import is_helper
from byteport.kubernetes.node_state import HelperAbsence
from byteport.kubernetes.world import JSON, World

HELPER_PODS = "pods of the node helper"
"""In `World.denied` when they may not be listed."""
EXEC = "pods/exec"
"""In `World.denied` when no command may be run in them."""

_RUNTIMES = {"containerd": Runtime.CONTAINERD, "cri-o": Runtime.CRI_O, "docker": Runtime.DOCKER}
_HELPERLESS_OS = ("Talos", "Bottlerocket")
_HELPERLESS_LABELS = {
    "type": "virtual-kubelet",
    "eks.amazonaws.com/compute-type": "fargate",
    "kubernetes.azure.com/virtual-node": "true",
}


def runtime_of(node: JSON) -> Runtime | None:
    """The node's runtime as its kubelet reports it (`containerd://1.7.27`)."""
    said = fields.at(node, "status", "nodeInfo", "containerRuntimeVersion")
    return _RUNTIMES.get(said.partition("://")[0]) if isinstance(said, str) else None


def helper_on(world: World, node: JSON) -> PodRef | HelperAbsence | None:
    """The one Ready helper pod on `node`, or why there is none; None where saved objects do not say."""
    name = fields.name(fields.metadata(node).get("name"))
    helpers = [pod for pod in world.of("Pod") if is_helper(pod, world.helper_namespace)]
    here = [pod for pod in helpers if fields.at(pod, "spec", "nodeName") == name]
    ready = [found for found in map(_ready, here) if found is not None]
    if ready:
        return min(ready, key=lambda found: found.name)
    if _helperless(node):
        return HelperAbsence.UNSUPPORTED_RUNTIME
    if here:
        return HelperAbsence.NOT_READY
    if not world.complete:
        return None
    if HELPER_PODS in world.denied:
        return HelperAbsence.NOT_PERMITTED
    return HelperAbsence.NONE_ON_NODE if helpers else HelperAbsence.NOT_INSTALLED


def _ready(pod: JSON) -> PodRef | None:
    meta = fields.metadata(pod)
    containers = fields.entries(fields.at(pod, "spec", "containers"))
    name, uid = fields.name(meta.get("name")), fields.uid(meta.get("uid"))
    if (
        not name
        or not uid
        or meta.get("deletionTimestamp") is not None
        or fields.condition(pod, "Ready").get("status") != "True"
        or all(container.get("name") != HELPER_CONTAINER for container in containers)
    ):
        return None
    namespace = fields.name(meta.get("namespace"))
    return PodRef(namespace=namespace, name=name, uid=uid, resource_version=fields.version(meta.get("resourceVersion")))


def _helperless(node: JSON) -> bool:
    """Nodes on which no helper can run, or whose runtime lies where it may not look."""
    labels = fields.labels(node)
    info = fields.mapping(fields.at(node, "status", "nodeInfo"))
    os_image, kubelet = info.get("osImage"), info.get("kubeletVersion")
    named = isinstance(os_image, str) and os_image.startswith(_HELPERLESS_OS)
    virtual = isinstance(kubelet, str) and ("-vk-" in kubelet or "fargate" in kubelet)
    runtime = info.get("containerRuntimeVersion")
    foreign = isinstance(runtime, str) and bool(runtime) and runtime_of(node) is None
    windows = info.get("operatingSystem") == "windows"
    labelled = any(labels.get(key) == value for key, value in _HELPERLESS_LABELS.items())
    return named or virtual or foreign or windows or labelled
