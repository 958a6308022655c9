"""What a monitoring system and a collector hear of one whole remediation, on a real Temporal server: one connected trace, our
metrics with words of ours, and no secret, name or text of a cluster but what the pages say."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from temporalio.client import Client, Interceptor
from temporalio.runtime import MetricBuffer, Runtime
from temporalio.runtime import TelemetryConfig as RuntimeTelemetry
from temporalio.testing import TimeSkipper

from activities.clock import utc_now
from byteport.audit.words import Decision
from byteport.cli.support_bundle import gathered_of
from byteport.cli.support_parts import Asked
from byteport.contracts.metrics import METRICS, Fate, MetricKind
from byteport.contracts.traces import ATTRIBUTES, NAME, TracesConfig
from byteport.contracts.workflows import Phase
from byteport.domain.failures import Failure
from byteport.domain.ids import watch_id
from byteport.runbooks.catalogue import RUNBOOKS
from byteport.sandbox.children import free_port
from byteport.sandbox.dev_server import DevServer
from byteport.temporal.connect import connect
from tests.builders.otlp import Collector, collecting
from tests.integration.export.authority import Authority, new_authority
from tests.workflows import canaries
from tests.workflows.patience import until_so
from tests.workflows.remediation import bad_release, crash_loop, remediation_of
from tests.workflows.test_reobservation import crashes_again
from tests.workflows.test_secrecy import everything, histories
from tests.workflows.world import SKIPPING, World, installed
from workers.run import metrics_runtime
from workers.run_metrics import RunMetrics
from workers.tracing import traced

pytestmark = pytest.mark.peers
SAMPLE = re.compile(r"^(?P<name>byteport_[a-z_]+)(?:\{(?P<labels>[^}]*)\})? (?P<value>[0-9.e+]+)$", re.MULTILINE)
ADDED = {"namespace", "task_queue", "workflow_type", "activity_type", "service_name", "le"}
"""Labels that Temporal's SDK, or the kind of a metric, puts there."""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return new_authority(tmp_path)


@asynccontextmanager
async def told(
    server: DevServer, namespace: str, folder: Path, traces: TracesConfig, health: str | None = None, **extra: Any
) -> AsyncIterator[tuple[World, str]]:
    """A world whose worker traces and serves metrics, as `workers/start.py` has it; and where it serves them."""
    address = f"127.0.0.1:{free_port()}"
    folder.mkdir()  # noqa: ASYNC240  one folder of a test
    async with installed(
        server, namespace, folder, telemetry={"metrics_address": address, "health_address": health}, **extra
    ) as world:
        await world.stop_worker()
        following = list(world.client.config()["interceptors"])
        async with traced(traces, world.ring, {"byteport.process": "embedded"}) as interceptors:
            chosen: list[Interceptor] = [*interceptors, *following]
            client = await connect(
                world.settings.temporal,
                world.ring,
                identity="test",
                runtime=metrics_runtime(address),
                interceptors=chosen,
            )
            world.skipper = TimeSkipper(client, config=SKIPPING)
            world.client = world.skipper.client
            await world.start_worker()
            yield world, address
            await world.stop_worker()


def samples(address: str) -> list[tuple[str, Mapping[str, str], float]]:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return [
        (found["name"], dict(re.findall(r'(\w+)="([^"]*)"', found["labels"] or "")), float(found["value"]))
        for found in SAMPLE.finditer(text)
    ]


