"""A real Kubernetes control plane with simulated nodes, as an object: start it, use it, end it.

Comes after `build.py` (the programs) and `supervise.py` (the process that owns the parts); before it come the sandbox,
the demo and the cluster tests. Several may run at once: each has a state folder, ports, certificates and etcd of its
own. A start begins with an empty cluster; a stop leaves logs and the audit log, and no process.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from byteport.errors import BytePortError
from byteport.sandbox.controlplane import auditlog, kubectl, metricsapi
from byteport.sandbox.controlplane.build import Progress, ensure_built
from byteport.sandbox.controlplane.components import Ports, free_ports, write_kubeconfig
from byteport.sandbox.controlplane.metricsapi import MetricsState
from byteport.sandbox.controlplane.pki import KeyPair
from byteport.sandbox.controlplane.replies import Answer, Replies
from byteport.sandbox.controlplane.rest import Api

if TYPE_CHECKING:
    from byteport.boundary.choices import Choices
    from byteport.domain.ceilings import Ceiling

JSON = dict[str, Any]

READY_IN = timedelta(seconds=120)
STOPPED_IN_SECONDS = 20.0
GONE_IN_SECONDS = 5.0
POLL_SECONDS = 0.05
LEFT_FROM_BEFORE = ("etcd", "pki", "replies", "audit.log", "kubeconfig", "agent.kubeconfig", "control-plane.json")


class StartFailed(BytePortError):
    """A part did not come up. The message names it, its log file and the last lines of that."""

    code = "control_plane_start_failed"


class NotRunning(BytePortError):
    """No control plane runs in that folder."""

    code = "control_plane_not_running"


class Part(NamedTuple):
    """One process of a control plane. `exit_code` is None while it runs."""

    pid: int
    log: Path
    exit_code: int | None


class ControlPlane:
    """One control plane in one state folder; also a context manager, sync and async.

    With `detached=True` it outlives this process, until `stop` or `python -m byteport.sandbox.controlplane down`.
    Otherwise it ends with this process, however that ends.
    """

    def __init__(self, state_dir: Path, *, nodes: int = 3, ports: Ports | None = None, detached: bool = False) -> None:
        self.state_dir = state_dir.resolve()
        self._nodes = nodes
        self._ports = ports
        self._detached = detached
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._boundary = threading.Lock()
        self._chosen: Choices | None = None
        """What the agent is held to, as far as this object has seen to it."""

    @classmethod
    def attach(cls, state_dir: Path) -> ControlPlane:
        """The control plane that already runs in that folder. Raises `NotRunning`."""
        plane = cls(state_dir, detached=True)
        if not plane.is_running():
            raise NotRunning(f"no control plane runs in {state_dir}; start one with `byteport sandbox up`")
        return plane

    # --- start and end --------------------------------------------------------------------------------------------
    def start(self, report: Callable[[str], None] = lambda _: None, *, ready_in: timedelta = READY_IN) -> Self:
        """Start every part and return when nodes are Ready; about five seconds on two idle cores.

        The programs are built first if they are not there. `report` is called with one line a step. Raises
        `StartFailed`, and what `build.ensure_built` raises.
        """
        tools = ensure_built(_each_once(report))
        self.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.is_running():
            raise StartFailed(f"another control plane runs in {self.state_dir}; stop it first")
        self._clear()
        command = [sys.executable, "-m", "byteport.sandbox.controlplane.supervise"]
        command += ["--state", str(self.state_dir), "--tools", str(tools), "--nodes", str(self._nodes)]
        command += ["--ports", *map(str, self._ports or free_ports())]
        command += ["--deadline", str(ready_in.total_seconds()), "--parent", str(0 if self._detached else os.getpid())]
        with (self.state_dir / "logs" / "supervise.log").open("wb") as log:
            self._supervisor = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True
            )
        try:
            self._await_ready(self._supervisor, report)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End every part; does nothing when none runs. Logs and the audit log stay in the state folder."""
        if self._supervisor is not None:
            _end(self._supervisor)
            return
        pid = self._described().get("pid")
        for number in (signal.SIGTERM, signal.SIGKILL):
            if pid is None or not self.is_running():
                return
            with suppress(ProcessLookupError), _process(pid) as ended:
                os.kill(pid, number)
                self._await_end()
                select.select([ended], [], [], GONE_IN_SECONDS)  # the lock is let go of a moment before

    def is_running(self) -> bool:
        """Whether a supervisor holds this folder: asks the kernel, not a pid that may be somebody else's by now."""
        try:
            with (self.state_dir / "lock").open("r") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    # --- what it is -----------------------------------------------------------------------------------------------
    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig; it holds the authority and a client certificate, and names one context."""
        return self.state_dir / "kubeconfig"

    @property
    def audit_log(self) -> Path:
        """The API server's audit log, one JSON event a line, complete whenever an answer has arrived."""
        return self.state_dir / "audit.log"

    @property
    def server(self) -> str:
        """The API server's address, such as `https://127.0.0.1:24011`. Raises `NotRunning`."""
        return str(self._running()["server"])

    @property
    def ports(self) -> Ports:
        """Where its parts listen, on 127.0.0.1. Raises `NotRunning`."""
        return Ports(**self._running()["ports"])

    def parts(self) -> Mapping[str, Part]:
        """Every process by its program's name. Raises `NotRunning`."""
        found = self._running()["components"].items()
        return {name: Part(part["pid"], Path(part["log"]), part["exit_code"]) for name, part in found}

    @property
    def authority(self) -> Path:
        """The certificate of who signed the API server's."""
        return self.state_dir / "pki" / "ca.crt"

    @property
    def api(self) -> Api:
        """The API server, called as the administrator."""
        pki = self.state_dir / "pki"
        return Api(self.server, self.authority, KeyPair(pki / "admin.crt", pki / "admin.key"))

    @property
    def replies(self) -> Replies:
        """What containers have printed and commands answer."""
        return Replies(self.state_dir / "replies")

    # --- what one does with it ------------------------------------------------------------------------------------
    def kubectl(self, *arguments: str, stdin: str | None = None, kubeconfig: Path | None = None) -> str:
        """What kubectl prints, as the administrator or with another kubeconfig. Raises `KubectlFailed`."""
        return kubectl.run(kubeconfig or self.kubeconfig, arguments, stdin)

    def write_log(self, namespace: str, pod: str, container: str, text: str, *, previous: bool = False) -> None:
        """What the container, or with `previous` the one before it, has printed. `pod` may be a prefix: `Replies`."""
        self.replies.write_log(namespace, pod, container, text, previous=previous)

    def write_exec(
        self,
        namespace: str,
        pod: str,
        container: str,
        argv: Sequence[str],
        *,
        stdout: str = "",
        stderr: str = "",
        exit_code: int = 0,
        delay: timedelta = timedelta(0),
        then: Sequence[Answer] = (),
    ) -> None:
        """What exactly this command answers in the container, and what follows. `pod` may be a prefix: see `Replies`."""
        self.replies.write_exec(
            namespace, pod, container, argv, stdout=stdout, stderr=stderr, exit_code=exit_code, delay=delay, then=then
        )

    def set_usage(self, namespace: str, pod: str, *, cpu: str | None = None, memory: str | None = None) -> None:
        """What a live pod uses, as quantities; None is as its Deployment's load has it."""
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}"
        metricsapi.annotate(self.api, path, {metricsapi.USAGE_CPU: cpu, metricsapi.USAGE_MEMORY: memory})

    def set_load(
        self, namespace: str, deployment: str, *, cpu_total: str | None = None, memory_total: str | None = None
    ) -> None:
        """What the Ready pods of a Deployment use between them, as quantities."""
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{deployment}"
        metricsapi.annotate(self.api, path, {metricsapi.LOAD_CPU: cpu_total, metricsapi.LOAD_MEMORY: memory_total})

    def set_node_usage(self, node: str, *, cpu: str | None = None, memory: str | None = None) -> None:
        """What a node as a whole uses, as quantities."""
        path = f"/api/v1/nodes/{node}"
        metricsapi.annotate(self.api, path, {metricsapi.USAGE_CPU: cpu, metricsapi.USAGE_MEMORY: memory})

    def set_metrics(self, state: MetricsState) -> None:
        """Whether the metrics API serves, is absent (404) or broken (503); returns when it is so."""
        metricsapi.set_state(self.api, self.authority, self.ports.nodes, state)

    def agent_kubeconfig(self, choices: Choices) -> Path:
        """A kubeconfig of the agent's own account, and in force the boundary of these choices that holds it.

        Asked again with other choices, it is held to those; with the same, nothing is done.
        """
        from byteport.sandbox.controlplane import agent

        file = self.state_dir / "agent.kubeconfig"
        with self._boundary:
            if self._chosen != choices:
                self._chosen = None  # what fails half way is held to neither
                write_kubeconfig(file, self.server, self.authority, "agent", agent.install(self, choices))
                self._chosen = choices
        return file

    def enable(self, namespace: str, ceiling: Ceiling) -> None:
        """Give a namespace to the agent, as `byteport enable` does. Raises `NotGiven`.

        Not from a thread whose event loop runs.
        """
        from byteport.sandbox.controlplane import agent

        with self._boundary:  # all of them are keys of one object
            asyncio.run(agent.enable(self.kubeconfig, namespace, ceiling))

    def audit_events(
        self, *, user: str | None = None, verbs: Collection[str] | None = None, since: int = 0
    ) -> list[JSON]:
        """The audit log's events, in order; `since` is an earlier `audit_position`. See `auditlog.WRITES`."""
        return auditlog.read_events(self.audit_log, user=user, verbs=verbs, since=since)

    def audit_position(self) -> int:
        """How long the audit log is now, in bytes."""
        return self.audit_log.stat().st_size if self.audit_log.exists() else 0

    # --- within ---------------------------------------------------------------------------------------------------
    def _clear(self) -> None:
        for name in LEFT_FROM_BEFORE:
            left = self.state_dir / name
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink(missing_ok=True)
        (self.state_dir / "logs").mkdir(exist_ok=True)

    def _await_ready(self, supervisor: subprocess.Popen[bytes], report: Callable[[str], None]) -> None:
        for line in _lines(supervisor):
            if "starting" in line:
                report(f"starting {line['starting']}")
            elif "ready" in line:
                report(f"ready in {line['ready']} s")
                return
            else:
                said = "\n".join(f"  {one}" for one in line["tail"])
                where = f"; see {line['log']}, which ends:\n{said}" if line.get("log") else ""
                raise StartFailed(f"the control plane did not start: {line['failed']}{where}")
        log = self.state_dir / "logs" / "supervise.log"
        said = "\n".join(f"  {one}" for one in log.read_text(errors="replace").splitlines()[-8:])
        raise StartFailed(f"the control plane did not start: its supervisor ended; see {log}, which ends:\n{said}")

    def _await_end(self) -> None:
        deadline = time.monotonic() + STOPPED_IN_SECONDS
        while self.is_running() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    def _described(self) -> JSON:
        try:
            described = json.loads((self.state_dir / "control-plane.json").read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return described if isinstance(described, dict) else {}

    def _running(self) -> JSON:
        described = self._described()
        if not described or not self.is_running():
            raise NotRunning(f"no control plane runs in {self.state_dir}")
        return described


@contextmanager
def _process(pid: int) -> Iterator[int]:
    """A descriptor that can be read once that process has ended. Raises `ProcessLookupError` when there is none."""
    descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _end(supervisor: subprocess.Popen[bytes]) -> None:
    """Its parts end with it, also when it has to be killed."""
    supervisor.terminate()
    try:
        supervisor.wait(STOPPED_IN_SECONDS)
    except subprocess.TimeoutExpired:
        supervisor.kill()
        supervisor.wait()


def _each_once(report: Callable[[str], None]) -> Callable[[Progress], None]:
    told: list[str] = []

    def tell(progress: Progress) -> None:
        if progress.step not in told:
            told.append(progress.step)
            report(progress.step)

    return tell


def _lines(process: subprocess.Popen[bytes]) -> Iterator[JSON]:
    if process.stdout is None:
        raise ValueError("the supervisor was started without a pipe")
    with process.stdout as lines:
        for line in lines:
            yield json.loads(line)
