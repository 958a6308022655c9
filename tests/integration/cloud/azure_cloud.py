"""Azure as its references document it, over TLS: the token endpoint, Resource Manager, metrics by batch, and Log Analytics.

Pages that this is recorded from, all of learn.microsoft.com: *Microsoft identity platform and the OAuth 2.0 client credentials flow*
(third case, a federated credential), *How to migrate from the metrics API to the getBatch API*, *Metrics Batch*, *Permissions - List
For Resource Group*, *Virtual Machines - List*, *Virtual Machine Scale Set VMs - List*, *Azure Monitor Log Analytics API response format*.
It takes a token only for the audience that it is, wants exactly the parameters that are documented, and refuses what they refuse.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from aiohttp import web

from tests.integration.export.authority import Authority
from tests.integration.export.receivers import Got, Receiver, listening

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
AT_ONCE = 50
DEFAULT_TOP = 10
NAMESPACES = {
    "microsoft.compute/virtualmachinescalesets/virtualmachines": {"Percentage CPU", "Available Memory Percentage"},
    "microsoft.compute/virtualmachines": {"Percentage CPU", "Available Memory Percentage"},
    "microsoft.containerservice/managedclusters": {"node_disk_usage_percentage"},
}
DIMENSIONS = {"node_disk_usage_percentage": ("node", "nodepool", "device")}

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


@asynccontextmanager
async def azure(authority: Authority, now: datetime) -> AsyncIterator[Azure]:
    made: list[Azure] = []

    def served(
        respond: Callable[[Azure, Got], web.StreamResponse], service: str
    ) -> Callable[[Got], web.StreamResponse]:
        def answer(got: Got) -> web.StreamResponse:
            there = made[0]
            for one in there.refusals:
                if one[0] == service:
                    there.refusals.remove(one)
                    return _refusal(one[1], one[2])
            answered = respond(there, got)
            answered.headers["Date"] = format_datetime(there.now, usegmt=True)
            return answered

        return answer

    tls = authority.server("localhost")
    async with (
        listening(served(_login, "login"), tls) as login,
        listening(served(_management, "management"), tls) as management,
        listening(served(_metrics, "metrics"), tls) as metrics,
        listening(served(_logs, "logs"), tls) as logs,
    ):
        made.append(Azure(login, management, metrics, logs, now))
        yield made[0]


def _refusal(status: int, headers: Mapping[str, str] | None = None) -> web.StreamResponse:
    return web.json_response({"error": {"code": "Refused", "message": WORDS}}, status=status, headers=headers)


def _login(there: Azure, got: Got) -> web.StreamResponse:
    """A federated token, exchanged: a token for the one audience whose `.default` was asked for."""
    form = {name: values[0] for name, values in parse_qs(got.body.decode()).items()}
    wanted = {
        "client_id": CLIENT,
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": PROJECTED,
    }
    scope = form.get("scope", "")
    if got.method != "POST" or got.path != f"/{TENANT}/oauth2/v2.0/token" or not scope.endswith("/.default"):
        return web.json_response({"error": "invalid_request", "error_description": WORDS}, status=400)
    if any(form.get(name) != value for name, value in wanted.items()):
        return web.json_response({"error": "invalid_client", "error_description": WORDS}, status=401)
    token = f"token-{len(there.tokens)}"
    there.tokens[token] = scope.removesuffix("/.default")
    return web.json_response({"token_type": "Bearer", "expires_in": 3599, "access_token": token})


def _let_in(there: Azure, got: Got, audience: str) -> bool:
    return there.tokens.get(got.headers.get("authorization", "").removeprefix("Bearer ")) == audience


def _management(there: Azure, got: Got) -> web.StreamResponse:
    if not _let_in(there, got, MANAGEMENT):
        return _refusal(401)
    parts = urlsplit(got.path)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    path = unquote(parts.path).lower()
    if got.method != "GET" or not re.fullmatch(r"20\d\d-\d\d-\d\d", query.get("api-version", "")):
        return _refusal(400)
    if path == PERMISSIONS.lower():
        return web.json_response({"value": there.permissions})
    if path == f"{COMPUTE}/virtualMachines".lower():
        return _listed(there, parts.path, query, there.machines)
    if path == f"{COMPUTE}/virtualMachineScaleSets".lower():
        sets = [
            {"name": name, "properties": {"orchestrationMode": "Flexible" if name in there.flexible else "Uniform"}}
            for name in there.scale_sets
        ]
        return _listed(there, parts.path, query, sets)
    for name, instances in there.scale_sets.items():
        if path == f"{COMPUTE}/virtualMachineScaleSets/{name}/virtualMachines".lower():
            return _refusal(409) if name in there.flexible else _listed(there, parts.path, query, instances)
    return _refusal(404)


def _listed(there: Azure, path: str, query: Mapping[str, str], every: list[dict[str, Any]]) -> web.StreamResponse:
    first = int(query.get("$skiptoken", "0"))
    plain: dict[str, Any] = {"value": every[first : first + there.page]}
    if first + there.page < len(every):
        home = there.next_page_at or there.management.url("")
        plain["nextLink"] = f"{home}{path}?api-version={query['api-version']}&$skiptoken={first + there.page}"
    return web.json_response(plain)


def _metrics(there: Azure, got: Got) -> web.StreamResponse:
    if there.raw is not None:
        raw, there.raw = there.raw, None
        return web.Response(body=raw, content_type="application/json")
    if not _let_in(there, got, METRICS):
        return _refusal(401)
    parts = urlsplit(got.path)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    if got.method != "POST" or parts.path != f"/subscriptions/{SUBSCRIPTION}/metrics:getBatch":
        return _refusal(404)
    if query.get("api-version") != "2024-02-01" or query.get("interval") != "PT1M":
        return _refusal(400)
    body = json.loads(got.body)
    ids = body.get("resourceids")
    if set(body) != {"resourceids"} or not isinstance(ids, list) or not 0 < len(set(ids)) == len(ids) <= AT_ONCE:
        return _refusal(400)
    namespace = query.get("metricnamespace", "").lower()
    names = query.get("metricnames", "").split(",")
    if any(_type_of(one) != namespace for one in ids) or not set(names) <= NAMESPACES.get(namespace, set()):
        return _refusal(400)
    if query.get("aggregation") != "average":
        return _refusal(400)
    split = _dimensions(query.get("filter"), names)
    if split is None:
        return _refusal(400)
    top = int(query.get("top", DEFAULT_TOP))
    begins, ends = _moment(query["starttime"]), _moment(query["endtime"])
    values = [_result(there, one, names, (begins, ends), split, top) for one in ids]
    return web.json_response({"values": values})


def _dimensions(text: str | None, names: list[str]) -> tuple[str, ...] | None:
    """Which dimensions series are split by; None for a filter that is not taken."""
    if text is None:
        return ()
    found = []
    for part in text.split(" and "):
        clause = re.fullmatch(r"(\w+) eq '\*'", part)
        if clause is None or any(clause[1] not in DIMENSIONS.get(name, ()) for name in names):
            return None
        found.append(clause[1])
    return tuple(found)


def _result(
    there: Azure, resource: str, names: list[str], span: tuple[datetime, datetime], split: tuple[str, ...], top: int
) -> dict[str, Any]:
    failed = resource.lower() in there.failed
    metrics = []
    for name in names:
        series: list[dict[str, Any]] = []
        for dimensions, values in [] if failed else there.values.get((resource.lower(), name), []):
            data, at = [], span[0]
            while at < span[1]:
                data.append(
                    {"timeStamp": at.strftime("%Y-%m-%dT%H:%M:%SZ")} | ({"average": values[at]} if at in values else {})
                )
                at += timedelta(minutes=1)
            named = [{"name": {"value": one, "localizedValue": one}, "value": dimensions[one]} for one in split]
            series.append({"metadatavalues": named, "data": data})
        metrics.append(
            {
                "id": f"{resource}/providers/Microsoft.Insights/metrics/{name}",
                "type": "Microsoft.Insights/metrics",
                "name": {"value": name, "localizedValue": name},
                "displayDescription": WORDS,
                "unit": "Percent",
                "timeseries": series[:top] if split else series,
                "errorCode": "InternalError" if failed else "Success",
            }
        )
    return {
        "starttime": span[0].isoformat(),
        "endtime": span[1].isoformat(),
        "interval": "PT1M",
        "namespace": _type_of(resource),
        "resourceregion": REGION,
        "resourceid": resource,
        "value": metrics,
    }


def _type_of(resource: str) -> str:
    """`Microsoft.Compute/virtualMachineScaleSets/virtualMachines` of a machine's id, in lower case."""
    provider, *rest = resource.lower().split("/providers/")[-1].split("/")
    return "/".join([provider, *rest[::2]])


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _logs(there: Azure, got: Got) -> web.StreamResponse:
    if not _let_in(there, got, LOGS):
        return _refusal(403)
    if (got.method, got.path) != ("POST", f"/v1/workspaces/{WORKSPACE}/query"):
        return _refusal(404)
    body = json.loads(got.body)
    query = body["query"]
    if f"_ResourceId =~ '{CLUSTER}'" not in query or "/" not in body["timespan"]:
        return _refusal(400)
    begins, ends = (_moment(one) for one in body["timespan"].split("/"))
    kinds = {"Node": "string", "Device": "string", "Minute": "datetime", "Percent": "real"}
    rows = [one for one in there.rows if begins <= _moment(one[2]) < ends]
    plain: dict[str, Any] = {
        "tables": [
            {
                "name": "PrimaryResult",
                "columns": [{"name": name, "type": kind} for name, kind in kinds.items()],
                "rows": rows,
            }
        ]
    }
    if there.partial:
        plain["error"] = {"code": "PartialError", "message": WORDS, "details": []}
    return web.json_response(plain)
