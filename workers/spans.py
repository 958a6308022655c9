"""The last gate before a span leaves: names of ours, attributes that are named, and no event, error text or baggage.

Temporal's interceptor and OpenTelemetry note exceptions with their words and tracebacks, and name spans in words of their own. What is not
in `byteport/contracts/traces.py` is dropped here, whoever added it. Imported by `tracing.py` only where traces are sent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status

from byteport.contracts.traces import ATTRIBUTES, NAME

OTHER = "other"
"""The name of a span that has none of ours."""
_RENAMED = {"temporalWorkflowID": "byteport.workflow_id", "temporalRunID": "byteport.run_id"}
_WORDS = {
    "RunWorkflow": "{} begun",
    "CompleteWorkflow": "{} ended",
    "StartActivity": "ask {}",
    "StartChildWorkflow": "start {}",
    "SignalChildWorkflow": "tell child {}",
    "SignalExternalWorkflow": "tell {}",
    "HandleSignal": "{} heard",
    "HandleUpdate": "{} answered",
    "ValidateUpdate": "{} looked at",
}
_WORKFLOW = re.compile(r"Workflow$")


class Reduced(SpanExporter):
    """Hands on to `following` what may leave."""

    def __init__(self, following: SpanExporter) -> None:
        self._following = following

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._following.export([reduced(span) for span in spans])

    def shutdown(self) -> None:
        self._following.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._following.force_flush(timeout_millis)


def reduced(span: ReadableSpan) -> ReadableSpan:
    """The same span with what it may say."""
    return ReadableSpan(
        name=name_of(span.name),
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=_allowed(span),
        links=[type(link)(link.context) for link in span.links],
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def name_of(name: str) -> str:
    """`RunWorkflow:RemediationWorkflow` in our words; a name of ours as it is."""
    kind, _, what = name.partition(":")
    words = _WORDS.get(kind, "").format(_WORKFLOW.sub("", what).lower()) if what else name
    return words if NAME.fullmatch(words) else OTHER


def _allowed(span: ReadableSpan) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in (span.attributes or {}).items():
        ours = _RENAMED.get(key, key)
        if ours in ATTRIBUTES and ATTRIBUTES[ours].fullmatch(str(value)):
            found[ours] = str(value)
    return found
