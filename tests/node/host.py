"""What a real node must not change on the machine that it runs on. Comes before `conftest.py`."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from byteport.sandbox.realnode import groups
from byteport.sandbox.realnode.configuration import TUNABLES

RULES = (("nft", "--stateless", "list", "ruleset"), ("iptables-save",), ("ip6tables-save",))
NETWORK = (("ip", "-o", "address"), ("ip", "-o", "link"), ("ip", "route", "show", "table", "all"), ("ip", "netns"))
FOLDERS = (
    "/etc/cni",
    "/etc/containerd",
    "/opt/cni",
    "/opt/containerd",
    "/run/containerd",
    "/run/netns",
    "/run/byteport",
    "/run/programs",
    "/var/lib/cni",
    "/var/lib/containerd",
    "/var/lib/kubelet",
    "/var/log/containers",
    "/var/log/pods",
)
"""What containerd, the kubelet or a CNI plugin would make by itself."""
PASSING = re.compile(r"valid_lft \S+|preferred_lft \S+|expires \S+|^#.*$|\[\d+:\d+\]", re.MULTILINE)
"""Leases that run out, dates and counters."""
KERNEL_SWITCHES = ("net/ipv4/ip_forward", *TUNABLES)


class Host(NamedTuple):
    """The machine, seen from outside every namespace of a node."""

    links: tuple[str, ...]
    mounts: tuple[str, ...]
    network: tuple[str, ...]
    rules: tuple[str, ...]
    switches: tuple[str, ...]
    folders: tuple[str, ...]


def host() -> Host:
    """As it is now."""
    links = sorted(link.name for link in Path("/sys/class/net").iterdir())
    mounts = sorted(line.split(" ", 1)[1] for line in Path("/proc/self/mountinfo").read_text().splitlines())
    switches = [f"{name} = {Path('/proc/sys', name).read_text().strip()}" for name in KERNEL_SWITCHES]
    there = [
        f"{folder}: {sorted(p.name for p in Path(folder).iterdir())}" for folder in FOLDERS if Path(folder).exists()
    ]
    return Host(tuple(links), tuple(mounts), _said(NETWORK), _said(RULES), tuple(switches), tuple(there))


def groups_left() -> list[Path]:
    """Control groups of any node, with or without processes."""
    return [group for one in groups.hierarchies() for group in one.own.glob(f"{groups.PREFIX}*")]


def _said(commands: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    there = [command for command in commands if shutil.which(command[0])]
    said = (subprocess.run(command, capture_output=True, text=True, check=True).stdout for command in there)
    return tuple(PASSING.sub("", text) for text in said)
