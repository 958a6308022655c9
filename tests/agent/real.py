"""Places on the real control plane: a namespace of the test's own, and the agent's own ServiceAccount with exactly the
rights that its acts declare. Comes after `places.py` and `gateway.py`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from byteport.sandbox.assembly import agent_scope, role_rules
from byteport.sandbox.controlplane import ControlPlane
from tests.agent.gateway import Gateway
from tests.agent.places import RealPlace
from tests.agent.stops import Stops
from tests.cluster.workloads import Namespace


@asynccontextmanager
async def directly(plane: ControlPlane) -> AsyncIterator[RealPlace]:
    """The agent speaks to the API server itself."""
    async with _namespace(plane) as namespace:
        yield RealPlace(plane, await _credential(plane), namespace, Stops())


@asynccontextmanager
async def through_a_gateway(plane: ControlPlane, folder: Path) -> AsyncIterator[RealPlace]:
    """The agent's requests can be held and lost."""
    async with _namespace(plane) as namespace, Gateway(plane, await _credential(plane), folder).open() as gateway:
        yield RealPlace(plane, gateway.kubeconfig, namespace, gateway.stops)


async def _credential(plane: ControlPlane) -> Path:
    return await asyncio.to_thread(plane.agent_kubeconfig, role_rules(agent_scope()))


@asynccontextmanager
async def _namespace(plane: ControlPlane) -> AsyncIterator[str]:
    namespace = Namespace(plane, f"test-{secrets.token_hex(4)}")
    await asyncio.to_thread(namespace.create)
    try:
        yield namespace.name
    finally:
        await asyncio.to_thread(namespace.delete)
