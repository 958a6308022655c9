"""moto's S3 and STS behind TLS, in a thread of this process: what was asked stays to be looked at, and a test can come
between an answer and whoever waits for it.

moto knows no `ExpectedBucketOwner`; here a bucket belongs to the account `OWNER`, as S3 has it.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from tests.integration.export.authority import Authority

OWNER = "123456789012"
REGION = "eu-central-1"
ROLE = f"arn:aws:iam::{OWNER}:role/byteport-export"

Environment = dict[str, Any]
Start = Callable[..., Any]


@dataclass
class Seen:
    """One request, as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Trouble:
    """An answer in place of the store's own, or the store's own that never arrives."""

    status: str = ""
    code: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    drop: bool = False
    """The store does what was asked, and the connection ends before it can say so."""


@dataclass
class Moto:
    """What is listening."""

    port: int
    seen: list[Seen] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    """For the puts to come, one each."""

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def puts(self) -> list[Seen]:
        return [one for one in self.seen if one.method == "PUT"]

    def administrator(self, ca_file: Path) -> Any:
        """S3 as whoever owns the bucket has it."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=REGION,
            verify=str(ca_file),
            aws_access_key_id="administrator",
            aws_secret_access_key="secret",
            config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
        )


class _Between:
    """WSGI around moto's own."""

    def __init__(self, moto: Moto) -> None:
        self._moto = moto
        self._app = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environment: Environment, start: Start) -> Iterable[bytes]:
        body = environment["wsgi.input"].read(int(environment.get("CONTENT_LENGTH") or 0))
        seen = Seen(environment["REQUEST_METHOD"], environment.get("RAW_URI", ""), _headers(environment), body)
        ours = "administrator" not in seen.headers.get("authorization", "")
        if ours:
            self._moto.seen.append(seen)
        if seen.headers.get("x-amz-expected-bucket-owner", OWNER) != OWNER:
            return _refused(start, "403 FORBIDDEN", "AccessDenied")
        trouble = self._moto.troubles.pop(0) if ours and seen.method == "PUT" and self._moto.troubles else None
        if trouble is not None and not trouble.drop:
            return _refused(start, trouble.status, trouble.code, *trouble.headers)
        environment["wsgi.input"] = Input(body)
        if trouble is None:
            answer: Iterable[bytes] = self._app(environment, start)
            return answer
        list(self._app(environment, lambda *_: lambda _: None))
        environment["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        raise ConnectionResetError


class Input:
    """A body that was read already, as the server hands one over."""

    def __init__(self, body: bytes) -> None:
        self._left = body

    def read(self, size: int = -1) -> bytes:
        part = self._left if size < 0 else self._left[:size]
        self._left = self._left[len(part) :]
        return part

    def readline(self, size: int = -1) -> bytes:
        return self.read(self._left.find(b"\n") + 1 or size)


def _headers(environment: Environment) -> dict[str, str]:
    found = {key[5:]: value for key, value in environment.items() if key.startswith("HTTP_")}
    return {key.replace("_", "-").lower(): str(value) for key, value in found.items()}


def _refused(start: Start, status: str, code: str, *headers: tuple[str, str]) -> list[bytes]:
    start(status, [("Content-Type", "application/xml"), *headers])
    canary = "<Message>the words of a receiver</Message>"
    return [f'<?xml version="1.0"?><Error><Code>{code}</Code>{canary}</Error>'.encode()]


@contextmanager
def moto_s3(authority: Authority) -> Iterator[Moto]:
    moto = Moto(0)
    server = make_server("127.0.0.1", 0, _Between(moto), threaded=True, ssl_context=authority.server("localhost"))
    moto.port = server.server_port
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield moto
    finally:
        server.shutdown()
        serving.join(5)


def as_a_pod(monkeypatch: pytest.MonkeyPatch, folder: Path, moto: Moto) -> None:
    """The environment that EKS gives a pod whose ServiceAccount has a role, and nothing else of AWS."""
    as_nobody(monkeypatch)
    token = folder / "token"
    token.write_text("a.projected.token")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setattr("activities.export.aws.STS", moto.url)


def as_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
