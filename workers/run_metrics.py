"""What a monitoring system hears of Temporal's runs: whether the cluster is being watched, and what waits for people.

Beside the control queue; started by `start.py`. Temporal itself is asked, not the watch or the approvals, so that it tells of a
watch that has stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from temporalio.client import Client
from temporalio.common import MetricMeter
from temporalio.runtime import Runtime

from activities.clock import Clock
from byteport.contracts.acts import Queue
from byteport.contracts.metrics import APPROVALS_OLDEST, APPROVALS_WAITING, WATCH_HEARTBEAT, WATCHING
from byteport.domain.ids import watch_id
from byteport.errors import BytePortError
from byteport.temporal.metering import gauge
from byteport.temporal.views import pending_heartbeat, waiting_since
from workers.health import Health
from workers.processes import Role
from workers.wiring import Surroundings

EVERY_SECONDS = 30.0

logger = logging.getLogger("byteport.telemetry")


@contextlib.asynccontextmanager
async def runs_watched(role: Role, around: Surroundings, health: Health) -> AsyncIterator[None]:
    """While inside, and where workflows are served, a monitoring system hears how the runs stand."""
    if Queue.CONTROL not in role.queues or around.settings.telemetry.metrics_address is None:
        yield
        return
    runtime = around.client.service_client.config.runtime or Runtime.default()
    watched = around.installation.cluster_uid if around.settings.watch.enabled else None
    metrics = RunMetrics(runtime.metric_meter, around.client, watched, around.clock)
    stop = asyncio.Event()
    watching = asyncio.create_task(metrics.watch(stop))
    health.lives_by("look at the runs", watching)
    try:
        yield
    finally:
        stop.set()
        await watching


class RunMetrics:
    """Gauges of what Temporal says of one cluster's runs."""

    def __init__(self, meter: MetricMeter, client: Client, watched: str | None, clock: Clock) -> None:
        """`watched`: the uid of the cluster whose watch there must be; None where the settings want none."""
        self._watching, self._heartbeat = gauge(meter, WATCHING), gauge(meter, WATCH_HEARTBEAT)
        self._waiting, self._oldest = gauge(meter, APPROVALS_WAITING), gauge(meter, APPROVALS_OLDEST)
        self._client = client
        self._watched = watched
        self._clock = clock

    async def look(self) -> None:
        """Raises one of our errors when Temporal does not answer; then nothing is said anew."""
        if self._watched is not None:
            age = await pending_heartbeat(self._client, watch_id(self._watched))
            self._watching.set(int(age is not None))
            if age is not None:
                self._heartbeat.set(max(0, int(age)))
        waiting = await waiting_since(self._client)
        oldest = (self._clock() - min(waiting)).total_seconds() if waiting else 0
        self._waiting.set(len(waiting))
        self._oldest.set(max(0, int(oldest)))

    async def watch(self, stop: asyncio.Event) -> None:
        """Look until `stop`."""
        while not stop.is_set():
            try:
                await self.look()
            except BytePortError as error:
                logger.warning("how the runs stand cannot be told now: %s", error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), EVERY_SECONDS)
