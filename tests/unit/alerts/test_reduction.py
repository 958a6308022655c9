"""What an alert comes to: a symptom of its target, word that one is over, a page for people, or nothing, and never an error."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

from byteport.alerts.reduction import Outcome
from byteport.domain.signals import SignalType, alert_of
from tests.unit.alerts.bodies import CPU, CRASHLOOP, DISK, NOW, ROLLOUT, SENDER, alert, reduced, told


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        (
            {"alertname": "KubePodCrashLooping", "namespace": "shop", "pod": "web-1"},
            (CRASHLOOP, "Pod", "shop", "web-1"),
        ),
        (
            {"alertname": "KubeDeploymentRolloutStuck", "namespace": "shop", "deployment": "web"},
            (ROLLOUT, "Deployment", "shop", "web"),
        ),
        (
            {"alertname": "KubeHpaMaxedOut", "namespace": "shop", "horizontalpodautoscaler": "web"},
            (CPU, "HorizontalPodAutoscaler", "shop", "web"),
        ),
        ({"alertname": "KubeNodePressure", "node": "n1", "condition": "DiskPressure"}, (DISK, "Node", None, "n1")),
        (
            {"alertname": "NodeFilesystemAlmostOutOfSpace", "job": "node-exporter", "instance": "n1"},
            (DISK, "Node", None, "n1"),
        ),
        (
            {"alertname": "CPUThrottlingHigh", "namespace": "shop", "pod": "web-1", "container": "web"},
            (CPU, "Pod", "shop", "web-1"),
        ),
        (
            {"alertname": "Ours", "byteport_signal": "error_rate", "namespace": "shop", "deployment": "web"},
            (SignalType.ERROR_RATE, "Deployment", "shop", "web"),
        ),
        (
            {
                "alertname": "Ours",
                "byteport_signal": "error_rate",
                "namespace": "shop",
                "workload": "web",
                "workload_type": "deployment",
            },
            (SignalType.ERROR_RATE, "Deployment", "shop", "web"),
        ),
    ],
)
@pytest.mark.claim("C-392")
def test_a_well_known_rule_or_an_operators_label_becomes_a_symptom_of_what_it_names(
    labels: dict[str, str], wanted: tuple[Any, ...]
) -> None:
    assert told(reduced({**alert(), "labels": labels})) == [(*wanted, False)]


@pytest.mark.claim("C-393")
@pytest.mark.parametrize(
    "labels",
    [
        {"namespace": "monitoring", "pod": "kube-state-metrics-5d8f-x", "job": "kube-state-metrics"},
        {"namespace": "monitoring", "pod": "prometheus-node-exporter-x2x", "job": "node-exporter"},
        {"namespace": "monitoring", "pod": "anything-1", "exported_namespace": "shop"},
        {"exported_pod": "", "pod": "anything-1", "namespace": "monitoring"},
        {"namespace": "monitoring", "pod": "blackbox-exporter-7c-q", "instance": "10.0.0.1:9115"},
    ],
)
def test_design_8_an_exporter_is_never_taken_for_its_target(labels: dict[str, str]) -> None:
    assert told(reduced(alert(**labels))) == []


@pytest.mark.claim("C-393")
def test_where_labels_collide_the_exported_ones_are_the_targets() -> None:
    labels = {
        "namespace": "monitoring",
        "pod": "kube-state-metrics-5d8f-x",
        "exported_namespace": "shop",
        "exported_pod": "web-1",
        "node": "the-exporters",
        "exported_node": "n1",
    }
    assert told(reduced(alert(**labels))) == [(CRASHLOOP, "Pod", "shop", "web-1", False)]
    mismatch = alert(
        "KubeDeploymentReplicasMismatch",
        namespace="monitoring",
        exported_namespace="shop",
        deployment="web",
        pod="kube-state-metrics-x",
    )
    assert told(reduced(mismatch)) == [(ROLLOUT, "Deployment", "shop", "web", False)]
    pressure = alert("KubeNodePressure", **labels, condition="DiskPressure")
    assert told(reduced(pressure)) == [(DISK, "Node", None, "n1", False)]


def test_an_address_is_no_nodes_name() -> None:
    for instance in ("10.0.0.1", "10.0.0.1:9100", "[::1]:9100"):
        assert told(reduced(alert("NodeFilesystemAlmostOutOfSpace", job="node-exporter", instance=instance))) == []


@pytest.mark.claim("C-392")
def test_a_number_is_read_from_its_own_label_and_never_from_prose() -> None:
    own = {"namespace": "shop", "deployment": "web", "byteport_signal": "error_rate"}
    plain = alert("Ours", **own, byteport_value="0.25", byteport_threshold="0.05")
    (batch,) = reduced(plain).batches
    assert (batch.symptoms[0].value, batch.symptoms[0].threshold) == (0.25, 0.05)
    for text in ("25 %", "NaN", "inf", "1e999", "0x10", "1" * 400, ""):
        (batch,) = reduced(alert("Ours", **own, byteport_value=text)).batches
        assert batch.symptoms[0].value == 1.0
    said = alert("Ours", **own)
    said["annotations"] = {"description": "95.5% of requests fail", "summary": "byteport_value 7"}
    assert reduced(said).batches[0].symptoms[0].value == 1.0


def test_the_end_of_an_alert_has_the_evidence_of_its_beginning() -> None:
    labels = {"namespace": "shop", "pod": "web-1"}
    began, ended = reduced(alert(**labels)), reduced(alert(status="resolved", **labels))
    (first,), (last,) = began.batches[0].symptoms, ended.batches[0].symptoms
    assert (first.over, last.over) == (False, True)
    assert first.evidence_digest == last.evidence_digest
    assert first.observed_at == datetime(2026, 3, 10, 8, 51, tzinfo=UTC)


def test_one_that_comes_and_goes_is_one_alert_and_one_about_another_container_is_another() -> None:
    labels = {"namespace": "shop", "pod": "web-1"}
    bodies = (
        alert(**labels) | {"fingerprint": "a1"},
        alert(status="resolved", **labels) | {"fingerprint": "a1", "startsAt": "2026-03-10T08:57:00Z"},
        alert(**labels) | {"fingerprint": "b2"},
        alert(**labels) | {"fingerprint": "\ud800"},
    )
    first, later, other, nameless = (reduced(body).batches[0].symptoms[0].evidence_digest for body in bodies)
    assert first != later
    assert alert_of(first) == alert_of(later)
    assert len({alert_of(one) for one in (first, other, nameless)}) == 3


@pytest.mark.parametrize("at", ["2027-01-01T00:00:00Z", "1980-01-01T00:00:00Z", "yesterday", 7])
def test_a_time_that_cannot_be_is_now(at: object) -> None:
    (batch,) = reduced(alert(namespace="shop", pod="web-1") | {"startsAt": at}).batches
    assert batch.symptoms[0].observed_at == NOW


@pytest.mark.claim("C-394")
def test_another_clusters_alert_is_foreign() -> None:
    found = reduced(alert(namespace="shop", pod="web-1", cluster="staging"))
    assert (found.batches, dict(found.outcomes)) == ((), {Outcome.FOREIGN: 1})
    assert told(reduced(alert(namespace="shop", pod="web-1", cluster="prod")))


def test_what_shows_that_alerting_works_and_what_names_nothing_comes_to_nothing() -> None:
    found = reduced(alert("Watchdog", severity="none", node="n1"), alert("KubeAPIErrorBudgetBurn"))
    assert (found.batches, dict(found.outcomes)) == ((), {Outcome.NOTHING: 2})


def test_an_alert_about_an_object_that_no_runbook_treats_is_told_if_that_is_wanted() -> None:
    job = alert("KubeStatefulSetReplicasMismatch", namespace="shop", statefulset="db")
    (batch,) = reduced(job).batches
    (one,) = batch.untreated
    assert (one.alert, one.subject.kind, one.subject.name) == ("KubeStatefulSetReplicasMismatch", "StatefulSet", "db")
    assert reduced(job, tell=False).batches == ()
    assert reduced(job, tell=False).outcomes == {Outcome.UNTREATED: 1}


@pytest.mark.claim("C-930")
def test_each_symptom_and_each_end_says_by_whom_and_an_end_since_when() -> None:
    ended = {**alert(status="resolved", namespace="shop", pod="web-2"), "endsAt": "2026-03-10T08:59:00Z"}
    (batch,) = reduced(alert(namespace="shop", pod="web-1"), ended).batches
    assert [(one.sender, one.ended_at) for one in batch.symptoms] == [
        (SENDER, None),
        (SENDER, datetime(2026, 3, 10, 8, 59, tzinfo=UTC)),
    ]


SINCE = ("2026-03-10T08:40:00Z", "2026-03-10T08:51:00Z")


@pytest.mark.parametrize("fingerprint", ["", "f1"])
@pytest.mark.parametrize("statuses", [*itertools.product(("firing", "resolved"), repeat=3)])
@pytest.mark.parametrize("begins", [*itertools.product(SINCE, repeat=3)])
def test_what_a_body_says_that_it_fires_is_not_over_by_the_same_body(
    statuses: tuple[str, ...], begins: tuple[str, ...], fingerprint: str
) -> None:
    """Alertmanager has each alert once in a body. Another sender may not; and without fingerprints two may look like one."""
    said = [
        {**alert(status=status, namespace="shop", pod="web-1"), "startsAt": began, "fingerprint": fingerprint}
        for status, began in zip(statuses, begins, strict=True)
    ]
    found = reduced(*said)
    over = {one.over for batch in found.batches for one in batch.symptoms}
    assert over == {"firing" not in statuses}
    assert sum(found.outcomes.values()) == 3


def test_what_fires_in_another_cluster_keeps_no_end_of_ours_from_being_told() -> None:
    ours, others = ({"namespace": "shop", "pod": "web-1", "cluster": name} for name in ("prod", "staging"))
    found = reduced(alert(status="resolved", **ours), alert(**others))
    assert dict(found.outcomes) == {Outcome.OVER: 1, Outcome.FOREIGN: 1}
