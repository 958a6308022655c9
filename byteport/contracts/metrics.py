"""Every metric that is ours: its name, its kind, what it counts, and which labels it may carry.

Workflows, acts and workers make theirs from here, `docs/how-to/observe.md` is generated from here, and a test holds the chart's
dashboard and alerts to it. A label's values are closed words of ours, or names that the settings give; never a name of a
tenant's object, and nothing that anybody outside could choose. So the number of series is bounded by this page.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from byteport.audit.words import Decision, Result
from byteport.contracts.cloud import CloudSource
from byteport.contracts.cloud_looks import RightsDifference
from byteport.contracts.receivers import TargetKind
from byteport.domain.reasons import Reason
from byteport.domain.signals import Source

NONE = "none"
"""The value of a label of which there is nothing to say; Prometheus would take an empty one for none at all."""


class MetricKind(StrEnum):
    """Prometheus's own."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Fate(StrEnum):
    """What became of a symptom."""

    OPENED = "opened"
    """The first of its incident."""
    FOLDED = "folded"
    """One more of an incident that is being worked on."""
    REPEATED = "repeated"
    """The same observation again, which counts once."""
    NEXT = "next"
    """It came after the outcome was decided, and opens the next incident."""
    OVER = "over"
    """The end of an alert that the incident has heard, by the sender of that alert."""
    NOT_ITS_SENDERS = "not_its_senders"
    """An end by somebody else than the alert's sender: nothing follows."""
    NOT_HEARD = "not_heard"
    """The end of an alert that the incident has not heard of: nothing follows."""
    TOO_OLD = "too_old"
    """An end from before the alert began to fire as it does: nothing follows."""


class BudgetOf(StrEnum):
    """Whose acts of an hour are counted. Namespaces and targets are not named: the fullest of them counts."""

    CLUSTER = "cluster"
    NAMESPACE = "namespace"
    TARGET = "target"


class StopBy(StrEnum):
    """What keeps the agent from acting alone, everywhere or somewhere."""

    HALT = "halt"
    STORM = "storm"
    ALARM = "alarm"


class Place(StrEnum):
    """Where something of the boundary is not whole."""

    EVERYWHERE = "everywhere"
    NAMESPACE = "namespace"
    """In single namespaces."""


class Door(StrEnum):
    """A process that people or programs reach over HTTPS."""

    ALERTS = "alerts"
    CONSOLE = "console"
    CODEC = "codec"


class Answered(StrEnum):
    """How a door answered, by the class of the status."""

    WELL = "well"
    SENT_ON = "sent_on"
    REFUSED = "refused"
    FAILED = "failed"


class NotShown(StrEnum):
    """Why the codec server refused, by the first word of what it answered: `byteport/serving/problems.py` and
    `byteport/codec/refusals.py` say each in a sentence."""

    BAD_ENCODING = "bad_encoding"
    BODY_TOO_LARGE = "body_too_large"
    BUSY = "busy"
    CREDENTIAL_INVALID = "credential_invalid"
    CREDENTIAL_MISSING = "credential_missing"
    HEADERS_TOO_LARGE = "headers_too_large"
    INTERNAL = "internal"
    KEY_MISSING = "key_missing"
    KEYS_UNAVAILABLE = "keys_unavailable"
    MALFORMED_REQUEST = "malformed_request"
    MEDIA_TYPE_REFUSED = "media_type_refused"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    NEVER_ENCRYPTS = "never_encrypts"
    NOT_A_READER = "not_a_reader"
    NOT_FOUND = "not_found"
    NOT_PAYLOADS = "not_payloads"
    ORIGIN_REFUSED = "origin_refused"
    OTHER_NAMESPACE = "other_namespace"
    PARAMETER_REFUSED = "parameter_refused"
    RATE_LIMITED = "rate_limited"
    TOO_SLOW = "too_slow"
    UNDECODABLE = "undecodable"


@dataclass(frozen=True)
class Label:
    """One label. `values` are all that it can have; where it has none, `of` says whose names they are."""

    name: str
    values: frozenset[str] = frozenset()
    of: str = ""


@dataclass(frozen=True)
class Metric:
    """One metric, and who serves it."""

    name: str
    kind: MetricKind
    help: str
    labels: tuple[Label, ...] = ()
    unit: str | None = None
    """`seconds`, or None for a number of things."""
    served_by: str = "control"
    """The queue whose process serves it, as `workers/processes.py` names queues; `each` of every process."""
    buckets: tuple[float, ...] = ()


