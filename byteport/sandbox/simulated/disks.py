"""The disk of one simulated node: what lies on it, what `df` and `du` say of it, and what each kind of pruning removes.

Comes before `nodes.py`, which keeps one per node and plays its kubelet. An image takes three times on disk what the node
reports of it, as containerd unpacks it beside its archive. Nothing here is a file: sizes are numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from byteport.domain.plans import Runtime
from byteport.kubernetes.node_commands import KUBELET_DIR, LOG_DIR, RUNTIME_DIRS

GIBIBYTE = 1024**3
UNPACKED = 3
"""How much an image takes of what is reported of it."""
_UNITS = ("", "K", "M", "G", "T", "P")


class Filling(StrEnum):
    """What fills a disk."""

    IMAGES = "images"
    CONTAINERS = "containers"
    """The writable layers of containers, which lie where the images do."""
    LOGS = "logs"
    EMPTY_DIR = "empty_dir"
    HOST_PATH = "host_path"
    OTHER = "other"
    """What lies in no directory that anybody measures."""
    INODES = "inodes"


class Collection(StrEnum):
    """How the kubelet's own collection of images does."""

    WORKS = "works"
    FAILS = "fails"
    """It says so by `FreeDiskSpaceFailed`, and removes nothing."""
    OFF = "off"
    """Its threshold is never met: it neither removes nor says anything."""


@dataclass(frozen=True)
class Image:
    """One image of the runtime. Pods' own are added when they are placed."""

    name: str
    size_bytes: int
    """As the node reports it."""
    dangling: bool = False
    """Without a tag: all that Docker's prune removes of images."""


class Filesystem(NamedTuple):
    """One filesystem: its device, where it is mounted, its size and how much is used."""

    device: str
    mounts: tuple[str, ...]
    size_bytes: int
    used_bytes: int

    @property
    def percent(self) -> int:
        """As `df` gives it: rounded up."""
        return math.ceil(100 * self.used_bytes / self.size_bytes)


@dataclass
class NodeDisk:
    """What an administrator has put on a node's disk, and how its kubelet behaves."""

    size_bytes: int = 100 * GIBIBYTE
    image_size_bytes: int | None = None
    """Size of a filesystem of their own for images and writable layers; None where they lie with everything else."""
    runtime: Runtime = Runtime.CONTAINERD
    system_bytes: int = 6 * GIBIBYTE
    other_bytes: int = 0
    container_bytes: int = 0
    inodes_percent: int = 4
    images: list[Image] = field(default_factory=list)
    directories: dict[str, int] = field(default_factory=dict)
    """Bytes by path, of pods' directories, logs and paths of the node."""
    collection: Collection = Collection.FAILS

    @property
    def image_bytes(self) -> int:
        return sum(image.size_bytes for image in self.images) * UNPACKED

    @property
    def runtime_dir(self) -> str:
        return RUNTIME_DIRS[self.runtime]

    def filesystems(self) -> tuple[Filesystem, ...]:
        """That of the pods' directories first; a second one where images lie apart."""
        with_images = self.image_bytes + self.container_bytes
        rest = self.system_bytes + self.other_bytes + sum(self.directories.values())
        if self.image_size_bytes is None:
            return (
                _filesystem("/dev/vda1", (LOG_DIR, KUBELET_DIR, self.runtime_dir), self.size_bytes, rest + with_images),
            )
        return (
            _filesystem("/dev/vda1", (LOG_DIR, KUBELET_DIR), self.size_bytes, rest),
            _filesystem("/dev/vdb1", (self.runtime_dir,), self.image_size_bytes, with_images),
        )

    def holding(self, filling: Filling) -> Filesystem:
        """The filesystem on which something lies."""
        on_images = filling in (Filling.IMAGES, Filling.CONTAINERS)
        return self.filesystems()[-1 if on_images else 0]

    def room_until(self, filling: Filling, percent: float) -> int:
        """Bytes that may be added before that filesystem is so full; none when it is."""
        here = self.holding(filling)
        return max(0, int(here.size_bytes * percent / 100) - here.used_bytes)

    def add_unused_images(self, total_bytes: int, *, name: str = "registry.example/ci/build") -> None:
        """Images that no pod has, at most twenty of them, which take `total_bytes` of the disk."""
        count = min(20, max(1, math.ceil(total_bytes / (6 * GIBIBYTE))))
        before = len(self.images)
        each = total_bytes // (UNPACKED * count)
        self.images.extend(Image(f"{name}:{1000 + before + number}", each) for number in range(count) if each)

    def prune(self, used: Iterable[str]) -> list[str]:
        """Remove the images that no container uses; their names."""
        kept = frozenset(used)
        gone = [image for image in self.images if image.name not in kept]
        self.images = [image for image in self.images if image.name in kept]
        return [image.name for image in gone]

    def prune_dangling(self) -> tuple[list[str], int]:
        """What `docker system prune -f` removes of images: names, and bytes of the disk."""
        gone = [image for image in self.images if image.dangling]
        self.images = [image for image in self.images if not image.dangling]
        return [image.name for image in gone], sum(image.size_bytes for image in gone) * UNPACKED

    def measured(self, path: str) -> int | None:
        """Bytes in a directory, with everything below it; None where there is none."""
        if path == self.runtime_dir:
            return self.image_bytes + self.container_bytes
        below = {own: size for own, size in self.directories.items() if own == path or own.startswith(f"{path}/")}
        return sum(below.values()) if below or path in (LOG_DIR, KUBELET_DIR) else None


