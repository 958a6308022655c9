"""moto's CloudWatch, EC2, STS, IAM and the rest behind TLS, in a thread of this process, with IAM enforced as far as moto has it.

Each call is named as IAM names it (`ec2:DescribeInstances`) and stays to be looked at; a test can put an answer of AWS's in
the place of moto's. moto has no conditions and no resources of policies, and no S3 or RDS Data errors of AWS's own wording.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest
from moto import settings
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from tests.integration.export.authority import Authority
from tests.integration.export.moto_s3 import Input

OWNER = "123456789012"
REGION = "eu-central-1"
ROLE = f"arn:aws:iam::{OWNER}:role/byteport-metrics"
ADMINISTRATOR = "administrator"
EVERYTHING = float("inf")
"""So many calls moto lets through before it asks IAM."""

Environment = dict[str, Any]
Start = Callable[..., Any]
WORDS = "the words of AWS"
HOSTS = tuple(f"{name}.{REGION}.amazonaws.com" for name in ("monitoring", "ec2", "sts", "s3", "rds-data"))
Answering = Callable[[str, bytes], "Said | None"]


@dataclass(frozen=True)
class Said:
    """An answer in the place of moto's."""

    status: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def said(answer: dict[str, Any], status: str = "200 OK", **headers: str) -> Said:
    """As CloudWatch says it."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Said(status, json.dumps(answer).encode(), (("Content-Type", "application/x-amz-json-1.0"), *named))


def refusal(code: str, status: str = "400 Bad Request", **headers: str) -> Said:
    """As CloudWatch refuses."""
    return said({"__type": code, "message": WORDS}, status, **headers)


@dataclass
class Moto:
    """What is listening. `between` may answer in moto's place, given the action and the body."""

    port: int
    ca_file: Path
    actions: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    between: Answering = lambda _action, _body: None
    date: str | None = None
    """AWS's clock, where it is not ours."""
    asks_iam: bool = False
    clients: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def administrator(self, service: str) -> Any:
        if service not in self.clients:
            self.clients[service] = boto3.client(
                service,
                endpoint_url=self.url,
                region_name=REGION,
                verify=str(self.ca_file),
                aws_access_key_id=ADMINISTRATOR,
                aws_secret_access_key="secret",
            )
        return self.clients[service]

    @contextmanager
    def enforcing(self, *actions: str) -> Iterator[None]:
        """The role has these, and IAM is asked about every call."""
        iam = self.administrator("iam")
        named = [action.replace("cloudwatch:", "monitoring:") for action in actions]  # as moto names it
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:*"}]}
        policy = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": named, "Resource": "*"}],
        }
        iam.create_role(RoleName="byteport-metrics", AssumeRolePolicyDocument=json.dumps(trust))
        iam.put_role_policy(RoleName="byteport-metrics", PolicyName="metrics", PolicyDocument=json.dumps(policy))
        self.asks_iam = True
        try:
            yield
        finally:
            self.asks_iam = False
            settings.INITIAL_NO_AUTH_ACTION_COUNT = EVERYTHING


class _Between:
    """WSGI around moto's own."""

    def __init__(self, moto: Moto) -> None:
        self._moto = moto
        self._app = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environment: Environment, start: Start) -> Iterable[bytes]:
        body = environment["wsgi.input"].read(int(environment.get("CONTENT_LENGTH") or 0))
        ours = ADMINISTRATOR not in environment.get("HTTP_AUTHORIZATION", "")
        put = None
        if ours:
            action = _action(environment, body)
            self._moto.actions.append(action)
            self._moto.bodies.append(body)
            put = self._moto.between(action, body)

        def dated(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            if self._moto.date is not None and ours:
                headers = [(name, value) for name, value in headers if name.lower() != "date"]
                headers.append(("Date", self._moto.date))
            return start(status, headers, *rest)

        if put is not None:
            dated(put.status, list(put.headers))
            return [put.body]
        environment["wsgi.input"] = Input(body)
        asked = self._moto.asks_iam and ours and "HTTP_AUTHORIZATION" in environment
        settings.INITIAL_NO_AUTH_ACTION_COUNT = 0 if asked else EVERYTHING
        answer: Iterable[bytes] = self._app(environment, dated)
        return answer


def _action(environment: Environment, body: bytes) -> str:
    """As IAM names the call: the service that it was signed for, and its operation."""
    path = environment["PATH_INFO"]
    scope = environment.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].partition(",")[0].split("/")
    service = scope[3] if len(scope) > 3 else "sts"
    service = {"monitoring": "cloudwatch"}.get(service, service)
    if target := environment.get("HTTP_X_AMZ_TARGET"):
        return f"{service}:{target.rpartition('.')[2]}"
    if "/operation/" in path:
        return f"{service}:{path.rpartition('/')[2]}"
    form = parse_qs(body.decode("utf-8", "replace"))
    if "Action" in form:
        return f"{service}:{form['Action'][0]}"
    return f"{service}:{environment['REQUEST_METHOD']} {path}"


@contextmanager
def moto_aws(authority: Authority) -> Iterator[Moto]:
    moto = Moto(0, authority.ca_file)
    server = make_server(
        "127.0.0.1",
        0,
        _Between(moto),
        threaded=True,
        ssl_context=authority.server("localhost", "iam.amazonaws.com", *HOSTS),
    )
    moto.port = server.server_port
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield moto
    finally:
        server.shutdown()
        serving.join(5)
        moto_api_backend.reset()


def as_a_pod(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """The environment that EKS gives a pod whose ServiceAccount has a role, and nothing else of AWS."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    token = folder / "token"
    token.write_text("a.projected.token")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    monkeypatch.setenv("AWS_REGION", REGION)


def measured(moto: Moto, namespace: str, name: str, value: float, at: datetime, **dimensions: str) -> None:
    """One value that the machine or its agent has sent. moto compares dimensions in the order in which they came."""
    datum = {
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": text} for key, text in sorted(dimensions.items())],
        "Timestamp": at,
        "Value": value,
    }
    moto.administrator("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[datum])
