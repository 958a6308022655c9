"""Azure Monitor: CPU and memory of machines by their resource ids, and the disks of an AKS cluster's nodes; by workload identity.

Comes after `azure_machines.py` (which machines), `azure_transport.py` (how anything is asked) and `azure_series.py` (what the
answers say); `azure_logs.py` reads the disks from Container insights where that is set, and `azure_rights.py` looks at what this
identity may do. Read-only. Azure's libraries are imported when something is first asked.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from activities.clock import Clock, utc_now
from activities.cloud.azure_answers import clock_of, meaning_of
from activities.cloud.azure_identity import CA_SETTING, SETTING, AzureIdentity
from activities.cloud.azure_logs import DiskLogs
from activities.cloud.azure_machines import Machine, MachineList, Machines
from activities.cloud.azure_rights import AzureRights
from activities.cloud.azure_series import (
    CPU,
    DEVICE,
    DISK,
    FREE_MEMORY,
    MOST_SERIES,
    NODE,
    PERIOD,
    Series,
    aligned,
    batches,
    dimension,
    of_disks,
    of_machine,
    series_of,
)
from activities.cloud.source import Measured, Point, RightFinding, Window
from activities.export.answers import Answer, Asked
from activities.export.guarded import GuardedClient
from byteport.contracts.cloud import CloudSource
from byteport.contracts.cloud_azure import AzureSource
from byteport.errors import BytePortError, ConfigError, NotPermitted, Unavailable

if TYPE_CHECKING:
    from datetime import datetime

    from azure.monitor.querymetrics.aio import MetricsClient

AT_A_TIME = 6
"""Batches that are asked for at once: a hundred of them are 5,000 machines."""
CLUSTERS = "Microsoft.ContainerService/managedClusters"
_ERROR = re.compile(rb'"errorCode"\s*:\s*"(?!Success")')


class AzureMetrics:
    """The machines of one resource group, and the cluster that they belong to."""

    source = CloudSource.AZURE

    def __init__(
        self,
        config: AzureSource,
        *,
        ca_file: Path | None = None,
        proxy: str | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """Nothing is asked yet, nor Azure's libraries imported. Raises `ConfigError` for a setting that is missing."""
        if config.missing is not None:
            raise ConfigError(
                f"{SETTING}.{config.missing}", "must be set; a node's spec.providerID and its region name it"
            )
        self._config = config
        self._clock = clock
        self._ca_file = ca_file
        self._proxy = proxy
        self._identity = AzureIdentity(ca_file, proxy, clock)
        self._management = self._guarded(config.management)
        self._list = MachineList(config, self._identity, self._management, clock)
        self._rights = AzureRights(config, self._list)
        self._client: MetricsClient | None = None
        self._logs: DiskLogs | None = None
        self._source_now: datetime | None = None
        self._partial = False
        self._series = 0

    async def read(self, window: Window) -> Measured:
        """Points of whole minutes that ended at least one before `window.end`. All machines, fifty at a time."""
        self._source_now, self._partial, self._series = None, False, 0
        machines = await self._list.machines()
        within = aligned(window)
        try:
            points = [point async for point in self._points(machines, within)]
        except NotPermitted:
            await self._part()
            await self._identity.forget()
            raise
        return Measured(
            tuple(points),
            series=self._series,
            source_now=self._source_now,
            truncated=machines.truncated or self._partial,
        )

    async def check(self) -> tuple[RightFinding, ...]:
        """What this identity may do in the nodes' resource group, against Monitoring Reader and what is never requested."""
        return await self._rights.check()

    async def close(self) -> None:
        """May be read again: machines and tokens stay known."""
        await self._part()
        await self._identity.close()
        await self._management.close()

    async def _part(self) -> None:
        """From Azure's clients, each of which keeps a token of its own."""
        client, logs, self._client, self._logs = self._client, self._logs, None, None
        if client is not None:
            await client.close()
        if logs is not None:
            await logs.close()

    async def _points(self, machines: Machines, window: Window) -> AsyncIterator[Point]:
        by_id = machines.by_id()
        for series in await self._of_machines(machines, window):
            machine = by_id.get(series.resource)
            if machine is not None:
                self._series += 1
                for point in of_machine(machine, series.metric, series.values):
                    yield point
        if self._config.workspace is not None:
            self._logs = self._logs or DiskLogs(
                self._config, self._identity, self._guarded(self._config.logs), self._clock
            )
            found = await self._logs.read(machines, window)
            self._series += found.series
            self._partial = self._partial or found.partial
            for point in found.points:
                yield point
        elif self._config.cluster_id is not None:
            for point in await self._disks(self._config.cluster_id, machines, window):
                yield point

    async def _of_machines(self, machines: Machines, window: Window) -> Sequence[Series]:
        """Batches go out some at a time, as Azure asks who has many; the first that fails ends all of them."""
        free = asyncio.Semaphore(AT_A_TIME)

        async def ask(batch: Sequence[Machine]) -> Sequence[Series]:
            async with free:
                ids = [one.resource_id for one in batch]
                found = await self._query(ids, batch[0].kind.value, (CPU, FREE_MEMORY), window)
            of_batch = {one.lower() for one in ids}
            return [one for one in found if one.resource in of_batch]

        tasks = [asyncio.create_task(ask(batch)) for batch in batches(machines.found)]
        try:
            return [series for found in await asyncio.gather(*tasks) for series in found]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _disks(self, cluster_id: str, machines: Machines, window: Window) -> Sequence[Point]:
        every = f"{NODE} eq '*' and {DEVICE} eq '*'"
        found = await self._query([cluster_id], CLUSTERS, (DISK,), window, dimensions=every)
        disks = [one for one in found if one.resource == cluster_id.lower() and one.metric == DISK]
        self._series += len(disks)
        self._partial = self._partial or len(disks) >= MOST_SERIES
        named = [(dimension(one.dimensions, NODE), dimension(one.dimensions, DEVICE), one.values) for one in disks]
        return tuple(of_disks(machines.by_name(), named))

    async def _query(
        self, ids: Sequence[str], namespace: str, names: Sequence[str], window: Window, *, dimensions: str | None = None
    ) -> Sequence[Series]:
        self._client = self._client or self._opened()
        try:
            results = await self._client.query_resources(
                resource_ids=ids,
                metric_namespace=namespace,
                metric_names=names,
                timespan=(window.start, window.end),
                granularity=PERIOD,
                aggregations=["average"],
                filter=dimensions,
                max_results=None if dimensions is None else MOST_SERIES,
            )
            return [one for result in results for one in series_of(result)]
        except BytePortError:
            raise
        except Exception as error:  # noqa: BLE001  whatever Azure's client makes of an answer that is none
            raise Unavailable(f"azure: metrics of {namespace} cannot be read ({type(error).__name__})") from None

    def _opened(self) -> MetricsClient:
        from azure.monitor.querymetrics.aio import MetricsClient

        from activities.cloud.azure_transport import GuardedTransport

        url = self._config.metrics_url
        asked = Asked(f"azure: metrics of {self._config.region}", url=f"{SETTING}.metrics", credential=SETTING)
        needs = f"Monitoring Reader, or the exact role, on the subscription {self._config.subscription} itself"

        def meaning(answer: Answer) -> BytePortError:
            return meaning_of(asked, answer, self._clock(), needs=needs)

        return MetricsClient(
            url,
            self._identity,
            audience=self._config.metrics_audience,
            transport=GuardedTransport(self._guarded(url), asked, meaning, self._hear),
            retry_total=0,  # Temporal tries again
            permit_redirects=False,
        )

    def _hear(self, answer: Answer) -> None:
        """What Azure's client does not hand on: the time there, and that one of the metrics could not be given."""
        self._source_now = clock_of(answer.headers) or self._source_now
        self._partial = self._partial or _ERROR.search(answer.body) is not None

    def _guarded(self, url: str) -> GuardedClient:
        return GuardedClient(url, ca_file=self._ca_file, ca_setting=CA_SETTING, proxy=self._proxy, clock=self._clock)
