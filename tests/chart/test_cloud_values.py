"""The worker that asks for metrics: there only where a source is named, with its own identity, its own way out, and no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

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
    chosen = values("aws, prometheus", every_seconds=30, paused=True, aws={"cluster": "shop"}, prometheus=PROMETHEUS)
    chosen["secrets"] = {
        name: {"name": "of-prometheus", "key": "k"}
        for name in ("prometheus_ca", "prometheus_certificate", "prometheus_key")
    }
    read = settings(chosen, tmp_path).clouds
    assert read.sources == (CloudSource.AWS, CloudSource.PROMETHEUS)
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


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
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
