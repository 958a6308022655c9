"""How a metric of `byteport/contracts/metrics.py` is made where Temporal's SDK serves it, in an act or a worker.

Workflows make theirs by `workflows/metering.py`. All are served at `telemetry.metrics_address`, beside the SDK's own.
"""

from __future__ import annotations

from temporalio.common import MetricGauge, MetricMeter
from temporalio.runtime import PrometheusConfig

from byteport.contracts.metrics import METRICS, Metric, MetricKind


def gauge(meter: MetricMeter, metric: Metric) -> MetricGauge:
    """Whole numbers. The labels are given with each value."""
    if metric.kind is not MetricKind.GAUGE:
        raise ValueError(f"{metric.name} is no gauge")
    return meter.create_gauge(metric.name, metric.help, metric.unit)


def served_at(address: str) -> PrometheusConfig:
    """How the SDK serves them at `address`: seconds as seconds, and our histograms in our buckets."""
    buckets = {metric.name: metric.buckets for metric in METRICS if metric.buckets}
    return PrometheusConfig(bind_address=address, durations_as_seconds=True, histogram_bucket_overrides=buckets)
