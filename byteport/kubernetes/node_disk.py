"""Which filesystem of a node is which, who fills it, and which of its images nobody uses.

A prune frees nothing on the filesystem where the images are not, and the kubelet's condition does not say which one is
full. Asked by `node_reading.py`, after `disk_output.py` made numbers of what the helper printed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from byteport.domain.base import Frozen
from byteport.domain.plans import Runtime
from byteport.kubernetes import fields
from byteport.kubernetes.disk_output import DiskOutput, Measured, Mounted
from byteport.kubernetes.node_commands import KUBELET_DIR, LOG_DIR, RUNTIME_DIRS, pod_uid_of
from byteport.kubernetes.node_pods import PodsOnNode, image_name
from byteport.kubernetes.node_state import DiskUser, Filesystem, FilesystemRole, Use

MOST_USERS = 20
MOST_FILESYSTEMS = 20
_MOST_MOUNTS = 10
UNPACKED = 4
"""containerd reports an image by its compressed size; unpacked and beside its archive it takes up to so many times it."""
_REPORTED_AT_MOST = 50
"""The kubelet's `nodeStatusMaxImages`: a list as long as this may leave images out."""
_VOLUMES = f"{KUBELET_DIR}/pods/"
_HOST = "/host"
_OF_NODEFS = ("/etc/hosts", "/dev/termination-log")
"""Files that the kubelet mounts into every container from its own directory."""
_RUNTIME_ROOTS = (*RUNTIME_DIRS.values(), "/var/lib/rancher")
_MOST_BYTES = 2**62


class Images(Frozen):
    """The images of a node."""

    known: int | None = None
    unused: int | None = None
    unused_bytes: int | None = None
    """As reported; None where the list may be incomplete."""
    bytes: int | None = None
    """Of all; None where the list may be incomplete."""


def filesystems(output: DiskOutput, runtime: Runtime | None) -> tuple[Filesystem, ...]:
    """Each filesystem once, with what the kubelet keeps on it, fullest first."""
    groups: dict[tuple[str, int, int], list[Mounted]] = {}
    inodes: dict[str, float] = {}
    for found in output.mounts:
        plain = found.model_copy(update={"mount": _as_on_node(found.mount)})
        if plain.inodes:
            inodes[plain.mount] = plain.percent
        else:
            groups.setdefault((plain.device, plain.size_bytes, plain.used_bytes), []).append(plain)
    everywhere = [mounted for group in groups.values() for mounted in group]
    everywhere += [found for found in output.mounts if found.inodes and not groups]
    of_pods, of_images = _holder(everywhere, "nodefs", KUBELET_DIR), _holder(everywhere, "imagefs", _kept_in(runtime))
    of_pods = of_pods or next((found for found in everywhere if found.mount in _OF_NODEFS), None)
    seen = []
    for group in groups.values() or [[found] for found in everywhere]:
        first = min(group, key=lambda mounted: (len(mounted.mount), mounted.mount))
        counted = [inodes[mounted.mount] for mounted in group if mounted.mount in inodes]
        seen.append(
            Filesystem(
                role=_role(group, of_pods, of_images),
                mount=first.mount,
                also=tuple(sorted({mounted.mount for mounted in group} - {first.mount}))[:_MOST_MOUNTS],
                percent=0.0 if first.inodes else first.percent,
                size_bytes=first.size_bytes,
                used_bytes=first.used_bytes,
                inodes_percent=max(counted, default=None),
            )
        )
    return tuple(sorted(seen, key=lambda found: (found.role is FilesystemRole.OTHER, -found.percent, found.mount)))[
        :MOST_FILESYSTEMS
    ]


def _kept_in(runtime: Runtime | None) -> str:
    return RUNTIME_DIRS[runtime or Runtime.CONTAINERD]


def _as_on_node(mount: str) -> str:
    """The helper may have the node's root at `/host`."""
    if mount == _HOST:
        return "/"
    return mount.removeprefix(_HOST) if mount.startswith(f"{_HOST}/") else mount


def _holder(mounts: Sequence[Mounted], hint: str, path: str) -> Mounted | None:
    """Where `path` lies: as somebody noted, else on the deepest mount above it."""
    noted = next((found for found in mounts if found.hint == hint), None)
    above = [found for found in mounts if _below(path, found.mount)]
    return noted or max(above, key=lambda found: len(found.mount), default=None)


