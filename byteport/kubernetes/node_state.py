"""A node's disk and memory as typed facts: what fills which filesystem, who may be asked, and what is under way.

Models only; `node_reading.py` fills them from a `World`. Asked by the disk and memory runbooks.
"""

from __future__ import annotations

from enum import StrEnum

from byteport.domain.base import Frozen, Instant
from byteport.domain.plans import Runtime
from byteport.domain.targets import PodRef
from byteport.kubernetes.surroundings import NodeReading, Tri

UNSEEN = "a pod in a namespace I may not see"
"""All that is said of a pod whose namespace is not enabled."""


class FilesystemRole(StrEnum):
    """What the kubelet keeps on a filesystem."""

    NODEFS = "nodefs"
    """Pods' directories and logs."""
    IMAGEFS = "imagefs"
    """Images and containers' writable layers, where they lie apart."""
    BOTH = "both"
    OTHER = "other"


class Filesystem(Frozen):
    """One line of `df`."""

    role: FilesystemRole
    mount: str
    """A path, never more than that."""
    also: tuple[str, ...] = ()
    """Where else the same filesystem is mounted."""
    percent: float
    """Used, of all bytes."""
    size_bytes: int = 0
    used_bytes: int = 0
    inodes_percent: float | None = None
    """None where nobody counted them."""


class Use(StrEnum):
    """What takes the room."""

    IMAGES = "images"
    CONTAINERS = "containers"
    LOGS = "logs"
    EMPTY_DIR = "empty_dir"
    HOST_PATH = "host_path"
    VOLUME = "volume"
    KUBELET = "kubelet"
    OTHER = "other"


class DiskUser(Frozen):
    """One directory and who fills it."""

    use: Use
    path: str
    used_bytes: int = 0
    files: int | None = None
    pod: str = ""
    """`namespace/name` where it is a pod's that may be seen."""


class HelperAbsence(StrEnum):
    """Why no command can be run on the node."""

    NOT_INSTALLED = "not_installed"
    NONE_ON_NODE = "none_on_node"
    NOT_READY = "not_ready"
    UNSUPPORTED_RUNTIME = "unsupported_runtime"
    SILENT = "silent"
    """It is there and did not answer, or answered what cannot be read."""
    NOT_PERMITTED = "not_permitted"


class NodeState(Frozen):
    """One node, as its own object, its events, the pods on it and the helper's commands show it."""

    reading: NodeReading
    uid: str
    enabled: bool
    """The node itself has `byteport.io/enabled: "true"`."""
    not_enabled: bool = False
    """That label is there and says anything else."""
    prune_forbidden: bool = False
    """Its owner says `byteport.io/prune: "false"`, by label or annotation, or anything but `"true"`."""
    disk_condition: Tri = Tri.UNKNOWN
    disk_condition_since: Instant | None = None
    memory_condition: Tri = Tri.UNKNOWN
    memory_condition_since: Instant | None = None
    runtime: Runtime | None = None
    helper: PodRef | None = None
    helper_absence: HelperAbsence | None = None
    filesystems: tuple[Filesystem, ...] = ()
    users: tuple[DiskUser, ...] = ()
    """Largest first."""
    images: int | None = None
    """Known to the runtime; None where nobody counted."""
    images_unused: int | None = None
    images_unused_bytes: int | None = None
    """What its unused images are said to weigh; None where only some of them are listed."""
    free_eligible_bytes: int | None = None
    """What the kubelet's own collection last found that it could remove, when it failed."""
    threshold_met_at: Instant | None = None
    """The kubelet last said that it must reclaim disk or inodes."""
    reclaims_inodes: bool = False
    """It is inodes that it must reclaim."""
    free_failed_at: Instant | None = None
    """The kubelet's own collection last failed to free enough (`FreeDiskSpaceFailed`)."""
    runtime_failed_at: Instant | None = None
    """The kubelet last got no answer from the container runtime while it was collecting."""
    collected_at: Instant | None = None
    """It last freed something, or usage last fell."""
    pulled_at: Instant | None = None
    """An image was last being pulled, or a container being created from one."""
    creating_since: Instant | None = None
    """The oldest container that is still being created on it."""
    never_pulls: tuple[str, ...] = ()
    """Pods on the node whose images may not be pulled (`imagePullPolicy: Never`), as `namespace/name`, or `UNSEEN`."""
    pull_errors_at: Instant | None = None
    """Last pull error seen in what may be read."""
    exited_of_live_pods: int | None = None
    """Stopped containers whose pods live on: Docker's prune would remove them, and their init containers run again."""
    unseen_pods: bool = False
    """Pods of namespaces that may not be read may be on it: what they use, pull and wait for is not known."""
    memory_bytes: int | None = None
    memory_available_bytes: int | None = None
    system_oom_at: Instant | None = None
    absurd_reading: bool = False
    """A figure of its own that cannot be (more available than there is, less than nothing)."""
