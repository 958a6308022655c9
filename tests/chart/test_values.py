"""What an administrator sets arrives where it is meant to, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from byteport.kubernetes.port import JSON
from tests.chart.chart import containers, example, objects, of_kind, only, pod_specs, version_of

DIGEST = f"sha256:{'b' * 64}"


def workers(values: dict[str, Any]) -> list[JSON]:
    return [item["spec"]["template"]["spec"] for item in of_kind(objects(values), "Deployment")]


def test_the_charts_own_claim_is_of_the_size_and_class_that_was_asked_for() -> None:
    values = {"ledger": {"volume": {"size": "5Gi", "storageClass": "fast"}}}
    spec = only(objects(values), "PersistentVolumeClaim")["spec"]
    assert (spec["resources"]["requests"]["storage"], spec["storageClassName"]) == ("5Gi", "fast")
    assert "storageClassName" not in only(objects(), "PersistentVolumeClaim")["spec"]


def test_a_claim_of_ones_own_is_used_and_no_other_is_made() -> None:
    values = {"ledger": {"volume": {"existingClaim": "mine"}}}
    assert of_kind(objects(values), "PersistentVolumeClaim") == []
    claims = {
        volume["persistentVolumeClaim"]["claimName"]
        for spec in workers(values)
        for volume in spec["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert claims == {"mine"}


def test_images_are_pulled_as_asked_by_every_container() -> None:
    values = example("air-gap.yaml")
    for name, spec in pod_specs(objects(values)):
        assert spec["imagePullSecrets"] == [{"name": "registry"}], name
        for one in containers(spec):
            assert one["image"].startswith("registry.example.internal/"), name
            assert "@sha256:" in one["image"]


def test_no_registry_is_assumed() -> None:
    """Where images are pulled from is whoever installs it to say; every one of ours is by default a plain name."""
    for name, spec in pod_specs(objects({"nodeHelper": {"enabled": True}})):
        for one in containers(spec):
            assert "/" not in one["image"], name


def test_a_tag_is_the_charts_own_version_unless_one_is_given() -> None:
    (agent,) = [item for item in of_kind(objects(), "Deployment") if item["metadata"]["name"] == "byteport-agent"]
    assert agent["spec"]["template"]["spec"]["containers"][0]["image"] == f"byteport-agent:{version_of()['appVersion']}"
    images = {one["image"] for spec in workers({"image": {"tag": "1.2.3"}}) for one in containers(spec)}
    assert images == {"byteport-agent:1.2.3"}


def test_pods_run_where_they_were_told_to() -> None:
    where = {
        "nodeSelector": {"pool": "system"},
        "tolerations": [{"key": "system", "operator": "Exists"}],
        "priorityClassName": "high",
    }
    for spec in workers({"scheduling": where}):
        assert spec["nodeSelector"] == {"kubernetes.io/os": "linux", "pool": "system"}
        assert (spec["tolerations"], spec["priorityClassName"]) == (where["tolerations"], "high")


@pytest.mark.parametrize("component", ["agent", "rest"])
def test_a_process_gets_the_resources_of_its_own_name(component: str) -> None:
    wanted = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}
    found = {
        one["name"]: one["resources"]
        for spec in workers({"resources": {component: wanted}})
        for one in spec["containers"]
    }
    assert [name for name, resources in found.items() if resources == wanted] == [component]


def test_a_processor_has_no_limit_by_default() -> None:
    """One that is throttled misses deadlines, and looks like a cluster that does not answer."""
    for spec in workers(example("production.yaml")):
        assert all("cpu" not in one["resources"]["limits"] for one in containers(spec))


@pytest.mark.parametrize(
    ("temporal", "files"),
    [
        ({}, set()),
        ({"tls_secret": {"name": "tls", "ca": "ca.crt"}}, {"temporal-ca.crt"}),
        (
            {"tls_secret": {"name": "tls", "ca": "ca.crt", "cert": "tls.crt", "key": "tls.key"}},
            {"temporal-ca.crt", "temporal.crt", "temporal.key"},
        ),
        ({"api_key_secret": {"name": "api", "key": "token"}}, {"temporal-api-key"}),
    ],
    ids=["plain", "authority", "mutual", "key"],
)
def test_every_worker_is_given_what_temporal_asks_for(temporal: dict[str, Any], files: set[str]) -> None:
    for spec in workers({"temporal": temporal}):
        secrets = [volume for volume in spec["volumes"] if volume["name"] == "secrets"]
        given = {
            item["path"]
            for volume in secrets
            for one in volume["projected"]["sources"]
            for item in one["secret"]["items"]
        }
        assert given == files
        assert ("place-keys" in {one["name"] for one in spec["initContainers"]}) == bool(files)


def test_a_port_that_is_changed_is_changed_everywhere() -> None:
    items = objects({"telemetry": {"metrics_address": "[::]:9000", "health_address": "[::]:9001"}})
    assert {port["containerPort"] for item in of_kind(items, "Deployment") for port in ports(item)} == {9000, 9001}
    assert only(items, "Service")["spec"]["ports"][0]["port"] == 9000
    let_in = [rule for item in of_kind(items, "NetworkPolicy") for rule in item["spec"].get("ingress", [])]
    assert [port["port"] for rule in let_in for port in rule["ports"]] == [9000]
    assert {"name": "PORT", "value": "9000"} in only(items, "Pod")["spec"]["containers"][0]["env"]


def ports(deployment: JSON) -> list[JSON]:
    found: list[JSON] = deployment["spec"]["template"]["spec"]["containers"][0]["ports"]
    return found
