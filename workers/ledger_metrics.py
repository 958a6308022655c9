"""What a monitoring system hears of the ledger: the hour's budget, what stops the agent, and how far each receiver is behind.

Beside the ledger's queue; started by `start.py`. It reads the ledger itself, so that it tells of a run or a process that has
stopped and could not. `signing_metrics.py` does the same for signatures.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from datetime import datetime

from temporalio.common import MetricMeter
from temporalio.runtime import Runtime

from activities.audit.budget import budgets, stops
from activities.clock import Clock
from byteport.audit.heads import Chain
from byteport.contracts.acts import Queue
from byteport.contracts.metrics import BUDGET_LEFT, BUDGET_USED, STOPPED, UNEXPORTED_RECORDS, UNEXPORTED_SECONDS
from byteport.contracts.receivers import TargetKind
from byteport.domain.limits import Limits
from byteport.errors import BytePortError, MalformedInput
from byteport.ledger import cursors
from byteport.ledger.log import AuditLog
from byteport.ledger.opening import open_reader
from byteport.ledger.store import Readable, Sql
from byteport.temporal.metering import gauge
from workers.health import Health
from workers.processes import Role
from workers.signing import chain_of
from workers.wiring import Surroundings

EVERY_SECONDS = 30.0

logger = logging.getLogger("byteport.telemetry")


@contextlib.asynccontextmanager
async def ledger_watched(role: Role, around: Surroundings, health: Health) -> AsyncIterator[None]:
    """While inside, and where the ledger is served, a monitoring system hears how it stands."""
    settings = around.settings
    if Queue.LEDGER not in role.queues or settings.telemetry.metrics_address is None:
        yield
        return
    runtime = around.client.service_client.config.runtime or Runtime.default()
    chain, export = chain_of(around.installation), settings.audit.export
    receivers = {kind: export.cursor(kind, chain.cluster_uid) for kind in export.target}
    reader = open_reader(settings.ledger, settings.tenant)
    metrics = LedgerMetrics(runtime.metric_meter, reader, chain, settings.limits, receivers, around.clock)
    stop = asyncio.Event()
    watching = asyncio.create_task(metrics.watch(stop))
    health.lives_by("look at the ledger", watching)
    try:
        yield
    finally:
        stop.set()
        await watching


class LedgerMetrics:
    """Gauges of one ledger."""

    def __init__(
        self,
        meter: MetricMeter,
        reader: Readable,
        chain: Chain,
        limits: Limits,
        receivers: Mapping[TargetKind, str],
        clock: Clock,
    ) -> None:
        """`receivers`: the name of each one's cursor."""
        self._used, self._left = gauge(meter, BUDGET_USED), gauge(meter, BUDGET_LEFT)
        self._stopped = gauge(meter, STOPPED)
        self._records, self._seconds = gauge(meter, UNEXPORTED_RECORDS), gauge(meter, UNEXPORTED_SECONDS)
        self._reader = reader
        self._chain = chain
        self._limits = limits
        self._receivers = dict(receivers)
        self._clock = clock

    def look(self) -> None:
        """Raises one of our errors when the ledger cannot be read; then nothing is said anew."""
        now = self._clock()
        head = AuditLog(self._reader).head(self._chain)
        with self._reader.snapshot() as sql:
            spent, standing = budgets(sql, self._chain, self._limits, now), stops(sql, self._chain.cluster_uid)
            behind = {kind: self._behind(sql, kind, head.seq if head else 0, now) for kind in self._receivers}
        for of, budget in spent.items():
            self._used.set(budget.used, {"of": of.value})
            self._left.set(budget.left, {"of": of.value})
        for by, stands in standing.items():
            self._stopped.set(int(stands), {"by": by.value})
        for kind, (records, seconds) in behind.items():
            self._records.set(records, {"target": kind.value})
            self._seconds.set(seconds, {"target": kind.value})

    def _behind(self, sql: Sql, kind: TargetKind, head: int, now: datetime) -> tuple[int, int]:
        """Records beyond the receiver's cursor, and the age of the first of them by its own time."""
        has = cursors.read(sql, self._chain, self._receivers[kind])
        row = sql.execute(
            "SELECT timestamp FROM agent_actions WHERE tenant = ? AND cluster_uid = ? AND seq = ?",
            (self._chain.tenant, self._chain.cluster_uid, has + 1),
        ).fetchone()
        if row is None:
            return 0, 0
        try:
            at = datetime.fromisoformat(row[0])
            return max(0, head - has), max(0, int((now - at).total_seconds()))
        except (TypeError, ValueError):
            raise MalformedInput("timestamp", "a record has a time that is none") from None

    async def watch(self, stop: asyncio.Event) -> None:
        """Look until `stop`."""
        while not stop.is_set():
            try:
                await asyncio.to_thread(self.look)
            except BytePortError as error:
                logger.warning("how the ledger stands cannot be told now: %s", error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), EVERY_SECONDS)
