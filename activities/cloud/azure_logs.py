"""How full disks are, from Container insights: one fixed query over one table of a Log Analytics workspace.

For clusters whose own metrics hold no disks. The query gives a number for each node, device and minute, never a line of a log;
the cluster's id in it comes from the settings, whose pattern has no quote. Comes after `azure_transport.py`; before `azure.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from activities.clock import Clock
from activities.cloud.azure_answers import meaning_of
from activities.cloud.azure_identity import SETTING, AzureIdentity
from activities.cloud.azure_machines import Machines
from activities.cloud.azure_series import of_disks
from activities.cloud.source import Point, Window
from activities.export.answers import Answer, Asked
from activities.export.guarded import GuardedClient
from byteport.contracts.cloud_azure import AzureSource
from byteport.errors import BytePortError, Unavailable

if TYPE_CHECKING:
    from azure.monitor.query.aio import LogsQueryClient

MOST_ROWS = 30_000
"""That Log Analytics gives at most."""
SERVER_SECONDS = 20
COLUMNS = ("Node", "Device", "Minute", "Percent")
QUERY = """InsightsMetrics
| where _ResourceId =~ '{cluster}'
| where Namespace == 'container.azm.ms/disk' and Name == 'used_percent'
| extend Tag = todynamic(Tags)
| summarize Percent = max(Val) by Node = tostring(Tag.hostName), Device = tostring(Tag.device), Minute = bin(TimeGenerated, 1m)
| where isnotempty(Node)
| top {rows} by Minute desc
| project Node, Device, Minute, Percent"""


@dataclass(frozen=True)
class Disks:
    """What one query gave."""

    points: tuple[Point, ...]
    series: int
    partial: bool
    """Log Analytics could not read all of it, or there were more rows than it gives."""


class DiskLogs:
    """One workspace."""

    def __init__(self, config: AzureSource, identity: AzureIdentity, client: GuardedClient, clock: Clock) -> None:
        self._config = config
        self._identity = identity
        self._guarded = client
        self._clock = clock
        self._client: LogsQueryClient | None = None

    async def read(self, machines: Machines, window: Window) -> Disks:
        """Raises `NotPermitted`, `Throttled`, `Unavailable` and `ConfigError`."""
        from azure.monitor.query import LogsQueryPartialResult

        self._client = self._client or self._opened()
        query = QUERY.format(cluster=self._config.cluster_id, rows=MOST_ROWS)
        try:
            answer = await self._client.query_workspace(
                str(self._config.workspace), query, timespan=(window.start, window.end), server_timeout=SERVER_SECONDS
            )
            partial = isinstance(answer, LogsQueryPartialResult)
            tables = answer.partial_data if isinstance(answer, LogsQueryPartialResult) else answer.tables
            rows = [row for table in tables for row in _rows(table)]
        except BytePortError:
            raise
        except Exception as error:  # noqa: BLE001  whatever Azure's client makes of an answer that is none
            raise Unavailable(f"azure: Container insights cannot be read ({type(error).__name__})") from None
        points = tuple(of_disks(machines.by_name(), [(node, device, [value]) for node, device, value in rows]))
        series = len({(node, device) for node, device, _ in rows})
        return Disks(points, series, partial or len(rows) >= MOST_ROWS)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
        self._client = None

    def _opened(self) -> LogsQueryClient:
        from azure.monitor.query.aio import LogsQueryClient

        from activities.cloud.azure_transport import GuardedTransport

        asked = Asked(f"azure: workspace {self._config.workspace}", url=f"{SETTING}.workspace", credential=SETTING)

        def meaning(answer: Answer) -> BytePortError:
            return meaning_of(asked, answer, self._clock(), needs="Monitoring Reader on the workspace")

        return LogsQueryClient(
            self._identity,
            endpoint=self._config.logs,
            audience=self._config.logs_audience,
            transport=GuardedTransport(self._guarded, asked, meaning, lambda _: None),
            retry_total=0,  # Temporal tries again
            permit_redirects=False,
        )


def _rows(table: Any) -> Iterator[tuple[str, str, tuple[datetime, float | None]]]:
    """Rows of the columns that were asked for; others are left out."""
    if tuple(table.columns) != COLUMNS:
        raise ValueError("other columns than were asked for")
    rows: Iterable[Sequence[Any]] = table.rows
    for node, device, minute, percent in rows:
        number = percent if isinstance(percent, int | float) and math.isfinite(percent) else None
        if isinstance(node, str) and isinstance(device, str) and isinstance(minute, datetime) and minute.tzinfo:
            yield node, device, (minute, number)
