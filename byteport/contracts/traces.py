"""Traces: where they go, and the closed set of what a span may say.

A trace is one remediation from a symptom's report to its last record. `byteport/temporal/tracing.py` makes spans, `workers/tracing.py`
sends them, and whatever anybody adds to a span on the way is dropped unless it is named here.
"""

from __future__ import annotations

import re
from pathlib import Path  # noqa: TID251  the type of a setting; nothing is read here
from typing import Annotated

from pydantic import Field

from byteport.contracts.receiver_addresses import ReceiverUrl
from byteport.domain.base import Frozen

PHASE_SPAN = "byteport_phase_span"
"""The name under which a worker that traces hands workflows the function that notes a phase."""

ATTRIBUTES = {
    "byteport.workflow_id": re.compile(r"[A-Za-z0-9:._-]{1,1000}"),
    "byteport.run_id": re.compile(r"[0-9a-f-]{36}"),
    "byteport.incident_id": re.compile(r"[A-Za-z0-9:._-]{1,200}"),
    "byteport.plan_digest": re.compile(r"(?:sha256:)?[0-9a-f]{64}"),
    "byteport.runbook": re.compile(r"[A-Za-z]{1,64}"),
    "byteport.verdict": re.compile(r"[a-z_]{1,32}"),
    "byteport.decision": re.compile(r"[a-z_]{1,32}"),
    "byteport.result": re.compile(r"[a-z_]{1,32}"),
    "byteport.attempt": re.compile(r"[0-9]{1,6}"),
}
"""What a span may carry, each with the only form that it may have: ids, digests and words of ours, no text."""

NAME = re.compile(r"[a-z][a-z0-9_. ]{0,79}")
"""The form of a span's name, which is words of ours."""


class TracesConfig(Frozen):
    """Where traces are sent, as OTLP over HTTP."""

    endpoint: ReceiverUrl | None = None
    """Address to which spans are posted, with its path (`https://collector.example:4318/v1/traces`). Default: none; nothing is traced."""
    headers_file: Path | None = None
    """File of headers that show the collector who we are, a `name: value` a line; mode 0600, read at the start. Default: none."""
    ca_file: Path | None = None
    """PEM of authorities that sign the collector's certificate. Default: those that Python's `certifi` carries."""
    queue: Annotated[int, Field(ge=64, le=65536)] = 2048
    """Spans that wait in a process for the collector at most; one more is dropped. Default: some hundred remediations."""
