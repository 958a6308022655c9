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
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.worker import PollerBehaviorAutoscaling, Worker

from byteport.contracts.acts import Queue, task_queue_name
from byteport.errors import ConfigError
from byteport.temporal.metering import served_at
from workers.processes import Role
from workers.runner import workflow_runner

GRACE = timedelta(seconds=5)
"""The SDK's default is none: what runs would be cut."""
HAND_OVER = timedelta(seconds=0.2)
"""How long workflows outlive the activities of the same process."""

MOST_ACTIVITIES: Mapping[Queue, int] = {Queue.CLUSTER: 16}
"""At once in one process; what is beyond it waits in Temporal. A look holds every object that it read, of a namespace or a
node, until it is reduced, so that a storm's hundreds of looks at once would need hundreds of times the memory and answer none
of them sooner. Elsewhere the SDK's own hundred."""
MOST_WORKFLOW_TASKS = 8
"""At once in one process. They share one interpreter: of a hundred that a storm begins together each would be done last, after
the ten seconds that the server gives them, and begun again."""

logger = logging.getLogger("byteport.worker")

Activities = Mapping[Queue, Sequence[Callable[..., Any]]]
Workers = Mapping[Queue, asyncio.Task[None]]
"""Each queue's worker, as the task that ends when it does."""


async def serve(
    client: Client,
    role: Role,
    cluster_uid: str,
    activities: Activities,
    *,
    stop: asyncio.Event,
    ready: Callable[[Workers], None] = lambda _: None,
) -> None:
    """Serve the role's queues that have something to serve until `stop` is set; `ready` is called with the workers once they run.

    Raises what a worker died of. Either way every worker of this process has ended when this returns.
    """
    served = [queue for queue in sorted(role.queues) if activities.get(queue) or queue is Queue.CONTROL]
    workers = {queue: _worker(client, queue, role, cluster_uid, activities) for queue in served}
    running = {queue: asyncio.create_task(worker.run()) for queue, worker in workers.items()}
    stopping = asyncio.create_task(stop.wait())
    try:
        ready(running)
        done, _ = await asyncio.wait([*running.values(), stopping], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopping}:
            await task
    finally:
        stopping.cancel()
        await _shut_down(workers)
        ended = await asyncio.gather(*running.values(), stopping, return_exceptions=True)
        for result in ended:
            if isinstance(result, Exception):
                logger.error("a worker ended: %s", result)


async def _shut_down(workers: Mapping[Queue, Worker]) -> None:
    """End the activities, then the workflows, which hear what the activities have handed over in their last moment.

    A workflow task that reaches a worker on its way out is lost until it times out after ten seconds: the next watch of
    the cluster would begin that much later. A worker that is still being started is ended too: it would never hear of it.
    """
    acting = [worker for queue, worker in workers.items() if queue is not Queue.CONTROL]
    await asyncio.gather(*(worker.shutdown() for worker in acting), return_exceptions=True)
    if Queue.CONTROL in workers:
        if acting:
            await asyncio.sleep(HAND_OVER.total_seconds())
        await asyncio.gather(workers[Queue.CONTROL].shutdown(), return_exceptions=True)


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
    """The SDK's runtime that serves Prometheus at `address`; None where nothing is to be served. Raises `ConfigError` where another
    process has that address already."""
    if address is None:
        return None
    try:
        return Runtime(telemetry=TelemetryConfig(metrics=served_at(address)))
    except ValueError:  # the SDK's own, in its words
        says = f"{address} cannot be listened on; each process on one machine needs its own, by BYTEPORT_TELEMETRY_METRICS_ADDRESS"
        raise ConfigError("telemetry.metrics_address", says) from None


def _worker(client: Client, queue: Queue, role: Role, cluster_uid: str, activities: Activities) -> Worker:
    return Worker(
        client,
        task_queue=task_queue_name(queue, cluster_uid),
        workflows=role.workflows if queue is Queue.CONTROL else (),
        activities=activities.get(queue, ()),
        workflow_runner=workflow_runner(),
        graceful_shutdown_timeout=GRACE,
        max_concurrent_activities=MOST_ACTIVITIES.get(queue),
        max_concurrent_workflow_tasks=MOST_WORKFLOW_TASKS,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
    )
