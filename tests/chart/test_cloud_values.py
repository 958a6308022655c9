"""The worker that asks for metrics: there only where a source is named, with its own identity, its own way out, and no more."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from activities.cloud.azure_identity import AUTHORITY, NEEDED
from byteport.contracts.cloud import CloudSource
from byteport.kubernetes.port import JSON
from byteport.settings.clouds import CloudsConfig
from tests.chart.chart import CHART, objects, of_kind, only
from tests.chart.test_network import own, ports
from tests.chart.test_receiver_values import limits, resolved
from tests.chart.test_refusals import refusal
from tests.chart.test_settings import settings

SCHEMA = json.loads((CHART / "values.schema.json").read_text())["properties"]["clouds"]["properties"]
NAME = "byteport-cloud"
ROLE = {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/metrics"}
PROMETHEUS = {"url": "https://prometheus.monitoring.svc:9090"}
AZURE = {
    "subscription": "11111111-2222-4333-8444-555555555555",
    "node_resource_group": "MC_shop",
    "region": "westeurope",
}


def values(sources: Any, **clouds: Any) -> dict[str, Any]:
    return {"clouds": {"sources": sources, **clouds}}


def pod(chosen: dict[str, Any]) -> JSON:
    template: JSON = only(objects(chosen), "Deployment", NAME)["spec"]["template"]
    return template


@pytest.mark.parametrize("source", list(CloudSource))
def test_each_word_has_the_limits_that_it_has_in_the_settings(source: CloudSource) -> None:
    model: type[BaseModel] = type(getattr(CloudsConfig(), source.value))
    fields = model.model_json_schema()["properties"]
    for name, node in SCHEMA[source.value]["properties"].items():
        told = {key: value for key, value in resolved(node).items() if key in ("pattern", "maxLength")}
        assert told == {key: value for key, value in limits(fields[name]).items() if key in told}, f"{source}.{name}"


@pytest.mark.claim("C-411")
def test_without_a_source_there_is_no_process_that_asks_and_no_way_out_for_one() -> None:
    found = objects()
    assert NAME not in {one["metadata"]["name"] for one in found}
    assert "byteport-clouds" not in {one["metadata"]["name"] for one in of_kind(found, "NetworkPolicy")}


def test_a_source_brings_a_process_with_an_identity_of_its_own_and_no_token_of_the_cluster() -> None:
    chosen = values("aws", serviceAccountAnnotations=ROLE, podLabels={"azure.workload.identity/use": "true"})
    account = only(objects(chosen), "ServiceAccount", NAME)
    assert account["metadata"]["annotations"] == ROLE
    spec = pod(chosen)["spec"]
    assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == (NAME, False)
    assert spec["containers"][0]["command"] == ["byteport", "worker", "--process", "cloud"]
    assert "token" not in {volume["name"] for volume in spec["volumes"]}
    assert pod(chosen)["metadata"]["labels"]["azure.workload.identity/use"] == "true"


def test_no_other_account_is_given_its_role() -> None:
    found = objects(values(["aws"], serviceAccountAnnotations=ROLE))
    given = [one["metadata"]["name"] for one in of_kind(found, "ServiceAccount") if one["metadata"].get("annotations")]
    assert given == [NAME]


@pytest.mark.parametrize(
    ("chosen", "reached"),
    [
        (values(["aws"]), {443, 80}),
        (values(["prometheus"], prometheus=PROMETHEUS), {9090}),
        (values(["azure"], azure=AZURE, proxy="http://proxy.example:3128"), {443, 3128}),
        (values(["gcp"], gcp={"project": "acme-prod"}), {443, 80, 988}),
    ],
)
def test_it_reaches_its_sources_and_nothing_else_of_the_outside(chosen: dict[str, Any], reached: set[int]) -> None:
    assert ports(own(chosen, "cloud")) == {("TCP", port) for port in reached}


def test_the_agent_reads_what_the_chart_says(tmp_path: Path) -> None:
    chosen = values(
        "aws, prometheus",
        every_seconds=30,
        rights_every_seconds=600,
        paused=True,
        aws={"cluster": "shop"},
        prometheus=PROMETHEUS,
    )
    chosen["secrets"] = {
        name: {"name": "of-prometheus", "key": "k"}
        for name in ("prometheus_ca", "prometheus_certificate", "prometheus_key")
    }
    read = settings(chosen, tmp_path).clouds
    assert read.sources == (CloudSource.AWS, CloudSource.PROMETHEUS)
    assert read.rights_every_seconds == 600
    assert (read.every_seconds, read.paused, read.aws.cluster, read.prometheus.url) == (
        30,
        True,
        "shop",
        PROMETHEUS["url"],
    )
    assert str(read.prometheus.client_cert_file) == "/run/byteport/keys/prometheus.crt"
    placed = next(volume for volume in pod(chosen)["spec"]["volumes"] if volume["name"] == "secrets")
    files = {item["path"] for source in placed["projected"]["sources"] for item in source["secret"]["items"]}
    assert {"prometheus-ca.crt", "prometheus.crt", "prometheus.key"} <= files


# -- outside of GKE and AKS -------------------------------------------------------------------------------------------

PROVIDER = "projects/123456789012/locations/global/workloadIdentityPools/clusters/providers/production"
ACCOUNT = "metrics@acme-prod.iam.gserviceaccount.com"
TENANT, CLIENT = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"
GOVERNMENT = "https://login.microsoftonline.us"


def federated(**chosen: dict[str, str]) -> dict[str, Any]:
    """Both sources, outside of either cloud's own clusters."""
    both = {
        "google": {"provider": PROVIDER, "service_account": ACCOUNT},
        "azure": {"tenant_id": TENANT, "client_id": CLIENT},
        **chosen,
    }
    return values(["gcp", "azure"], gcp={"project": "acme-prod"}, azure=AZURE, federation=both)


