"""The alerts and the dashboard, as a real Prometheus reads them: every expression parses, and each alert rings when it must alone.

`promtool` is built from the module of the Prometheus that other tests run; it plays `alert_cases.py` minute by minute.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.alert_cases import AGAIN, CASES, HERE, Case, Series
from tests.chart.chart import CHART, objects, of_kind
from tests.chart.test_metrics import ALERTS, ON
from tests.integration.cloud.prometheus_real import program

pytestmark = pytest.mark.peers

PANELS: list[dict[str, Any]] = json.loads((CHART / "files" / "dashboard.json").read_text())["panels"]


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the chart gives to the operator, which writes it into such a file."""
    (rule,) = of_kind(objects(ON), "PrometheusRule")
    path = tmp_path_factory.mktemp("rules") / "alerts.yml"
    path.write_text(yaml.safe_dump(rule["spec"]))
    return path


def promtool(*arguments: str) -> str:
    """What it says; fails where it finds something amiss."""
    ended = subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def played(rules: Path, *tests: dict[str, Any], every: str = "1m") -> None:
    path = rules.with_name("tests.yml")
    path.write_text(
        yaml.safe_dump(
            {"rule_files": [str(rules)], "evaluation_interval": every, "tests": list(tests)}, sort_keys=False
        )
    )
    promtool("test", "rules", str(path))


def alone(rules: Path, alert: str) -> Path:
    """The rule of one alert, for what takes a day."""
    plain = yaml.safe_load(rules.read_text())
    kept = [rule for rule in plain["groups"][0]["rules"] if rule["alert"] == alert]
    path = rules.with_name("alone.yml")
    path.write_text(yaml.safe_dump({"groups": [{"name": "alone", "rules": kept}]}))
    return path


def given(series: Series, **what: Any) -> dict[str, Any]:
    scraped = [{"series": name, "values": values} for name, values in series.items()]
    return {"interval": "1m", "input_series": scraped, **what}


def expected(alert: str, at: int, labels: list[Mapping[str, str]]) -> dict[str, Any]:
    """That `alert` rings at minute `at` with these labels, and with no others; none is silence."""
    (rule,) = [one for one in ALERTS if one["alert"] == alert]
    told = {"summary": rule["summary"], "runbook_url": f"docs/runbooks/alerts/{rule['page']}.md"}
    ringing = [{"exp_labels": {"severity": rule["severity"], **one}, "exp_annotations": told} for one in labels]
    return {"eval_time": f"{at}m", "alertname": alert, "exp_alerts": ringing}


@pytest.mark.claim("C-496")
def test_prometheus_takes_every_rule_of_the_chart(rules: Path) -> None:
    said = promtool("check", "rules", "--lint=all", "--lint-fatal", str(rules))
    assert f"{len(ALERTS)} rules found" in said


@pytest.mark.claim("C-496")
def test_prometheus_reads_every_question_of_the_dashboard(tmp_path: Path) -> None:
    asked = [target["expr"] for panel in PANELS for target in panel["targets"]]
    named = [{"record": f"panel:question:{number}", "expr": text} for number, text in enumerate(asked)]
    path = tmp_path / "dashboard.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": named}]}))
    assert f"{len(asked)} rules found" in promtool("check", "rules", str(path))


def test_there_is_a_case_for_each_alert() -> None:
    assert {alert["alert"] for alert in ALERTS} - set(CASES) == set()


@pytest.mark.claim("C-496")
def test_each_alert_rings_in_its_time_and_not_before(rules: Path) -> None:
    played(
        rules,
        *(
            given(
                case.rings,
                alert_rule_test=[
                    expected(alert, case.before, []),
                    expected(alert, case.after, [dict(one) for one in case.labels]),
                ],
            )
            for alert, case in cases()
        ),
        *(
            given(series, alert_rule_test=[expected(alert, at, [labels])])
            for alert, (series, at, labels) in AGAIN.items()
        ),
    )


@pytest.mark.claim("C-496")
def test_no_alert_rings_while_all_is_well(rules: Path) -> None:
    short = [(alert, case) for alert, case in cases() if not case.takes_a_day]
    played(rules, *(one for alert, case in short for one in quiet(alert, case)))
    for alert, case in cases():
        if case.takes_a_day:
            played(alone(rules, alert), *quiet(alert, case), every="10m")


def quiet(alert: str, case: Case) -> list[dict[str, Any]]:
    return [
        given(series, alert_rule_test=[expected(alert, at, []) for at in (case.quiet_at or (case.after, 70))])
        for series in case.quiet
    ]


def cases() -> list[tuple[str, Case]]:
    return [(alert["alert"], CASES[alert["alert"]]) for alert in ALERTS]


def question(title: str, place: int = 0) -> str:
    (panel,) = [one for one in PANELS if one["title"] == title]
    asked: str = panel["targets"][place]["expr"]
    return asked


def sample(value: float, **labels: str) -> dict[str, Any]:
    shown = ", ".join(f'{name}="{text}"' for name, text in sorted(labels.items()))
    return {"labels": f"{{{shown}}}", "value": value}


@pytest.mark.claim("C-496")
def test_what_happened_once_is_shown_although_a_counter_begins_with_it(rules: Path) -> None:
    """A counter of ours is not there before it counts, and an increase is seen only of what was there before."""
    outcome, mttr = 'decision="acted", result="success", runbook="R"', 'runbook="R"'
    once = {f"byteport_remediations_total{{{HERE}, {outcome}}}": "_x30 1x300"}
    repaired = {
        f'byteport_mttr_seconds_bucket{{{HERE}, {mttr}, le="{edge}"}}': f"_x30 {count}x300"
        for edge, count in (("60", 0), ("90", 1), ("120", 1), ("+Inf", 1))
    }
    held = {f"byteport_did_not_hold_total{{{HERE}, {mttr}}}": "_x30 1x300"}
    outcomes = question("Outcomes in an hour")
    played(
        rules,
        given(
            once,
            promql_expr_test=[
                {"expr": outcomes, "eval_time": "45m", "exp_samples": [sample(1, decision="acted", result="success")]},
                {"expr": outcomes, "eval_time": "200m", "exp_samples": [sample(0, decision="acted", result="success")]},
            ],
        ),
        given(
            repaired,
            promql_expr_test=[
                {"expr": question("Time to repair"), "eval_time": "45m", "exp_samples": [sample(75, runbook="R")]}
            ],
        ),
        given(
            held,
            promql_expr_test=[
                {
                    "expr": question("Repairs that did not hold, in a day"),
                    "eval_time": "45m",
                    "exp_samples": [sample(1, runbook="R")],
                }
            ],
        ),
    )
