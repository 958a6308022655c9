"""A pod with a workload identity of Azure, the source that its settings make, and what it reads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.cloud.azure import AzureMetrics
from activities.cloud.source import Measured, Window
from byteport.contracts.cloud import Metric
from byteport.contracts.cloud_azure import AzureSource
from byteport.errors import BytePortError
from tests.integration.cloud.azure_state import (
    CLIENT,
    COMPUTE,
    GROUP,
    LOGS,
    MANAGEMENT,
    METRICS,
    PROJECTED,
    REGION,
    SUBSCRIPTION,
    TENANT,
    WORDS,
    Azure,
    instance,
)
from tests.integration.export.authority import Authority

NOW = datetime(2026, 3, 10, 9, 30, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SET = "aks-pool1-12345678-vmss"
NODE = f"{SET}000003"
MACHINE = f"{COMPUTE}/virtualMachineScaleSets/{SET}/virtualMachines/3"
PROVIDER_ID = MACHINE.lower()
CPU, FREE, DISK = "Percentage CPU", "Available Memory Percentage", "node_disk_usage_percentage"


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


def minute(ago: int) -> datetime:
    """The beginning of the minute so many before that of NOW."""
    return NOW.replace(second=0) - ago * MINUTE


def every(value: float, *, ago: range = range(2, 7)) -> dict[datetime, float]:
    return {minute(one): value for one in ago}


def ends(values: Mapping[datetime, float]) -> dict[datetime, float]:
    """By the end of each minute, as points are."""
    return {at + MINUTE: value for at, value in values.items()}


async def measured(there: Azure, authority: Authority, **changes: Any) -> Measured:
    asked = source(there, authority, **changes)
    try:
        return await asked.read(Window(minute(6), there.now))
    finally:
        await asked.close()


async def refusal(there: Azure, authority: Authority, error: type[BytePortError], **changes: Any) -> BytePortError:
    with pytest.raises(error) as refused:
        await measured(there, authority, **changes)
    assert WORDS not in refused.value.message
    assert refused.value.__cause__ is None
    return refused.value


def said(found: Measured, metric: Metric, part: str = "") -> dict[datetime, float]:
    return {point.at: round(point.percent, 3) for point in found.points if (point.metric, point.part) == (metric, part)}


def machine(there: Azure, number: int = 3, **changes: Any) -> str:
    """The id of one more machine of the scale set."""
    made = instance(SET, number, **changes)
    there.scale_sets.setdefault(SET, []).append(made)
    return str(made["id"])
