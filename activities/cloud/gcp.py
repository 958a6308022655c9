"""Google Cloud Monitoring: CPU, memory and disk of GKE's nodes, or the CPU of instances, by this pod's own identity.

Comes after `gcp_channel.py` (how it is asked) and `gcp_series.py` (what the answers say); `gcp_rights.py` looks at what this
identity may do. Read-only: one method of one API, `ListTimeSeries`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from activities.clock import Clock, utc_now
from activities.cloud.gcp_channel import SCOPE, SETTING, MonitoringApi
from activities.cloud.gcp_requests import (
    DISK_TOTAL,
    DISK_USED,
    NODE_CPU,
    NODE_MEMORY,
    Query,
    instances,
    nodes,
)
from activities.cloud.gcp_rights import GcpRights
from activities.cloud.gcp_series import Machines, Series, aligned, parts, shares
from activities.cloud.source import Measured, Point, RightFinding, Window
from activities.export.google import GoogleIdentity
from byteport.contracts.cloud import CloudSource, Metric
from byteport.contracts.cloud_gcp import GcpSource
from byteport.errors import ConfigError, Unavailable

if TYPE_CHECKING:
    from google.cloud.monitoring_v3.types import ListTimeSeriesResponse

MOST_SERIES = 20_000
"""Of one metric. GKE has at most 15,000 nodes in a cluster; what is beyond is left out, and said."""
MOST_POINTS = 200_000
"""Of one metric."""
_NUMBERS = frozenset({"double_value", "int64_value"})


class GcpMetrics:
    """One project, and one cluster of it."""

    source = CloudSource.GCP

    def __init__(
        self,
        config: GcpSource,
        *,
        ca_file: Path | None = None,
        proxy: str | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """Nothing is asked yet, nor Google's library imported. Raises `ConfigError` where no project is named."""
        if config.project is None:
            raise ConfigError(f"{SETTING}.project", "must be set: the id of the project in which the nodes run")
        self._config = config
        self._project = config.project
        self._clock = clock
        identity = GoogleIdentity(ca_file, proxy, clock, scope=SCOPE, setting=SETTING, what="gcp")
        self._api = MonitoringApi(config.endpoint, config.project, identity, ca_file, proxy)
        self._rights = GcpRights(config, ca_file=ca_file, proxy=proxy, clock=clock)

    async def read(self, window: Window) -> Measured:
        """Points of whole minutes that ended at least one before `window.end`. All pages."""
        within = aligned(window)
        asked = self._queries()
        readings = [Reading(query) for query in asked]
        self._api.source_now = None
        for reading in readings:
            await self._fill(reading, within)
        return Measured(
            self._points(readings),
            series=sum(len(reading.series) for reading in readings if reading.query.values),
            source_now=self._api.source_now,
            truncated=any(reading.cut for reading in readings),
        )

    async def check(self) -> tuple[RightFinding, ...]:
        """What this identity may do in the project, against roles/monitoring.viewer and what is never requested."""
        return await self._rights.check()

    async def close(self) -> None:
        """May be read again: the token stays known."""
        await self._api.close()
        await self._rights.close()

    def _queries(self) -> Sequence[Query]:
        if self._config.cluster is None:
            return (instances(self._config, values=True),)
        measured = (NODE_CPU, NODE_MEMORY, DISK_USED, DISK_TOTAL)
        return (instances(self._config, values=False), *(nodes(self._config, one) for one in measured))

    def _points(self, readings: Sequence[Reading]) -> tuple[Point, ...]:
        machines = Machines.of(readings[0].series.values(), self._project)
        if self._config.cluster is None:
            return tuple(shares(machines, readings[0].series.values(), Metric.CPU))
        cpu, memory, used, total = (reading.series.values() for reading in readings[1:])
        return (
            *shares(machines, cpu, Metric.CPU),
            *shares(machines, memory, Metric.MEMORY),
            *parts(machines, used, total, Metric.DISK),
        )

    async def _fill(self, reading: Reading, window: Window) -> None:
        async for page in self._api.pages(reading.query, window):
            try:
                reading.take(page)
            except (ValueError, OverflowError):
                raise Unavailable(f"gcp: {reading.query.metric_type}: an answer holds a time that is none") from None
            if reading.cut:
                return


class Reading:
    """One query's answer: its series, each with what all its pages said."""

    def __init__(self, query: Query) -> None:
        self.query = query
        self.series: dict[tuple[tuple[str, str], ...], Series] = {}
        self.cut = False
        """Not all of it was taken, or Google itself could not give all of it."""
        self._points = 0

    def take(self, page: ListTimeSeriesResponse) -> None:
        """A page holds so many points, whosesoever: a series may go on in the next one."""
        plain = type(page).pb(page)
        if plain.execution_errors:
            self.cut = True
        for one in plain.time_series:
            resource, metric = dict(one.resource.labels), dict(one.metric.labels)
            key = (*sorted(resource.items()), ("", ""), *sorted(metric.items()))
            if key not in self.series and len(self.series) >= MOST_SERIES:
                self.cut = True
                return
            series = self.series.setdefault(key, Series(resource, metric))
            for point in one.points:
                if self._points >= MOST_POINTS:
                    self.cut = True
                    return
                self._points += 1
                kind = point.value.WhichOneof("value")
                if kind in _NUMBERS:
                    series.values[point.interval.end_time.ToDatetime(tzinfo=UTC)] = float(getattr(point.value, kind))
