"""What came to others by their alerts, as the door takes it: groups, resolved and cut off ones, and alarms of CloudWatch."""

from __future__ import annotations

import json

import pytest

from byteport.alerts.reduction import Outcome, Reduced, of_alarm, of_group
from byteport.domain.signals import Source, alert_of
from byteport.kubernetes.alerts import read_group
from byteport.kubernetes.cloudwatch_alarms import read_alarm
from tests.unit.alerts.bodies import CRASHLOOP, DISK, NOW, SENDER, case, told


@pytest.mark.claim("C-395")
def test_case_56_a_group_that_echoes_one_node_is_one_page_and_no_symptom() -> None:
    found = of_group(
        read_group(case("56-alertmanager-v4-ten-mixed")),
        clusters=frozenset({"c1"}),
        now=NOW,
        tell_untreated=True,
        sender=SENDER,
    )
    over = [one for one in told(found) if one[-1]]
    assert [one for one in told(found) if not one[-1]] == []
    assert over == [(CRASHLOOP, "Pod", "web", "catalogue-58c1d2e3f4-k7abd", True)]
    (untreated,) = [one for batch in found.batches for one in batch.untreated]
    assert (untreated.alert, untreated.subject.name, untreated.echoes) == ("KubeNodeNotReady", "node-q1", 7)
    assert found.outcomes[Outcome.LEFT_OUT] == 3


def test_case_57_a_resolved_group_opens_nothing_whatever_its_annotations_still_say() -> None:
    found = of_group(
        read_group(case("57-alertmanager-resolved")), clusters=frozenset(), now=NOW, tell_untreated=True, sender=SENDER
    )
    assert told(found) == [(DISK, "Node", None, "node-ci1", True)]
    assert dict(found.outcomes) == {Outcome.OVER: 1}


def test_case_59_of_unicode_labels_only_a_name_becomes_a_target() -> None:
    found = of_group(
        read_group(case("59-unicode-label-names-and-values")),
        clusters=frozenset(),
        now=NOW,
        tell_untreated=True,
        sender=SENDER,
    )
    (batch,) = found.batches
    assert batch.symptoms == ()
    assert [(one.alert, one.subject.name) for one in batch.untreated] == [("alert", "node-s1")]
    assert batch.model_dump_json().isascii()


def test_case_60_an_alarm_is_about_the_machine_by_its_id_and_never_by_a_nodes_name() -> None:
    alarm = read_alarm(case("60-cloudwatch-alarm-sns-json")["Message"])
    found = of_alarm(alarm, clusters=frozenset({"c1"}), now=NOW, tell_untreated=True, sender=SENDER)
    assert told(found) == [(DISK, "Node", None, "i-00000000000000060", False)]
    assert found.batches[0].symptoms[0].source is Source.CLOUDWATCH
    assert of_alarm(alarm, clusters=frozenset({"other"}), now=NOW, tell_untreated=True, sender=SENDER).batches == ()


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
        return of_alarm(read_alarm(text), clusters=frozenset({"c1"}), now=NOW, tell_untreated=True, sender=SENDER)

    machine = "i-0123456789abcdef0"
    told_of = [outcome(_alarm(state, InstanceId=machine)).batches[0].symptoms[0] for state in ("ALARM", "OK")]
    assert len({alert_of(one.evidence_digest) for one in told_of}) == 1
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


def test_case_65_through_the_door_it_is_the_exported_pod_and_case_66_leaves_out_what_is_not_there() -> None:
    def found(name: str) -> Reduced:
        return of_group(read_group(case(name)), clusters=frozenset(), now=NOW, tell_untreated=True, sender=SENDER)

    assert told(found("65-alertmanager-labels-of-the-exporter")) == [
        (CRASHLOOP, "Pod", "shop", "web-6c9d7f5b8-a", False)
    ]
    assert dict(found("66-alertmanager-all-resolved-but-truncated").outcomes) == {Outcome.OVER: 1, Outcome.LEFT_OUT: 2}


def test_case_67_an_alarm_back_to_ok_opens_nothing() -> None:
    alarm = read_alarm(case("67-cloudwatch-alarm-back-to-ok")["Message"])
    assert [
        one[-1]
        for one in told(of_alarm(alarm, clusters=frozenset({"c1"}), now=NOW, tell_untreated=True, sender=SENDER))
    ] == [True]
