"""What the settings of Google Cloud's and Azure's metrics take: names of theirs, and nothing that could end a quotation."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from activities.cloud.gcp_requests import NODE_MEMORY, instances, nodes
from byteport.contracts.cloud_azure import AzureSource
from byteport.contracts.cloud_gcp import GcpSource

SUBSCRIPTION = "33333333-3333-3333-3333-333333333333"
CLUSTER = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shop (eu)/providers/Microsoft.ContainerService/managedClusters/prod"
)
GCP: dict[str, Any] = {"project": "acme-prod", "cluster": "prod", "location": "europe-west1"}
AZURE: dict[str, Any] = {"subscription": SUBSCRIPTION, "node_resource_group": "MC_shop_prod", "region": "westeurope"}
hostile = st.text("ab-1.\"'\\ /:\n", min_size=1, max_size=12)


def refused(model: type[BaseModel], **values: Any) -> str:
    with pytest.raises(ValidationError) as error:
        model(**values)
    return str(error.value)


@pytest.mark.parametrize("location", ["us-central1", "europe-west1-b", "northamerica-northeast1-a", "us-south1-ai1b"])
@pytest.mark.parametrize("project", ["acme-prod", "example.com:acme-prod"])
def test_regions_zones_and_projects_are_taken_as_google_names_them(project: str, location: str) -> None:
    assert GcpSource(**GCP | {"project": project, "location": location}).location == location


@given(hostile, st.sampled_from(["project", "cluster", "location"]))
def test_no_setting_ends_the_quotation_of_a_filter(text: str, name: str) -> None:
    try:
        config = GcpSource(**GCP | {name: text})
    except ValidationError:
        return
    for query in (instances(config, values=True), nodes(config, NODE_MEMORY)):
        assert query.filter.count('"') == 2 * query.filter.count(" = ")
        assert "\\" not in query.filter


@given(hostile)
def test_no_setting_ends_the_quotation_of_the_query_over_a_workspace(text: str) -> None:
    try:
        config = AzureSource(**AZURE, cluster_id=CLUSTER.replace("shop (eu)", "shop") + text)
    except ValidationError:
        return
    assert "'" not in str(config.cluster_id)
    assert "\n" not in str(config.cluster_id)


def test_a_cluster_and_its_place_belong_together() -> None:
    for name in ("cluster", "location"):
        assert "belong together" in refused(GcpSource, **{one: value for one, value in GCP.items() if one != name})


def test_a_workspace_needs_the_cluster_and_the_cluster_the_same_subscription() -> None:
    named = CLUSTER.replace("shop (eu)", "shop")
    assert "workspace needs cluster_id" in refused(AzureSource, **AZURE, workspace=SUBSCRIPTION)
    assert "another subscription" in refused(AzureSource, **AZURE, cluster_id=named.replace("3", "4"))
    assert AzureSource(**AZURE, cluster_id=named, workspace=SUBSCRIPTION).missing is None


def test_the_metrics_of_a_region_are_where_azure_has_them_unless_it_is_said() -> None:
    assert AzureSource(**AZURE).metrics_url == "https://westeurope.metrics.monitor.azure.com"
    assert AzureSource(**AZURE, metrics="https://metrics.example").metrics_url == "https://metrics.example"


@pytest.mark.parametrize("model", [GcpSource, AzureSource])
def test_review_15_no_setting_of_a_cloud_could_hold_what_opens_it(model: type[BaseModel]) -> None:
    words = ("secret", "password", "key", "token", "credential", "certificate")
    assert not [name for name in model.model_fields for word in words if word in name]


@pytest.mark.parametrize("name", ["metrics", "management", "logs"])
@pytest.mark.parametrize("url", ["http://metrics.example", "https://169.254.169.254/", "https://u:p@metrics.example"])
def test_an_address_without_tls_or_inside_cannot_be_set(name: str, url: str) -> None:
    refused(AzureSource, **AZURE | {name: url})
