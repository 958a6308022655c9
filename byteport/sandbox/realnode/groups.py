"""The node's control groups: made below this process's own, so that every limit set on us holds for the node too.

The node's first process is put into them before it gets a cgroup namespace; from inside they look like the roots. Of
version 1 only: a group of version 2 that holds a process may not hand controllers on, so that nothing can be nested
below a process's own group there without moving that process. Used by `machine.py`, `supervise.py` and `cleanup.py`.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

PREFIX = "byteport-node-"
REMOVED_IN_SECONDS = 10.0
POLL_SECONDS = 0.05
NEEDED = frozenset({"memory", "cpu", "cpuacct", "cpuset", "devices", "freezer", "pids"})
"""What runc and the kubelet use of version 1."""


class Hierarchy(NamedTuple):
    """One mounted hierarchy of version 1."""

    controllers: str
    """As mounted together: `memory`, `cpu,cpuacct`; or `name=systemd`, which has none."""
    own: Path
    """The group that this process is in."""


def hierarchies() -> list[Hierarchy]:
    """Those in which this process's own group can be seen. runc enters the named ones too."""
    groups = dict(_groups(Path("/proc/self/cgroup").read_text()))
    found: dict[str, Hierarchy] = {}
    for controllers, root, mount in _mounted(Path("/proc/self/mountinfo").read_text()):
        group = groups.get(controllers)
        if group is not None and group.is_relative_to(root):
            found.setdefault(controllers, Hierarchy(controllers, mount / group.relative_to(root)))
    return list(found.values())


def lacking() -> str | None:
    """Why no group for a node can be made here, None where it can."""
    found = hierarchies()
    there = {name for hierarchy in found for name in hierarchy.controllers.split(",")}
    if missing := sorted(NEEDED - there):
        return f"no control groups of version 1 for {', '.join(missing)}"
    for hierarchy in found:
        probe = hierarchy.own / f"{PREFIX}probe-{os.getpid()}"
        try:
            probe.mkdir()
            probe.rmdir()
        except OSError as error:
            return f"no control group can be made for {hierarchy.controllers}: {error.strerror}"
    return None


def make(name: str) -> list[Path]:
    """A group of that name in every hierarchy, ready to take processes."""
    made: list[Path] = []
    for hierarchy in hierarchies():
        group = hierarchy.own / name
        group.mkdir()
        if "cpuset" in hierarchy.controllers.split(","):
            for file in ("cpuset.cpus", "cpuset.mems"):
                (group / file).write_text((hierarchy.own / file).read_text())
        made.append(group)
    return made


def enter(groups: list[Path]) -> None:
    """Put this process, and what it will start, into them."""
    for group in groups:
        (group / "cgroup.procs").write_text(str(os.getpid()))


def remove(groups: list[Path]) -> None:
    """Kill what is still in them and remove them with all below; raises `OSError` when that takes too long."""
    deadline = time.monotonic() + REMOVED_IN_SECONDS
    for group in groups:
        while group.exists():
            for pid in _inside(group):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            try:
                for below in _depth_first(group):
                    below.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL_SECONDS)


def left() -> list[Path]:
    """Groups of a node in which nothing runs any more: whoever should have removed them was killed too."""
    found = [group for hierarchy in hierarchies() for group in hierarchy.own.glob(f"{PREFIX}*")]
    return [group for group in found if not _inside(group)]


def _inside(group: Path) -> list[int]:
    pids: list[int] = []
    for folder in _depth_first(group):
        with suppress(OSError):
            pids += map(int, (folder / "cgroup.procs").read_text().split())
    return [pid for pid in pids if pid > 0]


def _depth_first(group: Path) -> Iterator[Path]:
    with suppress(FileNotFoundError):
        for below in sorted(group.iterdir()):
            if below.is_dir():
                yield from _depth_first(below)
    if group.is_dir():
        yield group


def _groups(text: str) -> Iterator[tuple[str, Path]]:
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers:
            yield controllers, Path(path)


def _mounted(text: str) -> Iterator[tuple[str, Path, Path]]:
    """Controllers, the group that is mounted, and where."""
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind != "cgroup":
            continue
        words = before.split(" ")
        controllers = [word for word in options.split(",") if word in _KNOWN or word.startswith("name=")]
        if controllers:
            yield ",".join(controllers), Path(words[3]), Path(words[4])


_KNOWN = NEEDED | {"blkio", "net_cls", "net_prio", "perf_event", "hugetlb", "rdma", "misc"}
