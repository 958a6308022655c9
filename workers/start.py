"""One process from settings to serving: connect, look at everything, wire, start the watch, serve.

`byteport worker` calls it; the sandbox calls its parts, with a cluster and a clock of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta

from temporalio.runtime import Runtime

from activities.clock import utc_now
from activities.kubernetes.bounds import UNBOUNDED, Bounds
from activities.kubernetes.policy_source import load_policy
from byteport.contracts.acts import Queue
from byteport.kubernetes.port import ClusterPort
from byteport.ledger.opening import must_be_readable, open_reader
from byteport.settings import Settings, installation, remember
from byteport.temporal.connect import connect, must_answer
from byteport.temporal.registration import ensure_search_attributes
from byteport.temporal.signing import start_checkpoints
from byteport.temporal.standing_runs import start_retention, start_watch
from workers.boundary_metrics import BoundaryMetrics
from workers.boundary_watch import MOST_SAID, Boundary, watch_boundary
from workers.clocks import check_clocks
from workers.clouds import start_polls
from workers.exporting import start_exports
from workers.health import ANSWER_SECONDS, Health, Part, Question
from workers.health_endpoint import health_served
from workers.ledger_check import check_ledger
from workers.ledger_metrics import ledger_watched
from workers.payload_keys import keys_followed, payload_keys
from workers.policy_changes import note_policy_changes
from workers.preflight import (
    Check,
    Outcome,
    check_boundary,
    check_cluster_uid,
    check_packages,
    check_rights,
    must_pass,
)
from workers.processes import ROLES, Credential, Process, Role
from workers.remedies import Amiss, remedy
from workers.run import Workers, metrics_runtime, serve
from workers.run_metrics import runs_watched
from workers.signing import following, is_signed
from workers.signing_metrics import signatures_watched
from workers.tracing import traced
from workers.wiring import Surroundings, connect_cluster, policy_changes, policy_of, uid_of, wire


async def start(settings: Settings, process: Process, *, stop: asyncio.Event, say: Callable[[str], None]) -> None:
    """Serve until `stop`. Raises one of our errors, with a line for a person, when it may not start."""
    role = ROLES[process]
    cluster: ClusterPort | None = None
    must_pass([check_packages(), check_policy(settings)])
    if Queue.LEDGER in role.queues:
        must_pass(await asyncio.to_thread(check_ledger, settings))
    ring = await payload_keys(settings)
    try:
        if Credential.CLUSTER in role.credentials:
            cluster = await connect_cluster(settings)
        uid = await uid_of(cluster) if cluster is not None else None
        async with traced(settings.telemetry.traces, ring, _about(process, uid)) as interceptors:
            client = await connect(
                settings.temporal,
                ring,
                identity=f"byteport-{process.value}:{platform.node()}:{os.getpid()}",
                runtime=metrics_runtime(settings.telemetry.metrics_address),
                interceptors=interceptors,
            )
            await look(settings, role, cluster, uid, say)
            if Queue.CONTROL in role.queues:
                await ensure_search_attributes(client)
            around = Surroundings(settings, installation(settings, uid), client, cluster, utc_now)
            runtime = client.service_client.config.runtime or Runtime.default()
            async with keys_followed(ring, runtime.metric_meter):
                await serve_wired(role, around, stop=stop, say=say)
    finally:
        if cluster is not None:
            await cluster.close()


def _about(process: Process, uid: str | None) -> dict[str, str]:
    """Of which process a span is."""
    return {"byteport.process": process.value} | ({"byteport.cluster_uid": uid} if uid is not None else {})


async def serve_wired(role: Role, around: Surroundings, *, stop: asyncio.Event, say: Callable[[str], None]) -> None:
    """Wire, start the watch, and serve until `stop`. How it fares can be asked from before the first look on."""
    health = health_of(role, around, stop)
    async with (
        health_served(around.settings.telemetry.health_address, health, say),
        _boundary_held(role, around, say, health) as bounds,
    ):
        await _serve(role, around, bounds, health, stop=stop, say=say)


def health_of(role: Role, around: Surroundings, stop: asyncio.Event) -> Health:
    """What a process of that role must have reached, and what must answer it, to take work."""
    awaited, client, settings = {Part.QUEUES}, around.client, around.settings
    asked: dict[Part, Question] = {Part.TEMPORAL: lambda: must_answer(client, within=timedelta(seconds=ANSWER_SECONDS))}
    if _is_held(role, around):
        awaited.add(Part.BOUNDARY)
    if role.queues & {Queue.LEDGER, Queue.CLUSTER, Queue.SIGNER, Queue.EXPORT}:
        ledger = open_reader(settings.ledger, settings.tenant)
        asked[Part.LEDGER] = lambda: asyncio.to_thread(must_be_readable, ledger)
    return Health(stop, awaited, asked)


def _is_held(role: Role, around: Surroundings) -> bool:
    return around.cluster is not None and Queue.CLUSTER in role.queues and around.settings.boundary.enforced


async def _serve(
    role: Role,
    around: Surroundings,
    bounds: Bounds,
    health: Health,
    *,
    stop: asyncio.Event,
    say: Callable[[str], None],
) -> None:
    activities = wire(role, around, bounds)
    if Queue.LEDGER in role.queues:
        _say_warnings(await asyncio.to_thread(_clocks, around), say)
    if Queue.CONTROL in role.queues and around.settings.watch.enabled:
        await start_watch(around.client, around.installation)
    if Queue.CONTROL in role.queues and is_signed(around.settings):
        await start_checkpoints(around.client, around.installation, following(around.settings))
    if Queue.CONTROL in role.queues and around.settings.audit.pruning:
        await start_retention(around.client, around.installation)
    if Queue.CONTROL in role.queues:
        await start_exports(around.client, around.installation, around.settings)
        await start_polls(around.client, around.installation, around.settings)
    cluster_uid = around.installation.cluster_uid

    def ready(workers: Workers) -> None:
        for queue, worker in workers.items():
            health.lives_by(f"worker of {queue.value}", worker)
        health.reached(Part.QUEUES)
        queues = ", ".join(sorted(queue.value for queue in workers))
        say(f"serving {queues} for cluster {around.installation.cluster_name} ({cluster_uid})")

    async with (
        _policy_noted(role, around, health),
        signatures_watched(role, around, health),
        ledger_watched(role, around, health),
        runs_watched(role, around, health),
    ):
        await serve(around.client, role, cluster_uid, activities, stop=stop, ready=ready)


def _clocks(around: Surroundings) -> list[Check]:
    """Of a ledger that is there; its first record is of this machine's time."""
    ledger, path = around.settings.ledger, around.settings.ledger.path
    if ledger.url is None and (path is None or not path.exists()):
        return []
    reader = open_reader(ledger, around.settings.tenant)
    return check_clocks(reader, around.installation, served=ledger.url is not None, clock=around.clock)