def _below(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root.rstrip('/')}/")


def _role(group: Sequence[Mounted], of_pods: Mounted | None, of_images: Mounted | None) -> FilesystemRole:
    pods, images = of_pods in group, of_images in group
    if pods and images:
        return FilesystemRole.BOTH
    if pods:
        return FilesystemRole.NODEFS
    return FilesystemRole.IMAGEFS if images else FilesystemRole.OTHER


def users(output: DiskOutput, pods: PodsOnNode, images: Images) -> tuple[DiskUser, ...]:
    """Who takes the room, largest first; a directory that was measured inside another is taken out of it."""
    measured = {found.path: found for found in output.measured}
    own = {path: found.used_bytes for path, found in measured.items()}
    for path, found in measured.items():
        above = _nearest_above(path, own)
        if above is not None:
            own[above] = max(0, own[above] - found.used_bytes)
    seen = [_user(found, own[path], pods, images) for path, found in measured.items()]
    return tuple(sorted(seen, key=lambda user: (-user.used_bytes, -(user.files or 0), user.path)))[:MOST_USERS]


def _nearest_above(path: str, known: Mapping[str, int]) -> str | None:
    parts = path.split("/")
    roots = ("/".join(parts[:count]) for count in range(len(parts) - 1, 1, -1))
    return next((root for root in roots if root in known), None)


def _user(found: Measured, used: int, pods: PodsOnNode, images: Images) -> DiskUser:
    path = found.path
    pod = pods.by_uid.get(pod_uid_of(path), "") or pods.host_paths.get(path, "")
    use = Use.HOST_PATH if path in pods.host_paths else _use(path, used, images)
    return DiskUser(use=use, path=path, used_bytes=used, files=found.files, pod=pod)


def _use(path: str, used: int, images: Images) -> Use:
    if any(_below(path, root) for root in _RUNTIME_ROOTS):
        return Use.CONTAINERS if _mostly_layers(used, images) else Use.IMAGES
    if path.startswith(_VOLUMES):
        if "/kubernetes.io~empty-dir/" in path:
            return Use.EMPTY_DIR
        return Use.VOLUME if "/volumes/" in path else Use.KUBELET
    if _below(path, LOG_DIR):
        return Use.LOGS
    return Use.KUBELET if _below(path, KUBELET_DIR) else Use.OTHER


def _mostly_layers(used: int, images: Images) -> bool:
    """Even unpacked, all images together are less than half of what lies in the runtime's directory."""
    return images.bytes is not None and images.bytes * UNPACKED < used / 2


def read_images(node: Mapping[str, Any], pods: PodsOnNode, output: DiskOutput, *, all_pods: bool) -> Images:
    """The images that the node reports, and how many of them no pod on it uses; what the runtime itself said goes first.

    `all_pods` False: the node's pods are not all among `pods`, so that no image can be said to be unused.
    """
    listed = fields.at(node, "status", "images")
    reported = fields.entries(listed)
    complete = isinstance(listed, list) and len(reported) < _REPORTED_AT_MOST
    unused = [item for item in reported if not _used(item, pods)]
    if output.images is not None:
        in_use = output.images_in_use or 0
        whole = complete and output.images == len(reported)
        return Images(
            known=output.images,
            unused=output.images - in_use,
            unused_bytes=_sum(unused) if whole and all_pods else None,
            bytes=_sum(reported) if whole else None,
        )
    if not isinstance(listed, list):
        return Images()
    return Images(
        known=len(reported),
        unused=len(unused) if all_pods else None,
        unused_bytes=_sum(unused) if complete and all_pods else None,
        bytes=_sum(reported) if complete else None,
    )


def _used(item: Mapping[str, Any], pods: PodsOnNode) -> bool:
    names = [image_name(name) for name in fields.strings(item.get("names"))]
    return any(name in pods.images or _is_pause(name) for name in names)


def _is_pause(name: str) -> bool:
    """The sandbox's own image, which every runtime keeps."""
    return name.rsplit("/", 1)[-1].startswith(("pause:", "pause@", "pause-amd64:", "pause-arm64:"))


def _sum(items: Iterable[Mapping[str, Any]]) -> int:
    sizes = (item.get("sizeBytes") for item in items)
    whole = [size for size in sizes if isinstance(size, int) and not isinstance(size, bool) and 0 <= size < _MOST_BYTES]
    return min(_MOST_BYTES, sum(whole))
