"""A whole installation for one test: a Temporal namespace, the embedded worker, a simulated cluster and a ledger.

Everything is what production runs, wired by `workers/wiring.py`; only the clock is ours (`clock.py`), and the client
asks the server to skip time where nothing is in flight. A run waits for people without skipping, because its approval
is a child in flight; `remediation.py` lets that time pass.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from activities.audit.alarms import Alarms
from activities.audit.halts import Halts
from byteport.audit.records import Record
from byteport.audit.words import Event
from byteport.contracts.people import Notice
from byteport.contracts.workflows import Installation
from byteport.kubernetes import port
from byteport.kubernetes.enrolment import ENABLED_LABEL
from byteport.ledger.log import ALL, AuditLog
from byteport.ledger.opening import open_log, open_store
from byteport.ledger.store import Store
from byteport.sandbox.dev_server import DevServer
from byteport.sandbox.home import Home
from byteport.sandbox.simulated import SimulatedCluster
from byteport.settings import Settings, installation
from byteport.temporal.connect import connect
from byteport.temporal.keys import KeyRing, read_key_ring
from byteport.temporal.registration import ensure_search_attributes
from tests.workflows.clock import FollowingClock, FollowTime
from tests.workflows.people import People
from workers.processes import ROLES, Process
from workers.start import serve_wired
from workers.wiring import Surroundings

JSON = dict[str, Any]

PAST = timedelta(hours=2)
"""How old the cluster is when a test begins: time for what the test sets up to have happened."""
READY_SECONDS = 20.0

POLICY: Mapping[str, Any] = {
    "mode": "dry_run",
    "log_store_named": True,
    "rollback_allowed": ["shop/*"],
    "settle_seconds": 30,
    "verify_deadline_seconds": 300,
    "reread_seconds": 1,
}
SKIPPING_SERVER: Mapping[str, str] = {
    "frontend.WorkflowTimeSkippingEnabled": "true",
    "history.timerProcessorMaxPollRPS": "2000",
    "history.timerProcessorMaxTimeShift": '"1ms"',
    "limit.historyCount.suggestContinueAsNew": "150",
}
"""A timer that is skipped to would otherwise fire up to a second later, in real time; and only the watch asks whether
its history has grown too long."""
SKIPPING = TimeSkippingConfig(disable_propagation=True, max_session_skip_count=100_000)
"""Skip whenever nothing is in flight. Children start with their parent's time, and skip only when a test says so."""


