"""An agent, running: a Temporal namespace of its own, and the sandbox's home with fresh keys.

On the simulated cluster Temporal skips time where nothing is in flight; on a real one time is real. Comes after
`agent.py`.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.testing import TimeSkipper

from byteport.sandbox.dev_server import DevServer
from byteport.sandbox.home import Home
from byteport.temporal.connect import connect
from byteport.temporal.keys import read_key_ring
from byteport.temporal.registration import ensure_search_attributes
from tests.agent.agent import Agent
from tests.agent.places import Place
from tests.agent.simulated import SimulatedPlace
from tests.workflows.clock import FollowTime
from tests.workflows.world import SKIPPING, make_namespace, terminate_all

QUICK: dict[str, Any] = {
    "settle_seconds": 1,
    "verify_deadline_seconds": 60,
    "log_store_named": True,
    "rollback_allowed": ["shop/*"],
}
"""A policy whose times are short; the mode and the rest come from the test."""


def quick(mode: str, namespace: str = "shop", **more: Any) -> dict[str, Any]:
    """`QUICK` in a mode, where every Deployment of `namespace` may be rolled back."""
    return QUICK | {"mode": mode, "rollback_allowed": [f"{namespace}/*"]} | more


@asynccontextmanager
async def running(
    server: DevServer,
    folder: Path,
    place: Place,
    policy: dict[str, Any],
    *,
    settings: dict[str, Any] | None = None,
    payload_key: str | None = None,
    skips_time: bool = True,
) -> AsyncIterator[Agent]:
    """An agent without a worker yet, whose watch and pruning are off unless `settings` turn them on."""
    home = Home(folder)
    if payload_key is not None:
        home.payload_key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        home.payload_key.touch(mode=0o600)
        home.payload_key.write_text(payload_key + "\n")
    home.make_keys()
    namespace = f"agent-{secrets.token_hex(4)}"
    await make_namespace(server, namespace)
    written = home.write_config(
        cluster_name="test",
        cluster_uid=place.uid,
        temporal_address=server.address,
        kubeconfig=place.kubeconfig,
        boundary=place.choices,
        extra={
            "temporal": {"address": server.address, "namespace": namespace},
            "watch": {"enabled": False},
            "audit": {"pruning": False},
        }
        | (settings or {}),
    )
    ring = read_key_ring(home.payload_key)
    client = await connect(written.temporal, ring, identity="test")
    await ensure_search_attributes(client)
    agent = Agent(home, place, written, _skipping(client, place) if skips_time else client, ring)
    agent.set_policy(policy)
    async with place.living():
        try:
            yield agent
        finally:
            place.stops.let_all()
            await terminate_all(client)


def _skipping(client: Client, place: Place) -> Client:
    """On the simulated cluster: time is skipped, and the cluster's time follows."""
    if not isinstance(place, SimulatedPlace):
        return client
    following = Client(**(client.config() | {"interceptors": [FollowTime(place.clock)]}))
    return TimeSkipper(following, config=SKIPPING).client
