"""Azure as its references document it, over TLS: the token endpoint, Resource Manager, metrics by batch, and Log Analytics.

Pages that this is recorded from, all of learn.microsoft.com: *Microsoft identity platform and the OAuth 2.0 client credentials flow*
(third case, a federated credential), *How to migrate from the metrics API to the getBatch API*, *Metrics Batch*, *Permissions - List
For Resource Group*, *Virtual Machines - List*, *Virtual Machine Scale Set VMs - List*, *Azure Monitor Log Analytics API response format*.
It takes a token only for the audience that it is, wants exactly the parameters that are documented, and refuses what they refuse.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from aiohttp import web

from tests.integration.cloud.azure_state import (
    CLIENT,
    COMPUTE,
    MANAGEMENT,
    PERMISSIONS,
    PROJECTED,
    TENANT,
    WORDS,
    Azure,
    let_in,
    refusal,
)
from tests.integration.cloud.azure_stores import logs_answer, metrics_answer
from tests.integration.export.authority import Authority
from tests.integration.export.receivers import Got, listening


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
                    return refusal(one[1], one[2])
            answered = respond(there, got)
            answered.headers["Date"] = format_datetime(there.now, usegmt=True)
            return answered

        return answer

    tls = authority.server("localhost")
    async with (
        listening(served(_login, "login"), tls) as login,
        listening(served(_management, "management"), tls) as management,
        listening(served(metrics_answer, "metrics"), tls) as metrics,
        listening(served(logs_answer, "logs"), tls) as logs,
    ):
        made.append(Azure(login, management, metrics, logs, now))
        yield made[0]


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


def _management(there: Azure, got: Got) -> web.StreamResponse:
    if not let_in(there, got, MANAGEMENT):
        return refusal(401)
    parts = urlsplit(got.path)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    path = unquote(parts.path).lower()
    if got.method != "GET" or not re.fullmatch(r"20\d\d-\d\d-\d\d", query.get("api-version", "")):
        return refusal(400)
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
            return refusal(409) if name in there.flexible else _listed(there, parts.path, query, instances)
    return refusal(404)


def _listed(there: Azure, path: str, query: Mapping[str, str], every: list[dict[str, Any]]) -> web.StreamResponse:
    first = int(query.get("$skiptoken", "0"))
    plain: dict[str, Any] = {"value": every[first : first + there.page]}
    if first + there.page < len(every):
        home = there.next_page_at or there.management.url("")
        plain["nextLink"] = f"{home}{path}?api-version={query['api-version']}&$skiptoken={first + there.page}"
    return web.json_response(plain)
