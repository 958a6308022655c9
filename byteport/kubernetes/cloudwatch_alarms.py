"""A CloudWatch alarm as SNS carries it: JSON inside the JSON, reduced to what it measures and of which machine or workload.

Its reason is prose and is not read for a number. A machine is known by its id, never by `NodeName`, which whoever runs the
machine has chosen. Comes before the door (`byteport/alerts`) and `byteport explain`, which read it by this alike.
"""

from __future__ import annotations

import json
import re
from datetime import datetime

from byteport.domain.base import Frozen
from byteport.domain.canonical import digest
from byteport.domain.signals import SignalType
from byteport.errors import MalformedInput
from byteport.kubernetes import fields

MOST_DIMENSIONS = 30
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_:-]{0,99}\Z")
_MACHINE = re.compile(r"i-[0-9a-f]{8,17}\Z")
_STATES = frozenset({"OK", "ALARM", "INSUFFICIENT_DATA"})
_OF_MACHINES = {
    ("ContainerInsights", "node_filesystem_utilization"): SignalType.DISK_PRESSURE,
    ("ContainerInsights", "node_memory_utilization"): SignalType.MEMORY_PRESSURE,
    ("CWAgent", "disk_used_percent"): SignalType.DISK_PRESSURE,
    ("CWAgent", "mem_used_percent"): SignalType.MEMORY_PRESSURE,
}
_OF_WORKLOADS = {
    ("ContainerInsights", "pod_cpu_utilization_over_pod_limit"): SignalType.CPU_SPIKE,
    ("ContainerInsights", "pod_memory_utilization_over_pod_limit"): SignalType.MEMORY_PRESSURE,
    ("ContainerInsights", "pod_number_of_container_restarts"): SignalType.POD_CRASHLOOP,
}


class Alarm(Frozen):
    """One alarm's change of state."""

    name: str
    """Where it is a plain word, else `alarm`."""
    state: str
    """`OK`, `ALARM` or `INSUFFICIENT_DATA`."""
    signal: SignalType | None = None
    machine: str = ""
    """The instance's id, `i-…`."""
    namespace: str = ""
    workload: str = ""
    """Container Insights calls it `PodName`: the name of what the pods belong to."""
    cluster: str = ""
    """As the dimension `ClusterName` says it."""
    node: str = ""
    """`NodeName`, for people who ask by hand; nothing is found by it."""
    identity: str = ""
    """Digest of the alarm's ARN or name: the same for its beginning and its end."""
    at: datetime | None = None


def read_alarm(message: str) -> Alarm:
    """The alarm in a notification's `Message`. Raises `MalformedInput` for what is no alarm of CloudWatch."""
    try:
        plain = json.loads(message)
    except (ValueError, RecursionError):
        raise MalformedInput("Message", "is no JSON") from None
    state = fields.mapping(plain).get("NewStateValue")
    if not isinstance(state, str) or state not in _STATES:
        raise MalformedInput("Message.NewStateValue", "is no state of an alarm")
    said = plain.get("AlarmName")
    trigger = fields.mapping(plain.get("Trigger"))
    dimensions = _dimensions(trigger)
    metric = (str(trigger.get("Namespace"))[:255], str(trigger.get("MetricName"))[:255])
    machine = dimensions.get("InstanceId", "")
    machine = machine if _MACHINE.match(machine) else ""
    workload, namespace = fields.name(dimensions.get("PodName")), fields.name(dimensions.get("Namespace"))
    signal = _OF_MACHINES.get(metric) if machine else None
    if signal is None and workload and namespace:
        signal = _OF_WORKLOADS.get(metric)
    return Alarm(
        name=said if isinstance(said, str) and _NAME.match(said) else "alarm",
        state=state,
        signal=signal,
        machine=machine,
        namespace=namespace,
        workload=workload,
        cluster=dimensions.get("ClusterName", "")[:200],
        node=fields.name(dimensions.get("NodeName")),
        identity=digest(["alarm", _inert(str(plain.get("AlarmArn") or said)[:1000])]),
        at=fields.instant(plain.get("StateChangeTime")),
    )


def _dimensions(trigger: object) -> dict[str, str]:
    """Names are written `name`/`value` in notifications and `Name`/`Value` in the API."""
    found: dict[str, str] = {}
    for entry in fields.entries(fields.at(trigger, "Dimensions"))[:MOST_DIMENSIONS]:
        name, value = entry.get("name") or entry.get("Name"), entry.get("value") or entry.get("Value")
        if isinstance(name, str) and isinstance(value, str):
            found.setdefault(name[:255], value[:1000])
    return found


def _inert(text: str) -> str:
    """A lone half of a surrogate pair has no canonical form."""
    return text.encode("ascii", "backslashreplace").decode("ascii")
