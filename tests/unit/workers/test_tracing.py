"""What of a span leaves a process, to whom, and what it costs where nothing does."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Status, StatusCode, Tracer

from byteport.contracts.traces import ATTRIBUTES, NAME, TracesConfig
from byteport.errors import ConfigError
from byteport.temporal.keys import KeyRing, PayloadKey
from byteport.temporal.tracing import Tracing
from tests.builders.otlp import collecting
from tests.integration.export.authority import Authority, new_authority
from workers.spans import Reduced, name_of
from workers.tracing import traced

RING = KeyRing((PayloadKey(bytes(range(32))),))
SECRET = "canary-7f3a"
SOON = 20.0


@pytest.fixture
def left() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(left: InMemorySpanExporter) -> Tracer:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(Reduced(left)))
    return provider.get_tracer("test")


def only(left: InMemorySpanExporter) -> ReadableSpan:
    (span,) = left.get_finished_spans()
    return span


@pytest.mark.claim("C-457")
def test_review_12_an_error_leaves_as_a_status_without_its_words(tracer: Tracer, left: InMemorySpanExporter) -> None:
    with contextlib.suppress(RuntimeError), tracer.start_as_current_span("audit.reserve") as span:
        span.set_status(Status(StatusCode.ERROR, f"RuntimeError: {SECRET}"))
        raise RuntimeError(SECRET)
    assert SECRET not in only(left).to_json()
    assert only(left).status.status_code is StatusCode.ERROR
    assert only(left).events == ()


@pytest.mark.claim("C-457")
@given(key=st.one_of(st.sampled_from(sorted(ATTRIBUTES)), st.text(max_size=40)), value=st.text(max_size=200))
def test_an_attribute_leaves_only_when_it_is_named_and_in_its_form(key: str, value: str) -> None:
    left = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(Reduced(left)))
    provider.get_tracer("test").start_span("audit.reserve", attributes={key: value}).end()
    told = dict(only(left).attributes or {})
    assert all(ATTRIBUTES[name].fullmatch(str(text)) for name, text in told.items())
    assert told in ({}, {key: value})


@pytest.mark.claim("C-457")
@given(st.text(max_size=200))
def test_a_span_has_a_name_in_words_of_ours_whatever_it_was_called(name: str) -> None:
    assert NAME.fullmatch(name_of(name))


@pytest.mark.parametrize(
    ("temporals", "ours"),
    [
        ("RunWorkflow:remediation", "remediation begun"),
        ("StartActivity:audit.reserve", "ask audit.reserve"),
        ("HandleSignal:report", "report heard"),
        ("audit.reserve", "audit.reserve"),
        ("phase acting", "phase acting"),
        ("QueryWorkflow:state", "other"),
        (f"GET /{SECRET}?x=y", "other"),
    ],
)
def test_temporals_names_become_ours(temporals: str, ours: str) -> None:
    assert name_of(temporals) == ours


@pytest.mark.claim("C-458")
async def test_where_no_collector_is_set_nothing_is_noted() -> None:
    async with traced(TracesConfig(), RING, {}) as interceptors:
        assert interceptors == ()


@pytest.mark.peers
@pytest.mark.claim("C-458")
def test_where_no_collector_is_set_nothing_of_it_is_imported() -> None:
    program = "import sys, workers.start; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout == "[]\n"


async def sent(config: TracesConfig, spans: int = 3) -> float:
    """Seconds that it took to note so many spans."""
    async with traced(config, RING, {}) as (tracing,):
        assert isinstance(tracing, Tracing)
        began = time.monotonic()
        for _ in range(spans):
            tracing.tracer.start_span("audit.reserve").end()
        return time.monotonic() - began


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return new_authority(tmp_path)


@pytest.mark.peers
@pytest.mark.claim("C-458")
async def test_what_a_process_noted_last_is_sent_when_it_ends(authority: Authority) -> None:
    with collecting(authority.server()) as collector:
        await sent(TracesConfig(endpoint=collector.url, ca_file=authority.ca_file))
        assert [span.name for span in collector.spans] == ["audit.reserve"] * 3
        assert collector.refused == []


@pytest.mark.peers
@pytest.mark.claim("C-459")
@pytest.mark.parametrize("amiss", ["stranger", "name", "expired"])
async def test_nothing_is_sent_to_a_server_whose_certificate_or_name_does_not_hold(
    authority: Authority, amiss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "OTEL_EXPORTER_OTLP_CERTIFICATE"):
        monkeypatch.setenv(variable, "")
    names = ("elsewhere.example",) if amiss == "name" else ()
    server = authority.server(*names, by_stranger=amiss == "stranger", expired=amiss == "expired")
    with collecting(server) as collector:
        await sent(TracesConfig(endpoint=collector.url, ca_file=authority.ca_file))
        assert collector.spans == []


@pytest.mark.peers
@pytest.mark.claim("C-458")
async def test_with_a_collector_that_refuses_ten_thousand_spans_hold_nobody_up(authority: Authority) -> None:
    with collecting(authority.server()) as collector:
        collector.answer = 503
        began = time.monotonic()
        noted = await sent(TracesConfig(endpoint=collector.url, ca_file=authority.ca_file, queue=64), spans=10_000)
        assert noted < SOON
        assert time.monotonic() - began < SOON
        assert collector.spans == []


@pytest.mark.parametrize(
    ("text", "said"),
    [("Authorization", "line 1"), ("A: b\nC : d\n", "line 2"), ("A: b\x00c\n", "line 1"), ("Ä: b", "not text")],
)
async def test_a_file_of_headers_that_is_none_is_named_with_its_setting(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "headers"
    file.write_text(text)
    file.chmod(0o600)
    config = TracesConfig(endpoint="https://collector.example/v1/traces", headers_file=file)
    with pytest.raises(ConfigError, match=r"telemetry\.traces\.headers_file") as refused:
        async with traced(config, RING, {}):
            pass
    assert said in str(refused.value)
    assert "Authorization" not in str(refused.value)


@pytest.mark.parametrize("endpoint", ["http://collector.example/v1/traces", "https://169.254.169.254/v1/traces"])
def test_a_collector_is_reached_over_tls_and_is_no_metadata_address(endpoint: str) -> None:
    with pytest.raises(ValueError, match="endpoint"):
        TracesConfig(endpoint=endpoint)
