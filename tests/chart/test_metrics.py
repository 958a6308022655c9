"""Alerts and dashboard speak of metrics that exist, and each alert has a page that says what to do."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from byteport.contracts.acts import Queue, task_queue_name
from byteport.contracts.metrics import METRICS
from tests.chart.api_server import UID
from tests.chart.chart import CHART, containers, objects, of_kind, only, rendered
from tests.chart.test_alerts import ON as ALERTS_ON
from tests.chart.test_console import ON as CONSOLE_ON
from tests.house.tree import ROOT

ON: dict[str, Any] = {
    "metrics": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
        "dashboard": {"enabled": True},
    }
}
PAGES = ROOT / "docs" / "runbooks" / "alerts"
ALERTS: list[dict[str, str]] = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())
PREFIX = "temporal_"
OF_OTHERS = {"up", "kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes"}
"""Prometheus's own, and the kubelet's."""
OURS = {metric.name for metric in METRICS}
OUR_LABELS = {label.name for metric in METRICS for label in metric.labels}
"""`test_own_metrics.py` says which of ours has which."""
HISTOGRAM = re.compile(r"_(bucket|count|sum)$")


@pytest.fixture(scope="module")
def known() -> bytes:
    """The native part of Temporal's SDK, which serves the metrics: every name and label that it has is in it."""
    spec = importlib.util.find_spec("temporalio.bridge")
    assert spec is not None
    (library,) = Path(str(spec.submodule_search_locations[0] if spec.submodule_search_locations else "")).glob(
        "temporal_sdk_bridge*"
    )
    return library.read_bytes()


