"""Alert bodies of other systems, reduced to: does anything fire, and about which objects. Their prose is not read.

An annotation still carries the words of the last firing after it was resolved, a group's status hides resolved members,
and labels may hold anything: only a value that can be an object's name may become one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from byteport.domain.base import Frozen
from byteport.kubernetes import fields

_ALERT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_:-]{0,99}\Z")
_CPU = re.compile("cpu", re.IGNORECASE)
_MEASURED = re.compile(
    "cpu|throttl|memory|disk|filesystem|inode|volume|latency|duration|error_?rate|5xx|saturat", re.IGNORECASE
)
_INFORMS = "none"
"""The severity, by the convention of Prometheus' own rules, of what fires to show that alerting works, or to inhibit."""
_KINDS = (
    ("pod", "Pod"),
    ("horizontalpodautoscaler", "HorizontalPodAutoscaler"),
    ("hpa", "HorizontalPodAutoscaler"),
    ("deployment", "Deployment"),
    ("statefulset", "StatefulSet"),
    ("daemonset", "DaemonSet"),
    ("node", "Node"),
)


class FiringAlert(Frozen):
    """One alert that fires now."""

    name: str
    """The alert's name where it is a plain word, else `alert`."""
    namespace: str = ""
    kind: str = ""
    about: str = ""
    """Name of the object that its labels name; empty when none does."""

    @property
    def measures(self) -> bool:
        """Its name speaks of something measured, which an object that is Ready does not show to be over."""
        return _MEASURED.search(self.name) is not None

    @property
    def measures_cpu(self) -> bool:
        return _CPU.search(self.name) is not None


def firing(body: Mapping[str, Any]) -> tuple[FiringAlert, ...]:
    """What fires in an Alertmanager, CloudWatch, EventBridge, Azure or Google body; an unknown body fires."""
    if isinstance(body.get("alerts"), list):
        return _alertmanager(body)
    if isinstance(body.get("Message"), str):
        return _sns(body["Message"])
    for state in (
        fields.at(body, "detail", "state", "value"),
        body.get("NewStateValue"),
        fields.at(body, "data", "essentials", "monitorCondition"),
        fields.at(body, "incident", "state"),
        body.get("status"),
    ):
        if isinstance(state, str):
            return (FiringAlert(name="alert"),) if state.lower() not in _QUIET else ()
    return (FiringAlert(name="alert"),)


_QUIET = frozenset({"ok", "resolved", "closed", "inactive", "suppressed", "insufficient_data"})


def _alertmanager(body: Mapping[str, Any]) -> tuple[FiringAlert, ...]:
    found = []
    for alert in fields.entries(body.get("alerts")):
        status = alert.get("status", body.get("status"))
        if isinstance(status, str) and status.lower() in _QUIET:
            continue
        labels = fields.mapping(alert.get("labels"))
        if labels.get("severity") == _INFORMS:
            continue
        kind, about = next(
            ((kind, named) for label, kind in _KINDS if (named := fields.name(labels.get(label)))), ("", "")
        )
        said = labels.get("alertname")
        name = said if isinstance(said, str) and _ALERT_NAME.match(said) else "alert"
        found.append(FiringAlert(name=name, namespace=fields.name(labels.get("namespace")), kind=kind, about=about))
    if not found and fields.count(body.get("truncatedAlerts")) > 0:
        found.append(FiringAlert(name="alert"))
    return tuple(found)


def _sns(message: str) -> tuple[FiringAlert, ...]:
    """A CloudWatch alarm inside an SNS envelope: the message is JSON once more. Other messages are not alarms."""
    try:
        alarm = json.loads(message)
    except (ValueError, RecursionError):
        return ()
    state = fields.mapping(alarm).get("NewStateValue")
    if not isinstance(state, str) or state.lower() in _QUIET:
        return ()
    dimensions = fields.entries(fields.at(alarm, "Trigger", "Dimensions"))
    named = {
        str(entry.get("name") or entry.get("Name")): entry.get("value") or entry.get("Value") for entry in dimensions
    }
    node = fields.name(named.get("NodeName"))
    return (FiringAlert(name="alert", kind="Node" if node else "", about=node),)
