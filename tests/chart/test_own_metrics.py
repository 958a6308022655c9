"""The chart's dashboard and alerts, and the metrics that are ours, are the same set: names, kinds, labels and their words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest
import yaml

from byteport.contracts.metrics import METRICS, Metric, MetricKind
from byteport.runbooks.catalogue import RUNBOOKS
from tests.chart.chart import CHART

OURS = {metric.name: metric for metric in METRICS}
OF_THE_SCRAPE = {"namespace", "pod", "le"}
"""Labels that Prometheus or the kind of a metric adds."""
OVER_TIME = {"rate", "increase", "min_over_time", "unless"}
"""What is asked of a number that only grows: how much it grew, or the value that it began with where it was not there before."""
FUNCTIONS = {MetricKind.COUNTER: OVER_TIME, MetricKind.HISTOGRAM: OVER_TIME}


class Use(NamedTuple):
    """One place where one of ours is asked for."""

    expression: str
    metric: Metric
    suffix: str
    matchers: tuple[tuple[str, str], ...]
    function: str


def expressions() -> Iterator[str]:
    yield from (alert["expr"] for alert in yaml.safe_load((CHART / "files" / "alerts.yaml").read_text()))
    for panel in json.loads((CHART / "files" / "dashboard.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def uses() -> Iterator[Use]:
    for expression in expressions():
        for found in re.finditer(r"(?:(\w+)\(|\b(?=unless )(\w+) )?\b(byteport_\w+)(?:\{([^}]*)\})?", expression):
            called, beside, name, inside = found.groups()
            function = called or beside
            core = re.sub(r"_bucket$", "", name)
            matchers = re.findall(r'(\w+)\s*[!=]~?\s*"([^"]*)"', inside or "")
            assert core in OURS, f"{name} in {expression}"
            yield Use(expression, OURS[core], name.removeprefix(core), tuple(matchers), function or "")


USES = list(uses())


@pytest.mark.claim("C-455")
@pytest.mark.parametrize("name", sorted(OURS))
def test_each_of_ours_is_shown_or_alarmed(name: str) -> None:
    assert [use for use in USES if use.metric.name == name]


@pytest.mark.claim("C-455")
@pytest.mark.parametrize("use", USES, ids=lambda use: use.expression)
def test_each_is_asked_for_as_it_is_served(use: Use) -> None:
    labels = {label.name: label for label in use.metric.labels}
    assert {name for name, _ in use.matchers} <= labels.keys() | OF_THE_SCRAPE
    for name, value in use.matchers:
        assert name not in labels or value in labels[name].values
    assert (use.suffix == "_bucket") is (use.metric.kind is MetricKind.HISTOGRAM)
    assert use.metric.kind is MetricKind.GAUGE or use.function in FUNCTIONS[use.metric.kind]


@pytest.mark.claim("C-455")
@pytest.mark.parametrize("expression", sorted({use.expression for use in USES}))
def test_what_it_is_grouped_by_is_a_label_of_each_that_it_names(expression: str) -> None:
    grouped = {
        label.strip() for inside in re.findall(r"\bby \(([^)]*)\)", expression) for label in inside.split(",")
    } - OF_THE_SCRAPE
    for use in USES:
        if use.expression == expression:
            assert grouped <= {label.name for label in use.metric.labels}


def test_a_panel_writes_out_only_labels_that_are_left() -> None:
    for panel in json.loads((CHART / "files" / "dashboard.json").read_text())["panels"]:
        for target in panel["targets"]:
            grouped = {
                label.strip()
                for inside in re.findall(r"\bby \(([^)]*)\)", target["expr"])
                for label in inside.split(",")
            }
            written = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert not grouped or written <= grouped, panel["title"]


@pytest.mark.claim("C-456")
@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_label_has_closed_words_or_says_whose_names_its_values_are(metric: Metric) -> None:
    assert re.fullmatch(r"byteport_[a-z_]+", metric.name)
    assert metric.name.endswith("_total") is (metric.kind is MetricKind.COUNTER)
    assert (metric.unit == "seconds") is metric.name.endswith("_seconds")
    assert bool(metric.buckets) is (metric.kind is MetricKind.HISTOGRAM)
    for label in metric.labels:
        assert bool(label.values) is not bool(label.of)
        assert label.name not in {"namespace", "task_queue", "workflow_type", "activity_type", "le", "pod", "job"}
        assert all(re.fullmatch(r"[a-z][a-z0-9_-]*", value) for value in label.values)


@pytest.mark.claim("C-456")
def test_there_can_be_no_more_series_than_a_small_monitoring_system_bears() -> None:
    runbooks, configured = len(RUNBOOKS) + 1, 16
    series = 0
    for metric in METRICS:
        product = len(metric.buckets) + 3 if metric.buckets else 1
        for label in metric.labels:
            product *= len(label.values) or (runbooks if label.name == "runbook" else configured)
        series += product
    assert series < 2000


def test_no_panel_lies_on_another_or_beyond_the_page() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in json.loads((CHART / "files" / "dashboard.json").read_text())["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
        assert [target["refId"] for target in panel["targets"]] == sorted(
            {target["refId"] for target in panel["targets"]}
        )
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
