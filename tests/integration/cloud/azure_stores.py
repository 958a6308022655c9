"""Azure's metrics by batch, and Log Analytics: what their references document, and the refusal of everything else.

After `azure_state.py`; `azure_cloud.py` puts them behind TLS, and names the pages.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from tests.integration.cloud.azure_state import (
    CLUSTER,
    LOGS,
    METRICS,
    REGION,
    SUBSCRIPTION,
    WORDS,
    WORKSPACE,
    Azure,
    let_in,
    refusal,
)
from tests.integration.export.receivers import Got

AT_ONCE = 50
DEFAULT_TOP = 10
NAMESPACES = {
    "microsoft.compute/virtualmachinescalesets/virtualmachines": {"Percentage CPU", "Available Memory Percentage"},
    "microsoft.compute/virtualmachines": {"Percentage CPU", "Available Memory Percentage"},
    "microsoft.containerservice/managedclusters": {"node_disk_usage_percentage"},
}
DIMENSIONS = {"node_disk_usage_percentage": ("node", "nodepool", "device")}


def metrics_answer(there: Azure, got: Got) -> web.StreamResponse:
    if there.raw is not None:
        raw, there.raw = there.raw, None
        return web.Response(body=raw, content_type="application/json")
    if not let_in(there, got, METRICS):
        return refusal(401)
    parts = urlsplit(got.path)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    if got.method != "POST" or parts.path != f"/subscriptions/{SUBSCRIPTION}/metrics:getBatch":
        return refusal(404)
    if query.get("api-version") != "2024-02-01" or query.get("interval") != "PT1M":
        return refusal(400)
    body = json.loads(got.body)
    ids = body.get("resourceids")
    if set(body) != {"resourceids"} or not isinstance(ids, list) or not 0 < len(set(ids)) == len(ids) <= AT_ONCE:
        return refusal(400)
    namespace = query.get("metricnamespace", "").lower()
    names = query.get("metricnames", "").split(",")
    if any(_type_of(one) != namespace for one in ids) or not set(names) <= NAMESPACES.get(namespace, set()):
        return refusal(400)
    if query.get("aggregation") != "average":
        return refusal(400)
    split = _dimensions(query.get("filter"), names)
    if split is None:
        return refusal(400)
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


def logs_answer(there: Azure, got: Got) -> web.StreamResponse:
    if not let_in(there, got, LOGS):
        return refusal(403)
    if (got.method, got.path) != ("POST", f"/v1/workspaces/{WORKSPACE}/query"):
        return refusal(404)
    body = json.loads(got.body)
    query = body["query"]
    if f"_ResourceId =~ '{CLUSTER}'" not in query or "/" not in body["timespan"]:
        return refusal(400)
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
