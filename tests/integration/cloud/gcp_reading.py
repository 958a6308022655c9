"""A source of Google Cloud's metrics in a pod, what stands in the cloud for it, and what it reads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.cloud.gcp import GcpMetrics
from activities.cloud.source import Measured, Window
from byteport.contracts.cloud import Metric
from byteport.contracts.cloud_gcp import GcpSource
from byteport.errors import BytePortError
from tests.integration.cloud.gcp_monitoring import WORDS, Monitoring
from tests.integration.cloud.google_as_a_pod import PROJECT
from tests.integration.export.authority import Authority

NOW = datetime(2026, 3, 10, 9, 30, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NODE = "gke-prod-default-pool-1a2b3c4d-x7k2"
PROVIDER_ID = f"projects/{PROJECT}/zones/europe-west1-b/instances/{NODE}"
CLUSTER = {"project_id": PROJECT, "location": "europe-west1", "cluster_name": "prod"}
CPU = "kubernetes.io/node/cpu/allocatable_utilization"
MEMORY = "kubernetes.io/node/memory/allocatable_utilization"
USED, TOTAL = "kubernetes.io/node/ephemeral_storage/used_bytes", "kubernetes.io/node/ephemeral_storage/total_bytes"
INSTANCE = "compute.googleapis.com/instance/cpu/utilization"


def minute(ago: int) -> datetime:
    """The whole minute so many before that of NOW."""
    return NOW.replace(second=0) - ago * MINUTE


def every(value: float, *, ago: range = range(2, 6)) -> dict[datetime, float]:
    return {minute(one): value for one in ago}


def machine(
    there: Monitoring,
    name: str = NODE,
    *,
    zone: str = "europe-west1-b",
    instance_id: str = "4711",
    values: Mapping[datetime, float] | None = None,
) -> None:
    resource = {"project_id": PROJECT, "zone": zone, "instance_id": instance_id}
    there.hold(INSTANCE, resource, values or every(0.5), metric={"instance_name": name})


def node(there: Monitoring, metric_type: str, values: Mapping[datetime, float], name: str = NODE, **more: Any) -> None:
    there.hold(metric_type, {**CLUSTER, "node_name": name}, values, **more)


def source(there: Monitoring, authority: Authority, **changes: Any) -> GcpMetrics:
    named: dict[str, Any] = {"project": PROJECT, "cluster": "prod", "location": "europe-west1"} | changes
    return GcpMetrics(GcpSource(endpoint=f"localhost:{there.port}", **named), ca_file=authority.ca_file)


async def measured(
    there: Monitoring, authority: Authority, *, since: datetime | None = None, **changes: Any
) -> Measured:
    asked = source(there, authority, **changes)
    try:
        return await asked.read(Window(since or minute(6), NOW))
    finally:
        await asked.close()


async def refusal(there: Monitoring, authority: Authority, error: type[BytePortError], **changes: Any) -> BytePortError:
    with pytest.raises(error) as refused:
        await measured(there, authority, **changes)
    assert WORDS not in refused.value.message
    return refused.value


def said(found: Measured, metric: Metric) -> dict[datetime, float]:
    return {point.at: round(point.percent, 3) for point in found.points if point.metric is metric}