def edges(address: str, histogram: str) -> set[float]:
    """The finite ones of a histogram of the SDK's own."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found = re.findall(rf'^{histogram}_bucket\{{[^}}]*\ble="([0-9.]+)"', text, re.MULTILINE)
    return {float(edge) for edge in found}


def value(address: str, name: str, **labels: str) -> float | None:
    for sample, has, number in samples(address):
        if sample == name and labels.items() <= has.items():
            return number
    return None


async def rolled_back(world: World) -> None:
    """A release that fails, with secrets wherever a pod, a log or an event holds them, rolled back after a yes."""
    await canaries.planted(world, world.cluster)
    assert canaries.in_events(world.cluster) > 3
    remediation = await remediation_of(world, Failure.BAD_ROLLOUT)
    await remediation.report()
    await (await remediation.until(Phase.AWAITING_APPROVAL)).approve(by="ada")
    assert (await remediation.closed()).decision is Decision.ACTED


@pytest.mark.claim("C-457")
async def test_review_12_one_remediation_is_one_connected_trace_that_holds_no_secret_and_no_text(
    server: DevServer, namespace: str, tmp_path: Path, authority: Authority
) -> None:
    headers = tmp_path / "headers"
    headers.write_text("Authorization: Bearer of-the-collector\n")
    headers.chmod(0o600)
    with collecting(authority.server()) as collector:
        config = TracesConfig(endpoint=collector.url, headers_file=headers, ca_file=authority.ca_file)
        async with told(server, namespace, tmp_path / "home", config) as (world, _):
            await rolled_back(world)
            raw = await Client.connect(world.settings.temporal.address, namespace=world.client.namespace)
            sealed = "".join([everything(history) async for history in histories(raw)])
        assert collector.refused == []
        connected(collector)
        assert {header["authorization"] for header in collector.headers} == {"Bearer of-the-collector"}
        assert collector.resources[0]["service.name"] == "byteport"
        assert collector.resources[0].keys() == {"service.name", "service.version", "byteport.process"}
        together = b"".join(collector.raw)
        assert canaries.found(together) == []
        assert b"kubectl" not in together
        assert "traceparent" not in sealed
        assert "_tracer-data" in sealed  # its name is readable, what it says is not


def connected(collector: Collector) -> None:
    """One trace from the report to the last record, in words of ours alone."""
    spans = collector.spans
    assert len({span.trace_id for span in spans}) == 1
    (root,) = [span for span in spans if not span.parent_span_id]
    assert root.name == "symptom reported"
    ids = {span.span_id for span in spans}
    assert [span.name for span in spans if span.parent_span_id and span.parent_span_id not in ids] == []
    names = {span.name for span in spans}
    assert names >= {
        "remediation begun",
        "report heard",
        "ask kubernetes.read_situation",
        "kubernetes.read_situation",
        "audit.read_standing",
        "start approval",
        "approval begun",
        "approvals.check_answer",
        "audit.reserve",
        "kubernetes.roll_back",
        "audit.finish",
        "audit.record",
        "phase diagnosing",
        "phase planning",
        "phase awaiting_approval",
        "phase acting",
        "phase verifying",
        "remediation ended",
    }, names
    assert all(NAME.fullmatch(name) for name in names)
    assert "other" not in names
    for span in spans:
        allowed(span)
    began = {span.name: span.start_time_unix_nano for span in spans}
    walk = ["symptom reported", "phase diagnosing", "phase awaiting_approval", "phase acting", "phase verifying"]
    assert sorted(walk, key=lambda name: began[name]) == walk


def allowed(span: Span) -> None:
    assert not span.events
    assert not span.status.message
    for one in span.attributes:
        assert ATTRIBUTES[one.key].fullmatch(one.value.string_value), (span.name, one.key)


@pytest.mark.claim("C-458")
async def test_a_collector_that_is_down_holds_nothing_up_and_nothing_grows(
    server: DevServer, namespace: str, tmp_path: Path, authority: Authority
) -> None:
    config = TracesConfig(endpoint=f"https://localhost:{free_port()}/v1/traces", ca_file=authority.ca_file, queue=64)
    async with told(server, namespace, tmp_path / "home", config) as (world, _):
        world.policy(mode="auto")
        remediation = await crash_loop(world)
        assert (await remediation.closed()).decision is Decision.ACTED
        async with asyncio.timeout(20):
            await world.stop_worker()


@pytest.mark.claim("C-456")
async def test_what_is_told_of_a_remediation_is_counted_once_in_words_of_ours(
    server: DevServer, namespace: str, tmp_path: Path
) -> None:
    async with told(server, namespace, tmp_path / "home", TracesConfig()) as (world, address):
        world.policy(mode="auto")
        remediation = await crash_loop(world)
        closed = await remediation.closed()
        runbook = {"runbook": "PodCrashloopRunbook"}

        async def heard() -> bool:
            return value(address, "byteport_remediations_total", **runbook) is not None

        await until_so(heard, "the outcome among the metrics")
        ended = {"decision": "acted", "result": "success"} | runbook
        assert value(address, "byteport_remediations_total", **ended) == 1
        assert value(address, "byteport_symptoms_total", source="watch", fate="opened") == 1
        assert value(address, "byteport_mttr_seconds_count", **runbook) == 1
        assert value(address, "byteport_mttr_seconds_sum", **runbook) == closed.mttr_seconds
        assert value(address, "byteport_mttr_seconds_bucket", **runbook, le="259200") == 1
        assert value(address, "byteport_refusals_total") is None
        assert value(address, "byteport_budget_acts_left", of="cluster") == world.settings.limits.per_cluster_per_hour
        assert value(address, "byteport_stopped", by="halt") == 0
        assert value(address, "byteport_approvals_waiting") == 0
        waits = edges(address, "temporal_activity_schedule_to_start_latency")
        assert max(waits) > 10, "a quantile is never above the highest edge, and BytePortSlow asks for more than 10 s"
        assert min(waits) < 1
        known = {metric.name: metric for metric in METRICS}
        for name, labels, _ in samples(address):
            core = re.sub(r"_(bucket|sum|count)$", "", name)
            metric = known[core if core in known and known[core].kind is MetricKind.HISTOGRAM else name]
            words = {label.name: label.values for label in metric.labels}
            words["runbook"] = frozenset({*(one.name for one in RUNBOOKS), "none"})
            assert labels.keys() - ADDED == {label.name for label in metric.labels}, name
            assert all(labels[label.name] in words[label.name] for label in metric.labels), name


@pytest.mark.claim("C-470")
async def test_review_12_a_bundle_for_support_tells_of_runs_and_workers_and_holds_nothing_that_a_pod_printed(
    server: DevServer, namespace: str, tmp_path: Path
) -> None:
    health = f"127.0.0.1:{free_port()}"
    async with told(server, namespace, tmp_path / "home", TracesConfig(), health) as (world, _):
        await rolled_back(world)
        made = await gathered_of(world.settings, Asked(records=100, bodies=True, runs=10, values=None))
        there = {one.name: one.content for one in made if one.content is not None}
        assert {one.name: one.missing for one in made if one.content is None} == {}
        (run, *_) = json.loads(there["runs.json"])["runs"]
        assert (run["phase"], run["decision"]) == ("closed", "acted")
        (happened,) = json.loads(there["timelines.json"]).values()
        assert len(happened) > 10
        assert json.loads(there["health.json"])["livez"]["status"] == 200
        assert b"byteport_remediations_total" in there["metrics.txt"]
        assert b"kubectl rollout undo" in there["records.ndjson"]
        assert [name for name, content in there.items() if canaries.found(content)] == []


async def test_what_ended_without_an_act_is_counted_by_its_reasons_and_each_symptom_by_its_fate(
    server: DevServer, namespace: str, tmp_path: Path
) -> None:
    async with told(server, namespace, tmp_path / "home", TracesConfig()) as (world, address):
        remediation = await bad_release(world)
        waiting = await remediation.until(Phase.AWAITING_APPROVAL)
        seen = remediation.signal("e" * 64)
        for _ in range(2):
            await remediation.report(seen)
        metrics, buffer = looking(world)

        async def seen_waiting() -> bool:
            await metrics.look()
            told_now = {update.metric.name: update.value for update in buffer.retrieve_updates()}
            assert told_now["byteport_watching"] == 0
            assert 0 <= told_now["byteport_approvals_oldest_seconds"] < 600
            return told_now["byteport_approvals_waiting"] == 1

        await until_so(seen_waiting, "one plan that waits")
        await waiting.reject(by="ada")
        await remediation.closed()
        runbook = {"runbook": "FailedDeployAutoRollbackRunbook"}

        async def heard() -> bool:
            return value(address, "byteport_refusals_total", **runbook) is not None

        await until_so(heard, "the refusal among the metrics")
        planned = {"decision": "dry_run_planned", "result": "none"} | runbook
        assert value(address, "byteport_remediations_total", **planned) == 1
        assert value(address, "byteport_refusals_total", reason="rejected", **runbook) == 1
        assert value(address, "byteport_mttr_seconds_count") is None
        fates = {fate: value(address, "byteport_symptoms_total", source="watch", fate=fate) for fate in Fate}
        counted = {fate: count for fate, count in fates.items() if count is not None}
        assert counted == {Fate.OPENED: 1, Fate.FOLDED: 1, Fate.REPEATED: 1}


def looking(world: World) -> tuple[RunMetrics, MetricBuffer]:
    """What the control queue's process asks Temporal on a timer, and where it tells it."""
    buffer = MetricBuffer(1000)
    meter = Runtime(telemetry=RuntimeTelemetry(metrics=buffer)).metric_meter
    return RunMetrics(meter, world.client, world.cluster.uid, utc_now), buffer