def _filesystem(device: str, mounts: tuple[str, ...], size: int, used: int) -> Filesystem:
    return Filesystem(device, mounts, size, min(size, used))


def df(disk: NodeDisk) -> str:
    """`df -h` in the helper's container, where the node's directories are mounted."""
    rows = [("Filesystem", "Size", "Used", "Avail", "Use%", "Mounted on")]
    rows.append(("tmpfs", "64M", "0", "64M", "0%", "/dev"))
    for found in disk.filesystems():
        free = found.size_bytes - found.used_bytes
        sizes = (human(found.size_bytes), human(found.used_bytes), human(free))
        rows.extend((found.device, *sizes, f"{found.percent}%", mount) for mount in found.mounts)
    width = max(len(row[0]) for row in rows)
    return "".join(f"{a:<{width}} {b:>5} {c:>5} {d:>5} {e:>4} {f}\n" for a, b, c, d, e, f in rows)


def du(disk: NodeDisk, path: str) -> str | None:
    """`du -sh PATH`; None where there is no such directory."""
    size = disk.measured(path)
    return None if size is None else f"{human(size)}\t{path}\n"


def free(total_bytes: int, used_bytes: int) -> str:
    """`free -m`, with a tenth of the rest in caches."""
    total, used = total_bytes // 1024**2, used_bytes // 1024**2
    cached = (total - used) // 10
    head = f"{'':7}" + "".join(f"{word:>12}" for word in ("total", "used", "free", "shared", "buff/cache", "available"))
    figures = (total, used, total - used - cached, 0, cached, total - used)
    return f"{head}\nMem:   " + "".join(f"{n:>12}" for n in figures) + "\nSwap:  " + f"{0:>12}" * 3 + "\n"


def removed_by_crictl(names: Iterable[str]) -> str:
    """What `crictl rmi --prune` prints."""
    return "".join(f"Deleted: {name}\n" for name in names)


def removed_by_docker(containers: Iterable[str], images: Mapping[str, str], freed_bytes: int) -> str:
    """What `docker system prune -f` prints; `images` are names with their digests."""
    parts = []
    if stopped := list(containers):
        parts.append("Deleted Containers:\n" + "".join(f"{one}\n" for one in stopped) + "\n")
    if images:
        lines = "".join(f"untagged: {name}\ndeleted: sha256:{digest}\n" for name, digest in images.items())
        parts.append(f"Deleted Images:\n{lines}\n")
    return "".join(parts) + f"Total reclaimed space: {decimal(freed_bytes)}\n"


def human(size: int) -> str:
    """As GNU `df` and `du` write sizes: powers of 1024, rounded up, one decimal below ten."""
    amount, unit = float(size), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    if unit == 0:
        return str(size)
    tenths = math.ceil(amount * 10)
    return f"{tenths / 10:.1f}{_UNITS[unit]}" if tenths < 100 else f"{math.ceil(amount)}{_UNITS[unit]}"


def decimal(size: int) -> str:
    """As Docker writes sizes: powers of 1000, four digits."""
    amount, unit = float(size), 0
    while amount >= 1000 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.4g}{('', 'k', 'M', 'G', 'T', 'P')[unit]}B"
