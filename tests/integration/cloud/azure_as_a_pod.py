"""A pod with a workload identity of Azure, and the source that its settings make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from activities.cloud.azure import AzureMetrics
from byteport.contracts.cloud_azure import AzureSource
from tests.integration.cloud.azure_cloud import (
    CLIENT,
    GROUP,
    LOGS,
    MANAGEMENT,
    METRICS,
    PROJECTED,
    REGION,
    SUBSCRIPTION,
    TENANT,
    Azure,
)
from tests.integration.export.authority import Authority


def as_a_pod(monkeypatch: pytest.MonkeyPatch, folder: Path, there: Azure) -> None:
    """The environment that AKS gives a pod with a workload identity."""
    token = folder / "azure-identity-token"
    token.write_text(PROJECTED)
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
    monkeypatch.setenv("AZURE_CLIENT_ID", CLIENT)
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(token))
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", there.login.url("/"))


def source(there: Azure, authority: Authority, **changes: Any) -> AzureMetrics:
    named: dict[str, Any] = {
        "subscription": SUBSCRIPTION,
        "node_resource_group": GROUP,
        "region": REGION,
        "metrics": there.metrics.url(""),
        "management": there.management.url(""),
        "logs": there.logs.url(""),
        "metrics_audience": METRICS,
        "management_audience": MANAGEMENT,
        "logs_audience": LOGS,
    }
    return AzureMetrics(AzureSource(**named | changes), ca_file=authority.ca_file, clock=lambda: there.now)
