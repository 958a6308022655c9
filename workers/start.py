"""One process from settings to serving: connect, look at everything, wire, start the watch, serve.

`byteport worker` calls it; the sandbox calls its parts, with a cluster and a clock of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
from collections.abc import AsyncIterator, Callable

from activities.clock import utc_now
from activities.kubernetes.policy_source import load_policy
from byteport.contracts.acts import Queue
from byteport.errors import ConfigError
from byteport.kubernetes.port import ClusterPort
from byteport.settings import Settings, installation, remember
from byteport.temporal.connect import connect
from byteport.temporal.intake import start_watch
from byteport.temporal.keys import KeyRing, read_key_ring
from byteport.temporal.registration import ensure_search_attributes
from workers.policy_changes import note_policy_changes
from workers.preflight import Check, Outcome, check_cluster_uid, check_packages, check_rights, must_pass
from workers.processes import ROLES, Credential, Process, Role
from workers.run import metrics_runtime, serve
from workers.wiring import Surroundings, connect_cluster, policy_changes, uid_of, wire


async def start(settings: Settings, process: Process, *, stop: asyncio.Event, say: Callable[[str], None]) -> None:
    """Serve until `stop`. Raises one of our errors, with a line for a person, when it may not start."""
    role = ROLES[process]
    cluster: ClusterPort | None = None
    must_pass([check_packages(), check_policy(settings)])
    ring = key_ring(settings)
    try:
        if Credential.CLUSTER in role.credentials:
            cluster = await connect_cluster(settings)
        uid = await uid_of(cluster) if cluster is not None else None
        client = await connect(
            settings.temporal,
            ring,
            identity=f"byteport-{process.value}:{platform.node()}:{os.getpid()}",
            runtime=metrics_runtime(settings.telemetry.metrics_address),
        )
        await look(settings, role, cluster, uid, say)
        if Queue.CONTROL in role.queues:
            await ensure_search_attributes(client)
        around = Surroundings(settings, installation(settings, uid), client, cluster, utc_now)
        await serve_wired(role, around, stop=stop, say=say)
    finally:
        if cluster is not None:
            await cluster.close()


async def serve_wired(role: Role, around: Surroundings, *, stop: asyncio.Event, say: Callable[[str], None]) -> None:
    """Wire, start the watch, and serve until `stop`."""
    activities = wire(role, around)
    if Queue.CONTROL in role.queues and around.settings.watch.enabled:
        await start_watch(around.client, around.installation)
    cluster_uid = around.installation.cluster_uid

    def ready() -> None:
        queues = ", ".join(sorted(queue.value for queue in role.queues))
        say(f"serving {queues} for cluster {around.installation.cluster_name} ({cluster_uid})")

    async with _policy_noted(role, around):
        await serve(around.client, role, cluster_uid, activities, stop=stop, ready=ready)


@contextlib.asynccontextmanager
async def _policy_noted(role: Role, around: Surroundings) -> AsyncIterator[None]:
    """While inside, and where the ledger is served, changes of the policy are put on record."""
    if Queue.LEDGER not in role.queues:
        yield
        return
    stop = asyncio.Event()
    noting = asyncio.create_task(note_policy_changes(policy_changes(around), stop))
    try:
        yield
    finally:
        stop.set()
        await noting


async def look(
    settings: Settings, role: Role, cluster: ClusterPort | None, uid: str | None, say: Callable[[str], None]
) -> None:
    """The checks that need the cluster. Warnings are said; a failed check is raised."""
    if cluster is None or uid is None:
        return
    acts = [act for act in role.acts if act.queue is Queue.CLUSTER]
    checks = [check_cluster_uid(settings, uid), *await check_rights(cluster, acts)]
    for check in checks:
        if check.outcome is Outcome.WARNING:
            say(f"warning: {check.finding}")
    must_pass(checks)
    remember(settings, uid)


def check_policy(settings: Settings) -> Check:
    """Whether the policy file can be read and means something."""
    if settings.policy_file is None:
        return Check("policy_file", Outcome.FAILED, "must be set")
    policy = load_policy(settings.policy_file)
    return Check("policy", Outcome.OK, f"{settings.policy_file}, mode {policy.mode.value}")


def key_ring(settings: Settings) -> KeyRing:
    """The payload keys of the settings."""
    if settings.temporal.payload_key_file is None:
        raise ConfigError("temporal.payload_key_file", "must be set")
    return read_key_ring(settings.temporal.payload_key_file)
