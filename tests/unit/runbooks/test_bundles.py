"""Saved objects in every form that people save them in; what has no such form is named in one line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from byteport.domain.policy import Mode
from byteport.domain.reasons import Cause
from byteport.errors import MalformedInput
from byteport.runbooks.bundles import bundle_of
from byteport.runbooks.explain import Explained, assumed_policy, explain
from tests.builders.loads import Spiking
from tests.builders.objects import NOW, namespace, node, owner, pod, simple, stamp
from tests.builders.workload import Workload
from tests.unit.runbooks.disk_worlds import Disk

CLOCK = datetime(2030, 1, 1, tzinfo=UTC)


def read(*documents: object, **more: Any) -> Any:
    return bundle_of("saved.json", list(documents), now=CLOCK, **more)


def said(document: dict[str, Any], mode: Mode = Mode.AUTO) -> Explained:
    bundle = read({"now": stamp(0), "objects": [], **document})
    return explain(bundle.world, assumed_policy(bundle.world), mode, alert=bundle.alert, cluster_uid=bundle.cluster_uid)


def test_a_bundle_brings_its_own_clock() -> None:
    assert read({"now": "2026-03-10T09:00:00Z", "objects": []}).world.now == NOW
    assert read({"objects": []}).world.now == CLOCK
    assert read({"now": "2026-03-10T09:00:00Z", "objects": []}, at=CLOCK).world.now == CLOCK


def test_what_kubectl_prints_is_read_as_list_as_single_object_and_as_several_documents() -> None:
    shop = Workload()
    objects = shop.objects()
    listed = read({"apiVersion": "v1", "kind": "List", "items": objects})
    apart = read(*objects)
    bare = read(
        {"kind": "PodList", "items": [{key: pod[key] for key in ("metadata", "spec", "status")} for pod in shop.pods]}
    )
    assert listed.world.objects == apart.world.objects == tuple(objects)
    assert [item["kind"] for item in bare.world.objects] == ["Pod"] * 5


def test_the_cluster_is_known_by_its_kube_system_namespace() -> None:
    assert read({"objects": [namespace("kube-system")]}).cluster_uid == namespace("kube-system")["metadata"]["uid"]
    assert read({"objects": []}).cluster_uid == "unknown"


WRONG: list[tuple[list[object], str]] = [
    ([], "saved.json: there is no document"),
    ([3], "saved.json: a mapping is wanted"),
    ([{"objects": {}}], "saved.json: objects: a list"),
    ([{"objects": [3]}], "saved.json: objects[0]: a Kubernetes object"),
    ([{"objects": [{"metadata": {}}]}], "saved.json: objects[0]: kind: the name of a kind"),
    ([{"objects": [{"kind": "Pod"}]}], "saved.json: objects[0]: metadata: a Pod without metadata"),
    ([{"objects": [], "now": "yesterday"}], "saved.json: now: a time with its zone"),
    ([{"objects": [], "now": "2026-03-10T09:00:00"}], "saved.json: now: a time with its zone"),
    ([{"objects": [], "log_tail": [1]}], "saved.json: log_tail: a list of lines"),
    ([{"objects": [], "alert": []}], "saved.json: alert: the body"),
    ([{"kind": "Pod", "metadata": {}}, {"kind": "Pod"}], "saved.json: document 2: metadata"),
    ([{"kind": "List", "items": [{"kind": "Pod", "metadata": {}}, 1]}], "saved.json: items[1]: a Kubernetes object"),
    ([{"apiVersion": "v1"}], "saved.json: kind: the name of a kind"),
]


@pytest.mark.parametrize(("documents", "words"), WRONG)
def test_a_malformed_bundle_names_the_document_and_the_field(documents: list[object], words: str) -> None:
    with pytest.raises(MalformedInput) as caught:
        bundle_of("saved.json", documents, now=CLOCK)
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)


def test_nothing_saved_is_nothing_wrong() -> None:
    answer = said({})
    assert (answer.incidents, answer.act, answer.escalate) == ((), None, False)


def test_the_answer_has_exactly_the_promised_keys() -> None:
    shop = Workload()
    shop.crash(0)
    plain = said({"objects": shop.objects()}).model_dump(mode="json", by_alias=True)
    assert set(plain) == {"incidents", "act", "escalate"}
    (incident,) = plain["incidents"]
    assert incident == {
        "signal": "pod_crashloop",
        "target": "shop/Deployment/web",
        "class": "transient",
        "act": "delete_pod",
        "rollback_to_revision": None,
        "escalate": False,
        "reasons": [],
    }


def test_each_mode_answers_what_it_would_do() -> None:
    shop = Workload()
    shop.crash(0)
    objects = {"objects": shop.objects()}
    assert said(objects, Mode.AUTO).act == said(objects, Mode.DRY_RUN).act == "delete_pod"
    assert said(objects, Mode.OBSERVE).act is None


def test_an_object_of_a_protected_namespace_is_never_acted_upon() -> None:
    shop = Workload(space="kube-system")
    shop.crash(0)
    answer = said({"objects": shop.objects()})
    assert answer.act is None
    assert answer.escalate


def test_a_namespace_that_says_no_is_left_alone() -> None:
    shop = Workload()
    shop.crash(0)
    shop.namespace["metadata"]["labels"]["byteport.io/enabled"] = "false"
    answer = said({"objects": shop.objects()})
    assert answer.act is None
    assert not answer.escalate


def test_a_chaos_experiment_on_the_target_is_stood_by() -> None:
    shop = Workload()
    shop.crash(0)
    shop.deployment["metadata"]["annotations"]["litmuschaos.io/chaos"] = "true"
    answer = said({"objects": shop.objects()})
    assert answer.act is None


def test_two_broken_deployments_are_two_incidents() -> None:
    shop, other = Workload(), Workload("pay", nodes=5)
    shop.crash(0)
    other.crash(1)
    answer = said({"objects": [*shop.objects(), *other.objects()]})
    assert {incident.target for incident in answer.incidents} == {"shop/Deployment/web", "shop/Deployment/pay"}
    assert {incident.act for incident in answer.incidents} == {"delete_pod"}


@pytest.mark.parametrize(
    ("found", "cause"),
    [
        (node("node-1", ready="False"), Cause.NODE_NOT_READY),
        (node("node-1", pressure="MemoryPressure"), Cause.NODE_MEMORY),
        (node("node-1", pressure="PIDPressure"), Cause.NODE_EXHAUSTED),
        (
            simple("StatefulSet", "db", api="apps/v1", spec={"replicas": 3}, status={"readyReplicas": 2}),
            Cause.UNSUPPORTED,
        ),
        (simple("DaemonSet", "agent", api="apps/v1", status={"numberUnavailable": 1}), Cause.UNSUPPORTED),
    ],
    ids=["node", "memory", "pids", "stateful set", "daemon set"],
)
def test_trouble_without_a_runbook_is_told_and_not_touched(found: dict[str, Any], cause: Cause) -> None:
    answer = said({"objects": [found]})
    assert answer.act is None
    assert answer.escalate
    assert {incident.cause for incident in answer.incidents} == {cause}


def test_a_node_whose_disk_is_mended_or_well_is_still_told_of_for_its_process_ids() -> None:
    disk = Disk(saved=True)
    exhausted = disk.node()
    for condition in exhausted["status"]["conditions"]:
        if condition["type"] == "PIDPressure":
            condition["status"] = "True"
    world = disk.world()
    others = [item for item in world.objects if item["kind"] != "Node"]
    answer = said({"objects": [exhausted, *others], "log_tail": world.log_tail.split("\n")})
    assert answer.act == "prune_images"
    assert answer.escalate
    assert Cause.NODE_EXHAUSTED in {incident.cause for incident in answer.incidents}


@pytest.mark.parametrize(("evicted", "calls"), [(1, False), (2, True)])
def test_a_replaced_victim_of_a_node_under_pressure_is_a_record_and_several_are_a_pattern(
    evicted: int, calls: bool
) -> None:
    shop = Workload(replicas=2, nodes=2)
    meta = shop.current["metadata"]
    for number in range(evicted):
        more = {"reason": "Evicted", "message": "The node was low on resource: ephemeral-storage."}
        owners = [owner("ReplicaSet", meta["name"], meta["uid"])]
        shop.extra.append(
            pod(
                f"gone-{number}",
                node="node-3",
                owners=owners,
                created=25,
                phase="Failed",
                statuses=[],
                more_status=more,
            )
        )
    answer = said({"objects": [*shop.objects(), node("node-3", pressure="DiskPressure")]})
    about_the_pods = [incident for incident in answer.incidents if incident.cause is Cause.EVICTED]
    assert any(incident.escalate for incident in about_the_pods) is calls


def alertmanager(*alerts: dict[str, Any], status: str = "firing") -> dict[str, Any]:
    return {"version": "4", "status": status, "alerts": list(alerts)}


def alert(status: str = "firing", **labels: str) -> dict[str, Any]:
    return {"status": status, "labels": labels, "annotations": {"summary": "4.10% left, prune everything"}}


def test_a_resolved_alert_is_silence_though_its_words_still_burn() -> None:
    assert not said({"alert": alertmanager(alert("resolved", node="node-1"), status="resolved")}).escalate


def test_a_firing_alert_that_nothing_here_explains_goes_to_a_person() -> None:
    answer = said({"alert": alertmanager(alert(alertname="Whatever"), alert("resolved", alertname="Old"))})
    assert answer.escalate
    assert len(answer.incidents) == 1


def test_a_firing_alert_about_a_pod_that_is_mended_calls_nobody_besides() -> None:
    shop = Workload()
    shop.crash(0)
    body = alertmanager(alert(alertname="KubePodCrashLooping", namespace="shop", pod=shop.name_of(0)))
    answer = said({"objects": shop.objects(), "alert": body})
    assert answer.act == "delete_pod"
    assert not answer.escalate


def test_a_stale_alert_about_a_pod_that_is_well_is_silence() -> None:
    shop = Workload()
    body = alertmanager(alert(alertname="KubePodNotReady", namespace="shop", pod=shop.name_of(0)))
    assert not said({"objects": shop.objects(), "alert": body}).escalate


@pytest.mark.parametrize("name", ["PodHighCPU", "CPUThrottlingHigh", "ContainerMemoryHigh", "HighErrorRate"])
def test_that_a_pod_is_ready_does_not_answer_an_alert_about_what_was_measured(name: str) -> None:
    shop = Workload()
    body = alertmanager(alert(alertname=name, namespace="shop", pod=shop.name_of(0)))
    assert said({"objects": shop.objects(), "alert": body}).escalate


def test_an_alert_about_cpu_is_answered_by_the_autoscaler_that_has_what_it_wants() -> None:
    objects = Spiking(usage=38, limited="").world().objects
    body = alertmanager(alert(alertname="HighCPU", namespace="shop", deployment="web"))
    assert not said({"objects": list(objects), "alert": body}).escalate
    without = [item for item in objects if item["kind"] != "HorizontalPodAutoscaler"]
    assert said({"objects": without, "alert": body}).escalate


def test_an_alert_that_fires_to_show_that_alerting_works_calls_nobody() -> None:
    assert not said({"alert": alertmanager(alert(alertname="Watchdog", severity="none"))}).escalate
    assert said({"alert": alertmanager(alert(alertname="Watchdog", severity="critical"))}).escalate


@pytest.mark.parametrize(
    ("body", "calls"),
    [
        ({"Type": "Notification", "Message": '{"NewStateValue": "ALARM", "Trigger": {"Dimensions": []}}'}, True),
        ({"Type": "Notification", "Message": '{"NewStateValue": "OK"}'}, False),
        ({"Type": "SubscriptionConfirmation", "Message": "You have chosen to subscribe"}, False),
        ({"detail-type": "CloudWatch Alarm State Change", "detail": {"state": {"value": "ALARM"}}}, True),
        (
            {"schemaId": "azureMonitorCommonAlertSchema", "data": {"essentials": {"monitorCondition": "Resolved"}}},
            False,
        ),
        ({"incident": {"state": "open"}}, True),
        ({"something": "of next year"}, True),
        ({"Message": "[" * 100_000}, False),
    ],
)
def test_other_systems_alerts_are_read_by_their_state(body: dict[str, Any], *, calls: bool) -> None:
    assert said({"alert": body}).escalate is calls
