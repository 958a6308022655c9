"""Whether this machine can have a real node, by trying the cheap parts: nothing that it makes outlives the question."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from byteport.sandbox.realnode import groups, packages

NAMESPACES = ("--mount", "--net", "--pid", "--cgroup", "--uts", "--ipc")
"""Of its own, as `unshare` names them."""


def why_not() -> str | None:
    """The first thing that is missing, in words; None where a node can run."""
    if sys.platform != "linux":
        return "not Linux"
    if os.geteuid() != 0:
        return "not root"
    if shutil.which("unshare") is None:
        return "no unshare here (Debian's util-linux)"
    tried = subprocess.run(["unshare", *NAMESPACES, "--fork", "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        return f"no namespaces can be made: {tried.stderr.strip()}"
    return packages.lacking() or groups.lacking()
