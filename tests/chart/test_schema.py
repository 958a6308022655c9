"""The schema of the chart's values is closed: a key that is not known, or a form that Kubernetes would refuse, is named.

A misspelt key in a rule of a NetworkPolicy would widen it: a peer without its selector is every pod. The other values that
are refused stand in `test_refusals.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest

from tests.chart.chart import CHART, NEWEST, objects, of_kind, only
from tests.chart.test_refusals import refusal

PORTS = [{"port": 443}]
BLOCK = {"cidr": "10.0.0.0/8"}
OPEN = {"properties/global"}
"""What is Helm's own."""


def every_object(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Each schema of an object, by where it stands; conditions on one that is closed elsewhere are none."""
    if not isinstance(node, dict):
        return
    if node.get("type") == "object":
        yield path, node
    for key, inside in node.items():
        if key not in ("if", "then", "else", "dependentSchemas"):
            yield from every_object(inside, f"{path}/{key}".lstrip("/"))


@pytest.mark.claim("C-145")
def test_no_object_of_the_values_is_left_open() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    left_open = {path for path, node in every_object(schema) if node.get("additionalProperties", True) is True}
    assert left_open == OPEN


def egress(**rule: Any) -> dict[str, Any]:
    return {"networkPolicy": {"extraEgress": [{"to": [{"ipBlock": BLOCK}], "ports": PORTS, **rule}]}}


def selecting(**selector: Any) -> dict[str, Any]:
    return egress(to=[{"podSelector": selector}])


@pytest.mark.claim("C-145")
@pytest.mark.parametrize(
    ("values", "where", "what"),
    [
        (egress(to=[{}]), "to/0", "minProperties"),
        (egress(to=[{"ipBlok": BLOCK}]), "to/0", "'ipBlok' not allowed"),
        (egress(to=[{"ipBlock": {}}]), "to/0/ipBlock", "missing property 'cidr'"),
        (egress(to=[{"ipBlock": {"cidr": "everywhere"}}]), "to/0/ipBlock/cidr", "'everywhere' does not match"),
        (egress(to=[{"ipBlock": {**BLOCK, "excpt": []}}]), "to/0/ipBlock", "'excpt' not allowed"),
        (egress(to=[{"ipBlock": {**BLOCK, "except": ["x"]}}]), "to/0/ipBlock/except/0", "'x' does not match"),
        (egress(to=[{"ipBlock": BLOCK, "podSelector": {}}]), "to/0", "maxProperties: got 2, want 1"),
        (selecting(app="web"), "to/0/podSelector", "'app' not allowed"),
        (selecting(matchLabels={"app": 1}), "to/0/podSelector/matchLabels/app", "got number, want string"),
        (selecting(matchLabels={"a b": "c"}), "to/0/podSelector/matchLabels", "'a b' not allowed"),
        (selecting(matchLabels={"app": "a b"}), "to/0/podSelector/matchLabels/app", "'a b' does not match"),
        (
            selecting(matchExpressions=[{"key": "a"}]),
            "to/0/podSelector/matchExpressions/0",
            "missing property 'operator'",
        ),
        (
            selecting(matchExpressions=[{"key": "a", "operator": "in"}]),
            "to/0/podSelector/matchExpressions/0/operator",
            "must be one of 'In'",
        ),
        (
            selecting(matchExpressions=[{"key": "a", "operator": "In"}]),
            "to/0/podSelector/matchExpressions/0",
            "missing property 'values'",
        ),
        (
            selecting(matchExpressions=[{"key": "a", "operator": "Exists", "values": ["b"]}]),
            "to/0/podSelector/matchExpressions/0/values",
            "maxItems: got 1, want 0",
        ),
        (egress(ports=[443]), "ports/0", "want object"),
        (egress(ports=[{"protocol": "TCP"}]), "ports/0", "missing property 'port'"),
        (egress(ports=[{"port": 443, "protocol": "tcp"}]), "ports/0/protocol", "must be one of 'TCP'"),
        (egress(ports=[{"port": 0}]), "ports/0/port", "minimum: got 0, want 1"),
        (egress(ports=[{"port": 65536}]), "ports/0/port", "maximum"),
        (egress(ports=[{"port": "443"}]), "ports/0/port", "'443' does not match"),
        (egress(ports=[{"port": 443, "endprt": 444}]), "ports/0", "'endprt' not allowed"),
        (egress(ports=[{"port": "https", "endPort": 444}]), "ports/0/port", "want integer"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_rule_of_ones_own_is_of_a_network_policys_form_or_is_refused_and_the_place_named(
    values: dict[str, Any], where: str, what: str
) -> None:
    said = refusal(values)
    assert f"'/networkPolicy/extraEgress/0/{where}'" in said
    assert what in said


@pytest.mark.claim("C-145")
def test_a_range_of_ports_that_ends_before_it_begins_is_refused() -> None:
    said = refusal(egress(ports=[{"port": 53}, {"port": 443, "endPort": 442}]))
    assert "networkPolicy.extraEgress[0].ports[1] ends with 442, before the 443 that it begins with" in said


def test_every_form_that_kubernetes_has_of_a_peer_and_a_port_is_taken_as_it_is() -> None:
    labels = {"matchLabels": {"app.kubernetes.io/name": "proxy", "empty": ""}}
    conditions = [{"key": "tier", "operator": "In", "values": ["a", "b"]}, {"key": "x.y/z", "operator": "DoesNotExist"}]
    peers = [
        {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
        {"ipBlock": {"cidr": "2001:db8::/32"}},
        {"namespaceSelector": {}},
        {"namespaceSelector": labels, "podSelector": {"matchExpressions": conditions}},
    ]
    ports = [{"port": "https"}, {"port": "8-9a-b"}, {"protocol": "UDP", "port": 53}, {"port": 9000, "endPort": 9010}]
    rule = {"to": peers, "ports": ports}
    made = objects({"networkPolicy": {"extraEgress": [rule]}})
    assert rule in only(made, "NetworkPolicy", "byteport-workers")["spec"]["egress"]
    for item in of_kind(made, "NetworkPolicy"):
        kubernetes_validate.validate(item, NEWEST, strict=True)


@pytest.mark.claim("C-145")
@pytest.mark.parametrize("value", ["scheduling", "nodeHelper"])
@pytest.mark.parametrize(
    ("toleration", "what"),
    [
        ({}, "minProperties"),
        ({"kye": "a", "operator": "Exists"}, "'kye' not allowed"),
        ({"operator": "exists"}, "must be one of 'Exists'"),
        ({"key": "a", "effect": "NoRun"}, "must be one of 'NoSchedule'"),
        ({"key": "a", "value": True}, "want string"),
    ],
    ids=str,
)
def test_a_toleration_of_another_form_is_refused(value: str, toleration: dict[str, Any], what: str) -> None:
    said = refusal({value: {"tolerations": [toleration]}})
    assert f"'/{value}/tolerations/0" in said
    assert what in said
