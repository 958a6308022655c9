"""A whole BytePort on this machine, in one process: Temporal, a cluster, keys of its own, and the embedded worker.

`daemon.py` keeps one up for `byteport sandbox up`; the demo makes one for itself. Everything that it starts ends with
it, in the reverse order, whatever fails on the way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from aiohttp import web
from temporalio.client import Client

from activities.clock import utc_now
from activities.kubernetes.client import KubernetesCluster, kube_system_uid
from activities.kubernetes.client import connect as connect_cluster
from byteport.boundary.choices import Choices
from byteport.errors import Unavailable
from byteport.kubernetes.port import ClusterPort
from byteport.sandbox.children import free_port
from byteport.sandbox.controlplane import ControlPlane
from byteport.sandbox.dev_server import DevServer, DevServerOptions
from byteport.sandbox.home import SIGNED, Home
from byteport.sandbox.simulated import SimulatedCluster
from byteport.settings import Settings, installation, remember
from byteport.temporal.codec_server import codec_app
from byteport.temporal.connect import connect
from byteport.temporal.keys import read_key_ring
from workers.processes import ROLES, Process
from workers.start import serve_wired
from workers.wiring import Surroundings

READY_SECONDS = 60.0
BOUNDARY = Choices(helper=True)
"""Of the real control plane: as an installation has it that chose nothing but the node helper."""

Report = Callable[[str], None]


def exported_to(folder: Path | None) -> dict[str, Any] | None:
    """Further settings by which the log goes to files in `folder`; None where it goes nowhere, as by default."""
    if folder is None:
        return None
    return {"audit": SIGNED | {"export": {"target": "file", "file": {"folder": str(folder.absolute())}}}}


class ClusterKind(StrEnum):
    """Which cluster the sandbox runs on."""

    SIMULATED = "simulated"
    CONTROL_PLANE = "control-plane"
    CONTEXT = "context"


@dataclass(frozen=True)
class Wanted:
    """What to assemble, and where."""

    home: Home
    cluster: ClusterKind
    policy: dict[str, Any]
    overwrite_policy: bool = False
    extra: dict[str, Any] | None = None
    """Further settings, by section."""
    kubeconfig: Path | None = None
    context: str | None = None


@dataclass(frozen=True)
class Cluster:
    """The cluster of a sandbox: the port that the agent has, and the hands that an administrator has."""

    kind: ClusterKind
    name: str
    port: ClusterPort
    uid: str
    simulated: SimulatedCluster | None
    control_plane: ControlPlane | None
    kubeconfig: Path | None
    """The agent's own, where there is one."""
    boundary: Choices | None = None
    """What its API server holds the agent to; None where nothing was installed."""


@dataclass(frozen=True)
class Sandbox:
    """What runs."""

    settings: Settings
    client: Client
    temporal: DevServer
    codec_url: str
    cluster: Cluster
    worker: asyncio.Task[None]

    def must_run(self) -> None:
        """Raise what a part died of."""
        self.temporal.must_run()
        if self.worker.done():
            self.worker.result()
            raise Unavailable("the worker ended")


@asynccontextmanager
async def assembled(wanted: Wanted, report: Report) -> AsyncIterator[Sandbox]:
    """Start everything, in the order that each part needs the one before; `report` is told each step."""
    home = wanted.home
    home.make_keys()
    home.write_policy(wanted.policy, overwrite=wanted.overwrite_policy)
    async with AsyncExitStack() as stack:
        report("starting Temporal")
        codec_url = f"http://127.0.0.1:{free_port()}"
        temporal = await DevServer.start(DevServerOptions(folder=home.logs, codec_endpoint=codec_url))
        stack.push_async_callback(temporal.stop)
        ring = read_key_ring(home.payload_key)
        await serve_app(stack, codec_app(ring, temporal.ui_url or ""), codec_url)
        cluster = await _cluster(stack, wanted, report)
        settings = home.write_config(
            cluster_name=cluster.name,
            cluster_uid=cluster.uid,
            temporal_address=temporal.address,
            kubeconfig=cluster.kubeconfig,
            context=wanted.context,
            boundary=cluster.boundary,
            extra=wanted.extra,
        )
        remember(settings, cluster.uid)
        report("starting the worker")
        client = await connect(settings.temporal, ring, identity="byteport-sandbox")
        worker = await _worker(stack, settings, client, cluster)
        yield Sandbox(settings, client, temporal, codec_url, cluster, worker)


async def serve_app(stack: AsyncExitStack, app: web.Application, url: str) -> None:
    """Serve `app` at `http://127.0.0.1:PORT` until the stack is left."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", int(url.rsplit(":", 1)[1])).start()


async def _cluster(stack: AsyncExitStack, wanted: Wanted, report: Report) -> Cluster:
    match wanted.cluster:
        case ClusterKind.SIMULATED:
            report("starting the simulated cluster")
            return await _simulated(stack)
        case ClusterKind.CONTROL_PLANE:
            return await _control_plane(stack, wanted, report)
        case ClusterKind.CONTEXT:
            report(f"connecting to context {wanted.context or 'that is current'}")
            port = await connect_cluster(wanted.kubeconfig, wanted.context)
            stack.push_async_callback(port.close)
            name = wanted.context or "current-context"
            return Cluster(wanted.cluster, name, port, await kube_system_uid(port), None, None, wanted.kubeconfig)


async def _simulated(stack: AsyncExitStack) -> Cluster:
    simulated = SimulatedCluster()
    living = asyncio.create_task(simulated.run())
    stack.push_async_callback(_cancelled, living)
    return Cluster(ClusterKind.SIMULATED, "simulated", simulated, simulated.uid, simulated, None, None)


async def _control_plane(stack: AsyncExitStack, wanted: Wanted, report: Report) -> Cluster:
    plane = ControlPlane(wanted.home.folder / "control-plane")
    await asyncio.to_thread(plane.start, report)
    stack.push_async_callback(asyncio.to_thread, plane.stop)
    report("installing the boundary: policies, roles, the agent's own account")
    kubeconfig = await asyncio.to_thread(plane.agent_kubeconfig, BOUNDARY)
    port: KubernetesCluster = await connect_cluster(kubeconfig)
    stack.push_async_callback(port.close)
    uid = await kube_system_uid(port)
    return Cluster(ClusterKind.CONTROL_PLANE, "control-plane", port, uid, None, plane, kubeconfig, BOUNDARY)


async def _worker(stack: AsyncExitStack, settings: Settings, client: Client, cluster: Cluster) -> asyncio.Task[None]:
    """The embedded worker as a task of this process; returns once it polls."""
    stop, ready = asyncio.Event(), asyncio.Event()
    around = Surroundings(settings, installation(settings, cluster.uid), client, cluster.port, utc_now)
    serving = serve_wired(ROLES[Process.EMBEDDED], around, stop=stop, say=lambda _: ready.set())
    worker = asyncio.create_task(serving)
    stack.push_async_callback(_stopped, worker, stop)
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({worker, waiting}, timeout=READY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if worker.done():
        worker.result()
    if not ready.is_set():
        raise Unavailable(f"the worker is not ready after {READY_SECONDS:.0f} s")
    return worker


async def _stopped(worker: asyncio.Task[None], stop: asyncio.Event) -> None:
    stop.set()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(worker, return_exceptions=True)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