class World:
    """What a test has in its hands. `cluster` is the administrator's; `client` is the agent's and the command line's."""

    def __init__(
        self, home: Home, settings: Settings, cluster: SimulatedCluster, clock: FollowingClock, skipper: TimeSkipper
    ) -> None:
        self.home = home
        self.settings = settings
        self.cluster = cluster
        self.clock = clock
        self.skipper = skipper
        self.client: Client = skipper.client
        self.installation: Installation = installation(settings, cluster.uid)
        self.people = People(home.folder / "keys")
        self._policy = dict(POLICY)
        self._worker: tuple[asyncio.Task[None], asyncio.Event] | None = None

    # -- mounts -----------------------------------------------------------------------------------------------------

    def policy(self, **changes: Any) -> None:
        """Change the policy file, as an administrator does while everything runs."""
        self._policy |= changes
        self.home.write_policy(self._policy, overwrite=True)

    @property
    def ring(self) -> KeyRing:
        return read_key_ring(self.home.payload_key)

    # -- the worker -------------------------------------------------------------------------------------------------

    async def start_worker(self) -> None:
        """The embedded worker, as `byteport worker` starts it."""
        stop, ready = asyncio.Event(), asyncio.Event()
        around = Surroundings(self.settings, self.installation, self.client, self.cluster, self.clock)
        serving = serve_wired(ROLES[Process.EMBEDDED], around, stop=stop, say=lambda _: ready.set())
        task = asyncio.create_task(serving)
        self._worker = task, stop
        async with asyncio.timeout(READY_SECONDS):
            waiting = asyncio.create_task(ready.wait())
            await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
        if task.done():
            task.result()

    async def stop_worker(self) -> None:
        """As SIGTERM ends it."""
        if self._worker is not None:
            task, stop = self._worker
            stop.set()
            await task
            self._worker = None

    @contextmanager
    def time_stands_still(self) -> Iterator[None]:
        """What is started inside skips no time, until a test lets some pass."""
        skipping, self.skipper.config = self.skipper.config, replace(SKIPPING, enabled=False)
        yield
        self.skipper.config = skipping

    # -- the cluster's past -----------------------------------------------------------------------------------------

    async def healthy(self, name: str = "web", *, replicas: int = 3, for_seconds: float = 3600) -> None:
        """`shop/NAME:1` runs in an enabled namespace, and has for a while."""
        await self.cluster.label_namespace("shop", {ENABLED_LABEL: "true"})
        await self.cluster.deploy(f"shop/{name}", image=f"{name}:1", replicas=replicas)
        self.advance(for_seconds)

    async def one_pod_crashes(self, name: str = "web", fault: str = "transient") -> str:
        """One of its pods has begun to crash by itself; its replacement would not. Gives the pod's name."""
        await self.healthy(name)
        victim = str((await self.pods(name))[0]["metadata"]["name"])
        await self.cluster.annotate_pod("shop", victim, {"sim.byteport.io/fault": fault})
        self.advance(400)
        self.clock.to_present()
        return victim

    async def a_release_fails(self, name: str = "web", fault: str = "crash") -> None:
        """Its second release never served, and the deadline has passed."""
        await self.healthy(name)
        await self.cluster.deploy(f"shop/{name}", image=f"{name}:2", fault=fault)
        self.advance(700)
        self.clock.to_present()

    def advance(self, seconds: float) -> None:
        """Let the cluster live on by so many seconds at once."""
        self.clock.advance(seconds)
        self.cluster.tick()

    # -- what is there ----------------------------------------------------------------------------------------------

    async def pods(self, name: str = "web") -> list[JSON]:
        """The Deployment's pods that are not being deleted."""
        listed = await self.cluster.list(port.PODS, "shop", labels=f"app={name}")
        return [pod for pod in listed.items if "deletionTimestamp" not in pod["metadata"]]

    async def image(self, name: str = "web") -> str:
        """What the Deployment's template asks for now."""
        deployment = await self.cluster.get(port.DEPLOYMENTS, "shop", name)
        return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])

    @property
    def writes(self) -> list[tuple[str, str]]:
        """Verb and name of each write by the agent."""
        return [(mutation.verb, mutation.name) for mutation in self.cluster.mutations()]

    @property
    def notices(self) -> list[Notice]:
        """What people were told, oldest first."""
        path = self.settings.escalation.file
        assert path is not None
        lines = path.read_text().splitlines() if path.exists() else []
        return [_notice(json.loads(line)) for line in lines]

    @property
    def ledger_file(self) -> Path:
        assert self.settings.ledger.path is not None
        return self.settings.ledger.path

    @property
    def records(self) -> list[Record]:
        """The audit log, oldest first, without the changes of policy that a test makes."""
        recorded = self.log.iter_records(ALL)
        return [record for record in recorded if record.event is not Event.POLICY_CHANGED]

    @property
    def log(self) -> AuditLog:
        return open_log(self.settings.ledger, self.settings.tenant)

    @property
    def halts(self) -> Halts:
        """The kill switch, as `byteport halt` throws it."""
        return Halts(self.store(), self.installation)

    @property
    def alarms(self) -> Alarms:
        """As `byteport alarm` raises and clears them."""
        return Alarms(self.store(), self.installation)

    def store(self) -> Store:
        """The ledger, as another process opens it."""
        ledger, tenant = self.settings.ledger, self.settings.tenant
        return open_store(ledger, tenant, clock=self.clock, randomness=lambda n: bytes(n))


def _notice(line: JSON) -> Notice:
    """The notice itself, without what the channel makes of it for people."""
    return Notice.model_validate({key: value for key, value in line.items() if key in Notice.model_fields})


@asynccontextmanager
async def installed(server: DevServer, namespace: str, folder: Path, **extra: Any) -> AsyncIterator[World]:
    """A world in a Temporal namespace of its own; at the end no run of it is open any more.

    Its worker runs, unless it would watch the cluster: then a test starts it, once there is something to see.
    """
    home = Home(folder)
    home.make_keys()
    home.write_policy(dict(POLICY), overwrite=True)
    clock = FollowingClock(PAST)
    cluster = SimulatedCluster(clock)
    await make_namespace(server, namespace)
    settings = home.write_config(
        cluster_name="production",
        cluster_uid=cluster.uid,
        temporal_address=server.address,
        kubeconfig=None,
        extra={
            "tenant": "acme",
            "temporal": {"address": server.address, "namespace": namespace},
            "approvals": {"revoked_keys": "keys/revoked_keys"},
            "watch": {"enabled": False},
            "audit": {"pruning": False},
        }
        | extra,
    )
    client = await connect(settings.temporal, read_key_ring(home.payload_key), identity="test")
    following = Client(**(client.config() | {"interceptors": [FollowTime(clock)]}))
    await ensure_search_attributes(client)
    world = World(home, settings, cluster, clock, TimeSkipper(following, config=SKIPPING))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(world.stop_worker)
        stack.push_async_callback(terminate_all, client)
        if not settings.watch.enabled:
            await world.start_worker()
        yield world


async def make_namespace(server: DevServer, name: str) -> None:
    """A Temporal namespace that can be used at once."""
    client = await Client.connect(server.address)
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=Duration(seconds=86400))
    )
    there = await Client.connect(server.address, namespace=name)
    async with asyncio.timeout(READY_SECONDS):
        while True:
            try:
                async for _ in there.list_workflows("WorkflowType = 'none'", limit=1):
                    pass
                return
            except RPCError:
                await asyncio.sleep(0.02)


async def terminate_all(client: Client) -> None:
    """End what a test has left open, so that nothing of it runs on while the next one does."""
    async for run in client.list_workflows("ExecutionStatus = 'Running'"):
        try:
            await client.get_workflow_handle(run.id, run_id=run.run_id).terminate("the test is over")
        except RPCError:
            continue
