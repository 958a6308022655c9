"""What a monitoring system hears of the boundary, beside the SDK's own metrics and on the same address.

Comes after `boundary_check.py`; `start.py` hands it to `boundary_watch.py`. An alert on either number pages people without
the agent, whose own word is worth nothing once it is compromised.
"""

from __future__ import annotations

from temporalio.common import MetricMeter

from activities.clock import Clock
from byteport.contracts.metrics import BOUNDARY_FINDINGS, BOUNDARY_LOOKED_AT, Place
from byteport.temporal.metering import gauge
from workers.boundary_check import Report


class BoundaryMetrics:
    """Two gauges. They are served only where settings name an address for metrics."""

    def __init__(self, meter: MetricMeter, clock: Clock) -> None:
        self._findings = gauge(meter, BOUNDARY_FINDINGS)
        self._looked_at = gauge(meter, BOUNDARY_LOOKED_AT)
        self._clock = clock

    def looked(self, report: Report) -> None:
        """Count what this look found."""
        refusing = [one for one in report.findings if one.refuses_auto]
        everywhere = sum(report.refuses_everywhere(one) for one in refusing)
        self._findings.set(everywhere, {"place": Place.EVERYWHERE.value})
        self._findings.set(len(refusing) - everywhere, {"place": Place.NAMESPACE.value})
        self._looked_at.set(int(self._clock().timestamp()))
