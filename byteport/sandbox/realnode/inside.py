"""The node's first process: makes its world out of mounts, starts the registry, containerd and the kubelet, and reaps.

Started by `supervise.py` in fresh namespaces as their process 1: when it ends, the kernel kills every other process
there, and mounts, links and addresses go with the last of them. It writes one JSON object a line, until `running` or
`failed`. The kubelet writes settings of the whole machine at its start; here it finds files of the node's own instead.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from byteport.sandbox.realnode import registry
from byteport.sandbox.realnode.configuration import CONTAINERD_SOCKET, PROGRAMS, RUN, TOOLS, TUNABLES

JSON = dict[str, Any]

OVER = {"run": "/run", "lib": "/var/lib", "log": "/var/log"}
"""Folders of the node's own, and what they lie over."""
BUSYBOX = PROGRAMS / "bin" / "busybox"
CONTAINERD_SECONDS = 60.0
POLL_SECONDS = 0.05
PATH = f"{PROGRAMS}/usr/sbin:{PROGRAMS}/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Failed(Exception):
    """A step did not succeed: which, and what it said."""


def mount_world(files: Path, programs: Path, tools: Path) -> None:
    """From here on everything that is written outside the node's own files is written into kernel memory of its own."""
    for source, name in ((programs, PROGRAMS.name), (tools, TOOLS.name)):
        (files / "run" / name).mkdir()
        _mount("--bind", str(source), str(files / "run" / name))
    _keep_resolver(files)
    _mount("-t", "proc", "proc", "/proc")
    _mount("-t", "sysfs", "sysfs", "/sys")
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/sys/fs/cgroup")
    for controllers in _hierarchies():
        group = Path("/sys/fs/cgroup") / controllers.removeprefix("name=")
        group.mkdir()
        options = f"none,{controllers}" if "=" in controllers else controllers
        _mount("-t", "cgroup", "-o", options, "cgroup", str(group))
        for one in controllers.split(","):
            if one != group.name and "=" not in one:
                (group.parent / one).symlink_to(controllers)
    for name, over in OVER.items():
        _mount("--rbind", str(files / name), over)
    for name in TUNABLES:
        _mount("--bind", str(RUN / "tunables" / name), f"/proc/sys/{name}")


def bring_up(logs: Path, node: str, linker_path: str) -> dict[str, int]:
    """Start the programs; pids by name."""
    environment = {
        "PATH": PATH,
        "HOME": "/run",
        "TMPDIR": "/run/tmp",
        "LD_LIBRARY_PATH": linker_path,
        "GOTRACEBACK": "single",
    }
    socket.sethostname(node)
    _run([str(BUSYBOX), "ip", "link", "set", "lo", "up"], environment)
    _tell({"network": True})
    registry.serve(RUN / "image")
    programs = {"containerd": [f"{PROGRAMS}/usr/bin/containerd", "--config", str(RUN / "containerd.toml")]}
    pids = {"containerd": _start("containerd", programs["containerd"], logs, environment)}
    ctr = [f"{PROGRAMS}/usr/bin/ctr", "--address", str(CONTAINERD_SOCKET), "--namespace", "k8s.io"]
    _await_containerd(ctr, pids["containerd"], environment)
    _run([*ctr, "images", "import", str(RUN / "image" / "image.tar")], environment)
    kubelet = [
        f"{TOOLS}/kubelet",
        f"--config={RUN}/kubelet.yaml",
        f"--kubeconfig={RUN}/kubelet.kubeconfig",
        f"--hostname-override={node}",
        "--cloud-provider=external",
        "--v=2",
    ]
    pids["kubelet"] = _start("kubelet", kubelet, logs, environment)
    return pids


def reap(pids: dict[str, int]) -> str:
    """Take in every orphan of the node; returns the name of the first program that ends."""
    names = {pid: name for name, pid in pids.items()}
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid in names:
            return f"{names[pid]} ended with {os.waitstatus_to_exitcode(status)}"


def _await_containerd(ctr: list[str], pid: int, environment: dict[str, str]) -> None:
    deadline = time.monotonic() + CONTAINERD_SECONDS
    while subprocess.run([*ctr, "version"], env=environment, capture_output=True).returncode != 0:
        if os.waitpid(pid, os.WNOHANG)[0]:
            raise Failed("containerd ended")
        if time.monotonic() > deadline:
            raise Failed("containerd did not answer in time")
        time.sleep(POLL_SECONDS)


def _keep_resolver(files: Path) -> None:
    """/etc/resolv.conf may be a link into /run, which is about to be another."""
    resolver = Path("/etc/resolv.conf").resolve()
    if resolver.is_relative_to("/run"):
        kept = files / "run" / resolver.relative_to("/run")
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text("")


def _hierarchies() -> list[str]:
    """Controllers of version 1 as they are mounted together, and `name=` of those without one."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    found = [line.split(":", 2)[1] for line in lines]
    return [controllers for controllers in found if controllers]


def _mount(*arguments: str) -> None:
    _run(["mount", *arguments], {"PATH": PATH})


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")


def _start(name: str, command: list[str], logs: Path, environment: dict[str, str]) -> int:
    log = os.open(logs / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    actions = [(os.POSIX_SPAWN_DUP2, nothing, 0), (os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
    try:
        return os.posix_spawn(command[0], command, environment, file_actions=actions)
    finally:
        os.close(log)
        os.close(nothing)


def _tell(line: JSON) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Lives for as long as both programs do."""
    arguments = argparse.ArgumentParser(prog="python -m byteport.sandbox.realnode.inside")
    for name in ("files", "programs", "tools", "logs"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    arguments.add_argument("--node", required=True)
    arguments.add_argument("--linker-path", required=True)
    asked = arguments.parse_args()
    try:
        mount_world(asked.files, asked.programs, asked.tools)
        pids = bring_up(asked.logs, asked.node, asked.linker_path)
    except (Failed, OSError) as error:
        _tell({"failed": str(error)})
        raise SystemExit(1) from None
    _tell({"running": pids})
    _tell({"failed": reap(pids)})
    raise SystemExit(1)


if __name__ == "__main__":
    main()
