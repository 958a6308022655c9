"""The codec server in a cluster: off by default, without any right, the payload keys alone, and no way to Temporal."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from byteport.settings.model import Settings
from tests.chart.chart import containers, objects, of_kind, only
from tests.chart.test_refusals import refusal

KEYS = ("payload_key", "body_key", "grant_key", "grant_public_key", "checkpoint_key")
CLUSTER = {"uid": "11111111-1111-4111-8111-111111111111"}
ON: dict[str, Any] = {
    "cluster": CLUSTER,
    "codec": {
        "enabled": True,
        "ui_origin": "https://temporal.example.com",
        "issuer": "https://login.example.com:9443",
        "audience": "byteport-codec",
        "readers": ["sre"],
        "ingressFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateway"}}}],
    },
    "secrets": {key: {"name": "keys"} for key in KEYS}
    | {f"codec_{one}": {"name": "codec"} for one in ("certificate", "key")},
}
FROM_VAULT: dict[str, Any] = ON | {
    "temporal": {"payload_keys": "byteport/payload#keys"},
    "secret": {"backend": "vault", "vault": {"address": "https://vault.vault.svc:8200"}},
    "secrets": {name: secret for name, secret in ON["secrets"].items() if name != "payload_key"},
}
OF_A_BACKEND = ("temporal", "secret", "secrets", "cluster")


def without(*path: str) -> dict[str, Any]:
    """`ON` with one value at its default."""
    section, name = path
    return ON | {section: {key: value for key, value in ON[section].items() if key != name}}


def pod(values: dict[str, Any], name: str = "byteport-codec") -> dict[str, Any]:
    found: dict[str, Any] = only(objects(values), "Deployment", name)["spec"]["template"]["spec"]
    return found


def settings(values: dict[str, Any], name: str = "byteport-codec") -> Settings:
    text = yaml.safe_load(only(objects(values), "ConfigMap", name)["data"]["config.yaml"])
    return Settings.model_validate({"cluster": {"name": "none"}} | text)


def test_it_is_not_there_unless_it_is_asked_for() -> None:
    assert "byteport-codec" not in [one["metadata"]["name"] for one in objects()]


@pytest.mark.claim("C-468")
@pytest.mark.parametrize("values", [ON, FROM_VAULT], ids=["secret", "vault"])
def test_its_account_has_no_right_and_its_pod_no_token_of_the_api_server(values: dict[str, Any]) -> None:
    spec = pod(values)
    assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == ("byteport-codec", False)
    for kind in ("RoleBinding", "ClusterRoleBinding"):
        for binding in of_kind(objects(values), kind):
            assert "byteport-codec" not in [one["name"] for one in binding["subjects"]]
    tokens = [source for volume in spec["volumes"] for source in volume.get("projected", {}).get("sources", [])]
    assert all(one["serviceAccountToken"]["audience"] for one in tokens if "serviceAccountToken" in one)
    for container in containers(spec):
        assert container["securityContext"]["readOnlyRootFilesystem"] is True


@pytest.mark.claim("C-468")
def test_it_is_given_the_payload_keys_and_its_certificate_and_nothing_else() -> None:
    spec = pod(ON)
    given = {
        volume["name"]: {
            item["path"] for source in volume["projected"]["sources"] for item in source["secret"]["items"]
        }
        for volume in spec["volumes"]
        if "projected" in volume
    }
    assert given == {"secrets": {"payload.key"}, "codec": {"tls.crt", "tls.key"}}
    assert not any("persistentVolumeClaim" in volume for volume in spec["volumes"])
    of_a_backend = pod(FROM_VAULT)
    assert {volume["name"] for volume in of_a_backend["volumes"]} == {"config", "tmp", "codec", "backend-token"}
    assert "initContainers" not in of_a_backend


def test_a_key_in_the_place_of_its_name_is_refused_before_it_is_in_any_object() -> None:
    assert "payload_keys" in refusal(FROM_VAULT | {"temporal": {"payload_keys": "ab" * 32}})


def test_keys_of_a_secret_are_read_as_often_as_by_every_other_process() -> None:
    seldom = FROM_VAULT | {"temporal": FROM_VAULT["temporal"] | {"payload_keys_seconds": 300}}
    maps = [one for one in of_kind(objects(seldom), "ConfigMap") if "config.yaml" in one.get("data", {})]
    names = [one["metadata"]["name"] for one in maps]
    assert {"byteport-config", "byteport-codec"} <= {*names}
    for name in names:
        read = settings(seldom, name).temporal
        assert (read.payload_keys, read.payload_keys_seconds) == ("byteport/payload#keys", 300), name


@pytest.mark.claim("C-468")
def test_it_is_reached_by_whom_the_values_name_and_reaches_no_temporal_and_no_database() -> None:
    labels = only(objects(ON), "Deployment", "byteport-codec")["spec"]["template"]["metadata"]["labels"]
    assert labels["app.kubernetes.io/name"] == "byteport-codec"
    for policy in of_kind(objects(ON), "NetworkPolicy"):
        chosen = policy["spec"]["podSelector"].get("matchLabels", {}).get("app.kubernetes.io/name")
        assert (chosen == "byteport-codec") is (policy["metadata"]["name"] == "byteport-codec")
    only_one = only(objects(ON), "NetworkPolicy", "byteport-codec")["spec"]
    people, prometheus = only_one["ingress"]
    assert people == {"from": ON["codec"]["ingressFrom"], "ports": [{"protocol": "TCP", "port": 8446}]}
    assert [one["port"] for one in prometheus["ports"]] == [9464]
    found = {one["port"] for rule in only_one["egress"] for one in rule["ports"]}
    assert found == {53, 9443}
    of_a_backend = only(objects(FROM_VAULT), "NetworkPolicy", "byteport-codec")["spec"]["egress"]
    assert {one["port"] for rule in of_a_backend for one in rule["ports"]} == {53, 9443, 8200}


def test_prometheus_finds_it_beside_the_workers_and_knows_which_it_is() -> None:
    """By a Service of its own, which the workers' monitor takes too; and from where their rule lets Prometheus in."""
    values = ON | {
        "metrics": {
            "serviceMonitor": {"enabled": True},
            "scrapeFrom": {"namespace": "prom", "podLabels": {"app": "prometheus"}},
        }
    }
    items = objects(values)
    template = only(items, "Deployment", "byteport-codec")["spec"]["template"]
    service, monitor = only(items, "Service", "byteport-codec-metrics"), only(items, "ServiceMonitor")
    labels = template["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"] == "metrics"
    assert labels["app.kubernetes.io/component"] == "codec", "what the monitor makes of it"
    (port,) = [one for one in template["spec"]["containers"][0]["ports"] if one["name"] == "metrics"]
    assert settings(values).telemetry.metrics_address == f"0.0.0.0:{port['containerPort']}"
    ours, workers = (
        only(items, "NetworkPolicy", name)["spec"]["ingress"] for name in ("byteport-codec", "byteport-workers")
    )
    assert ours[1] == {"from": workers[0]["from"][:1], "ports": workers[0]["ports"]}
    for other in of_kind(items, "Service"):
        chosen = other["spec"]["selector"].items() <= labels.items()
        assert chosen is other["metadata"]["name"].startswith("byteport-codec")


