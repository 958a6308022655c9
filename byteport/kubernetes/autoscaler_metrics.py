"""An autoscaler's metrics: what each should be, and what the controller last saw of it.

An entry without a value is unknown, never 0 %: `currentMetrics` of a blind autoscaler is null, empty, or one entry of
no type. Asked by `autoscaler_reading.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from byteport.kubernetes import fields
from byteport.kubernetes.quantities import quantity
from byteport.kubernetes.scaling import MetricReading
from byteport.kubernetes.world import JSON

_METRIC = re.compile(r"[A-Za-z0-9_:.][A-Za-z0-9_:./-]{0,127}\Z")
_MOST = 10**15
"""No figure of a metric is larger; one that is was never measured."""
_KINDS = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}


def metrics_of(item: JSON) -> Iterator[MetricReading]:
    """Each metric of the spec with what the status says of it; the first version has one, of CPU."""
    spec, status = fields.mapping(item.get("spec")), fields.mapping(item.get("status"))
    present = fields.entries(status.get("currentMetrics"))
    for entry in fields.entries(spec.get("metrics")):
        kind = entry.get("type")
        if not isinstance(kind, str) or kind not in _KINDS:
            continue
        body = fields.mapping(entry.get(_KINDS[kind]))
        now = next(
            (
                found
                for seen in present
                if seen.get("type") == kind
                and _identity(kind, found := fields.mapping(seen.get(_KINDS[kind]))) == _identity(kind, body)
            ),
            {},
        )
        target, current = fields.mapping(body.get("target")), fields.mapping(now.get("current"))
        yield MetricReading(
            kind=kind,
            name=_metric_name(kind, body),
            target_percent=_number(target.get("averageUtilization")),
            current_percent=_number(current.get("averageUtilization")),
            target_value=_number(target.get("averageValue"), target.get("value")),
            current_value=_number(current.get("averageValue" if target.get("averageValue") is not None else "value")),
        )
    if "metrics" not in spec and spec.get("targetCPUUtilizationPercentage") is not None:
        yield MetricReading(
            kind="Resource",
            name="cpu",
            target_percent=_number(spec.get("targetCPUUtilizationPercentage")),
            current_percent=_number(status.get("currentCPUUtilizationPercentage")),
        )


def _identity(kind: str, body: Mapping[str, Any]) -> tuple[object, ...]:
    if kind in ("Resource", "ContainerResource"):
        return body.get("name"), body.get("container")
    described = fields.mapping(body.get("describedObject"))
    return fields.at(body, "metric", "name"), described.get("kind"), described.get("name")


def _metric_name(kind: str, body: Mapping[str, Any]) -> str:
    named = body.get("name") if kind in ("Resource", "ContainerResource") else fields.at(body, "metric", "name")
    return named if isinstance(named, str) and _METRIC.match(named) else f"metric-{fields.mark(named)}"


def _number(*values: object) -> float | None:
    """The first that is a number of sensible size, and not negative."""
    for value in values:
        read = quantity(value)
        if read is not None and 0 <= read < _MOST:
            return float(read)
    return None
