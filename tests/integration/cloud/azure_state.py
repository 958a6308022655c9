"""What Azure holds in these tests, and what it was asked. Before `azure_stores.py` and `azure_cloud.py`, which answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from tests.integration.export.receivers import Got, Receiver

TENANT = "11111111-1111-1111-1111-111111111111"
CLIENT = "22222222-2222-2222-2222-222222222222"
SUBSCRIPTION = "33333333-3333-3333-3333-333333333333"
WORKSPACE = "44444444-4444-4444-4444-444444444444"
GROUP = "MC_shop_prod_westeurope"
REGION = "westeurope"
PROJECTED = "the.pods.token"
WORDS = "the words of a cloud"
METRICS, MANAGEMENT, LOGS = "https://metrics.example", "https://management.example", "https://logs.example"
"""Audiences."""
CLUSTER = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shop/providers/Microsoft.ContainerService/managedClusters/prod"
COMPUTE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.Compute"
PERMISSIONS = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.Authorization/permissions"

Values = Mapping[datetime, float]


@dataclass
class Azure:
    """What is listening, what it holds, and what it was asked."""

    login: Receiver
    management: Receiver
    metrics: Receiver
    logs: Receiver
    now: datetime
    tokens: dict[str, str] = field(default_factory=dict)
    """Audience by token."""
    machines: list[dict[str, Any]] = field(default_factory=list)
    scale_sets: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    flexible: set[str] = field(default_factory=set)
    page: int = 100
    """Resources in one page of a list."""
    next_page_at: str = ""
    """Where the next page of a list is said to be, if elsewhere."""
    permissions: list[dict[str, Any]] = field(default_factory=list)
    values: dict[tuple[str, str], list[tuple[Mapping[str, str], Values]]] = field(default_factory=dict)
    """By resource in lower case and metric: dimensions, and values by the beginning of each minute."""
    failed: set[str] = field(default_factory=set)
    """Resources of which the store can give nothing, in lower case."""
    rows: list[list[Any]] = field(default_factory=list)
    partial: bool = False
    refusals: list[tuple[str, int, Mapping[str, str]]] = field(default_factory=list)
    """(service, status, headers) in place of the next answer of that service."""
    raw: bytes | None = None
    """In place of the next answer of the metrics."""

    def measure(self, resource: str, metric: str, values: Values, **dimensions: str) -> None:
        self.values.setdefault((resource.lower(), metric), []).append((dimensions, values))

    def asked(self, service: Receiver) -> list[dict[str, str]]:
        """Queries of the requests of a service, by name."""
        return [{name: one[0] for name, one in parse_qs(urlsplit(got.path).query).items()} for got in service.got]


def virtual_machine(
    name: str, *, group: str = GROUP, region: str = REGION, computer: str | None = None
) -> dict[str, Any]:
    return {
        "id": COMPUTE.replace(GROUP, group) + f"/virtualMachines/{name}",
        "name": name,
        "location": region,
        "properties": {"osProfile": {"computerName": computer or name}},
    }


def instance(scale_set: str, number: int, *, computer: str | None = None) -> dict[str, Any]:
    return {
        "id": f"{COMPUTE}/virtualMachineScaleSets/{scale_set}/virtualMachines/{number}",
        "name": f"{scale_set}_{number}",
        "instanceId": str(number),
        "location": REGION,
        "properties": {"osProfile": {"computerName": computer or f"{scale_set}{number:06d}"}},
    }


def refusal(status: int, headers: Mapping[str, str] | None = None) -> web.StreamResponse:
    return web.json_response({"error": {"code": "Refused", "message": WORDS}}, status=status, headers=headers)


def let_in(there: Azure, got: Got, audience: str) -> bool:
    return there.tokens.get(got.headers.get("authorization", "").removeprefix("Bearer ")) == audience