@contextlib.asynccontextmanager
async def _boundary_held(
    role: Role, around: Surroundings, say: Callable[[str], None], health: Health
) -> AsyncIterator[Bounds]:
    """While inside, and where the cluster's queue is served, what the API server holds us to is looked at on a timer.

    The first look is over by then. A missing right of the installation is raised; everything else is said, and refuses
    `auto` until it is whole.
    """
    config, cluster = around.settings.boundary, around.cluster
    if cluster is None or not _is_held(role, around):
        yield UNBOUNDED
        return
    runtime = around.client.service_client.config.runtime or Runtime.default()
    metrics = BoundaryMetrics(runtime.metric_meter, around.clock)
    boundary = Boundary(cluster, config, policy_of(around.settings), seconds=time.monotonic, heard=metrics.looked)
    report = await boundary.look()
    checks = check_boundary(report, refusing=Outcome.WARNING, weaker_accepted=config.accept_weaker_rollback)
    _say_warnings(checks, say)
    must_pass(checks)
    watching = asyncio.create_task(watch_boundary(boundary, config))
    health.lives_by("look at the boundary", watching)
    health.reached(Part.BOUNDARY)
    try:
        yield boundary
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching


@contextlib.asynccontextmanager
async def _policy_noted(role: Role, around: Surroundings, health: Health) -> AsyncIterator[None]:
    """While inside, and where the ledger is served, changes of the policy are put on record."""
    if Queue.LEDGER not in role.queues:
        yield
        return
    stop = asyncio.Event()
    noting = asyncio.create_task(note_policy_changes(policy_changes(around), stop))
    health.lives_by("look at the policy", noting)
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
    checks = [check_cluster_uid(settings, uid)]
    if not settings.boundary.enforced:
        checks += await check_rights(cluster, [act for act in role.acts if act.queue is Queue.CLUSTER])
    _say_warnings(checks, say)
    must_pass(checks)
    remember(settings, uid)


def _say_warnings(checks: Sequence[Check], say: Callable[[str], None]) -> None:
    warnings = [check for check in checks if check.outcome is Outcome.WARNING]
    for check in warnings[:MOST_SAID]:
        say(f"warning: {check.text}")
    if len(warnings) > MOST_SAID:
        say(f"warning: and {len(warnings) - MOST_SAID} more; `byteport doctor` lists them")


def check_policy(settings: Settings) -> Check:
    """Whether the policy file can be read and means something."""
    if settings.policy_file is None:
        return Check("policy_file", Outcome.FAILED, "must be set", remedy(Amiss.POLICY_UNSET))
    policy = load_policy(settings.policy_file)
    return Check("policy", Outcome.OK, f"{settings.policy_file}, mode {policy.mode.value}")
