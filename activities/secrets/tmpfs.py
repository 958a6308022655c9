"""Whether a file lies in memory alone. The kubelet keeps what it projects of Secrets and tokens on a tmpfs; a disk is none.

Comes before `token_files.py` and `projected.py`.
"""

from __future__ import annotations

import os
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
IN_MEMORY = frozenset({"tmpfs", "ramfs"})


def on_tmpfs(found: os.stat_result, mounts: Path = MOUNTS) -> bool:
    """Whether the device of `found` is one of memory. False where this machine does not tell. Blocks."""
    device = f"{os.major(found.st_dev)}:{os.minor(found.st_dev)}"
    try:
        lines = mounts.read_text("utf-8", "replace").splitlines()
    except OSError:
        return False
    return any(_kind(line) in IN_MEMORY for line in lines if line.split(" ", 3)[2:3] == [device])


def _kind(line: str) -> str:
    """Of one line of mountinfo: after a lone dash stands the filesystem's type."""
    _, _, after = line.partition(" - ")
    return after.split(" ", 1)[0]
