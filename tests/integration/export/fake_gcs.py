"""Google Cloud Storage as fsouza/fake-gcs-server speaks it, behind TLS, with the checks of who asks that it lacks.

The server is built once from the Go module proxy, into a folder outside the checkout. In front of it stands a receiver of
ours that wants a token which the exchange has given, says whose a bucket is, and can lose an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from byteport.errors import ConfigError
from byteport.sandbox.children import free_port
from byteport.sandbox.controlplane.build import find_go
from tests.integration.export.authority import Authority
from tests.integration.export.receivers import Got, Receiver, listening

VERSION = "v1.56.1"
PACKAGE = f"github.com/fsouza/fake-gcs-server@{VERSION}"
PROJECT = "4711"
PROJECTED = "the.pods.token"
READY_SECONDS = 20.0


def program() -> Path:
    """The server, built now if need be: a minute and a half the first time."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "byteport" / "fake-gcs-server" / VERSION
    built = cache / "fake-gcs-server"
    if os.access(built, os.X_OK):
        return built
    try:
        go = find_go()
    except ConfigError as error:
        pytest.skip(f"expected: {error.message}")
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.access(built, os.X_OK):
            part = cache / "part"
            environment = os.environ | {"GOBIN": str(part), "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": ""}
            subprocess.run([str(go), "install", "-trimpath", PACKAGE], env=environment, check=True)
            (part / "fake-gcs-server").rename(built)
    return built


@dataclass
class Gcs:
    """What is listening, and what came before it."""

    front: Receiver
    exchange: Receiver
    behind: str
    tokens: set[str] = field(default_factory=set)
    lose: int = 0
    """So many answers to uploads get lost after the store has done what was asked."""
    answers: list[web.Response] = field(default_factory=list)
    """In place of the store's own, for the next uploads."""

    @property
    def url(self) -> str:
        return self.front.url("")

    @property
    def uploads(self) -> list[Got]:
        return [got for got in self.front.got if got.method == "POST"]

    async def make_bucket(self, name: str) -> None:
        async with aiohttp.ClientSession() as session:
            url = f"{self.behind}/storage/v1/b?project={PROJECT}"
            async with session.post(url, json={"name": name}) as answer:
                assert answer.status == 200

    async def put(self, bucket: str, key: str, body: bytes) -> None:
        """As somebody else."""
        async with aiohttp.ClientSession() as session:
            url = f"{self.behind}/upload/storage/v1/b/{bucket}/o"
            async with session.post(url, params={"uploadType": "media", "name": key}, data=body) as answer:
                assert answer.status == 200

    async def objects(self, bucket: str) -> dict[str, bytes]:
        """By name, in order."""
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{self.behind}/storage/v1/b/{bucket}/o") as answer:
                names = [one["name"] for one in (await answer.json()).get("items", [])]
            found = {}
            for name in names:
                quoted = name.replace("/", "%2F").replace("=", "%3D")
                url = URL(f"{self.behind}/storage/v1/b/{bucket}/o/{quoted}?alt=media", encoded=True)
                async with session.get(url) as answer:
                    found[name] = await answer.read()
            return found


@asynccontextmanager
async def fake_gcs(authority: Authority, log: Path) -> AsyncIterator[Gcs]:
    port = free_port()
    command = [str(program()), "-backend", "memory", "-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
    with log.open("wb") as output:
        running = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output)
    try:
        behind = f"http://127.0.0.1:{port}"
        await _until_it_answers(behind)
        made: list[Gcs] = []

        async def respond(got: Got) -> web.StreamResponse:
            return await _respond(made[0], got)

        async def exchange(got: Got) -> web.StreamResponse:
            return _exchange(made[0], got)

        tls = authority.server("localhost")
        async with listening(respond, tls) as front, listening(exchange, tls) as exchanging:
            made.append(Gcs(front, exchanging, behind))
            yield made[0]
    finally:
        running.terminate()
        await running.wait()


async def _until_it_answers(url: str) -> None:
    async with asyncio.timeout(READY_SECONDS), aiohttp.ClientSession() as session:
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"{url}/storage/v1/b?project={PROJECT}"):
                    return
            await asyncio.sleep(0.05)


async def _respond(gcs: Gcs, got: Got) -> web.StreamResponse:
    if got.headers.get("authorization", "").removeprefix("Bearer ") not in gcs.tokens:
        return web.json_response({"error": {"message": "the words of a receiver"}}, status=401)
    if got.method == "POST" and gcs.answers:
        return gcs.answers.pop(0)
    url = URL(gcs.behind + got.path, encoded=True)
    headers = {name: got.headers[name] for name in ("content-type",) if name in got.headers}
    async with (
        aiohttp.ClientSession() as session,
        session.request(got.method, url, data=got.body or None, headers=headers) as answer,
    ):
        status, body, kind = answer.status, await answer.read(), answer.headers.get("Content-Type")
    if got.method == "POST" and gcs.lose:
        gcs.lose -= 1
        return got.drop()
    if b'"projectNumber"' in body:
        body = json.dumps(json.loads(body) | {"projectNumber": PROJECT}).encode()
    return web.Response(status=status, body=body, headers={"Content-Type": kind} if kind else None)


def _exchange(gcs: Gcs, got: Got) -> web.StreamResponse:
    """RFC 8693, as Google's Security Token Service speaks it."""
    form = {name: values[0] for name, values in parse_qs(got.body.decode()).items()}
    if form.get("subject_token") != PROJECTED or not form.get("audience", "").startswith("//iam.googleapis.com/"):
        return web.json_response({"error": "invalid_grant", "error_description": "words of theirs"}, status=400)
    token = f"token-{len(gcs.tokens)}"
    gcs.tokens.add(token)
    kind = "urn:ietf:params:oauth:token-type:access_token"
    plain = {"access_token": token, "issued_token_type": kind, "token_type": "Bearer", "expires_in": 3600}
    return web.json_response(plain)


def as_a_pod(monkeypatch: pytest.MonkeyPatch, folder: Path, gcs: Gcs, **changes: object) -> Path:
    """The environment of a pod whose ServiceAccount is federated: a projected token, and how to exchange it."""
    token = folder / "token"
    token.write_text(PROJECTED)
    pool = f"//iam.googleapis.com/projects/{PROJECT}/locations/global/workloadIdentityPools/clusters/providers/ours"
    plain = {
        "type": "external_account",
        "audience": pool,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": gcs.exchange.url("/v1/token"),
        "credential_source": {"file": str(token), "format": {"type": "text"}},
    }
    path = folder / "credentials.json"
    path.write_text(json.dumps(plain | changes))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    return path
