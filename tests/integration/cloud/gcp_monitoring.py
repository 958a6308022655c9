"""`google.monitoring.v3.MetricService` over gRPC and TLS, of the request and response types of Google's own library.

The library brings no servicer, so its one method is a handler of our own. It enforces what the reference of
`projects.timeSeries.list` says (one metric type, the grammar of filters, intervals, alignments, pages that belong to the request
they came from, points counted in a page, newest first) and refuses what that refuses. Its series are samples with the moment from
which each can be seen, so that what comes late is late.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import grpc
from google.api.metric_pb2 import Metric
from google.api.monitored_resource_pb2 import MonitoredResource
from google.cloud.monitoring_v3.types import (
    Aggregation,
    ListTimeSeriesRequest,
    ListTimeSeriesResponse,
    Point,
    TimeInterval,
    TimeSeries,
    TypedValue,
)
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

METHOD = "google.monitoring.v3.MetricService"
LARGEST_PAGE = 100_000
SHORTEST_ALIGNMENT = 60
WORDS = "the words of a cloud"
LABELS = {
    "gce_instance": {"project_id", "instance_id", "zone"},
    "k8s_node": {"project_id", "location", "cluster_name", "node_name"},
}
_CLAUSE = re.compile(r'([a-z_]+(?:\.[a-z_]+)*) = "((?:[^"\\]|\\.)*)"')


@dataclass
class Sampled:
    """One series: `samples` are (when, value, from when it can be seen)."""

    metric_type: str
    resource_type: str
    resource: Mapping[str, str]
    metric: Mapping[str, str]
    samples: list[tuple[datetime, float, datetime]]


@dataclass
class Monitoring:
    """What is listening, what it holds, and what it was asked."""

    port: int
    project: str
    takes: Callable[[str], bool]
    """Whether a token is one that was given for metrics."""
    now: datetime
    series: list[Sampled] = field(default_factory=list)
    asked: list[ListTimeSeriesRequest] = field(default_factory=list)
    refusals: list[tuple[grpc.StatusCode, tuple[Any, ...]]] = field(default_factory=list)
    """In place of the next answers: a code, and details beside it."""
    largest_page: int = LARGEST_PAGE
    partial: bool = False
    says_its_time: bool = True
    absurd: bool = False
    """Points have times that are none."""
    silent: bool = False
    """Nothing is answered, for as long as somebody waits."""
    pages: dict[str, tuple[bytes, int]] = field(default_factory=dict)

    def hold(
        self,
        metric_type: str,
        resource: Mapping[str, str],
        values: Mapping[datetime, float],
        *,
        metric: Mapping[str, str] | None = None,
        late: timedelta = timedelta(0),
    ) -> None:
        kind = "gce_instance" if metric_type.startswith("compute.") else "k8s_node"
        seen = [(at, value, at + late) for at, value in values.items()]
        self.series.append(Sampled(metric_type, kind, dict(resource), dict(metric or {}), seen))


class Refused(Exception):
    def __init__(self, code: grpc.StatusCode, *details: Any) -> None:
        self.code = code
        self.details = details


@asynccontextmanager
async def monitoring(
    project: str, takes: Callable[[str], bool], now: datetime, issued: Any
) -> AsyncIterator[Monitoring]:
    """`issued` is a certificate of trustme's."""
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    credentials = grpc.ssl_server_credentials([(issued.private_key_pem.bytes(), chain)])
    server = grpc.aio.server()
    there = Monitoring(0, project, takes, now)
    handler = grpc.unary_unary_rpc_method_handler(
        _served(there),
        request_deserializer=ListTimeSeriesRequest.deserialize,
        response_serializer=ListTimeSeriesResponse.serialize,
    )
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(METHOD, {"ListTimeSeries": handler})])
    there.port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        yield there
    finally:
        await server.stop(0)


def _served(there: Monitoring) -> Callable[[ListTimeSeriesRequest, Any], Any]:
    async def list_time_series(request: ListTimeSeriesRequest, context: Any) -> ListTimeSeriesResponse:
        there.asked.append(request)
        if there.silent:
            await asyncio.Event().wait()
        if there.says_its_time:
            await context.send_initial_metadata((("date", format_datetime(there.now, usegmt=True)),))
        try:
            return _answer(there, request, dict(context.invocation_metadata()))
        except Refused as refused:
            status = status_pb2.Status(code=refused.code.value[0], message=WORDS)
            for detail in refused.details:
                packed = Packed()
                packed.Pack(detail)
                status.details.append(packed)
            await context.abort_with_status(rpc_status.to_status(status))
            raise

    return list_time_series


def retry_info(seconds: int) -> Any:
    return error_details_pb2.RetryInfo(retry_delay=Duration(seconds=seconds))


def error_info(reason: str) -> Any:
    return error_details_pb2.ErrorInfo(reason=reason, domain="googleapis.com")


def _answer(there: Monitoring, request: ListTimeSeriesRequest, metadata: Mapping[str, str]) -> ListTimeSeriesResponse:
    if not there.takes(metadata.get("authorization", "").removeprefix("Bearer ")):
        raise Refused(grpc.StatusCode.UNAUTHENTICATED)
    if there.refusals:
        code, details = there.refusals.pop(0)
        raise Refused(code, *details)
    if metadata.get("x-goog-request-params") != f"name={request.name}":
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT)
    if request.name != f"projects/{there.project}":
        raise Refused(grpc.StatusCode.PERMISSION_DENIED)
    _check(request)
    found = [one for one in there.series if _matches(one, request.filter)]
    whole = [made for one in found if (made := _made(one, request, there.now)) is not None]
    return _page(there, request, whole)


