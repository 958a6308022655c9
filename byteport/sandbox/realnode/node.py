"""A real node for a running control plane, as an object: start it, use it, end it.

Comes after `supervise.py`, which owns its processes; before it come `tests/node`. The Node object is made here first,
with loopback as its address: the kubelet, told that somebody else knows addresses, leaves that as it is, and the API
server reaches it through `forward.py`.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from byteport.errors import BytePortError
from byteport.sandbox.children import free_port
from byteport.sandbox.controlplane import Api, ApiRefused, ControlPlane
from byteport.sandbox.controlplane.build import NodeTool, Progress, ensure_built
from byteport.sandbox.controlplane.components import REAL_NODE, write_kubeconfig
from byteport.sandbox.controlplane.pki import KeyPair
from byteport.sandbox.realnode import configuration, image, packages
from byteport.sandbox.realnode.configuration import RUN, TUNABLES

JSON = dict[str, Any]

READY_SECONDS = 90.0
STOPPED_IN_SECONDS = 45.0
POLL_SECONDS = 0.1
TAIL_LINES = 15
LONGEST_BACKOFF_SECONDS = 10
"""A crash loop's pace: the kubelet's own longest is five minutes, and nobody waits for that in a test."""
MERGE = "application/merge-patch+json"


class NodeFailed(BytePortError):
    """The node did not come up, or what it runs ended. The message says what, and where its logs are."""

    code = "real_node_failed"


class Programs(NamedTuple):
    """Folders: Debian's packages, unpacked, and the one with the kubelet."""

    packages: Path
    tools: Path


def ensure_programs(report: Callable[[Progress], None] = lambda _: None) -> Programs:
    """Everything that a node runs, fetched and built now if need be (the kubelet: some CPU-minutes the first time)."""
    return Programs(packages.ensure_unpacked(), ensure_built(report, tuple(NodeTool)))


class RealNode:
    """One real node of one control plane; also a context manager. It ends with this process, however that ends."""

    def __init__(self, plane: ControlPlane, state_dir: Path) -> None:
        self.plane = plane
        self.name = REAL_NODE
        self.state_dir = state_dir.resolve()
        self.programs: dict[str, int] = {}
        """Pids of containerd and the kubelet as the node itself counts them."""
        self._port = 0
        self._supervisor: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Returns when the node is Ready. Raises `NodeFailed`, and what `ensure_programs` raises."""
        programs = ensure_programs()
        self._port = port = free_port()
        self._write(programs, port)
        self._register(port)
        command = [sys.executable, "-m", "byteport.sandbox.realnode.supervise", "--state", str(self.state_dir)]
        command += ["--programs", str(programs.packages), "--tools", str(programs.tools), "--node", self.name]
        command += ["--api-port", str(self.plane.ports.api), "--kubelet-port", str(port)]
        libraries = (configuration.PROGRAMS / one.relative_to(programs.packages) for one in _libraries(programs))
        command += ["--linker-path", ":".join(map(str, libraries)), "--parent", str(os.getpid())]
        with (self.state_dir / "logs" / "supervise.log").open("wb") as log:
            self._supervisor = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True
            )
        try:
            self.programs = self._until_running(self._supervisor)
            self._until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End it; returns when no process, link, mount or control group of it is left. The logs stay."""
        if self._supervisor is None:
            return
        self._supervisor.terminate()
        try:
            self._supervisor.wait(STOPPED_IN_SECONDS)
        except subprocess.TimeoutExpired:
            self._supervisor.kill()
            self._supervisor.wait()

    @property
    def supervisor(self) -> int:
        """Pid of the process that owns it. Raises `NodeFailed` when it was not started."""
        if self._supervisor is None:
            raise NodeFailed("the node was not started")
        return self._supervisor.pid

    @property
    def kubelet(self) -> Api:
        """The kubelet itself, called as the administrator.

        The API server reaches it for logs and exec, but proxies nothing else to loopback.
        """
        pki = self.plane.state_dir / "pki"
        return Api(f"https://127.0.0.1:{self._port}", pki / "ca.crt", KeyPair(pki / "admin.crt", pki / "admin.key"))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    # --- within ---------------------------------------------------------------------------------------------------
    def _write(self, programs: Programs, port: int) -> None:
        """The files that the node finds in its /run, /var/lib and /var/log."""
        files = self.state_dir / "files"
        shutil.rmtree(files, ignore_errors=True)
        own = files / RUN.relative_to("/")
        for folder in (files / "lib", files / "log" / "pods", files / "run" / "tmp", own / "cni"):
            folder.mkdir(parents=True)
        (self.state_dir / "logs").mkdir(exist_ok=True)
        image.write_image(own / "image", programs.packages / "bin" / "busybox", platform.machine())
        (own / "containerd.toml").write_text(configuration.containerd())
        (own / "cni" / "10-node.conflist").write_text(configuration.pod_network())
        (own / "kubelet.yaml").write_text(configuration.kubelet(port, LONGEST_BACKOFF_SECONDS))
        for name, value in TUNABLES.items():
            (own / "tunables" / name).parent.mkdir(parents=True, exist_ok=True)
            (own / "tunables" / name).write_text(f"{value}\n")
        pki = self.plane.state_dir / "pki"
        for name in ("ca.crt", "kubelet.crt", "kubelet.key"):
            shutil.copy(pki / name, own / name)
        pair = KeyPair(pki / "kubelet.crt", pki / "kubelet.key")
        write_kubeconfig(own / "kubelet.kubeconfig", self.plane.server, pki / "ca.crt", self.name, pair)

    def _register(self, port: int) -> None:
        """The kubelet finds its Node object with an address, and keeps it."""
        path = f"/api/v1/nodes/{self.name}"
        labels = {"kubernetes.io/hostname": self.name, "kubernetes.io/os": "linux"}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": self.name, "labels": labels}}
        with suppress(ApiRefused):  # none from before, whose Ready would be taken for this one's
            self.plane.api.call("DELETE", path)
        self.plane.api.apply(path, node)
        addresses = [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": self.name}]
        status = {"addresses": addresses, "daemonEndpoints": {"kubeletEndpoint": {"Port": port}}}
        self.plane.api.call("PATCH", f"{path}/status", {"status": status}, content_type=MERGE)

    def _until_running(self, supervisor: subprocess.Popen[bytes]) -> dict[str, int]:
        line = supervisor.stdout.readline() if supervisor.stdout is not None else b""
        said: JSON = json.loads(line) if line else {"failed": "its supervisor ended"}
        if "failed" in said:
            raise NodeFailed(f"the node did not start: {said['failed']}; {self._logs()}")
        running: dict[str, int] = said["running"]
        return running

    def _until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self._is_ready():
            if self._supervisor is None or self._supervisor.poll() is not None:
                raise NodeFailed(f"the node ended before it was Ready; {self._logs()}")
            if time.monotonic() > deadline:
                raise NodeFailed(f"the node was not Ready within {READY_SECONDS:.0f} s; {self._logs()}")
            time.sleep(POLL_SECONDS)

    def _is_ready(self) -> bool:
        node = self.plane.api.call("GET", f"/api/v1/nodes/{self.name}")
        conditions = node.get("status", {}).get("conditions", [])
        ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
        return ready and not node["spec"].get("taints")

    def _logs(self) -> str:
        said = [
            f"{log.name}: {line}"
            for log in sorted((self.state_dir / "logs").glob("*.log"))
            for line in log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        ]
        return f"see {self.state_dir / 'logs'}, which end:\n" + "\n".join(said)


def _libraries(programs: Programs) -> list[Path]:
    return packages.libraries(programs.packages)
