"""The process that starts the control plane's parts, waits until they serve, watches them, and ends them.

`start.py` starts it in a session of its own and reads one JSON object a line from it until `ready` or `failed`. It
ends its children, and only them, when it is told to (SIGTERM, SIGINT) and when the process that it was started for is
gone, however that went: it looks at its parent twice a second. Killed itself, it takes its children along: each asked
the kernel for that when it was started. (A child asks for it of the *thread* that started it, which is why a process
with a single thread does this, and not the test runner or the worker that wants a cluster.)
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, TextIO

from byteport.sandbox.controlplane import auditlog, metricsapi, simulation
from byteport.sandbox.controlplane.build import KUBERNETES, Tool
from byteport.sandbox.controlplane.components import (
    Component,
    Credentials,
    Ports,
    components,
    kubeconfig_of,
    make_credentials,
    write_kubeconfig,
)
from byteport.sandbox.controlplane.rest import Api, ApiRefused

JSON = dict[str, Any]

POLL_SECONDS = 0.05
WATCH_SECONDS = 0.5
GRACE_SECONDS = 3.0
TAIL_LINES = 8
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class NotReady(Exception):
    """A part did not come up: which, and the file that says why."""

    def __init__(self, tool: Tool, log: Path, why: str) -> None:
        super().__init__(f"{tool.program} {why}")
        self.tool = tool
        self.log = log


class Supervisor:
    """The parts of one control plane, from their start to their end."""

    def __init__(self, state: Path, tools: Path, ports: Ports, nodes: int, deadline: float) -> None:
        self.state = state
        self.ports = ports
        self.nodes = nodes
        self.deadline = time.monotonic() + deadline
        self.server = f"https://127.0.0.1:{ports.api}"
        self.credentials = self._configure()
        self.api = Api(self.server, self.credentials.authority, self.credentials.supervisor)
        self.parts = {part.tool: part for part in components(state, tools, ports, self.credentials)}
        self.running: dict[Tool, subprocess.Popen[bytes]] = {}

    def bring_up(self, tell: Callable[[JSON], None]) -> None:
        """Start every part in order; returns when nodes are Ready and pods can be made. Raises `NotReady`."""
        ready = {
            Tool.ETCD: lambda: _listens(self.ports.etcd),
            Tool.API_SERVER: self._api_is_ready,
            Tool.CONTROLLER_MANAGER: self._pods_can_be_made,
            Tool.KWOK: self._nodes_are_ready,
            Tool.NODES: lambda: _listens(self.ports.nodes),
        }
        began = time.monotonic()
        for tool, part in self.parts.items():
            tell({"starting": tool.program, "seconds": round(time.monotonic() - began, 2)})
            self._start(part)
            if tool in (Tool.ETCD, Tool.API_SERVER):
                self._await(tool, ready.pop(tool))
        for node in simulation.nodes(self.nodes):
            self.api.apply(f"/api/v1/nodes/{node['metadata']['name']}", node)
        for tool, is_ready in ready.items():
            self._await(tool, is_ready)
        metricsapi.register(self.api, self.credentials.authority, self.ports.nodes)
        self._await(Tool.NODES, lambda: metricsapi.is_serving(self.api))
        self.write_state()
        tell({"ready": round(time.monotonic() - began, 2)})

    def watch(self, parent: int) -> None:
        """Return when the process that this is for has gone; 0 is nobody. What ends by itself is noted, not restarted."""
        ended: set[Tool] = set()
        while parent in (0, os.getppid()):
            time.sleep(WATCH_SECONDS)
            now_ended = {tool for tool, process in self.running.items() if process.poll() is not None}
            if now_ended != ended:
                ended = now_ended
                self.write_state()

    def bring_down(self) -> None:
        """End the parts: the API server after all who call it, etcd last. What does not end in its time is killed."""
        callers = [tool for tool in self.running if tool not in (Tool.API_SERVER, Tool.ETCD)]
        for wave in (callers, [Tool.API_SERVER], [Tool.ETCD]):
            ending = [self.running[tool] for tool in wave if tool in self.running]
            for process in ending:
                process.terminate()
            deadline = time.monotonic() + GRACE_SECONDS
            for process in ending:
                try:
                    process.wait(max(0.0, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def write_state(self) -> None:
        """What `status`, `down` and a second process need to know, in `control-plane.json`."""
        parts = {
            tool.program: {"pid": process.pid, "log": str(self._log(tool)), "exit_code": process.poll()}
            for tool, process in self.running.items()
        }
        document = {
            "pid": os.getpid(),
            "server": self.server,
            "kubernetes": KUBERNETES,
            "ports": self.ports._asdict(),
            "nodes": self.nodes,
            "components": parts,
        }
        part = self.state / ".control-plane.json.part"
        part.write_text(json.dumps(document, indent=1) + "\n")
        part.replace(self.state / "control-plane.json")

    def _configure(self) -> Credentials:
        has = make_credentials(self.state / "pki")
        (self.state / "replies").mkdir(exist_ok=True)
        (self.state / "audit-policy.yaml").write_text(auditlog.policy())
        (self.state / "kwok.yaml").write_text(simulation.kwok_configuration(self.ports.nodes))
        write_kubeconfig(self.state / "kubeconfig", self.server, has.authority, "admin", has.admin)
        users = {
            Tool.CONTROLLER_MANAGER: has.controller_manager,
            Tool.SCHEDULER: has.scheduler,
            Tool.KWOK: has.kwok,
        }
        for tool, pair in users.items():
            write_kubeconfig(kubeconfig_of(self.state, tool), self.server, has.authority, tool.program, pair)
        return has

    def _log(self, tool: Tool) -> Path:
        return self.state / "logs" / f"{tool.program}.log"

    def _start(self, part: Component) -> None:
        with self._log(part.tool).open("wb") as log:
            self.running[part.tool] = subprocess.Popen(
                part.arguments,
                cwd=self.state,
                env={"HOME": str(self.state), "PATH": "/nonexistent", "TMPDIR": str(self.state)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent,
            )

    def _await(self, tool: Tool, is_ready: Callable[[], bool]) -> None:
        while not is_ready():
            for other, process in self.running.items():
                if (code := process.poll()) is not None:
                    raise NotReady(other, self._log(other), f"ended with {code}")
            if time.monotonic() > self.deadline:
                raise NotReady(tool, self._log(tool), "was not ready in time")
            time.sleep(POLL_SECONDS)

    def _api_is_ready(self) -> bool:
        try:
            self.api.call("GET", "/readyz")
        except (OSError, ApiRefused):
            return False
        return True

    def _pods_can_be_made(self) -> bool:
        try:
            self.api.call("GET", "/api/v1/namespaces/default/serviceaccounts/default")
            self.api.call("GET", "/api/v1/namespaces/default/configmaps/kube-root-ca.crt")
        except ApiRefused:
            return False
        return True

    def _nodes_are_ready(self) -> bool:
        nodes = self.api.call("GET", "/api/v1/nodes")["items"]
        return sum(not node["spec"].get("taints") and _is_ready(node) for node in nodes) >= self.nodes


def _is_ready(node: JSON) -> bool:
    conditions = node.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _die_with_parent() -> None:
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _tell(line: JSON) -> None:
    with suppress(BrokenPipeError):  # whoever asked has gone; `watch` sees to it
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def _stop(_number: int, _frame: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise SystemExit(0)


def _take(lock: TextIO) -> bool:
    """Take the lock; who only looks whether it is held (`ControlPlane.is_running`) holds it for a moment himself."""
    for _ in range(20):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(POLL_SECONDS)
        else:
            return True
    return False


def _tail(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines()[-TAIL_LINES:] if log.exists() else []


def main() -> None:
    """Hold the state folder's lock for as long as anything of this control plane may run."""
    arguments = argparse.ArgumentParser(prog="python -m byteport.sandbox.controlplane.supervise")
    arguments.add_argument("--state", type=Path, required=True)
    arguments.add_argument("--tools", type=Path, required=True)
    arguments.add_argument("--ports", type=int, nargs=len(Ports._fields), required=True)
    arguments.add_argument("--nodes", type=int, required=True)
    arguments.add_argument("--deadline", type=float, required=True, help="seconds until everything must be ready")
    arguments.add_argument("--parent", type=int, required=True, help="end when this process has gone; 0 is never")
    asked = arguments.parse_args()
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    with (asked.state / "lock").open("w") as lock:
        if not _take(lock):
            _tell({"failed": "another control plane runs in this folder", "tail": []})
            raise SystemExit(1)
        supervisor = Supervisor(asked.state, asked.tools, Ports(*asked.ports), asked.nodes, asked.deadline)
        try:
            supervisor.bring_up(_tell)
            supervisor.watch(asked.parent)
        except NotReady as error:
            _tell({"failed": str(error), "log": str(error.log), "tail": _tail(error.log)})
            raise SystemExit(1) from None
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            supervisor.bring_down()
            (asked.state / "control-plane.json").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