def _words(name: str, words: Iterable[StrEnum], *besides: str) -> Label:
    return Label(name, frozenset(word.value for word in words) | frozenset(besides))


RUNBOOK = Label("runbook", of="runbooks, and `none` where no runbook treats it")
DECISION = _words("decision", Decision)
RESULT = _words("result", Result, NONE)
REASON = _words("reason", Reason)
SOURCE = _words("source", Source)
FATE = _words("fate", Fate)
BUDGET_OF = _words("of", BudgetOf)
STOP_BY = _words("by", StopBy)
PLACE = _words("place", Place)
TARGET = _words("target", TargetKind)
DOOR = _words("door", Door)
ANSWERED = _words("answer", Answered)
NOT_SHOWN = _words("why", NotShown)
POLLED = _words("source", CloudSource)
AMISS = _words("amiss", RightsDifference)
WITNESS = Label("witness", of="witnesses that the settings name")

REMEDIATIONS = Metric(
    "byteport_remediations_total",
    MetricKind.COUNTER,
    "Incidents whose outcome is decided. An escalated one counts when people are paged.",
    (RUNBOOK, DECISION, RESULT),
)
REFUSALS = Metric(
    "byteport_refusals_total",
    MetricKind.COUNTER,
    "Why an incident did not end as verified; an incident counts once for each of its reasons.",
    (RUNBOOK, REASON),
)
MTTR = Metric(
    "byteport_mttr_seconds",
    MetricKind.HISTOGRAM,
    "From the first symptom to verified, of what was repaired.",
    (RUNBOOK,),
    unit="seconds",
    buckets=(15, 30, 60, 90, 120, 180, 300, 600, 900, 1800, 3600, 14400, 86400, 259200),
)
SYMPTOMS = Metric(
    "byteport_symptoms_total",
    MetricKind.COUNTER,
    "Symptoms, and ends of alerts, that reached a remediation, and what became of each.",
    (SOURCE, FATE),
)
DID_NOT_HOLD = Metric(
    "byteport_did_not_hold_total",
    MetricKind.COUNTER,
    "Repairs that had been verified and were found broken when looked at again.",
    (RUNBOOK,),
)
WATCH_HEARTBEAT = Metric(
    "byteport_watch_heartbeat_seconds",
    MetricKind.GAUGE,
    "Age of the last heartbeat of the watch of the cluster, as Temporal tells it. Not set while no watch is under way.",
    unit="seconds",
)
WATCHING = Metric(
    "byteport_watching",
    MetricKind.GAUGE,
    "1 while a watch of the cluster is under way, else 0.",
)
APPROVALS_WAITING = Metric(
    "byteport_approvals_waiting",
    MetricKind.GAUGE,
    "Plans that wait for people; at most 1000 are counted.",
)
APPROVALS_OLDEST = Metric(
    "byteport_approvals_oldest_seconds",
    MetricKind.GAUGE,
    "How long the oldest of them has been waiting; 0 where none is.",
    unit="seconds",
)
BUDGET_USED = Metric(
    "byteport_budget_acts_used",
    MetricKind.GAUGE,
    "Acts begun within the last hour: of the cluster, of the fullest namespace, of the fullest target.",
    (BUDGET_OF,),
    served_by="ledger",
)
BUDGET_LEFT = Metric(
    "byteport_budget_acts_left",
    MetricKind.GAUGE,
    "How many more the limits allow there now.",
    (BUDGET_OF,),
    served_by="ledger",
)
STOPPED = Metric(
    "byteport_stopped",
    MetricKind.GAUGE,
    "1 while the ledger holds a halt, a storm or an alarm, else 0.",
    (STOP_BY,),
    served_by="ledger",
)
UNSIGNED_RECORDS = Metric(
    "byteport_log_unsigned_records",
    MetricKind.GAUGE,
    "Records of the log that are not signed.",
    served_by="ledger",
)
UNSIGNED_SECONDS = Metric(
    "byteport_log_unsigned_seconds",
    MetricKind.GAUGE,
    "Age of the oldest of them.",
    unit="seconds",
    served_by="ledger",
)
UNWITNESSED_RECORDS = Metric(
    "byteport_log_unwitnessed_records",
    MetricKind.GAUGE,
    "Signed records that a witness has not signed.",
    (WITNESS,),
    served_by="ledger",
)
UNWITNESSED_SECONDS = Metric(
    "byteport_log_unwitnessed_seconds",
    MetricKind.GAUGE,
    "Age of the first checkpoint over them.",
    (WITNESS,),
    unit="seconds",
    served_by="ledger",
)
UNEXPORTED_RECORDS = Metric(
    "byteport_log_unexported_records",
    MetricKind.GAUGE,
    "Records of the log beyond the cursor of a receiver.",
    (TARGET,),
    served_by="ledger",
)
UNEXPORTED_SECONDS = Metric(
    "byteport_log_unexported_seconds",
    MetricKind.GAUGE,
    "Age of the oldest of them.",
    (TARGET,),
    unit="seconds",
    served_by="ledger",
)
EXPORT_LAG_RECORDS = Metric(
    "byteport_export_lag_records",
    MetricKind.GAUGE,
    "Records that a receiver of the log does not hold, as the export's process knew at its last look.",
    (TARGET,),
    served_by="export",
)
EXPORT_LAG_SECONDS = Metric(
    "byteport_export_lag_seconds",
    MetricKind.GAUGE,
    "Age of the oldest of them.",
    (TARGET,),
    unit="seconds",
    served_by="export",
)
BOUNDARY_FINDINGS = Metric(
    "byteport_boundary_findings",
    MetricKind.GAUGE,
    "What of the boundary is not whole and refuses auto.",
    (PLACE,),
    served_by="cluster",
)
BOUNDARY_LOOKED_AT = Metric(
    "byteport_boundary_looked_at_seconds",
    MetricKind.GAUGE,
    "When the boundary was last looked at, in Unix time.",
    unit="seconds",
    served_by="cluster",
)
SOURCE_RIGHTS = Metric(
    "byteport_source_rights_findings",
    MetricKind.GAUGE,
    "Rights of an identity at a source of metrics that are not its policy's; with one that is never requested the source is not read.",
    (POLLED, AMISS),
    served_by="cloud",
)
SOURCE_RIGHTS_LOOKED_AT = Metric(
    "byteport_source_rights_looked_at_seconds",
    MetricKind.GAUGE,
    "When they were last looked at, in Unix time.",
    (POLLED,),
    unit="seconds",
    served_by="cloud",
)
PAYLOAD_KEYS = Metric(
    "byteport_payload_keys",
    MetricKind.GAUGE,
    "Payload keys of `temporal.payload_keys` that this process knows.",
    served_by="each",
)
PAYLOAD_KEYS_READ_AT = Metric(
    "byteport_payload_keys_read_at_seconds",
    MetricKind.GAUGE,
    "When they were last read from the secret backend, in Unix time.",
    unit="seconds",
    served_by="each",
)
DOOR_ANSWERS = Metric(
    "byteport_door_answers_total",
    MetricKind.COUNTER,
    "Requests that the door for alerts, the approvals page or the codec server answered, probes included.",
    (DOOR, ANSWERED),
    served_by="doors",
)
CODEC_REFUSALS = Metric(
    "byteport_codec_refusals_total",
    MetricKind.COUNTER,
    "Requests that the codec server refused, by the first word of its answer.",
    (NOT_SHOWN,),
    served_by="doors",
)

METRICS: tuple[Metric, ...] = (
    REMEDIATIONS,
    REFUSALS,
    MTTR,
    SYMPTOMS,
    DID_NOT_HOLD,
    WATCHING,
    WATCH_HEARTBEAT,
    APPROVALS_WAITING,
    APPROVALS_OLDEST,
    BUDGET_USED,
    BUDGET_LEFT,
    STOPPED,
    UNSIGNED_RECORDS,
    UNSIGNED_SECONDS,
    UNWITNESSED_RECORDS,
    UNWITNESSED_SECONDS,
    UNEXPORTED_RECORDS,
    UNEXPORTED_SECONDS,
    EXPORT_LAG_RECORDS,
    EXPORT_LAG_SECONDS,
    BOUNDARY_FINDINGS,
    BOUNDARY_LOOKED_AT,
    DOOR_ANSWERS,
    CODEC_REFUSALS,
    PAYLOAD_KEYS,
    PAYLOAD_KEYS_READ_AT,
    SOURCE_RIGHTS,
    SOURCE_RIGHTS_LOOKED_AT,
)
"""All of them. What else is served at the same address is Temporal's own, by its SDK."""
