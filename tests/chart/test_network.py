"""Nothing in, nothing out, but what is listed: and what is listed is what each process needs."""

from __future__ import annotations

from typing import Any

import helm_python
import pytest

from byteport.kubernetes.port import JSON
from tests.chart.chart import EVERY_RECEIVER, NAMESPACE, POSTGRES, RELEASE, example, objects, of_kind

Ports = set[tuple[str, int]]


def policies(values: dict[str, Any] | None = None) -> dict[str, JSON]:
    found = of_kind(objects(values), "NetworkPolicy")
    return {one["metadata"]["name"]: one["spec"] for one in found if one["metadata"]["namespace"] == "byteport-agent"}


def selected(spec: JSON, labels: dict[str, str]) -> bool:
    wanted: dict[str, str] = spec["podSelector"].get("matchLabels", {})
    among = spec["podSelector"].get("matchExpressions", [])
    assert all(one["operator"] == "In" for one in among)
    return wanted.items() <= labels.items() and all(labels.get(one["key"]) in one["values"] for one in among)


def reached(values: dict[str, Any] | None, component: str) -> list[JSON]:
    """Every egress rule that holds for a process."""
    labels = {"app.kubernetes.io/name": "byteport-agent", "app.kubernetes.io/component": component}
    specs = [spec for spec in policies(values).values() if selected(spec, labels)]
    return [rule for spec in specs for rule in spec.get("egress", [])]


def ports(rules: list[JSON]) -> Ports:
    return {(port["protocol"], port["port"]) for rule in rules for port in rule["ports"]}


DNS: Ports = {("UDP", 53), ("TCP", 53)}


@pytest.mark.claim("C-148")
def test_review_19_everything_is_denied_that_no_other_policy_lists() -> None:
    assert policies()["byteport-default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@pytest.mark.claim("C-148")
def test_review_19_the_agent_alone_reaches_the_api_server() -> None:
    assert ports(reached(None, "agent")) == DNS | {("TCP", 7233), ("TCP", 443), ("TCP", 6443)}
    for values, component in (
        (None, "rest"),
        *((example("production.yaml"), one) for one in ("control", "ledger", "notify")),
    ):
        assert ports(reached(values, component)) == DNS | {("TCP", 7233)}, component


@pytest.mark.claim("C-148")
def test_review_19_no_rule_without_a_list_of_ports_and_of_peers() -> None:
    for values in (None, example("production.yaml"), example("air-gap.yaml")):
        for name, spec in policies(values).items():
            for rule in [*spec.get("egress", []), *spec.get("ingress", [])]:
                assert rule["ports"], name
                assert rule.get("to") or rule.get("from"), name


RULE = {"to": [{"podSelector": {}}], "ports": [{"port": 1}]}


@pytest.mark.claim("C-148")
@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"apiServer": {"cidrs": None}}, "byteport-agent-api: egress[0].to"),
        ({"apiServer": {"cidrs": []}}, "byteport-agent-api: egress[0].to"),
        ({"apiServer": {"ports": None}}, "byteport-agent-api: egress[0].ports"),
        ({"temporal": {"cidrs": None}}, "byteport-workers: egress[1].to"),
        ({"extraEgress": [RULE, {}]}, "byteport-workers: egress[3].to"),
        ({"extraEgress": [{**RULE, "to": [{}]}]}, "byteport-workers: egress[2].to"),
        ({"extraEgress": [{**RULE, "to": [None]}]}, "byteport-workers: egress[2].to"),
        ({"extraEgress": [{**RULE, "ports": []}]}, "byteport-workers: egress[2].ports"),
        ({"extraEgress": [{**RULE, "ports": [{}]}]}, "byteport-workers: egress[2].ports"),
        ({"enabled": None}, "networkPolicy.enabled is neither true nor false"),
    ],
    ids=str,
)
def test_no_rule_is_rendered_open_though_helm_was_told_to_skip_the_schema(
    values: dict[str, Any], what: str, without_schema: helm_python.Chart
) -> None:
    away = {"address": "temporal.example.com:7233"}
    with pytest.raises(helm_python.HelmRenderError) as refused:
        without_schema.render({"temporal": away, "networkPolicy": values}, name=RELEASE, namespace=NAMESPACE)
    assert what in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_narrowed_addresses_are_the_only_ones() -> None:
    rules = reached(example("production.yaml"), "agent")
    blocks = {peer["ipBlock"]["cidr"] for rule in rules for peer in rule["to"] if "ipBlock" in peer}
    assert blocks == {"10.0.0.10/32", "10.96.0.1/32", "10.20.0.0/24"}


