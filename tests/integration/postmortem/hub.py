"""GitHub's issues of one repository, as the reference of REST API 2022-11-28 has them; stricter where it would be lenient."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from tests.integration.export.receivers import Got

TOKEN = "github_pat_11AAAA0000secretSECRETsecret"
REPOSITORY = "acme/ops"
PATH = f"/repos/{REPOSITORY}/issues"
LONGEST_BODY = 65536
NOW = datetime(2026, 3, 10, 3, 12, tzinfo=UTC)


@dataclass
class Hub:
    """What it holds, and how it is put out of order."""

    issues: list[dict[str, Any]] = field(default_factory=list)
    instead: list[Callable[[Got], web.StreamResponse]] = field(default_factory=list)
    """Answers to the next requests, which are then not looked at."""
    lose_answers: int = 0
    """How many creations are done, and never answered."""

    def __call__(self, got: Got) -> web.StreamResponse:
        if self.instead:
            return self.instead.pop(0)(got)
        refused = self._refused(got)
        if refused is not None:
            return refused
        if got.method == "GET":
            return self._listed(got)
        answer = self._created(got)
        if answer.status == 201 and self.lose_answers:
            self.lose_answers -= 1
            return got.drop()
        return answer

    def add(self, body: str | None, **more: Any) -> None:
        number = len(self.issues) + 1
        made = {
            "number": number,
            "html_url": f"https://github.com/{REPOSITORY}/issues/{number}",
            "body": body,
            "updated_at": NOW,
        }
        self.issues.append(made | more)

    @staticmethod
    def _refused(got: Got) -> web.Response | None:
        path = urlsplit(got.path).path
        if got.headers.get("authorization") != f"Bearer {TOKEN}":
            return web.json_response({"message": "Bad credentials"}, status=401)
        if not got.headers.get("user-agent"):
            return web.json_response({"message": "Request forbidden by administrative rules."}, status=403)
        if got.headers.get("x-github-api-version") != "2022-11-28":
            return web.json_response({"message": "not a supported version"}, status=400)
        if got.headers.get("accept") != "application/vnd.github+json":
            return web.json_response({"message": "Must accept application/json"}, status=415)
        if path != PATH or got.method not in ("GET", "POST"):
            return web.json_response({"message": "Not Found"}, status=404)
        return None

    def _listed(self, got: Got) -> web.Response:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(got.path).query, strict_parsing=True).items()}
        known = {"state", "sort", "direction", "since", "per_page", "page"}
        size, page = int(asked["per_page"]), int(asked["page"])
        right = asked["state"] == "all" and asked["sort"] == "created" and asked["direction"] in ("asc", "desc")
        if not right or not set(asked) <= known or not 1 <= size <= 100:
            return web.json_response({"message": "Validation Failed"}, status=422)
        since = datetime.strptime(asked["since"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        found = [issue for issue in self.issues if issue["updated_at"] >= since]
        found = found[::-1] if asked["direction"] == "desc" else found
        shown = found[(page - 1) * size : page * size]
        more = page * size < len(found)
        base = f"https://api.github.com/repositories/1/issues?per_page={size}"
        link = [f'<{base}&page={page - 1}>; rel="prev"'] if page > 1 else []
        link += [f'<{base}&page={page + 1}>; rel="next"', f'<{base}&page=9>; rel="last"'] if more else []
        plain = [issue | {"updated_at": issue["updated_at"].isoformat()} for issue in shown]
        return web.json_response(plain, headers={"Link": ", ".join(link)} if link else {})

    def _created(self, got: Got) -> web.Response:
        plain = json.loads(got.body)
        right = (
            got.headers.get("content-type") == "application/json"
            and set(plain) == {"title", "body", "labels"}
            and isinstance(plain["title"], str)
            and 0 < len(plain["title"]) <= 256
            and len(plain["body"]) <= LONGEST_BODY
            and all(isinstance(label, str) and 0 < len(label) <= 50 for label in plain["labels"])
        )
        if not right:
            return web.json_response({"message": "Validation Failed", "errors": [plain]}, status=422)
        self.add(plain["body"], title=plain["title"], labels=plain["labels"], updated_at=NOW + timedelta(seconds=1))
        return web.json_response(self.issues[-1] | {"updated_at": NOW.isoformat()}, status=201)
