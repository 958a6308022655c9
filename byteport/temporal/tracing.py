"""Spans of a remediation: from the symptom's report, over what its run asks of acts, to the last record.

Comes after Temporal's own interceptor, whose header carries a trace from process to process, encrypted as payloads are (`converter.py`).
A trace begins where a symptom is reported and nowhere else: runs and acts that belong to none, such as the watch that never ends,
have no spans. Spans get our names here; what they may carry is `byteport/contracts/traces.py`, and `workers/tracing.py` holds them to it.
Imported only where traces are sent.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import temporalio.client
import temporalio.worker
from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, Tracer
from temporalio import activity
from temporalio.api.common.v1 import Payload
from temporalio.contrib.opentelemetry import TracingInterceptor, TracingWorkflowInboundInterceptor

from byteport.contracts.traces import PHASE_SPAN
from byteport.contracts.workflows import REMEDIATION, TIMEBOX
from byteport.temporal.codec import EncryptingCodec

REPORTED = "symptom reported"
"""The first span of every trace."""
TIMEBOX_STARTED = "time box started"


class Tracing(TracingInterceptor):
    """For a client, and the workers that use it."""

    def __init__(self, tracer: Tracer, codec: EncryptingCodec) -> None:
        super().__init__(tracer)
        self._codec = codec

    def intercept_client(
        self,
        next: temporalio.client.OutboundInterceptor,  # noqa: A002  the SDK's name
    ) -> temporalio.client.OutboundInterceptor:
        return _Client(next, self)

    def intercept_activity(
        self,
        next: temporalio.worker.ActivityInboundInterceptor,  # noqa: A002  as above
    ) -> temporalio.worker.ActivityInboundInterceptor:
        return _Act(next, self)

    def workflow_interceptor_class(
        self,
        input: temporalio.worker.WorkflowInterceptorClassInput,  # noqa: A002  as above
    ) -> type[TracingWorkflowInboundInterceptor]:
        input.unsafe_extern_functions.update({PHASE_SPAN: self._phase})
        return super().workflow_interceptor_class(input)

    def carried(self, headers: Mapping[str, Payload], workflow_id: str) -> Mapping[str, Payload]:
        """`headers` with the current trace in them, encrypted for that workflow."""
        given = dict(self._context_to_headers(headers))
        if self.header_key in given:
            given[self.header_key] = self._codec.sealed_for(workflow_id, given[self.header_key])
        return given

    def context_of(self, headers: Mapping[str, Payload]) -> Context | None:
        """The trace that came with `headers`."""
        return self._context_from_headers(headers)

    def span_of_act(
        self, name: str, parent: Context, attributes: Mapping[str, str]
    ) -> contextlib.AbstractContextManager[None]:
        """A span of one attempt of an act, current while inside; an error is a status of it."""
        return self._start_as_current_span(name, context=parent, attributes=dict(attributes), kind=SpanKind.SERVER)

    def _phase(self, name: str, since: datetime, until: datetime, about: Mapping[str, str]) -> None:
        """Called from workflow code, under the run's own context; a run that belongs to no trace has none."""
        if trace.get_current_span() is trace.INVALID_SPAN:
            return
        span = self.tracer.start_span(f"phase {name}", attributes=dict(about), start_time=_nanoseconds(since))
        span.end(end_time=_nanoseconds(until))


class _Client(temporalio.client.OutboundInterceptor):
    """Of all that a client does, the start of a remediation begins a trace, and that of a time box goes on with one."""

    def __init__(self, following: temporalio.client.OutboundInterceptor, tracing: Tracing) -> None:
        super().__init__(following)
        self._tracing = tracing

    async def start_workflow(
        self,
        input: temporalio.client.StartWorkflowInput,  # noqa: A002  as above
    ) -> temporalio.client.WorkflowHandle[Any, Any]:
        here = trace.get_current_span().get_span_context()
        if input.workflow == REMEDIATION:  # a trace of its own, whoever reports: the watch, or another remediation
            name, parent = REPORTED, Context()
            links = [Link(here)] if here.is_valid else []
        elif input.workflow == TIMEBOX and here.is_valid:
            name, parent, links = TIMEBOX_STARTED, contexts.get_current(), []
        else:
            return await super().start_workflow(input)
        span = self._tracing.tracer.start_span(
            name, parent, kind=SpanKind.CLIENT, attributes={"temporalWorkflowID": input.id}, links=links
        )
        token = contexts.attach(trace.set_span_in_context(span, parent))
        try:
            input.headers = self._tracing.carried(input.headers, input.id)
            return await super().start_workflow(input)
        finally:
            contexts.detach(token)
            span.end()


class _Act(temporalio.worker.ActivityInboundInterceptor):
    """An act that a traced run asks for."""

    def __init__(self, following: temporalio.worker.ActivityInboundInterceptor, tracing: Tracing) -> None:
        super().__init__(following)
        self._tracing = tracing

    async def execute_activity(self, input: temporalio.worker.ExecuteActivityInput) -> Any:  # noqa: A002  as above
        belongs = self._tracing.context_of(input.headers)
        if belongs is None:
            return await super().execute_activity(input)
        info = activity.info()
        attributes = {"temporalWorkflowID": info.workflow_id or "", "byteport.attempt": str(info.attempt)}
        with self._tracing.span_of_act(info.activity_type, belongs, attributes):
            return await super().execute_activity(input)


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000
