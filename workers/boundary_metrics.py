"""What a monitoring system hears of the boundary, beside the SDK's own metrics and on the same address.

Comes after `boundary_check.py`; `start.py` hands it to `boundary_watch.py`. An alert on either number pages people without
the agent, whose own word is worth nothing once it is compromised.
"""

from __future__ import annotations

from temporalio.common import MetricMeter

from activities.clock import Clock
from workers.boundary_check import Report

FINDINGS = "byteport_boundary_findings"
"""How much of the boundary refuses `auto`, by `place`: `everywhere`, or in single namespaces (`namespace`)."""
LOOKED_AT = "byteport_boundary_looked_at_seconds"
"""When the last look that succeeded was over, in Unix time."""


class BoundaryMetrics:
    """Two gauges. They are served only where settings name an address for metrics."""

    def __init__(self, meter: MetricMeter, clock: Clock) -> None:
        self._findings = meter.create_gauge(FINDINGS, "What of the boundary is not whole and refuses auto.")
        self._looked_at = meter.create_gauge(LOOKED_AT, "When the boundary was last looked at.", "seconds")
        self._clock = clock

    def looked(self, report: Report) -> None:
        """Count what this look found."""
        refusing = [one for one in report.findings if one.refuses_auto]
        everywhere = sum(report.refuses_everywhere(one) for one in refusing)
        self._findings.set(everywhere, {"place": "everywhere"})
        self._findings.set(len(refusing) - everywhere, {"place": "namespace"})
        self._looked_at.set(int(self._clock().timestamp()))
