"""An Alertmanager webhook's body (version 4), reduced to names and numbers: which alerts, about which objects, since when.

The prose of a body is not read: an annotation still carries the words of the last firing after it was resolved, a group's
status hides resolved members, and labels may hold anything, so that only a value that can be an object's name becomes one.
Labels that name the exporter are never taken for its target's. `byteport explain` reads saved bodies by this, as the door does.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from byteport.domain.base import Frozen
from byteport.domain.canonical import digest
from byteport.domain.signals import SignalType
from byteport.errors import MalformedInput
from byteport.kubernetes import fields
from byteport.kubernetes.alert_rules import NODE_DOWN, THRESHOLD_LABEL, VALUE_LABEL, rule_of

VERSION = "4"
MOST_ALERTS = 500
"""Of one body; Alertmanager's `max_alerts` limits them at their source."""
MOST_LABELS = 200
"""Of one alert; Prometheus itself suggests far fewer."""
LONGEST_CLUSTER = 201
"""One more than a setting may say, so that what is cut is nobody's name."""
QUIET = frozenset({"ok", "resolved", "closed", "inactive", "suppressed", "insufficient_data"})
_STATUSES = frozenset({"firing", "resolved"})
_ALERT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_:-]{0,99}\Z")
_FINGERPRINT = re.compile(r"[0-9a-f]{1,32}\Z")
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?\Z")
_INFORMS = "none"
"""The severity, by the convention of Prometheus' own rules, of what fires to show that alerting works, or to inhibit."""
_EXPORTER = re.compile(r"(^|-)(kube-state-metrics|cadvisor|metrics-server|pushgateway|[a-z0-9]+-exporter)(-|\Z)")
_KINDS = (
    ("pod", "Pod"),
    ("horizontalpodautoscaler", "HorizontalPodAutoscaler"),
    ("hpa", "HorizontalPodAutoscaler"),
    ("deployment", "Deployment"),
    ("statefulset", "StatefulSet"),
    ("daemonset", "DaemonSet"),
    ("node", "Node"),
)
_PAIRED = (
    ("destination_workload", "destination_workload_namespace"),
    ("k8s_deployment_name", "k8s_namespace_name"),
)
"""Labels by which a mesh (Istio) and OpenTelemetry name the workload whose requests they measured, and its namespace."""
_OF_THE_SCRAPE = frozenset(
    {"pod", "namespace", "node", "exported_pod", "exported_namespace", "exported_node", "workload", "workload_type"}
)
_WORKLOAD_TYPES = {"deployment": "Deployment", "statefulset": "StatefulSet", "daemonset": "DaemonSet"}


class Alert(Frozen):
    """One alert of a group."""

    name: str
    """Where it is a plain word, else `alert`."""
    firing: bool
    informs: bool = False
    """It fires to show that alerting works, or to inhibit others: nothing is wrong."""
    signal: SignalType | None = None
    """What it is, where its rule is known or its operator says it."""
    namespace: str = ""
    kind: str = ""
    about: str = ""
    """Name of the object that its labels name; empty when none does."""
    node: str = ""
    """Where that runs, if its labels say it."""
    cluster: str = ""
    """What the label `cluster` says, where one Alertmanager serves several; compared, and shown to nobody."""
    value: float = 1.0
    threshold: float = 1.0
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    """When it ended, of one that does not fire."""
    fingerprint: str = ""
    """Alertmanager's own, of all labels: what is said of one container is not said of another. Empty where none is given."""

    @property
    def node_is_down(self) -> bool:
        return self.name in NODE_DOWN and self.kind == "Node" and self.firing

    @property
    def evidence_digest(self) -> str:
        """The same for each repetition of one firing, and for its end. What stands before `@` is the same for each firing: of one
        that comes and goes within its group's interval Alertmanager tells a beginning, and the end of a later one."""
        alert = digest(["alert", self.name, self.namespace, self.kind, self.about, self.fingerprint])
        return f"{alert}@{self._since}"

    @property
    def notice_digest(self) -> str:
        """Where it is only told to people: of all of one name about one object that began together they hear once."""
        return digest(["alert", self.name, self.namespace, self.kind, self.about, self._since])

    @property
    def _since(self) -> str:
        return self.starts_at.isoformat() if self.starts_at is not None else ""


class Group(Frozen):
    """One body."""

    alerts: tuple[Alert, ...]
    left_out: int
    """Alerts that the body does not carry, or that are beyond what is read."""


def read_group(body: object) -> Group:
    """A body as a sender of version 4 writes it. Raises `MalformedInput` that names the field at fault."""
    if not isinstance(body, Mapping):
        raise MalformedInput("body", "is no object")
    if body.get("version") != VERSION:
        raise MalformedInput("version", f'is not "{VERSION}", the version of Alertmanager\'s webhooks that is read')
    entries = body.get("alerts")
    if not isinstance(entries, list):
        raise MalformedInput("alerts", "is no list")
    for number, entry in enumerate(entries[:MOST_ALERTS]):
        _must_be_an_alert(f"alerts.{number}", entry)
    truncated = body.get("truncatedAlerts", 0)
    if isinstance(truncated, bool) or not isinstance(truncated, int) or truncated < 0:
        raise MalformedInput("truncatedAlerts", "is no number of alerts")
    return Group(
        alerts=tuple(read_alert(entry, None) for entry in entries[:MOST_ALERTS]),
        left_out=min(truncated, 1_000_000) + max(0, len(entries) - MOST_ALERTS),
    )