def test_a_temporal_of_this_cluster_is_reached_by_its_namespace() -> None:
    (rule,) = [rule for rule in reached(None, "rest") if ("TCP", 7233) in ports([rule])]
    assert rule["to"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "temporal"}}}]


def test_metrics_are_for_prometheus_and_the_charts_own_test() -> None:
    (rule,) = policies({"metrics": {"scrapeFrom": {"namespace": "prom", "podLabels": {"app": "prometheus"}}}})[
        "byteport-workers"
    ]["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": 9464}]
    assert rule["from"] == [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "prom"}},
            "podSelector": {"matchLabels": {"app": "prometheus"}},
        },
        {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "byteport-test"}}},
    ]
    assert not any(spec.get("ingress") for name, spec in policies().items() if name != "byteport-workers")


def test_what_else_must_be_reached_is_said_in_kubernetes_own_words() -> None:
    rule = {"to": [{"ipBlock": {"cidr": "10.9.0.0/16"}}], "ports": [{"protocol": "TCP", "port": 8443}]}
    assert rule in reached({"networkPolicy": {"extraEgress": [rule]}}, "rest")


def test_they_can_be_left_to_somebody_else() -> None:
    assert policies({"networkPolicy": {"enabled": False}}) == {}


@pytest.mark.claim("C-148")
@pytest.mark.parametrize("values", [None, example("production.yaml"), example("air-gap.yaml")])
def test_the_port_of_health_is_let_to_nobody(values: dict[str, Any] | None) -> None:
    """A pod's own node, from which a kubelet's probes come, is never shut out by a NetworkPolicy."""
    let_in = {
        port["port"] for spec in policies(values).values() for r in spec.get("ingress", []) for port in r["ports"]
    }
    assert let_in == {9464}


def blocks(rules: list[JSON]) -> set[str]:
    return {peer["ipBlock"]["cidr"] for rule in rules for peer in rule["to"] if "ipBlock" in peer}


def own(values: dict[str, Any], component: str) -> list[JSON]:
    """What a process reaches beyond DNS and Temporal."""
    return [rule for rule in reached(values, component) if not ports([rule]) & (DNS | {("TCP", 7233)})]


@pytest.mark.claim("C-148")
def test_review_19_the_logs_receivers_are_reached_by_the_export_alone_and_by_nobody_where_none_is_named() -> None:
    everything = {("TCP", port) for port in (443, 6514, 8088, 8444, 80, 988)}
    assert ports(own(EVERY_RECEIVER, "export")) == everything
    for component in ("rest", "signer"):
        assert own(EVERY_RECEIVER, component) == []
    assert "byteport-export" not in policies()
    assert ports(own(example("production.yaml"), "export")) == {("TCP", 443), ("TCP", 80)}


@pytest.mark.parametrize(
    ("export", "wanted"),
    [
        ({"target": "webhook", "webhook": {"url": "https://hooks.example.com:8443/x"}}, {8443}),
        ({"target": ["webhook"], "webhook": {"url": "https://[fd00::7]/x"}}, {443}),
        ({"target": "webhook", "webhook": {"url": "https://hooks.example.com/a:22/b:23"}}, {443}),
        ({"target": "webhook", "webhook": {"url": "https://[fd00::7]:8443/a:22"}}, {8443}),
        ({"target": "syslog", "syslog": {"address": "[fd00::7]:6514"}}, {6514}),
        (
            {"target": "api", "api": {"url": "https://ledger.example.com"}, "proxy": "http://proxy.example:3128"},
            {443, 3128},
        ),
        ({"target": "s3", "s3": {"endpoint": "https://minio.example.com:9000"}}, {443, 9000, 80}),
        ({"target": "file", "file": {"existingClaim": "collected"}}, set()),
    ],
    ids=str,
)
def test_the_ports_of_receivers_are_those_of_their_addresses(export: dict[str, Any], wanted: set[int]) -> None:
    """Splunk and webhooks need a Secret beside; a file is reached by no port at all."""
    secrets = {"webhook_secret": {"name": "hook"}}
    assert ports(own({"audit": {"export": export}, "secrets": secrets}, "export")) == {("TCP", one) for one in wanted}


