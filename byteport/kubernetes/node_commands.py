"""The exact words that may be run in the node helper's pod, and where that pod is found. Everything else is refused.

The helper's socket is as good as root on its node, so nothing here takes an argument that is not on a list or of one
strictly checked form. Asked by `activities/kubernetes/gather_node.py` before each reading and by the cluster worker
before a prune; the API server's own policy is rendered from the same words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from byteport.domain.plans import PRUNE_ARGV, Runtime
from byteport.kubernetes import fields

HELPER_LABEL = "app.kubernetes.io/name"
HELPER_NAME = "byteport-node-helper"
HELPER_SELECTOR = f"{HELPER_LABEL}={HELPER_NAME}"

KUBELET_DIR = "/var/lib/kubelet"
LOG_DIR = "/var/log"
JOURNAL_DIR = "/var/log/journal"
RUNTIME_DIRS: dict[Runtime, str] = {
    Runtime.CONTAINERD: "/var/lib/containerd",
    Runtime.DOCKER: "/var/lib/docker",
    Runtime.CRI_O: "/var/lib/containers",
}
"""Where each runtime keeps images and writable layers unless told otherwise."""
MEASURED = (*RUNTIME_DIRS.values(), LOG_DIR, JOURNAL_DIR, KUBELET_DIR)
"""Directories that may always be measured."""

DF = ("df", "-h")
FREE = ("free", "-m")
_DU = ("du", "-sh")

_LONGEST_PATH = 512
_WORD = r"[A-Za-z0-9_][-A-Za-z0-9._]{0,252}"
_UID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}"
PLAIN_PATH = rf"(/{_WORD})+"
"""Regular expression of an absolute path of plain words, as RE2 and Python both read it."""
_PATH = re.compile(rf"{PLAIN_PATH}\Z")
EMPTY_DIRS = (
    rf"{KUBELET_DIR}/pods/[-0-9a-f]{{32,36}}/volumes/kubernetes[.]io~empty-dir/[a-z0-9]([-a-z0-9]{{0,61}}[a-z0-9])?"
)
"""The same of a pod's emptyDir, a little wider than `empty_dir` is."""
_EMPTY_DIR = re.compile(
    rf"{KUBELET_DIR}/pods/(?P<uid>{_UID})/volumes/kubernetes\.io~empty-dir/[a-z0-9]([-a-z0-9]{{0,61}}[a-z0-9])?\Z"
)
_POD_LOGS = re.compile(
    rf"{LOG_DIR}/pods/(?P<namespace>[a-z0-9][-a-z0-9]{{0,62}})_(?P<name>[a-z0-9][-a-z0-9.]{{0,252}})_(?P<uid>{_UID})\Z"
)
NEVER_MEASURED = ("/proc", "/sys", "/dev", "/run", "/etc", "/root", "/home", "/boot")
"""Measuring below these tells nothing of a disk, hangs, or shows what is nobody's business."""


def du(path: str) -> tuple[str, ...]:
    """The words that measure `path`; whether they may be run is `is_read`'s to say."""
    return (*_DU, path)


def empty_dir(pod_uid: str, volume: str) -> str | None:
    """Where the kubelet keeps a pod's emptyDir; None when either name is not what it must be."""
    path = f"{KUBELET_DIR}/pods/{pod_uid}/volumes/kubernetes.io~empty-dir/{volume}"
    return path if _EMPTY_DIR.match(path) else None


def pod_logs(namespace: str, name: str, pod_uid: str) -> str | None:
    """Where the kubelet keeps the logs of a pod's containers."""
    path = f"{LOG_DIR}/pods/{namespace}_{name}_{pod_uid}"
    return path if _POD_LOGS.match(path) else None


def pod_uid_of(path: str) -> str:
    """uid of the pod whose directory `path` is; empty for any other path."""
    match = _EMPTY_DIR.match(path) or _POD_LOGS.match(path)
    return match.group("uid") if match else ""


def host_path(value: object) -> str | None:
    """A hostPath that a pod declares, if it may be measured: absolute, plain words, nothing that climbs or hides."""
    if not isinstance(value, str) or len(value) > _LONGEST_PATH:
        return None
    path = value.rstrip("/")
    if not _PATH.match(path) or any(path == root or path.startswith(f"{root}/") for root in NEVER_MEASURED):
        return None
    return path


def is_read(argv: Sequence[str], host_paths: frozenset[str] = frozenset()) -> bool:
    """Whether `argv` only looks. `host_paths` are those that pods on this very node declare."""
    words = tuple(argv)
    if words in (DF, FREE):
        return True
    if len(words) != len(_DU) + 1 or words[: len(_DU)] != _DU:
        return False
    path = words[-1]
    if path in MEASURED or pod_uid_of(path):
        return True
    return path in host_paths and host_path(path) == path


def is_prune(argv: Sequence[str]) -> bool:
    """Whether `argv` is one of the two that remove images, word for word."""
    return tuple(argv) in PRUNE_ARGV.values()


def is_helper(pod: object, namespace: str) -> bool:
    """Whether a pod is the node helper's, by the namespace that only an administrator writes to, and by its label."""
    meta = fields.metadata(pod)
    return meta.get("namespace") == namespace and fields.labels(pod).get(HELPER_LABEL) == HELPER_NAME