def _check(request: ListTimeSeriesRequest) -> None:
    invalid = Refused(grpc.StatusCode.INVALID_ARGUMENT)
    aggregation = request.aggregation
    plain = TimeInterval.pb(request.interval)
    start, end = _interval(request)
    if not plain.HasField("end_time") or not plain.HasField("start_time") or start > end:
        raise invalid
    if request.order_by or request.page_size < 0 or "secondary_aggregation" in request:
        raise invalid
    aligner, reducer = aggregation.per_series_aligner, aggregation.cross_series_reducer
    if aligner is not Aggregation.Aligner.ALIGN_NONE and _period(request).total_seconds() < SHORTEST_ALIGNMENT:
        raise invalid
    if reducer is not Aggregation.Reducer.REDUCE_NONE and aligner is Aggregation.Aligner.ALIGN_NONE:
        raise invalid


def _interval(request: ListTimeSeriesRequest) -> tuple[datetime, datetime]:
    plain = TimeInterval.pb(request.interval)
    return plain.start_time.ToDatetime(tzinfo=UTC), plain.end_time.ToDatetime(tzinfo=UTC)


def _period(request: ListTimeSeriesRequest) -> timedelta:
    period: timedelta = Aggregation.pb(request.aggregation).alignment_period.ToTimedelta()
    return period


def _clauses(text: str) -> dict[str, str]:
    """The conjunction that our filters are, strictly read; of the grammar's other forms we use none."""
    found = {}
    for part in text.split(" AND "):
        clause = _CLAUSE.fullmatch(part)
        if clause is None or clause[1] in found:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT)
        found[clause[1]] = clause[2]
    resource = LABELS.get(found.get("resource.type", ""))
    if "metric.type" not in found or resource is None:
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT)
    for name in found:
        if name.startswith("resource.labels.") and name.removeprefix("resource.labels.") not in resource:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT)
        if not name.startswith(("resource.", "metric.")):
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT)
    return found


def _matches(one: Sampled, text: str) -> bool:
    for name, value in _clauses(text).items():
        match name.split("."):
            case ["metric", "type"]:
                holds = one.metric_type == value
            case ["resource", "type"]:
                holds = one.resource_type == value
            case ["resource", "labels", label]:
                holds = one.resource.get(label) == value
            case ["metric", "labels", label]:
                holds = one.metric.get(label) == value
            case _:
                raise Refused(grpc.StatusCode.INVALID_ARGUMENT)
        if not holds:
            return False
    return True


def _made(one: Sampled, request: ListTimeSeriesRequest, now: datetime) -> TimeSeries | None:
    """The series within (start, end], aligned as is asked; None where it has no point there."""
    start, end = _interval(request)
    inside = [(at, value) for at, value, seen in one.samples if start < at <= end and seen <= now]
    if not inside:
        return None
    made = TimeSeries(
        metric=Metric(type=one.metric_type, labels=dict(one.metric)),
        resource=MonitoredResource(type=one.resource_type, labels=dict(one.resource)),
    )
    if request.view is ListTimeSeriesRequest.TimeSeriesView.HEADERS:
        return made
    if request.aggregation.per_series_aligner is not Aggregation.Aligner.ALIGN_MEAN:
        raise Refused(grpc.StatusCode.UNIMPLEMENTED)
    made.points = list(_means(inside, start, end, _period(request)))
    return made


def _means(inside: list[tuple[datetime, float]], start: datetime, end: datetime, period: timedelta) -> Iterator[Point]:
    """Newest first; a period in which there was no sample is not there."""
    at = end
    while at > start:
        values = [value for moment, value in inside if at - period < moment <= at]
        if values:
            interval = TimeInterval(start_time=at, end_time=at)
            yield Point(interval=interval, value=TypedValue(double_value=sum(values) / len(values)))
        at -= period


def _page(there: Monitoring, request: ListTimeSeriesRequest, whole: list[TimeSeries]) -> ListTimeSeriesResponse:
    """So many results from where the token says: points, or series where only these are asked for."""
    again = ListTimeSeriesRequest(request)
    again.page_token = ""
    same = ListTimeSeriesRequest.serialize(again)
    first = 0
    if request.page_token:
        of, first = there.pages.pop(request.page_token, (b"", 0))
        if of != same:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT)
    counted: list[tuple[int, Point | None]] = []
    for number, one in enumerate(whole):
        counted += [(number, point) for point in one.points] or [(number, None)]
    most = min(request.page_size or LARGEST_PAGE, there.largest_page)
    shown = counted[first : first + most]
    answer = ListTimeSeriesResponse(unit="1")
    for number in dict.fromkeys(number for number, _ in shown):
        points = [point for of, point in shown if of == number and point is not None]
        answer.time_series.append(
            TimeSeries(metric=whole[number].metric, resource=whole[number].resource, points=points)
        )
    if first + most < len(counted):
        answer.next_page_token = f"page-{len(there.asked)}"
        there.pages[answer.next_page_token] = (same, first + most)
    if there.absurd:
        for series in ListTimeSeriesResponse.pb(answer).time_series:
            for point in series.points:
                point.interval.end_time.seconds = 1 << 60
    if there.partial:
        answer.execution_errors.append(status_pb2.Status(code=code_pb2.UNAVAILABLE, message=WORDS))
    return answer
