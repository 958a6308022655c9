"""What a monitoring system hears of the boundary: how much is not whole, where, and when it was last looked at."""

from __future__ import annotations

from datetime import UTC, datetime

from temporalio.common import MetricMeter
from temporalio.runtime import MetricBuffer, Runtime, TelemetryConfig

from byteport.boundary.names import ACT_ROLE, NAMESPACE
from byteport.boundary.roles import rule
from byteport.contracts.metrics import BOUNDARY_FINDINGS, BOUNDARY_LOOKED_AT
from byteport.domain.ceilings import Ceiling
from byteport.domain.modes import Mode
from byteport.domain.policy import PolicyConfig
from byteport.settings.model import BoundaryConfig
from tests.builders.guarded import Guarded
from workers.boundary_check import look_at_boundary
from workers.boundary_metrics import BoundaryMetrics

FINDINGS, LOOKED_AT = BOUNDARY_FINDINGS.name, BOUNDARY_LOOKED_AT.name
NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)


def heard(buffer: MetricBuffer) -> dict[tuple[str, str], float]:
    """The last value of each gauge, by name and place."""
    return {
        (update.metric.name, str(update.attributes.get("place", ""))): update.value
        for update in buffer.retrieve_updates()
    }


def meter_of(buffer: MetricBuffer) -> MetricMeter:
    return Runtime(telemetry=TelemetryConfig(metrics=buffer)).metric_meter


async def test_findings_are_counted_by_where_they_hold_and_gone_when_they_are_gone() -> None:
    buffer = MetricBuffer(1000)
    metrics = BoundaryMetrics(meter_of(buffer), lambda: NOW)
    cluster = Guarded(given={"shop": Ceiling(mode=Mode.AUTO)})
    metrics.looked(await look_at_boundary(cluster, BoundaryConfig(), PolicyConfig()))
    whole = {(FINDINGS, "everywhere"): 0, (FINDINGS, "namespace"): 0, (LOOKED_AT, ""): NOW.timestamp()}
    assert heard(buffer) == whole
    cluster.bind([rule("", "secrets", ["get"])], NAMESPACE)
    cluster.remove("RoleBinding", ACT_ROLE, "shop")
    metrics.looked(await look_at_boundary(cluster, BoundaryConfig(), PolicyConfig()))
    assert heard(buffer) == whole | {(FINDINGS, "everywhere"): 1, (FINDINGS, "namespace"): 2}