def projected(chosen: dict[str, Any], volume: str) -> list[JSON]:
    found = next(one for one in pod(chosen)["spec"]["volumes"] if one["name"] == volume)
    sources: list[JSON] = found["projected"]["sources"]
    return sources


@pytest.mark.claim("C-415")
def test_review_15_outside_of_gke_google_is_shown_a_short_token_of_the_account_and_no_key() -> None:
    chosen = federated()
    token, configured = projected(chosen, "google")
    assert token["serviceAccountToken"]["audience"] == f"https://iam.googleapis.com/{PROVIDER}"
    assert token["serviceAccountToken"]["expirationSeconds"] <= 3600
    assert configured == {"configMap": {"name": "byteport-google"}}
    told = json.loads(only(objects(chosen), "ConfigMap", "byteport-google")["data"]["credentials.json"])
    assert (told["type"], told["audience"]) == ("external_account", f"//iam.googleapis.com/{PROVIDER}")
    assert ACCOUNT in told["service_account_impersonation_url"]
    assert told["credential_source"]["file"] == f"{mounted(chosen, 'google')}/{token['serviceAccountToken']['path']}"
    assert not re.search(r"private_key|client_secret|refresh_token", json.dumps(told))
    assert environment(chosen)["GOOGLE_APPLICATION_CREDENTIALS"] == f"{mounted(chosen, 'google')}/credentials.json"


@pytest.mark.claim("C-417")
def test_review_15_outside_of_aks_azure_is_shown_a_short_token_of_the_account_and_no_secret() -> None:
    theirs = {"authority": GOVERNMENT, "audience": "api://AzureADTokenExchangeUSGov"}
    chosen = federated(azure={"tenant_id": TENANT, "client_id": CLIENT, **theirs})
    (token,) = projected(chosen, "azure")
    assert token["serviceAccountToken"]["audience"] == "api://AzureADTokenExchangeUSGov"
    given = environment(chosen)
    assert {name: given[name] for name in (*NEEDED, AUTHORITY)} == {
        "AZURE_TENANT_ID": TENANT,
        "AZURE_CLIENT_ID": CLIENT,
        "AZURE_FEDERATED_TOKEN_FILE": f"{mounted(chosen, 'azure')}/{token['serviceAccountToken']['path']}",
        "AZURE_AUTHORITY_HOST": GOVERNMENT,
    }
    assert not [name for name in given if "SECRET" in name or "PASSWORD" in name or "CERTIFICATE" in name]


@pytest.mark.claim("C-415", "C-417")
def test_no_other_pod_is_given_these_tokens() -> None:
    found = objects(federated())
    for kind in ("Deployment", "StatefulSet", "DaemonSet", "Job"):
        for one in of_kind(found, kind):
            if one["metadata"]["name"] != NAME:
                said = json.dumps(one)
                assert "byteport-google" not in said
                assert "AzureADTokenExchange" not in said


def test_where_the_pods_identity_is_federated_no_metadata_server_is_reached() -> None:
    assert ports(own(federated(), "cloud")) == {("TCP", 443)}


def test_without_federation_nothing_of_it_is_there() -> None:
    chosen = values(["gcp", "azure"], gcp={"project": "acme-prod"}, azure=AZURE)
    assert {"google", "azure"}.isdisjoint(volume["name"] for volume in pod(chosen)["spec"]["volumes"])
    assert not [name for name in environment(chosen) if name.startswith(("GOOGLE", "AZURE"))]
    assert "byteport-google" not in {one["metadata"]["name"] for one in objects(chosen)}


def mounted(chosen: dict[str, Any], volume: str) -> str:
    mounts = pod(chosen)["spec"]["containers"][0]["volumeMounts"]
    found = next(one for one in mounts if one["name"] == volume)
    assert found["readOnly"]
    return str(found["mountPath"])


def environment(chosen: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in pod(chosen)["spec"]["containers"][0]["env"]}


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        (values(["aws"], federation={"google": {"provider": PROVIDER}}), "clouds.sources does not name"),
        (
            values(["gcp"], gcp={"project": "acme-prod"}, federation={"google": {"service_account": ACCOUNT}}),
            "provider",
        ),
        (
            values(["aws"], federation={"azure": {"tenant_id": TENANT, "client_id": CLIENT}}),
            "clouds.sources does not name",
        ),
        (values(["azure"], azure=AZURE, federation={"azure": {"tenant_id": TENANT}}), "belong together"),
        (
            values(
                ["azure"],
                azure=AZURE,
                federation={"azure": {"tenant_id": TENANT, "client_id": CLIENT}},
                podLabels={"azure.workload.identity/use": "true"},
            ),
            "and not both",
        ),
        (values(["gcp"], gcp={"project": "acme-prod"}, federation={"google": {"provider": '"x'}}), "federation"),
        (values(["azure"], azure=AZURE, federation={"azure": {"authority": "http://login.example"}}), "authority"),
        (values(["gcp"], gcp={"project": "acme-prod"}, federation={"google": {"key": "-----BEGIN"}}), "federation"),
        (values(["prometheus"]), "clouds.prometheus.url"),
        (values(["gcp"]), "clouds.gcp.project"),
        (values(["azure"]), "clouds.azure.subscription"),
        (values(["prometheus"], prometheus=PROMETHEUS | {"token": "metrics/token"}), "secret.backend"),
        ({"secrets": {"prometheus_key": {"name": "alone", "key": "k"}}}, "belong together"),
        (values(["oracle"]), "clouds"),
    ],
)
def test_what_is_missing_is_named_before_anything_is_applied(chosen: dict[str, Any], says: str) -> None:
    assert says in refusal(chosen)