def read_alert(entry: Mapping[str, Any], group_status: object) -> Alert:
    """One alert of a body, whatever it is: what cannot be read says nothing, and what has no status fires."""
    status = entry.get("status", group_status)
    labels, annotations = _measured(fields.mapping(entry.get("labels"))), fields.mapping(entry.get("annotations"))
    said, cluster = labels.get("alertname"), labels.get("cluster")
    name = said if isinstance(said, str) and _ALERT_NAME.match(said) else "alert"
    rule = rule_of(name, labels, annotations)
    kind, about = _object(labels, rule.kinds if rule is not None else ())
    named = rule is not None and kind in rule.kinds
    firing = not (isinstance(status, str) and status.lower() in QUIET)
    return Alert(
        name=name,
        firing=firing,
        informs=labels.get("severity") == _INFORMS,
        signal=rule.signal if rule is not None and named else None,
        namespace="" if kind == "Node" else _own(labels, "namespace"),
        kind=kind,
        about=about,
        node=_node(labels),
        cluster=cluster[:LONGEST_CLUSTER] if isinstance(cluster, str) else "",
        value=_number(labels.get(VALUE_LABEL, annotations.get(VALUE_LABEL))),
        threshold=_number(labels.get(THRESHOLD_LABEL, annotations.get(THRESHOLD_LABEL))),
        starts_at=fields.instant(entry.get("startsAt")),
        ends_at=None if firing else fields.instant(entry.get("endsAt")),
        fingerprint=_fingerprint(entry.get("fingerprint")),
    )


def _fingerprint(value: object) -> str:
    return value if isinstance(value, str) and _FINGERPRINT.match(value) else ""


def _must_be_an_alert(where: str, entry: object) -> None:
    if not isinstance(entry, Mapping):
        raise MalformedInput(where, "is no object")
    if entry.get("status") not in _STATUSES:
        raise MalformedInput(f"{where}.status", "is neither firing nor resolved")
    for part in ("labels", "annotations"):
        found = entry.get(part, {})
        if not isinstance(found, Mapping) or not all(isinstance(value, str) for value in found.values()):
            raise MalformedInput(f"{where}.{part}", "is no object of strings")
        if len(found) > MOST_LABELS:
            raise MalformedInput(f"{where}.{part}", f"has more than {MOST_LABELS} members")


def _measured(labels: Mapping[str, Any]) -> Mapping[str, Any]:
    """As if the workload that a mesh or a tracer names in its own words were labelled as any other. What measured it is not meant."""
    if "deployment" in labels or "exported_deployment" in labels:
        return labels
    for workload, namespace in _PAIRED:
        name, home = fields.name(labels.get(workload)), fields.name(labels.get(namespace))
        if name and home:
            others = {label: value for label, value in labels.items() if label not in _OF_THE_SCRAPE}
            return {**others, "deployment": name, "namespace": home}
    return labels


def _object(labels: Mapping[str, Any], kinds: tuple[str, ...]) -> tuple[str, str]:
    """Kind and name of what is meant: the first of `kinds` that is named, else the first of any that is."""
    named: dict[str, str] = {}
    for label, kind in _KINDS:
        found = _node(labels) if kind == "Node" else _own(labels, label)
        if found:
            named.setdefault(kind, found)
    workload = _WORKLOAD_TYPES.get(str(labels.get("workload_type")).lower())
    if workload is not None and (found := _own(labels, "workload")):
        named.setdefault(workload, found)
    if "Node" in kinds and "Node" not in named and (found := _instance(labels)):
        named["Node"] = found
    return next(((kind, named[kind]) for kind in (*kinds, *named) if kind in named), ("", ""))


def _own(labels: Mapping[str, Any], label: str) -> str:
    """What the target itself is labelled. Where the scrape's own labels collide with it, Prometheus puts `exported_` before
    the target's, and the plain ones are the exporter's; where the pod is an exporter's, so are they."""
    exported = labels.get(f"exported_{label}")
    if exported is not None:
        return fields.name(exported)
    if label in ("pod", "namespace") and _exporters(labels):
        return ""
    return fields.name(labels.get(label))


def _exporters(labels: Mapping[str, Any]) -> bool:
    """Whether the plain labels `pod` and `namespace` are those of what was scraped."""
    if "exported_pod" in labels or "exported_namespace" in labels:
        return True
    return _EXPORTER.search(fields.name(labels.get("pod"))) is not None


def _node(labels: Mapping[str, Any]) -> str:
    return fields.name(labels.get("exported_node", labels.get("node")))


def _instance(labels: Mapping[str, Any]) -> str:
    """Of a node's own exporter, which kube-prometheus has named by its node: no address, and no port."""
    job = labels.get("job")
    found = fields.name(labels.get("instance"))
    if not isinstance(job, str) or "node-exporter" not in job or not found:
        return ""
    try:
        ip_address(found)
    except ValueError:
        return found
    return ""


def _number(value: object) -> float:
    """1 for what is no plain number: prose is not searched for one."""
    if not isinstance(value, str) or not _NUMBER.match(value):
        return 1.0
    found = float(value)
    return found if math.isfinite(found) else 1.0
