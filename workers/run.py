"""Runs one process's workers until it is asked to stop, and hands over what they were doing.

Comes after `preflight.py` and `wiring.py`. On SIGTERM or SIGINT no new task is taken, running activities have
`GRACE` to end (the watch returns its bookmarks), and then they are cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.worker import PollerBehaviorAutoscaling, Worker

from byteport.contracts.acts import Queue, task_queue_name
from workers.processes import Role
from workers.runner import workflow_runner

GRACE = timedelta(seconds=5)
"""The SDK's default is none: what runs would be cut."""

logger = logging.getLogger("byteport.worker")

Activities = Mapping[Queue, Sequence[Callable[..., Any]]]


async def serve(
    client: Client,
    role: Role,
    cluster_uid: str,
    activities: Activities,
    *,
    stop: asyncio.Event,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve the role's queues until `stop` is set; `ready` is called once they are polled.

    Raises what a worker died of. Either way every worker of this process has ended when this returns.
    """
    workers = [_worker(client, queue, role, cluster_uid, activities) for queue in sorted(role.queues)]
    running = [asyncio.create_task(worker.run()) for worker in workers]
    stopping = asyncio.create_task(stop.wait())
    try:
        ready()
        done, _ = await asyncio.wait([*running, stopping], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopping}:
            await task
    finally:
        stopping.cancel()
        # Also one that is still being started, which would otherwise never hear of it.
        await asyncio.gather(*(worker.shutdown() for worker in workers), return_exceptions=True)
        ended = await asyncio.gather(*running, stopping, return_exceptions=True)
        for result in ended:
            if isinstance(result, Exception):
                logger.error("a worker ended: %s", result)


@contextlib.contextmanager
def stop_on_signals(stop: asyncio.Event) -> Iterator[None]:
    """Set `stop` on SIGTERM and SIGINT while inside; a second signal then ends the process as usual."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)

    def heard() -> None:
        stop.set()
        for number in numbers:
            loop.remove_signal_handler(number)

    for number in numbers:
        loop.add_signal_handler(number, heard)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def metrics_runtime(address: str | None) -> Runtime | None:
    """The SDK's runtime that serves Prometheus at `address`; None where nothing is to be served."""
    if address is None:
        return None
    metrics = PrometheusConfig(bind_address=address, durations_as_seconds=True)
    return Runtime(telemetry=TelemetryConfig(metrics=metrics))


def _worker(client: Client, queue: Queue, role: Role, cluster_uid: str, activities: Activities) -> Worker:
    return Worker(
        client,
        task_queue=task_queue_name(queue, cluster_uid),
        workflows=role.workflows if queue is Queue.CONTROL else (),
        activities=activities.get(queue, ()),
        workflow_runner=workflow_runner(),
        graceful_shutdown_timeout=GRACE,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
    )
