"""What a monitoring system hears of the log's signatures, from a process that neither signs nor asks witnesses.

Beside the ledger's queue; started by `start.py`. An alert on these pages people where the signer, the run that calls it, or Temporal
itself has stopped, of which none can say so. Comes after `activities/signer/lag.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence

from temporalio.common import MetricMeter
from temporalio.runtime import Runtime

from activities.clock import Clock
from activities.signer.lag import lag
from byteport.audit.heads import Chain
from byteport.audit.notes import VerifierKey
from byteport.contracts.acts import Queue
from byteport.contracts.metrics import UNSIGNED_RECORDS, UNSIGNED_SECONDS, UNWITNESSED_RECORDS, UNWITNESSED_SECONDS
from byteport.errors import BytePortError
from byteport.ledger.opening import open_reader
from byteport.ledger.store import Readable
from byteport.temporal.metering import gauge
from workers.health import Health
from workers.processes import Role
from workers.signing import chain_of, is_signed
from workers.wiring import Surroundings

EVERY_SECONDS = 60.0

logger = logging.getLogger("byteport.checkpoints")


@contextlib.asynccontextmanager
async def signatures_watched(role: Role, around: Surroundings, health: Health) -> AsyncIterator[None]:
    """While inside, and where the ledger is served, a monitoring system hears how far the log is signed."""
    settings = around.settings
    if Queue.LEDGER not in role.queues or not is_signed(settings):
        yield
        return
    runtime = around.client.service_client.config.runtime or Runtime.default()
    reader = open_reader(settings.ledger, settings.tenant)
    witnesses = [one.verifier for one in settings.audit.witnesses]
    metrics = SigningMetrics(runtime.metric_meter, reader, chain_of(around.installation), witnesses, around.clock)
    stop = asyncio.Event()
    watching = asyncio.create_task(metrics.watch(stop))
    health.lives_by("look at the log's signatures", watching)
    try:
        yield
    finally:
        stop.set()
        await watching


class SigningMetrics:
    """Four gauges of one log. They are served only where settings name an address for metrics."""

    def __init__(
        self, meter: MetricMeter, reader: Readable, chain: Chain, witnesses: Sequence[VerifierKey], clock: Clock
    ) -> None:
        self._records, self._seconds = gauge(meter, UNSIGNED_RECORDS), gauge(meter, UNSIGNED_SECONDS)
        self._unwitnessed = gauge(meter, UNWITNESSED_RECORDS)
        self._unwitnessed_seconds = gauge(meter, UNWITNESSED_SECONDS)
        self._reader = reader
        self._chain = chain
        self._witnesses = tuple(witnesses)
        self._clock = clock

    def look(self) -> None:
        """Raises one of our errors when the ledger cannot be read; then nothing is said anew."""
        now = self._clock()
        found = lag(self._reader, self._chain, self._witnesses, now)
        self._records.set(found.signer.records)
        self._seconds.set(int(found.signer.lasts(now).total_seconds()))
        for name, behind in found.witnesses.items():
            self._unwitnessed.set(behind.records, {"witness": name})
            self._unwitnessed_seconds.set(int(behind.lasts(now).total_seconds()), {"witness": name})

    async def watch(self, stop: asyncio.Event) -> None:
        """Look until `stop`."""
        while not stop.is_set():
            try:
                await asyncio.to_thread(self.look)
            except BytePortError as error:
                logger.warning("how far the log is signed cannot be told now: %s", error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), EVERY_SECONDS)