def expressions() -> Iterator[str]:
    yield from (alert["expr"] for alert in ALERTS)
    for panel in json.loads((CHART / "files" / "dashboard.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_every_metric_that_is_spoken_of_exists(expression: str, known: bytes) -> None:
    metrics = re.findall(r"([a-z_]+)\{", expression)
    assert metrics
    for name in metrics:
        core = HISTOGRAM.sub("", name)
        there = core.startswith(PREFIX) and core.removeprefix(PREFIX).encode() in known
        assert there or name in OF_OTHERS or core in OURS, name


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_every_label_that_is_asked_for_exists(expression: str, known: bytes) -> None:
    labels = {
        label for inside in re.findall(r"\{([^}]*)\}", expression) for label in re.findall(r"(\w+)\s*[!=]", inside)
    }
    grouped = {label.strip() for inside in re.findall(r"by \(([^)]*)\)", expression) for label in inside.split(",")}
    others = {"namespace", "job", "pod", "persistentvolumeclaim", "le"} | OUR_LABELS
    assert [label for label in labels | grouped if label not in others and label.encode() not in known] == []


def test_a_queue_that_is_named_is_one_that_a_worker_polls() -> None:
    named = {queue for text in expressions() for queue in re.findall(r'task_queue=~?"([^"]*)"', text)}
    queues = [task_queue_name(queue, UID) for queue in Queue]
    assert named
    assert all(any(re.fullmatch(pattern, queue) for queue in queues) for pattern in named)


def test_brackets_are_closed() -> None:
    for expression in expressions():
        for opening, closing in ("()", "{}", "[]"):
            assert expression.count(opening) == expression.count(closing), expression


def test_each_alert_leads_to_a_page_of_its_own_that_says_what_to_do() -> None:
    (rule,) = of_kind(objects(ON), "PrometheusRule")
    rules = rule["spec"]["groups"][0]["rules"]
    assert [one["alert"] for one in rules] == [one["alert"] for one in ALERTS]
    for one in rules:
        page = ROOT / one["annotations"]["runbook_url"]
        text = page.read_text()
        assert text.startswith(f"# {one['alert']}\n"), page
        for heading in ("## What it means", "## What to do", "## When it is over"):
            assert heading in text, (page, heading)
    assert len({one["annotations"]["runbook_url"] for one in rules}) == len(rules)


def test_there_is_no_page_without_an_alert() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == {alert["page"] for alert in ALERTS}


BASE = "https://runbooks.example.com/byteport/"
SERVED: dict[str, Any] = {"metrics": {"prometheusRule": {"enabled": True, "runbookBaseUrl": BASE}}}


def test_the_pages_are_served_from_where_the_values_say() -> None:
    (rule,) = of_kind(objects(SERVED), "PrometheusRule")
    urls = [one["annotations"]["runbook_url"] for one in rule["spec"]["groups"][0]["rules"]]
    assert urls[0] == "https://runbooks.example.com/byteport/down.md"
    for url in urls:
        assert (PAGES / url.removeprefix(BASE)).is_file(), url


@pytest.mark.parametrize(("values", "said"), [(ON, True), (SERVED, False), ({}, False)])
def test_whoever_installs_is_told_while_the_pages_are_no_links(values: dict[str, Any], said: bool) -> None:
    notes = rendered(values)["templates/NOTES.txt"]
    assert ("set metrics.prometheusRule.runbookBaseUrl" in notes) is said


def test_the_monitor_finds_the_service_and_the_service_the_workers() -> None:
    items = objects(ON)
    monitor, service = only(items, "ServiceMonitor"), only(items, "Service")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
    for item in of_kind(items, "Deployment"):
        labels = item["spec"]["template"]["metadata"]["labels"]
        assert service["spec"]["selector"].items() <= labels.items()
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert (
        "up{job=" not in "".join(expressions())
        or service["metadata"]["labels"]["app.kubernetes.io/name"] == "byteport-agent"
    )


@pytest.mark.parametrize(("door", "values"), [("alerts", ALERTS_ON), ("console", CONSOLE_ON)])
def test_a_door_is_scraped_as_a_worker_is(door: str, values: dict[str, Any]) -> None:
    """By the same Service and the same rule of the network, at the port that its settings name."""
    items = objects(values)
    pod = only(items, "Deployment", f"byteport-{door}")["spec"]["template"]
    service, rule = only(items, "Service", "byteport-metrics"), only(items, "NetworkPolicy", "byteport-workers")
    (port,) = [one for one in containers(pod["spec"])[-1]["ports"] if one["name"] == "metrics"]
    config = yaml.safe_load(only(items, "ConfigMap", f"byteport-{door}")["data"]["config.yaml"])
    assert config["telemetry"]["metrics_address"].endswith(f":{port['containerPort']}")
    labels = pod["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert rule["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert [one["port"] for one in rule["spec"]["ingress"][0]["ports"]] == [port["containerPort"]]


def test_the_dashboard_is_one_that_grafana_reads() -> None:
    config = only(objects(ON), "ConfigMap", "byteport-dashboard")
    board = json.loads(config["data"]["byteport.json"])
    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_nothing_of_it_is_there_unless_it_is_chosen() -> None:
    assert {item["kind"] for item in objects()} & {"ServiceMonitor", "PrometheusRule"} == set()


SCRAPED = 'temporal_num_pollers{namespace="default",poller_type="activity_task",task_queue="cluster:x"} %s\n'


@pytest.mark.parametrize(("pollers", "code"), [("2", 0), ("0", 1)])
def test_the_charts_own_test_passes_when_every_worker_polls_and_fails_when_one_does_not(
    pollers: str, code: int
) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = ("temporal_sticky_cache_size{} 1\n" + SCRAPED % pollers).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing is said."""

    (pod,) = of_kind(objects(), "Pod")
    program = pod["spec"]["containers"][0]["args"][0]
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        surroundings = {
            "WORKERS": "1",
            "PORT": str(server.server_address[1]),
            "METRICS_HOST": "127.0.0.1",
            "SECONDS": "0",
        }
        ended = subprocess.run(
            [sys.executable, "-c", program], env=os.environ | surroundings, capture_output=True, text=True, timeout=30
        )
        server.shutdown()
    assert ended.returncode == code, ended.stderr
    assert ("of 1 workers poll Temporal" in ended.stdout) is True


@pytest.mark.parametrize(("processes", "workers"), [("small", "3"), ("each", "7")])
def test_the_charts_own_test_waits_for_every_worker(processes: str, workers: str) -> None:
    values: dict[str, Any] = {}
    if processes == "each":
        values = yaml.safe_load((CHART / "examples" / "production.yaml").read_text())
    (pod,) = of_kind(objects(values), "Pod")
    env = {one["name"]: one["value"] for one in pod["spec"]["containers"][0]["env"]}
    assert env["WORKERS"] == workers
