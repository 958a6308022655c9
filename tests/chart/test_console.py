"""The approvals page in a cluster: off by default, with no token, few keys, one door in, and its identity provider."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from byteport.settings.model import Settings
from tests.chart.chart import containers, objects, of_kind, only
from tests.chart.test_network import DNS, ports, reached
from tests.chart.test_refusals import refusal

KEYS = ("payload_key", "body_key", "grant_key", "grant_public_key", "checkpoint_key")
ISSUERS = "issuers: [{issuer: 'https://login.example.com', client_id: byteport, keys: login.json, people: {a: ada}}]"
ON: dict[str, Any] = {
    "cluster": {"uid": "11111111-1111-4111-8111-111111111111"},
    "approvals": {"issuers": ISSUERS, "issuer_keys": {"login.json": '{"keys": []}'}},
    "console": {
        "enabled": True,
        "url": "https://approve.example.com",
        "issuer": "https://login.example.com:9443",
        "client_id": "byteport",
        "viewers": ["sre"],
        "log_key": "byteport.example/acme+00000000+AAAA",
        "ingressFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateway"}}}],
        "temporal": {"api_key_secret": {"name": "temporal-console", "key": "key"}},
    },
    "secrets": {key: {"name": "keys"} for key in KEYS}
    | {one: {"name": "console"} for one in ("console_certificate", "console_key", "console_client_secret")},
}


def without(*path: str) -> dict[str, Any]:
    """`ON` with one value at its default."""
    section, name = path
    return ON | {section: {key: value for key, value in ON[section].items() if key != name}}


def pod(values: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = only(objects(values), "Deployment", "byteport-console")["spec"]["template"]["spec"]
    return found


def files(spec: dict[str, Any], volume: str) -> set[str]:
    (found,) = [one for one in spec["volumes"] if one["name"] == volume]
    return {item["path"] for source in found["projected"]["sources"] for item in source["secret"]["items"]}


def test_it_is_not_there_unless_it_is_asked_for() -> None:
    assert "byteport-console" not in [one["metadata"]["name"] for one in of_kind(objects(), "Deployment")]


@pytest.mark.claim("C-454")
def test_it_holds_no_token_and_none_of_the_keys_by_which_anything_is_signed() -> None:
    spec = pod(ON)
    assert spec["automountServiceAccountToken"] is False
    assert not any("serviceAccountToken" in str(volume) for volume in spec["volumes"])
    assert files(spec, "secrets") == {"payload.key", "bodies.key", "temporal-api-key"}
    assert files(spec, "console") == {"tls.crt", "tls.key", "client-secret"}
    for container in containers(spec):
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] is True
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert [one["readOnly"] for one in container["volumeMounts"] if one["name"] == "state"] in ([], [True])
    bound = [one for kind in ("RoleBinding", "ClusterRoleBinding") for one in of_kind(objects(ON), kind)]
    assert not [one for one in bound if "byteport-console" in str(one.get("subjects"))]


@pytest.mark.claim("C-454")
def test_it_is_reached_by_whom_the_values_name_and_reaches_its_provider_beside_temporal() -> None:
    assert ports(reached(ON, "console")) == DNS | {("TCP", 7233), ("TCP", 9443)}
    policy = only(objects(ON), "NetworkPolicy", "byteport-console")["spec"]
    (rule,) = policy["ingress"]
    assert rule["from"] == ON["console"]["ingressFrom"]
    assert [port["port"] for port in rule["ports"]] == [8444]


def test_its_settings_are_those_that_it_reads() -> None:
    config = only(objects(ON), "ConfigMap", "byteport-console")["data"]
    settings = Settings.model_validate(yaml.safe_load(config["config.yaml"]))
    assert settings.console.viewers == {"sre"}
    assert settings.console.log_key is not None
    assert config["log.vkey"] == ON["console"]["log_key"]
    assert settings.temporal.api_key_file is not None
    mounted = {one["mountPath"] for one in containers(pod(ON))[-1]["volumeMounts"]}
    for path in (settings.console.certificate, settings.approvals.issuers, settings.temporal.api_key_file):
        assert str(path.parent if path else "") in mounted


def test_every_process_that_checks_answers_is_given_the_list() -> None:
    signers = only(objects(ON), "ConfigMap", "byteport-signers")["data"]
    assert (signers["issuers"], signers["login.json"]) == (ISSUERS, '{"keys": []}')
    shared = yaml.safe_load(only(objects(ON), "ConfigMap", "byteport-config")["data"]["config.yaml"])
    assert shared["approvals"]["issuers"] == "/etc/byteport/signers/issuers"
    assert "console" not in shared
    plain = yaml.safe_load(only(objects(), "ConfigMap", "byteport-config")["data"]["config.yaml"])
    assert "issuers" not in plain["approvals"]


def test_on_postgresql_it_logs_in_as_itself_and_has_no_volume() -> None:
    logins = {f"database_{one}": {"name": f"db-{one}"} for one in ("agent", "ledger", "export", "signer", "console")}
    database = {"ledger": {"postgresql": {"address": "db.example.com:5432"}}, "secrets": ON["secrets"] | logins}
    spec = pod(ON | database)
    environment = {one["name"]: one.get("value", "") for one in containers(spec)[-1]["env"]}
    assert environment["BYTEPORT_LEDGER_URL"] == "postgresql://byteport-console@db.example.com:5432/byteport"
    assert "database-password" in files(spec, "secrets")
    assert not [one for one in spec["volumes"] if "persistentVolumeClaim" in one]
    assert ("TCP", 5432) in ports(reached(ON | database, "console"))


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (("console", "url"), "console.url"),
        (("console", "issuer"), "console.issuer"),
        (("console", "client_id"), "console.client_id"),
        (("console", "viewers"), "console.viewers"),
        (("console", "ingressFrom"), "console.ingressFrom"),
        (("approvals", "issuers"), "approvals.issuers"),
        (("secrets", "console_key"), "secrets.console_key"),
    ],
)
def test_what_it_cannot_do_without_is_asked_for_by_name(path: tuple[str, str], says: str) -> None:
    assert says in refusal(without(*path))


def test_it_asks_for_keys_that_were_given() -> None:
    keyless = ON | {"secrets": {key: value for key, value in ON["secrets"].items() if key not in KEYS}}
    assert "needs keys from Secrets" in refusal(keyless)
