"""Who gives a scenario its cluster and its agent.

On the simulated cluster each scenario has a cluster and an agent of its own, and Temporal skips time. On the real
control plane all share one cluster and one agent; each has namespaces and nodes of its own, so that nothing that fails
beside it can be taken for a common cause. Comes after `run.py`; `standing.py` replaces a host that is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.service import RPCError

from byteport.sandbox.controlplane import ApiRefused, ControlPlane
from byteport.sandbox.controlplane.simulation import DOWN_ANNOTATION
from byteport.sandbox.dev_server import DevServer, DevServerOptions
from tests.agent.agent import Agent
from tests.agent.places import JSON
from tests.agent.real import NAMESPACED, RealPlace, forget
from tests.agent.running import running
from tests.agent.simulated import PAST, SimulatedPlace
from tests.agent.stops import Stops
from tests.cluster.workloads import Namespace
from tests.scenarios.ground import Ground
from tests.scenarios.hands import STRATEGIC, ControlPlaneHands, SimulatedHands
from tests.scenarios.judge import Judgement
from tests.scenarios.model import Cluster, Scenario
from tests.scenarios.run import Scene, played, prepared, watched
from tests.workflows.clock import FollowingClock
from tests.workflows.world import SKIPPING_SERVER
from workers.boundary_watch import GIVEN_SECONDS

SHORT_SETTLE = 5
FULL_SETTLE = 60
AT_ONCE = {Cluster.SIMULATED: 3, Cluster.CONTROL_PLANE: 8}
"""So many scenarios are played at the same time."""
ANSWERS_WITHIN = 10.0
SLOT_NODES = 3
SLOT = "byteport.io/scenario-slot"
LIMITS = {
    "per_target_per_hour": 3,
    "per_namespace_per_hour": 10,
    "per_cluster_per_hour": 1000,
    "failures_in_a_row": 1000,
}
"""The usual ones, but for what many scenarios on one cluster share."""

NO_STORM = {"targets": 100_000, "common_targets": 100_000}
"""Many scenarios at once on one cluster are no storm."""


def policy(namespaces: Sequence[str], settle: int) -> dict[str, Any]:
    """`auto`, with what is allowed named."""
    return {
        "mode": "auto",
        "settle_seconds": settle,
        "verify_deadline_seconds": 600,
        "reread_seconds": 5,
        "log_store_named": True,
        "timebox_seconds": 60,
        "rollback_allowed": [f"{one}/*" for one in namespaces],
        "raise_allowed": [f"{one}/*" for one in namespaces],
    }


@asynccontextmanager
async def temporal(folder: Path) -> AsyncIterator[DevServer]:
    """A server, for as long as it is asked."""
    options = DevServerOptions(folder=folder, ui=False, dynamic_config=dict(SKIPPING_SERVER))
    server = await DevServer.start(options)
    try:
        yield server
    finally:
        await server.stop()


async def serves(server: DevServer) -> bool:
    """Whether a server still answers."""
    try:
        async with asyncio.timeout(ANSWERS_WITHIN):
            client = await Client.connect(server.address)
            await client.count_workflows()
    except (RuntimeError, RPCError, TimeoutError):
        return False
    return True


class AheadClock(FollowingClock):
    """A cluster that has been turned ahead of Temporal's clock stays ahead by as much when Temporal skips time."""

    def __init__(self, behind: timedelta) -> None:
        super().__init__(behind)
        self._present = False
        self._ahead = timedelta(0)

    def to_present(self) -> None:
        super().to_present()
        self._present = True

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        if self._present:
            self._ahead += timedelta(seconds=seconds)

    def follow(self, instant: datetime) -> None:
        super().follow(instant + self._ahead)


class SimulatedHost:
    """A cluster and an agent for each scenario."""

    def __init__(self, server: DevServer, folder: Path, settle: int) -> None:
        self._server = server
        self._folder = folder
        self._settle = settle
        self._count = 0

    async def play(self, scenario: Scenario) -> Judgement:
        self._count += 1
        home = self._folder / f"{self._count}-{scenario.name}"
        place = SimulatedPlace(clock=AheadClock(PAST))
        ground = Ground(SimulatedHands(place.cluster), place, "elsewhere")
        await prepared(ground, scenario)
        await place.elapse_to_present()
        rules = policy([place.namespace], self._settle)
        settings = {"watch": {"enabled": True}, "limits": LIMITS}
        made = running(self._server, home, place, rules, settings=settings, skips_time=scenario.skips_time)
        judged: Judgement | None = None
        try:
            async with made as agent, agent.worker():
                await watched(agent)
                judged = await played(scenario, ground, scene_of(agent, place))
        except Exception:
            if judged is None:
                raise
        # A verdict that was given stands, though its host could not be put away.
        return judged

    async def answers(self) -> bool:
        return await serves(self._server)


