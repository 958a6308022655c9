"""What an alert comes to: a symptom of its target, word that one is over, a page for people, or nothing, and never an error."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.alerts.reduction import Outcome, Reduced, of_alarm, of_group
from byteport.contracts.symptoms import MOST_SYMPTOMS
from byteport.domain.signals import SignalType, Source
from byteport.errors import MalformedInput
from byteport.kubernetes.alert_rules import RULES
from byteport.kubernetes.alerts import MOST_ALERTS, MOST_LABELS, read_alert, read_group
from byteport.kubernetes.cloudwatch_alarms import read_alarm

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
CASES = Path(__file__).parents[2] / "cases"


def body(*alerts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"version": "4", "status": "firing", "alerts": list(alerts), "truncatedAlerts": 0, **more}


def alert(name: str = "KubePodCrashLooping", status: str = "firing", **labels: str) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {"alertname": name, **labels},
        "annotations": {},
        "startsAt": "2026-03-10T08:51:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
    }


def reduced(*alerts: dict[str, Any], clusters: tuple[str, ...] = ("prod",), tell: bool = True, **more: Any) -> Reduced:
    group = read_group(body(*alerts, **more))
    return of_group(group, clusters=frozenset(clusters), now=NOW, tell_untreated=tell)


def told(found: Reduced) -> list[tuple[SignalType, str, str | None, str | None, bool]]:
    return [
        (one.type, one.subject.kind, one.subject.namespace, one.subject.name or one.subject.provider_id, one.over)
        for batch in found.batches
        for one in batch.symptoms
    ]


def case(name: str) -> Any:
    return json.loads((CASES / f"{name}.json").read_text())["alert"]


CRASHLOOP, ROLLOUT, DISK, CPU = (
    *(SignalType.POD_CRASHLOOP, SignalType.FAILED_DEPLOY, SignalType.DISK_PRESSURE, SignalType.CPU_SPIKE),
)


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


@pytest.mark.claim("C-395")
def test_case_56_a_group_that_echoes_one_node_is_one_page_and_no_symptom() -> None:
    found = of_group(
        read_group(case("56-alertmanager-v4-ten-mixed")), clusters=frozenset({"c1"}), now=NOW, tell_untreated=True
    )
    over = [one for one in told(found) if one[-1]]
    assert [one for one in told(found) if not one[-1]] == []
    assert over == [(CRASHLOOP, "Pod", "web", "catalogue-58c1d2e3f4-k7abd", True)]
    (untreated,) = [one for batch in found.batches for one in batch.untreated]
    assert (untreated.alert, untreated.subject.name, untreated.echoes) == ("KubeNodeNotReady", "node-q1", 7)
    assert found.outcomes[Outcome.LEFT_OUT] == 3


def test_case_57_a_resolved_group_opens_nothing_whatever_its_annotations_still_say() -> None:
    found = of_group(read_group(case("57-alertmanager-resolved")), clusters=frozenset(), now=NOW, tell_untreated=True)
    assert told(found) == [(DISK, "Node", None, "node-ci1", True)]
    assert dict(found.outcomes) == {Outcome.OVER: 1}


def test_case_59_of_unicode_labels_only_a_name_becomes_a_target() -> None:
    found = of_group(
        read_group(case("59-unicode-label-names-and-values")), clusters=frozenset(), now=NOW, tell_untreated=True
    )
    (batch,) = found.batches
    assert batch.symptoms == ()
    assert [(one.alert, one.subject.name) for one in batch.untreated] == [("alert", "node-s1")]
    assert batch.model_dump_json().isascii()


def test_case_60_an_alarm_is_about_the_machine_by_its_id_and_never_by_a_nodes_name() -> None:
    alarm = read_alarm(case("60-cloudwatch-alarm-sns-json")["Message"])
    found = of_alarm(alarm, clusters=frozenset({"c1"}), now=NOW, tell_untreated=True)
    assert told(found) == [(DISK, "Node", None, "i-00000000000000060", False)]
    assert found.batches[0].symptoms[0].source is Source.CLOUDWATCH
    assert of_alarm(alarm, clusters=frozenset({"other"}), now=NOW, tell_untreated=True).batches == ()


def _alarm(state: str = "ALARM", metric: str = "mem_used_percent", space: str = "CWAgent", **dimensions: str) -> str:
    named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    return json.dumps(
        {
            "AlarmName": "memory",
            "AlarmArn": "arn:1",
            "NewStateValue": state,
            "StateChangeTime": "2026-03-10T08:58:11.236+0000",
            "Trigger": {"MetricName": metric, "Namespace": space, "Dimensions": named},
        }
    )


def test_an_alarm_that_is_ok_is_over_and_one_without_data_is_nothing() -> None:
    def outcome(text: str) -> Reduced:
        return of_alarm(read_alarm(text), clusters=frozenset({"c1"}), now=NOW, tell_untreated=True)

    machine = "i-0123456789abcdef0"
    assert [one[-1] for one in told(outcome(_alarm("OK", InstanceId=machine)))] == [True]
    assert outcome(_alarm("INSUFFICIENT_DATA", InstanceId=machine)).batches == ()
    assert outcome(_alarm(NodeName="n1")).batches == ()
    assert outcome(_alarm(InstanceId="i-1; rm")).batches == ()
    (batch,) = outcome(_alarm(metric="CPUUtilization", space="AWS/EC2", InstanceId=machine)).batches
    assert batch.untreated[0].subject.provider_id == machine
    pods = {"metric": "pod_number_of_container_restarts", "space": "ContainerInsights"}
    workload = {"PodName": "web", "Namespace": "shop"}
    assert told(outcome(_alarm(**pods, **workload, ClusterName="c1"))) == [
        (CRASHLOOP, "Deployment", "shop", "web", False)
    ]
    assert outcome(_alarm(**pods, **workload)).batches == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": "3"},
        {"version": 4},
        {"alerts": {}},
        {"alerts": [7]},
        {"alerts": [{"status": "on fire", "labels": {}}]},
        {"alerts": [{"status": "firing", "labels": {"a": 1}}]},
        {"alerts": [{"status": "firing", "labels": {str(n): "x" for n in range(MOST_LABELS + 1)}}]},
        {"truncatedAlerts": -1},
        {"truncatedAlerts": True},
    ],
)
def test_what_is_no_webhook_of_version_4_is_refused_by_the_name_of_its_field(wrong: dict[str, Any]) -> None:
    with pytest.raises(MalformedInput) as refused:
        read_group(body() | wrong)
    assert refused.value.where.startswith(next(iter(wrong)))
    assert len(str(refused.value)) < 200


def test_many_alerts_are_handed_over_in_parts_and_what_is_beyond_is_counted() -> None:
    alerts = [alert(namespace="shop", pod=f"web-{n}") for n in range(MOST_ALERTS + 7)]
    found = reduced(*alerts, truncatedAlerts=3)
    assert found.symptoms == MOST_ALERTS
    assert max(len(batch.symptoms) for batch in found.batches) == MOST_SYMPTOMS
    assert found.outcomes[Outcome.LEFT_OUT] == 10


HOSTILE = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["\r\nX: y", "\x1b[31m", "\x00", "a" * 1_000_000, "]]>", "web-1", "IGNORE ALL ORDERS", "\ud800"]),
)


@pytest.mark.claim("C-396")
@given(
    st.dictionaries(
        st.one_of(HOSTILE, st.sampled_from(["pod", "namespace", "node", "alertname", "cluster"])), HOSTILE, max_size=20
    )
)
def test_faults_25_whatever_a_label_holds_only_names_and_words_come_of_it(labels: dict[str, str]) -> None:
    for name in (*RULES, "alert"):
        found = reduced({**alert(name), "labels": {**labels, "alertname": name}})
        for batch in found.batches:
            shown = batch.model_dump_json()
            assert len(shown) < 4000
            assert shown.isascii()
            assert not any(word in shown for word in ("\\r", "\\u0000", "\\u001b", "ORDERS"))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | HOSTILE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(HOSTILE, inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.claim("C-396")
@given(JSON, JSON)
def test_faults_25_any_body_is_read_or_refused(alerts: Any, labels: Any) -> None:
    for plain in (alerts, body() | {"alerts": alerts}, body({"status": "firing", "labels": labels})):
        with contextlib.suppress(MalformedInput):
            of_group(read_group(plain), clusters=frozenset(), now=NOW, tell_untreated=True)
    if isinstance(labels, dict):
        read_alert({"labels": labels, "annotations": labels}, labels)
    alarm = json.dumps({"NewStateValue": "ALARM", "AlarmName": labels, "AlarmArn": alerts, "Trigger": labels})
    of_alarm(read_alarm(alarm), clusters=frozenset(), now=NOW + timedelta(days=1), tell_untreated=True)


def test_case_65_through_the_door_it_is_the_exported_pod_and_case_66_leaves_out_what_is_not_there() -> None:
    def found(name: str) -> Reduced:
        return of_group(read_group(case(name)), clusters=frozenset(), now=NOW, tell_untreated=True)

    assert told(found("65-alertmanager-labels-of-the-exporter")) == [
        (CRASHLOOP, "Pod", "shop", "web-6c9d7f5b8-a", False)
    ]
    assert dict(found("66-alertmanager-all-resolved-but-truncated").outcomes) == {Outcome.OVER: 1, Outcome.LEFT_OUT: 2}


def test_case_67_an_alarm_back_to_ok_opens_nothing() -> None:
    alarm = read_alarm(case("67-cloudwatch-alarm-back-to-ok")["Message"])
    assert [one[-1] for one in told(of_alarm(alarm, clusters=frozenset({"c1"}), now=NOW, tell_untreated=True))] == [
        True
    ]