def test_its_settings_are_those_that_it_reads_and_name_no_temporal_and_no_other_process() -> None:
    text = yaml.safe_load(only(objects(ON), "ConfigMap", "byteport-codec")["data"]["config.yaml"])
    assert set(text) == {"tenant", "temporal", "telemetry", "codec"}
    assert set(text["temporal"]) == {"namespace", "payload_key_file"}
    read = settings(FROM_VAULT)
    assert (read.temporal.payload_keys, read.temporal.payload_key_file) == ("byteport/payload#keys", None)
    assert (read.codec.ui_origin, read.codec.readers) == ("https://temporal.example.com", frozenset({"sre"}))
    assert read.secret.vault.address == "https://vault.vault.svc:8200"


@pytest.mark.claim("C-464")
def test_where_the_payload_keys_are_a_secret_every_process_reads_it_and_none_is_given_a_file() -> None:
    values = {key: FROM_VAULT[key] for key in OF_A_BACKEND} | {"processes": "each"}
    found = objects(values)
    for deployment in of_kind(found, "Deployment"):
        spec = deployment["spec"]["template"]["spec"]
        paths = [
            item["path"]
            for volume in spec["volumes"]
            for source in volume.get("projected", {}).get("sources") or []
            for item in source.get("secret", {}).get("items", [])
        ]
        assert "payload.key" not in paths
        assert "backend-token" in {volume["name"] for volume in spec["volumes"]}, deployment["metadata"]["name"]
        assert all(volume.get("projected", {"sources": []})["sources"] is not None for volume in spec["volumes"])
    backend = only(found, "NetworkPolicy", "byteport-secret-backend")["spec"]["podSelector"]["matchExpressions"]
    components = {
        deployment["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]
        for deployment in of_kind(found, "Deployment")
    }
    assert components <= set(backend[0]["values"])
    read = settings(values, "byteport-config")
    assert (read.temporal.payload_keys, read.temporal.payload_key_file) == ("byteport/payload#keys", None)


@pytest.mark.claim("C-468")
def test_of_kubernetes_secrets_who_only_opens_payloads_is_given_that_of_their_keys_alone() -> None:
    values = FROM_VAULT | {
        "temporal": {"payload_keys": "payload#keys"},
        "secret": {"backend": "k8s", "k8s": {"secrets": ["slack", "payload"]}},
        "alerts": {"enabled": True, "client_certificates": [], "ingressFrom": ON["codec"]["ingressFrom"]},
        "secrets": FROM_VAULT["secrets"] | {f"alerts_{one}": {"name": "a"} for one in ("certificate", "key", "tokens")},
    }
    given = {}
    for deployment in of_kind(objects(values), "Deployment"):
        spec = deployment["spec"]["template"]["spec"]
        volumes = {volume["name"]: volume["secret"]["secretName"] for volume in spec["volumes"] if "secret" in volume}
        (main,) = spec["containers"]
        mounted = {mount["name"]: mount["mountPath"] for mount in main["volumeMounts"] if mount["name"] in volumes}
        assert {volumes[name]: path for name, path in mounted.items()} == {
            name: f"/run/byteport/secrets/{name}" for name in volumes.values()
        }
        given[deployment["metadata"]["name"]] = set(volumes.values())
    assert given.pop("byteport-rest") == {"slack", "payload"}
    assert set(given) == {"byteport-agent", "byteport-signer", "byteport-codec", "byteport-alerts"}
    assert set(map(frozenset, given.values())) == {frozenset({"payload"})}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        *((without("codec", one), f"codec.enabled needs codec.{one}") for one in ("ui_origin", "issuer", "audience")),
        (without("codec", "readers"), "codec.enabled needs codec.readers"),
        (without("codec", "ingressFrom"), "codec.enabled needs codec.ingressFrom"),
        *((without("secrets", one), f"secrets.{one}.name") for one in ("codec_certificate", "codec_key")),
        (FROM_VAULT | {"secret": {}}, "temporal.payload_keys names a secret, so secret.backend must be set"),
        (FROM_VAULT | {"secret": {"backend": "k8s", "k8s": {"secrets": ["slack"]}}}, "that secret.k8s.secrets lists"),
        (FROM_VAULT | {"secrets": ON["secrets"]}, "two places for the same keys"),
        (
            {"cluster": CLUSTER, "temporal": FROM_VAULT["temporal"], "secret": FROM_VAULT["secret"]},
            "temporal.payload_keys needs the other keys from Secrets",
        ),
        (
            {
                "cluster": CLUSTER,
                "codec": ON["codec"],
                "secrets": {"codec_certificate": {"name": "c"}, "codec_key": {"name": "c"}},
            },
            "needs temporal.payload_keys or secrets.payload_key.name",
        ),
    ],
)
def test_what_it_cannot_do_without_is_asked_for_by_name(values: dict[str, Any], says: str) -> None:
    assert says in refusal(values)