class ControlPlaneHost:
    """One cluster and one agent for all."""

    def __init__(self, server: DevServer, plane: ControlPlane, agent: Agent, at_once: int) -> None:
        self._server = server
        self._plane = plane
        self._agent = agent
        self._slots: asyncio.Queue[int] = asyncio.Queue()
        for number in range(at_once):
            self._slots.put_nowait(number)
        self._kubeconfig = agent.place.kubeconfig
        self._count = 0

    @classmethod
    @asynccontextmanager
    async def open(
        cls, server: DevServer, folder: Path, settle: int, *, plays: int, at_once: int = AT_ONCE[Cluster.CONTROL_PLANE]
    ) -> AsyncIterator[ControlPlaneHost]:
        """Start the cluster, its nodes in slots, and the agent, for so many plays."""
        async with AsyncExitStack() as stack:
            plane = ControlPlane(folder / "control-plane", nodes=at_once * SLOT_NODES)
            await stack.enter_async_context(plane)
            await asyncio.to_thread(_slots, plane)
            kubeconfig = await asyncio.to_thread(plane.agent_kubeconfig, NAMESPACED)
            place = RealPlace(plane, kubeconfig, "nowhere", Stops())
            made = running(
                server,
                folder / "home",
                place,
                policy([_home(number) for number in range(1, plays + 1)], settle),
                settings={"watch": {"enabled": True}, "limits": LIMITS, "storm": NO_STORM},
                skips_time=False,
            )
            agent = await stack.enter_async_context(made)
            await stack.enter_async_context(agent.worker())
            await watched(agent)
            yield cls(server, plane, agent, at_once)

    async def play(self, scenario: Scenario) -> Judgement:
        slot = await self._slots.get()
        self._count += 1
        name = _home(self._count)
        own, outside = Namespace(self._plane, name), Namespace(self._plane, f"{name}-outside")
        try:
            for namespace in (own, outside):
                await asyncio.to_thread(namespace.create)
            assert self._kubeconfig is not None
            place = OneNamespace(self._plane, self._kubeconfig, name, Stops())
            selector = {SLOT: str(slot)}
            ground = Ground(ControlPlaneHands(self._plane), place, outside.name, selector=selector)
            await prepared(ground, scenario)
            await asyncio.sleep(GIVEN_SECONDS)  # so long the agent may believe that the namespace is not its own
            judged = await played(scenario, ground, scene_of(self._agent, place))
            await asyncio.to_thread(forget, self._plane, own.name)
            for namespace in (own, outside):
                await asyncio.to_thread(namespace.delete)
            return judged
        finally:
            await asyncio.to_thread(_mend_nodes, self._plane, slot)
            self._slots.put_nowait(slot)

    async def answers(self) -> bool:
        try:
            await asyncio.to_thread(self._plane.api.call, "GET", "/api/v1/namespaces/kube-system")
        except (OSError, ApiRefused):
            return False
        return await serves(self._server)


class OneNamespace(RealPlace):
    """A place that sees the agent's requests in its own namespace only."""

    def attempts(self) -> list[JSON]:
        return [one for one in super().attempts() if one["objectRef"].get("namespace", "") == self.namespace]


def _home(number: int) -> str:
    """The namespace of a play. All are on the allow-lists from the start: a policy that changes voids what waits."""
    return f"scenario-{number}"


def scene_of(agent: Agent, place: SimulatedPlace | RealPlace) -> Scene:
    """The same agent, as seen from one place."""
    parts = {field.name: getattr(agent, field.name) for field in fields(agent)}
    return Scene(**(parts | {"place": place}))


def _mend_nodes(plane: ControlPlane, slot: int) -> None:
    """Whatever a scenario did to its nodes, the next one finds them well."""
    conditions = [
        {"type": kind, "status": "False", "reason": "Mended"}
        for kind in ("MemoryPressure", "DiskPressure", "PIDPressure")
    ]
    well = [*conditions, {"type": "Ready", "status": "True", "reason": "KubeletReady"}]
    for node in plane.api.call("GET", f"/api/v1/nodes?labelSelector={SLOT}%3D{slot}")["items"]:
        path = f"/api/v1/nodes/{node['metadata']['name']}"
        patch = {"metadata": {"annotations": {DOWN_ANNOTATION: None}}, "spec": {"unschedulable": None}}
        plane.api.call("PATCH", path, patch, content_type=STRATEGIC)
        plane.api.call("PATCH", f"{path}/status", {"status": {"conditions": well}}, content_type=STRATEGIC)


def _slots(plane: ControlPlane) -> None:
    """Three nodes a slot, each in a zone of its own."""
    for index, node in enumerate(plane.api.call("GET", "/api/v1/nodes")["items"]):
        slot, zone = divmod(index, SLOT_NODES)
        labels = {SLOT: str(slot), "topology.kubernetes.io/zone": f"slot-{slot}-{'abc'[zone]}"}
        path = f"/api/v1/nodes/{node['metadata']['name']}"
        plane.api.call("PATCH", path, {"metadata": {"labels": labels}}, content_type="application/merge-patch+json")
