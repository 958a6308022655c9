"""Sends a process's spans to the collector of the settings, and nothing of them that is not named in `byteport/contracts/traces.py`.

`start.py` opens it around the client. What is not set costs nothing: neither OpenTelemetry nor its exporter is imported. A collector that
is down holds nobody up: spans wait in a queue of fixed length, one thread of its own sends them, and what does not fit is dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

from temporalio.client import Interceptor

from byteport.contracts.traces import TracesConfig
from byteport.errors import ConfigError
from byteport.temporal.keys import Ring
from byteport.trust.key_files import read_private_file

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

ATTEMPT_SECONDS = 5.0
"""How long one batch is tried for; the next one waits meanwhile."""
LAST_SECONDS = 3.0
"""How long a process that ends waits for its last spans to be taken."""
BETWEEN_BATCHES_MS = 2000
BATCH = 256
_HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}): ?([ -~]{1,4000})")


@contextlib.asynccontextmanager
async def traced(config: TracesConfig, ring: Ring, about: Mapping[str, str]) -> AsyncIterator[Sequence[Interceptor]]:
    """While inside, what these interceptors note is sent; none where no collector is set.

    `about` says of which process the spans are. Raises `ConfigError` for files that cannot be used.
    """
    if config.endpoint is None:
        yield ()
        return
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON

    from byteport.temporal.codec import EncryptingCodec
    from byteport.temporal.tracing import Tracing
    from workers.spans import Reduced

    named = {"service.name": "byteport", "service.version": version("byteport"), **about}
    provider = TracerProvider(sampler=ALWAYS_ON, resource=Resource(named), shutdown_on_exit=False)
    sent = BatchSpanProcessor(
        Reduced(_exporter(config)),
        max_queue_size=config.queue,
        schedule_delay_millis=BETWEEN_BATCHES_MS,
        max_export_batch_size=min(BATCH, config.queue),
    )
    provider.add_span_processor(sent)
    try:
        yield (Tracing(provider.get_tracer("byteport"), EncryptingCodec(ring)),)
    finally:
        ending = threading.Thread(target=provider.shutdown, daemon=True)  # no end of the process waits for a daemon
        ending.start()
        await asyncio.to_thread(ending.join, LAST_SECONDS)


def _exporter(config: TracesConfig) -> SpanExporter:
    """One that follows no redirect, takes no proxy of the environment, and verifies whoever answers."""
    import certifi
    import requests
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    if config.ca_file is not None and not config.ca_file.is_file():
        raise ConfigError("telemetry.traces.ca_file", f"{config.ca_file} does not exist")
    session = requests.Session()
    session.trust_env = False
    return OTLPSpanExporter(
        endpoint=config.endpoint,
        certificate_file=str(config.ca_file) if config.ca_file is not None else certifi.where(),
        headers=_headers(config),
        timeout=ATTEMPT_SECONDS,
        compression=Compression.Gzip,
        session=session,
    )


def _headers(config: TracesConfig) -> dict[str, str]:
    if config.headers_file is None:
        return {}
    setting = "telemetry.traces.headers_file"
    found: dict[str, str] = {}
    for number, line in enumerate(read_private_file(config.headers_file, setting).splitlines(), 1):
        if not line.strip():
            continue
        header = _HEADER.fullmatch(line)
        if header is None:
            raise ConfigError(
                setting, f"line {number} of {config.headers_file} is no header; write one as `name: value`"
            )
        found[header[1]] = header[2].strip()
    return found
