"""A pod whose ServiceAccount is federated with Google: its projected token, the exchange, and the Resource Manager's answers.

The exchange is RFC 8693, as Google's Security Token Service speaks it: a token is for the scope that was asked for, and for nothing
else. The Resource Manager is `projects.testIamPermissions` as its reference has it: of what is named it says what is
held, and a name that is no permission on a project, a wildcard, or more than a hundred refuse the whole question.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from aiohttp import web

from tests.integration.cloud.gcp_monitoring import WORDS
from tests.integration.export.authority import Authority
from tests.integration.export.receivers import Got, Receiver, listening

PROJECT = "acme-prod"
PROJECTED = "the.pods.token"
SCOPES = "https://www.googleapis.com/auth/"
MOST = 100


@dataclass
class Google:
    """What is listening, and what it knows."""

    exchange: Receiver
    manager: Receiver
    tokens: dict[str, str] = field(default_factory=dict)
    """Scope by token."""
    held: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    status: int = 200
    """Of the Resource Manager's next answers."""
    raw: bytes | None = None
    """Their body, in the place of its own."""
    questions: list[list[str]] = field(default_factory=list)

    def for_metrics(self, token: str) -> bool:
        return self.tokens.get(token) == f"{SCOPES}monitoring.read"


@asynccontextmanager
async def google(authority: Authority) -> AsyncIterator[Google]:
    made: list[Google] = []

    def exchange(got: Got) -> web.StreamResponse:
        return _exchange(made[0], got)

    def manager(got: Got) -> web.StreamResponse:
        return _manager(made[0], got)

    tls = authority.server("localhost")
    async with listening(exchange, tls) as exchanging, listening(manager, tls) as managing:
        made.append(Google(exchanging, managing))
        yield made[0]


def as_a_pod(monkeypatch: pytest.MonkeyPatch, folder: Path, there: Google) -> None:
    token = folder / "token"
    token.write_text(PROJECTED)
    plain = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/4711/locations/global/workloadIdentityPools/clusters/providers/ours",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": there.exchange.url("/v1/token"),
        "credential_source": {"file": str(token), "format": {"type": "text"}},
    }
    path = folder / "credentials.json"
    path.write_text(json.dumps(plain))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))


def _exchange(there: Google, got: Got) -> web.StreamResponse:
    form = {name: values[0] for name, values in parse_qs(got.body.decode()).items()}
    if form.get("subject_token") != PROJECTED or not form.get("scope", "").startswith(SCOPES):
        return web.json_response({"error": "invalid_grant", "error_description": WORDS}, status=400)
    token = f"token-{len(there.tokens)}"
    there.tokens[token] = form["scope"]
    kind = "urn:ietf:params:oauth:token-type:access_token"
    return web.json_response(
        {"access_token": token, "issued_token_type": kind, "token_type": "Bearer", "expires_in": 3600}
    )


def _manager(there: Google, got: Got) -> web.StreamResponse:
    token = got.headers.get("authorization", "").removeprefix("Bearer ")
    if there.tokens.get(token) != f"{SCOPES}cloud-platform.read-only":
        return _refusal(401)
    if there.status != 200:
        return _refusal(there.status)
    if (got.method, got.path) != ("POST", f"/v3/projects/{PROJECT}:testIamPermissions"):
        return _refusal(404)
    named = json.loads(got.body)["permissions"]
    there.questions.append(named)
    if not 0 < len(named) <= MOST or any("*" in one or one in there.unknown for one in named):
        return _refusal(400)
    if there.raw is not None:
        return web.Response(body=there.raw)
    held = [one for one in named if one in there.held]
    return web.json_response({"permissions": held} if held else {})


def _refusal(status: int) -> web.StreamResponse:
    return web.json_response({"error": {"code": status, "message": WORDS}}, status=status)
