"""AWS: what CloudWatch has measured of the machines of this cluster, and of its pods.

`DescribeInstances` says which machines are ours, by the tags that EKS and every cluster on EC2 give them, `ListMetrics` what
is measured of them, `GetMetricData` the values. Nothing else is asked (`byteport/contracts/cloud_rights.py`). A machine is
named by its instance id, as its Node's `spec.providerID` ends. Comes after `aws_series.py`, which knows the metrics, and
`aws_api.py`, which asks; `poll.py` makes symptoms of the points.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from activities.clock import Clock, utc_now
from activities.cloud.aws_api import AwsApi
from activities.cloud.aws_check import looked_at
from activities.cloud.aws_series import MEASURES, Series, chosen, of_machine, of_metric
from activities.cloud.source import Measured, Point, RightFinding, Window
from byteport.contracts.cloud import CloudSource
from byteport.contracts.cloud_rights import AWS_ACTIONS
from byteport.contracts.cloud_sources import AwsSource
from byteport.errors import Unavailable

GET_DATA, LIST, DESCRIBE = AWS_ACTIONS
MOST_SERIES = 10_000
"""Asked for in one poll: twenty calls. With more, the rest is not looked at, which is said."""
MOST_QUERIES = 500
"""In one call, as AWS has it."""
MOST_PAGES = 200
"""Of one answer; one that goes on for longer is taken for one without an end."""
LISTING = timedelta(seconds=25)
"""So long machines and metrics are listed at a poll, of the minute that it has; of an account with more, the rest is not looked
at, which is said."""
KNOWN_FOR = timedelta(minutes=10)
"""How long machines and metrics are remembered: both change slowly, and each question costs."""
RECENT = "PT3H"
"""Metrics that have had no value for three hours are not listed."""
TAGS = ("tag:eks:cluster-name", "tag-key")


class _Known(NamedTuple):
    """What was listed, when, and whether to its end."""

    at: datetime
    series: Sequence[Series]
    whole: bool


class AwsMetrics:
    """One account's metrics of one cluster."""

    source = CloudSource.AWS

    def __init__(
        self,
        config: AwsSource,
        cluster_name: str,
        *,
        ca_file: Path | None = None,
        proxy: str | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """Raises `ConfigError` where no region is known. Its identity is asked for at the first question."""
        self._cluster = config.cluster or cluster_name
        self._api = AwsApi(config, ca_file=ca_file, proxy=proxy, clock=clock)
        self._clock = clock
        self._known: _Known | None = None

    async def read(self, window: Window) -> Measured:
        known = await self._listed()
        wanted = known.series[:MOST_SERIES]
        points: list[Point] = []
        whole = known.whole and len(wanted) == len(known.series)
        for first in range(0, len(wanted), MOST_QUERIES):
            whole &= await self._data(wanted[first : first + MOST_QUERIES], window, points)
        return Measured(points, len(wanted), self._api.now_there, truncated=not whole)

    async def check(self) -> tuple[RightFinding, ...]:
        return await looked_at(self._api)

    async def close(self) -> None:
        await self._api.close()

    # -- which series there are -------------------------------------------------------------------------------------

    async def _listed(self) -> _Known:
        now = self._clock()
        if self._known is None or now - self._known.at >= KNOWN_FOR:
            self._known = await self._found(now)
        return self._known

    async def _found(self, now: datetime) -> _Known:
        machines = await self._machines()
        found = [of_machine(machine, detailed=detailed) for machine, detailed in machines.items()]
        whole = True
        for measure in MEASURES:
            asked: dict[str, Any] = {"Namespace": measure.namespace, "MetricName": measure.name}
            asked["Dimensions"] = measure.filters(self._cluster)
            async for page in self._pages("cloudwatch", "ListMetrics", LIST, asked | {"RecentlyActive": RECENT}):
                for metric in page.get("Metrics", ()):
                    dimensions = {str(one["Name"]): str(one["Value"]) for one in metric.get("Dimensions", ())}
                    series = of_metric(measure, dimensions, self._cluster, machines)
                    found += [series] if series is not None else []
                if self._clock() - now > LISTING:
                    whole = False
                    break
        return _Known(now, chosen(found), whole)

    async def _machines(self) -> Mapping[str, bool]:
        """Running instances of this cluster, and whether each is measured by the minute."""
        found: dict[str, bool] = {}
        for tag, value in zip(TAGS, (self._cluster, f"kubernetes.io/cluster/{self._cluster}"), strict=True):
            filters = [
                {"Name": tag, "Values": [value]},
                {"Name": "instance-state-name", "Values": ["running"]},
            ]
            async for page in self._pages(
                "ec2", "DescribeInstances", DESCRIBE, {"Filters": filters, "MaxResults": 500}
            ):
                for machine in _instances(page):
                    found[str(machine["InstanceId"])] = machine.get("Monitoring", {}).get("State") == "enabled"
        return found

    # -- values -----------------------------------------------------------------------------------------------------

    async def _data(self, series: Sequence[Series], window: Window, points: list[Point]) -> bool:
        """Adds the values of these to `points`. Whether they were all given."""
        by_id = {f"s{number}": one for number, one in enumerate(series)}
        asked = {
            "MetricDataQueries": [_query(name, one) for name, one in by_id.items()],
            "StartTime": window.start.replace(second=0, microsecond=0),
            "EndTime": window.end.replace(microsecond=0),
            "ScanBy": "TimestampAscending",
        }
        whole = True
        async for page in self._pages("cloudwatch", "GetMetricData", GET_DATA, asked):
            whole &= not page.get("Messages")
            for result in page.get("MetricDataResults", ()):
                one = by_id.get(str(result.get("Id")))
                whole &= result.get("StatusCode", "Complete") in ("Complete", "PartialData")
                if one is not None:
                    points += _points(one, result, window.end)
        return whole

    async def _pages(self, service: str, operation: str, needs: str, asked: Mapping[str, Any]) -> Any:
        """Every page of an answer. Raises `Unavailable` for one that has no end."""
        token: str | None = None
        for _ in range(MOST_PAGES):
            more = {} if token is None else {"NextToken": token}
            page = await self._api.ask(service, operation, needs, **asked, **more)
            yield page
            following = page.get("NextToken") or None
            if following is None:
                return
            if following == token:
                break
            token = following
        raise Unavailable(f"aws: {operation} gives pages without an end")


def _instances(page: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for reservation in page.get("Reservations", ()):
        yield from reservation.get("Instances", ())


def _query(name: str, series: Series) -> dict[str, Any]:
    dimensions = [{"Name": key, "Value": value} for key, value in sorted(series.dimensions.items())]
    metric = {"Namespace": series.namespace, "MetricName": series.name, "Dimensions": dimensions}
    period = int(series.period.total_seconds())
    return {"Id": name, "MetricStat": {"Metric": metric, "Period": period, "Stat": "Average"}, "ReturnData": True}


def _points(series: Series, result: Mapping[str, Any], end: datetime) -> Iterator[Point]:
    """A timestamp is the beginning of its period; of one that has not ended the average says nothing yet."""
    for began, value in zip(result.get("Timestamps", ()), result.get("Values", ()), strict=False):
        at = began.astimezone(UTC) + series.period
        if at <= end:
            yield Point(series.subject, series.metric, float(value), at, series.period, series.part)
