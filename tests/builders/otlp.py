"""A collector that takes OTLP over HTTP as its specification writes it, and nothing else: a receiver of traces for tests.

One POST to `/v1/traces` over TLS, `application/x-protobuf`, gzip or plain, a message that decodes without a field unknown to the
published schema, ids of their length. What differs is answered 400 and kept in `refused`.
"""

from __future__ import annotations

import gzip
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

LARGEST = 4 << 20


class Collector:
    """What it was sent."""

    def __init__(self) -> None:
        self.port = 0
        self.spans: list[Span] = []
        self.resources: list[dict[str, str]] = []
        self.raw: list[bytes] = []
        """Each body, unpacked."""
        self.headers: list[dict[str, str]] = []
        self.refused: list[str] = []
        self.answer = 200
        """What it answers to a good request."""

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/v1/traces"

    def take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        """Raises `ValueError` for what no exporter may send."""
        if path != "/v1/traces":
            raise ValueError(f"path {path}")
        if headers.get("content-type") != "application/x-protobuf":
            raise ValueError(f"content type {headers.get('content-type')}")
        data = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
        request = ExportTraceServiceRequest.FromString(data)
        if ExportTraceServiceRequest.FromString(request.SerializeToString()) != request or not request.resource_spans:
            raise ValueError("no message of the schema")
        found: list[Span] = []
        for resource in request.resource_spans:
            self.resources.append({one.key: one.value.string_value for one in resource.resource.attributes})
            for scope in resource.scope_spans:
                found += scope.spans
        for span in found:
            if len(span.trace_id) != 16 or len(span.span_id) != 8 or len(span.parent_span_id) not in (0, 8):
                raise ValueError("an id of another length")
            if not span.name or not 0 < span.start_time_unix_nano <= span.end_time_unix_nano:
                raise ValueError("a span without a name or with times that are none")
        self.raw.append(data)
        self.headers.append(headers)
        self.spans += found


@contextmanager
def collecting(tls: ssl.SSLContext) -> Iterator[Collector]:
    """One on a port of its own."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            body = self.rfile.read(min(length, LARGEST))
            status, answer = collector.answer, ExportTraceServiceResponse().SerializeToString()
            try:
                if status == 200:
                    collector.take(self.path, {key.lower(): value for key, value in self.headers.items()}, body)
            except Exception as error:  # noqa: BLE001  whatever is wrong with a request is what a test looks for
                collector.refused.append(str(error))
                status = 400
            self.send_response(status)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Nothing is said."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        collector.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield collector
        server.shutdown()
