"""Google Secret Manager, Doppler and 1Password Connect, as their documentation says that they speak, and not one word beside it.

Each answers only the request that is documented, exactly: the path, the query, what must be shown. Everything else is refused as
the provider refuses it. What was written from, `docs/reference/integrations.md` names.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

from aiohttp import web

from tests.integration.export.receivers import Got

PROJECTED = "the.pods.token"
POLYNOMIAL = 0x82F63B78


def crc32c_bitwise(content: bytes) -> int:
    """Bit by bit, unlike the code under test."""
    found = 0xFFFFFFFF
    for byte in content:
        found ^= byte
        for _ in range(8):
            found = found >> 1 ^ POLYNOMIAL * (found & 1)
    return found ^ 0xFFFFFFFF


@dataclass
class Google:
    """One project `p`; the value of each version of each secret, the last of which is `latest`. None is a destroyed one."""

    kept: dict[str, list[bytes | None]] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    tokens: set[str] = field(default_factory=set)
    checksum_off_by: int = 0

    def answer(self, got: Got) -> web.Response:
        parts = urlsplit(got.path)
        if got.method == "POST" and parts.path == "/v1/token":
            return self._exchange(got)
        if got.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return _google(401, "UNAUTHENTICATED")
        path, _, verb = unquote(parts.path).partition(":")
        words = path.split("/")
        if (got.method, verb, len(words), parts.query, got.body) != ("GET", "access", 8, "", b""):
            return _google(404, "NOT_FOUND")
        if words[:5] != ["", "v1", "projects", "p", "secrets"] or words[6] != "versions":
            return _google(404, "NOT_FOUND")
        name, version = words[5], words[7]
        if name in self.denied:
            return _google(403, "PERMISSION_DENIED")
        versions = self.kept.get(name, [])
        number = len(versions) if version == "latest" else int(version)
        if not 0 < number <= len(versions):
            return _google(404, "NOT_FOUND")
        value = versions[number - 1]
        if value is None:
            return _google(400, "FAILED_PRECONDITION")
        payload = {
            "data": base64.b64encode(value).decode(),
            "dataCrc32c": str(crc32c_bitwise(value) + self.checksum_off_by),
        }
        return web.json_response({"name": f"projects/4711/secrets/{name}/versions/{number}", "payload": payload})

    def _exchange(self, got: Got) -> web.Response:
        form = dict(parse_qsl(got.body.decode()))
        if form.get("subject_token") != PROJECTED or "cloud-platform" not in form.get("scope", ""):
            return web.json_response({"error": "invalid_grant"}, status=400)
        token = f"token-{len(self.tokens)}"
        self.tokens.add(token)
        kind = "urn:ietf:params:oauth:token-type:access_token"
        plain = {"access_token": token, "issued_token_type": kind, "token_type": "Bearer", "expires_in": 3600}
        return web.json_response(plain)


def _google(status: int, word: str) -> web.Response:
    return web.json_response({"error": {"code": status, "message": "words of theirs", "status": word}}, status=status)


@dataclass
class DopplerConfigOf:
    """The one config that `token` opens."""

    token: str
    kept: dict[str, str] = field(default_factory=dict)

    def answer(self, got: Got) -> web.Response:
        parts = urlsplit(got.path)
        if got.headers.get("authorization") != f"Bearer {self.token}":
            return _doppler(401, "Invalid Auth token")
        query = parse_qs(parts.query, strict_parsing=True)
        if (got.method, parts.path, sorted(query)) != ("GET", "/v3/configs/config/secret", ["name"]):
            return _doppler(404, "Not Found")
        name = query["name"][0]
        if name not in self.kept:
            return _doppler(404, f"Could not find requested secret: {name}")
        value = {"raw": self.kept[name], "computed": self.kept[name], "note": ""}
        return web.json_response({"name": name, "value": value, "success": True})


def _doppler(status: int, message: str) -> web.Response:
    return web.json_response({"messages": [message], "success": False}, status=status)


@dataclass
class Connect:
    """Vaults by their name, with items by their title: a version and its fields."""

    token: str
    kept: dict[str, dict[str, tuple[int, dict[str, str]]]] = field(default_factory=dict)

    def answer(self, got: Got) -> web.Response:
        if got.headers.get("authorization") != f"Bearer {self.token}":
            return _connect(401, "Invalid token signature")
        parts = urlsplit(got.path)
        words = parts.path.split("/")[1:]
        wanted = parse_qs(parts.query).get("filter", [""])[0]
        if got.method != "GET" or words[:2] != ["v1", "vaults"] or len(words) not in (2, 4, 5):
            return _connect(404, "not found")
        if len(words) == 2:
            found = [{"id": ident(name), "name": name, "type": "USER_CREATED"} for name in self.kept]
            return web.json_response([one for one in found if wanted in ("", f'name eq "{one["name"]}"')])
        name = next((name for name in self.kept if ident(name) == words[2]), None)
        if name is None or words[3] != "items":
            return _connect(403, "vault is not in the token's scope")
        items = self.kept[name]
        if len(words) == 4:
            titles = [title for title in items if wanted in ("", f'title eq "{title}"')]
            return web.json_response(
                [{"id": ident(title), "title": title, "version": items[title][0]} for title in titles]
            )
        title = next((title for title in items if ident(title) == words[4]), None)
        if title is None:
            return _connect(404, "item not found")
        version, fields = items[title]
        plain = {
            "id": ident(title),
            "title": title,
            "vault": {"id": ident(name)},
            "category": "PASSWORD",
            "version": version,
            "fields": [
                {"id": ident(label)[:10], "type": "CONCEALED", "label": label, "value": value}
                for label, value in fields.items()
            ],
        }
        return web.json_response(plain)


def ident(name: str) -> str:
    """26 letters, as 1Password's ids have them."""
    return (base64.b32encode(json.dumps(name).encode()).decode().lower().replace("=", "") + "a" * 26)[:26]


def _connect(status: int, message: str) -> web.Response:
    return web.json_response({"status": status, "message": message}, status=status)
