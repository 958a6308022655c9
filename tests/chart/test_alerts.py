"""The door for alerts in a cluster: off by default, with no token, one key, one way in, and the way out that a topic needs."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from byteport.settings.model import Settings
from tests.chart.chart import containers, objects, of_kind, only
from tests.chart.test_network import DNS, ports, reached
from tests.chart.test_refusals import refusal

KEYS = ("payload_key", "body_key", "grant_key", "grant_public_key", "checkpoint_key")
TOPIC = "arn:aws:sns:eu-west-1:000000000000:runbooks"
ON: dict[str, Any] = {
    "cluster": {"uid": "11111111-1111-4111-8111-111111111111"},
    "alerts": {
        "enabled": True,
        "clusters": ["eks-prod"],
        "client_certificates": [{"spiffe": "spiffe://mesh.example/monitoring/alertmanager"}],
        "sns": {"topics": [TOPIC]},
        "limits": {"requests_per_minute": 60},
        "ingressFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
        "temporal": {"api_key_secret": {"name": "temporal-alerts", "key": "key"}},
    },
    "secrets": {key: {"name": "keys"} for key in KEYS}
    | {f"alerts_{one}": {"name": "alerts"} for one in ("certificate", "key", "client_ca", "tokens")},
}


def changed(section: str, **changes: Any) -> dict[str, Any]:
    return ON | {section: {**ON[section], **changes}}


def pod(values: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = only(objects(values), "Deployment", "byteport-alerts")["spec"]["template"]["spec"]
    return found


def files(spec: dict[str, Any], volume: str) -> set[str]:
    (found,) = [one for one in spec["volumes"] if one["name"] == volume]
    return {item["path"] for source in found["projected"]["sources"] for item in source["secret"]["items"]}


def test_it_is_not_there_unless_it_is_asked_for() -> None:
    assert "byteport-alerts" not in [one["metadata"]["name"] for one in of_kind(objects(), "Deployment")]


@pytest.mark.claim("C-403")
def test_it_holds_no_token_no_database_and_no_key_but_that_of_what_it_hands_over() -> None:
    spec = pod(ON)
    assert spec["automountServiceAccountToken"] is False
    assert not any("serviceAccountToken" in str(volume) for volume in spec["volumes"])
    assert files(spec, "secrets") == {"payload.key", "temporal-api-key"}
    assert files(spec, "alerts") == {"tls.crt", "tls.key", "ca.crt", "tokens"}
    assert not any("persistentVolumeClaim" in volume for volume in spec["volumes"])
    for container in containers(spec):
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert "BYTEPORT_LEDGER_URL" not in [one["name"] for one in container.get("env", ())]
    bound = [one for kind in ("RoleBinding", "ClusterRoleBinding") for one in of_kind(objects(ON), kind)]
    assert not [one for one in bound if "byteport-alerts" in str(one.get("subjects"))]


@pytest.mark.claim("C-403")
def test_it_is_reached_by_whom_the_values_name_and_reaches_snss_certificates_only_where_a_topic_is_heard() -> None:
    assert ports(reached(ON, "alerts")) == DNS | {("TCP", 7233), ("TCP", 443)}
    assert ports(reached(changed("alerts", sns={"topics": []}), "alerts")) == DNS | {("TCP", 7233)}
    (rule,) = only(objects(ON), "NetworkPolicy", "byteport-alerts")["spec"]["ingress"]
    assert rule["from"] == ON["alerts"]["ingressFrom"]
    assert [port["port"] for port in rule["ports"]] == [8445]


def test_its_settings_are_those_that_it_reads_and_name_nothing_of_other_processes() -> None:
    config = only(objects(ON), "ConfigMap", "byteport-alerts")["data"]["config.yaml"]
    settings = Settings.model_validate(yaml.safe_load(config))
    assert settings.alerts.sns.topics == (TOPIC,)
    assert settings.alerts.limits.requests_per_minute == 60
    assert settings.cluster.uid == ON["cluster"]["uid"]
    assert set(yaml.safe_load(config)) == {"tenant", "state_dir", "cluster", "temporal", "telemetry", "alerts"}
    mounted = {one["mountPath"] for one in containers(pod(ON))[-1]["volumeMounts"]}
    named = (settings.alerts.certificate, settings.alerts.tokens_file, settings.temporal.payload_key_file)
    for path in named:
        assert path is not None
        assert str(path.parent) in mounted


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (changed("secrets", **{key: {"name": ""} for key in KEYS}), "needs keys from Secrets"),
        (changed("secrets", alerts_certificate={"name": ""}), "secrets.alerts_certificate.name"),
        (changed("secrets", alerts_client_ca={"name": ""}), "secrets.alerts_client_ca.name"),
        (changed("cluster", uid=""), "cluster.uid"),
        (changed("alerts", ingressFrom=[]), "alerts.ingressFrom"),
        (
            changed("secrets", alerts_tokens={"name": ""})
            | {"alerts": {**ON["alerts"], "client_certificates": [], "sns": {"topics": []}}},
            "nobody may send",
        ),
        (changed("alerts", sns={"topics": ["arn:aws:sqs:eu-west-1:000000000000:x"]}), "topics"),
    ],
)
def test_what_it_cannot_do_without_is_asked_for_by_name(values: dict[str, Any], says: str) -> None:
    assert says in refusal(values)
