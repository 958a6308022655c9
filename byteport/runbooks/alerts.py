"""Alert bodies of other systems, reduced to: does anything fire, and about which objects. Their prose is not read.

Comes after `byteport/kubernetes/alerts.py`, which reads Alertmanager's bodies for the door, too; bodies of clouds are read here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from byteport.domain.base import Frozen
from byteport.errors import MalformedInput
from byteport.kubernetes import fields
from byteport.kubernetes.alerts import QUIET, read_alert
from byteport.kubernetes.cloudwatch_alarms import read_alarm

_CPU = re.compile("cpu", re.IGNORECASE)
_MEASURED = re.compile(
    "cpu|throttl|memory|disk|filesystem|inode|volume|latency|duration|error_?rate|5xx|saturat", re.IGNORECASE
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
            return (FiringAlert(name="alert"),) if state.lower() not in QUIET else ()
    return (FiringAlert(name="alert"),)


def _alertmanager(body: Mapping[str, Any]) -> tuple[FiringAlert, ...]:
    read = [read_alert(alert, body.get("status")) for alert in fields.entries(body.get("alerts"))]
    found = [
        FiringAlert(name=one.name, namespace=one.namespace, kind=one.kind, about=one.about)
        for one in read
        if one.firing and not one.informs
    ]
    if not found and fields.count(body.get("truncatedAlerts")) > 0:
        found.append(FiringAlert(name="alert"))
    return tuple(found)


def _sns(message: str) -> tuple[FiringAlert, ...]:
    """A CloudWatch alarm inside an SNS envelope. Other messages are not alarms."""
    try:
        alarm = read_alarm(message)
    except MalformedInput:
        return ()
    if alarm.state.lower() in QUIET:
        return ()
    return (FiringAlert(name="alert", kind="Node" if alarm.node else "", about=alarm.node),)