async def test_the_age_of_the_watchs_heartbeat_is_told_while_it_watches_and_its_absence_when_it_does_not(
    server: DevServer, namespace: str, tmp_path: Path
) -> None:
    watch = {"enabled": True}
    async with told(server, namespace, tmp_path / "home", TracesConfig(), watch=watch) as (world, _):
        metrics, buffer = looking(world)

        async def watched() -> bool:
            await metrics.look()
            now = {update.metric.name: update.value for update in buffer.retrieve_updates()}
            return now["byteport_watching"] == 1 and now["byteport_watch_heartbeat_seconds"] <= 30

        await until_so(watched, "a watch that heartbeats")
        await world.client.get_workflow_handle(watch_id(world.cluster.uid)).terminate()

        async def gone() -> bool:
            await metrics.look()
            now = {update.metric.name: update.value for update in buffer.retrieve_updates()}
            return now["byteport_watching"] == 0 and "byteport_watch_heartbeat_seconds" not in now

        await until_so(gone, "that nobody watches")


async def test_a_repair_that_did_not_hold_is_counted_for_its_runbook(
    server: DevServer, namespace: str, tmp_path: Path
) -> None:
    async with told(server, namespace, tmp_path / "home", TracesConfig()) as (world, address):
        world.policy(mode="auto")
        remediation = await crash_loop(world)
        incident = (await remediation.closed()).incident_id
        await crashes_again(world, world.cluster)
        looking = remediation.reobservation(incident)
        await world.skipper.fast_forward(looking, timedelta(minutes=61))
        assert await looking.result() == {"held": False, "looks": 1}
        assert value(address, "byteport_did_not_hold_total", runbook="PodCrashloopRunbook") == 1


async def test_a_cancelled_run_counts_once_also_when_it_had_escalated(
    server: DevServer, namespace: str, tmp_path: Path
) -> None:
    async with told(server, namespace, tmp_path / "home", TracesConfig()) as (world, address):
        world.policy(mode="auto")
        world.halts.halt(by="ada", reason="look")
        remediation = await crash_loop(world)
        await remediation.until(Phase.ESCALATED)
        await remediation.handle.cancel()
        await remediation.has_ended()
        runbook = {"runbook": "PodCrashloopRunbook"}
        assert value(address, "byteport_remediations_total", decision="escalated", **runbook) == 1
        assert value(address, "byteport_refusals_total", reason="cancelled", **runbook) is None