@pytest.mark.claim("C-148")
def test_review_14_a_clouds_identity_is_asked_for_where_its_bucket_is_the_receiver_and_nowhere_else() -> None:
    inside = {"169.254.170.23/32", "fd00:ec2::23/128", "169.254.169.252/32", "169.254.169.254/32"}
    assert blocks(own({"audit": {"export": {"target": "s3"}}}, "export")) & inside == {
        "169.254.170.23/32",
        "fd00:ec2::23/128",
    }
    assert blocks(own({"audit": {"export": {"target": "gcs"}}}, "export")) & inside == {
        "169.254.169.252/32",
        "169.254.169.254/32",
    }
    for values in (None, EVERY_RECEIVER):
        for component in ("agent", "rest", "signer"):
            assert blocks(reached(values, component)) & inside == set()
    (rule,) = [rule for rule in own(EVERY_RECEIVER, "export") if ("TCP", 443) in ports([rule])]
    assert all("169.254.0.0/16" in peer["ipBlock"]["except"] for peer in rule["to"] if "." in peer["ipBlock"]["cidr"])


@pytest.mark.claim("C-148")
def test_review_14_on_eks_no_bucket_of_google_opens_the_way_to_the_nodes_identity() -> None:
    values = {"audit": {"export": {"target": "s3, gcs"}}}
    for version, opened in (("v1.33.1-eks-1234abc", False), ("v1.33.1-gke.1014001", True), ("v1.33.1", True)):
        rules = [
            rule
            for one in of_kind(objects(values, kubernetes=version), "NetworkPolicy")
            if one["metadata"]["name"] == "byteport-export"
            for rule in one["spec"]["egress"]
        ]
        assert ("169.254.169.254/32" in blocks(rules)) is opened, version


@pytest.mark.claim("C-148")
@pytest.mark.parametrize("cidr", ["64:ff9b::a9fe:a9fe/128", "64:ff9b:1::a9fe:0/120", "2002:a9fe:a9fe::/48"])
def test_review_14_a_metadata_address_that_a_network_translates_is_no_receivers(cidr: str) -> None:
    values = {"audit": {"export": {"target": "s3"}}, "networkPolicy": {"receivers": {"cidrs": [cidr]}}}
    with pytest.raises(helm_python.HelmRenderError, match="a cloud's metadata"):
        objects(values)


def test_the_receivers_addresses_can_be_narrowed() -> None:
    values = {"audit": {"export": {"target": "api", "api": {"url": "https://ledger.example.com"}}}}
    narrow = {**values, "networkPolicy": {"receivers": {"cidrs": ["10.8.0.0/24"]}}}
    assert blocks(own(narrow, "export")) == {"10.8.0.0/24"}


@pytest.mark.claim("C-148")
def test_review_19_a_database_is_reached_by_whoever_keeps_something_in_it() -> None:
    for component in ("agent", "ledger", "export", "signer"):
        (rule,) = [rule for rule in reached(POSTGRES, component) if ("TCP", 5432) in ports([rule])]
        assert blocks([rule]) == {"0.0.0.0/0", "::/0"}
    for component in ("control", "notify"):
        assert ("TCP", 5432) not in ports(reached(POSTGRES, component))
    inside = {**POSTGRES, "ledger": {"postgresql": {"address": "pg.databases.svc:5433"}}}
    (rule,) = [rule for rule in reached(inside, "ledger") if ("TCP", 5433) in ports([rule])]
    assert rule["to"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "databases"}}}]
    assert "byteport-database" not in policies()
