"""Fault 27: a secret backend is down, slow, broken, sends us elsewhere or refuses, and secrets rotate in the middle of a run.

Every backend that is spoken to over a network meets every fault, over real TLS; each read fails closed, and the secret that the
broken answer holds is nowhere afterwards. The pod's own files (`k8s`) meet theirs in `unit/activities/test_projected_secrets.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from temporalio.exceptions import ApplicationError

from activities.performs import performs
from activities.secrets.reading import Secrets, chosen
from byteport.contracts.acts import Act, Effect, Queue
from byteport.contracts.secret_backends import (
    AwsSmConfig,
    DopplerConfig,
    GcpSmConfig,
    OnePasswordConfig,
    SecretBackend,
    SecretConfig,
    VaultConfig,
)
from byteport.errors import BytePortError, NotPermitted, Throttled, Unavailable
from byteport.telemetry import LogLevel, TelemetryConfig, configure_logging
from tests.integration.export.authority import Authority, names, new_authority

pytestmark = [pytest.mark.peers, pytest.mark.timeout(60)]

CANARY = "xoxb-canary-of-fault-27"
ID = "a" * 26
NAMES = {
    SecretBackend.VAULT: "byteport/slack#token",
    SecretBackend.AWS_SM: "byteport/slack",
    SecretBackend.GCP_SM: "slack",
    SecretBackend.DOPPLER: "SLACK_TOKEN",
    SecretBackend.ONEPASSWORD: f"{ID}/{ID}",
}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

Say = Callable[[asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))


@asynccontextmanager
async def speaking(say: Say, authority: Authority) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A TLS server that reads a request's head and does `say`; its port, and the heads that it has read."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            await say(writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=authority.server("localhost"))
    try:
        yield server.sockets[0].getsockname()[1], heads
    finally:
        server.close()


def secrets_at(
    backend: SecretBackend, url: str, authority: Authority, folder: Path, patch: pytest.MonkeyPatch, seconds: int = 20
) -> Secrets:
    """Everything that this backend asks, a token for itself included, is asked at `url`."""
    token = folder / "token"
    if not token.exists():
        token.write_text("a.token")
        token.chmod(0o600)
    patch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    patch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/byteport")
    patch.setattr("activities.export.aws.STS", url)
    credentials = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/4711/locations/global/workloadIdentityPools/p/providers/k",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{url}/v1/token",
        "credential_source": {"file": str(token), "format": {"type": "text"}},
    }
    if not (folder / "credentials.json").exists():
        (folder / "credentials.json").write_text(json.dumps(credentials))
    patch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(folder / "credentials.json"))
    config = SecretConfig(
        backend=backend,
        seconds=seconds,
        ca_file=authority.ca_file,
        vault=VaultConfig(address=url, jwt_file=token),
        aws_sm=AwsSmConfig(region="eu-central-1", endpoint=url),
        gcp_sm=GcpSmConfig(project="p", endpoint=url),
        doppler=DopplerConfig(token_file=token, endpoint=url),
        onepassword=OnePasswordConfig(address=url, token_file=token),
    )
    return chosen(config)


async def all_fail(
    url: str, authority: Authority, folder: Path, patch: pytest.MonkeyPatch, seconds: int = 20
) -> dict[SecretBackend, BytePortError]:
    """The one error in which a read ends, by backend, after a look at everything that hangs on each and at what was logged."""
    stream = io.StringIO()
    configure_logging(TelemetryConfig(log_level=LogLevel.DEBUG), stream)

    every = {backend: secrets_at(backend, url, authority, folder, patch, seconds) for backend in NAMES}

    async def fail(backend: SecretBackend) -> BytePortError:
        with pytest.raises(BytePortError) as caught:
            await every[backend].read(NAMES[backend])
        logging.getLogger("byteport").error("cannot be read", exc_info=caught.value)
        return caught.value

    try:
        errors = dict(zip(NAMES, await asyncio.gather(*map(fail, NAMES)), strict=True))
    finally:
        logging.basicConfig(force=True, level=logging.WARNING)
    assert CANARY not in stream.getvalue()
    for error in errors.values():
        assert CANARY not in "".join(traceback.format_exception(error))
        assert (error.__cause__, error.__context__) == (None, None)
    return errors


def are(errors: dict[SecretBackend, BytePortError], *kinds: type[BytePortError]) -> bool:
    wrong = {backend: (error.code, error.message) for backend, error in errors.items() if not isinstance(error, kinds)}
    assert wrong == {}
    return True


def saying(*parts: bytes) -> Say:
    async def say(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return say


async def hangs(_: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def trickles(writer: asyncio.StreamWriter) -> None:
    """A byte now and then, so that no single wait is long."""
    writer.write(HEAD + b"Content-Length: 100000\r\n\r\n")
    for byte in CANARY.encode() * 100:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.1)


async def floods(writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"\r\n")
    for _ in range(10_000):
        writer.write(CANARY.encode() * 1000)
        await writer.drain()


def answers(status: bytes, *headers: bytes) -> Say:
    body = json.dumps({"errors": [CANARY], "message": CANARY, "__type": CANARY}).encode()
    length = b"Content-Length: %d" % len(body)
    return saying(b"\r\n".join([b"HTTP/1.1 " + status, length, *headers, b"Connection: close", b"", body]))


FAULTS: dict[str, tuple[Say, tuple[type[BytePortError], ...]]] = {
    "it hangs": (hangs, (Unavailable,)),
    "it answers a byte now and then": (trickles, (Unavailable,)),
    "it drops the connection": (saying(), (Unavailable,)),
    "it does not speak HTTP": (saying(CANARY.encode() + b"\r\n\r\n"), (Unavailable,)),
    "its answer is cut": (saying(HEAD + b"Content-Length: 900\r\n\r\n" + CANARY.encode()), (Unavailable,)),
    "its answer has no end": (floods, (Unavailable, NotPermitted)),
    "its answer is no JSON": (
        saying(HEAD + b"Content-Length: %d\r\n\r\n" % len(CANARY), CANARY.encode()),
        (Unavailable, NotPermitted),
    ),
    "its headers are too long": (saying(HEAD + b"X: " + CANARY.encode() * 2000 + b"\r\n\r\n"), (Unavailable,)),
    "it refuses": (answers(b"403 " + CANARY.encode()), (NotPermitted,)),
    "it has trouble of its own": (answers(b"500 " + CANARY.encode()), (Unavailable,)),
    "it is overloaded": (
        answers(b"503 " + CANARY.encode(), b"Retry-After: " + CANARY.encode()),
        (Unavailable, Throttled),
    ),
}


@pytest.mark.claim("C-422")
@pytest.mark.claim("C-424")
@pytest.mark.parametrize("fault", FAULTS)
async def test_fault_27_whatever_a_backend_does_a_read_fails_closed_in_its_time_and_tells_nothing(
    fault: str, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say, kinds = FAULTS[fault]
    seconds = 1 if say in (hangs, trickles) else 20
    async with speaking(say, authority) as (port, _), asyncio.timeout(40):
        errors = await all_fail(f"https://localhost:{port}", authority, tmp_path, monkeypatch, seconds)
    assert are(errors, *kinds)


@pytest.mark.claim("C-422")
async def test_fault_27_a_backend_that_is_down_is_unavailable(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with speaking(hangs, authority) as (port, _):
        pass
    assert are(await all_fail(f"https://localhost:{port}", authority, tmp_path, monkeypatch), Unavailable)


@pytest.mark.claim("C-423")
async def test_fault_27_a_backend_that_sends_us_elsewhere_is_not_followed(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with speaking(hangs, authority) as (elsewhere, heads):
        there = b"Location: https://localhost:%d/%s" % (elsewhere, CANARY.encode())
        async with speaking(answers(b"307 Temporary Redirect", there), authority) as (port, _):
            errors = await all_fail(f"https://localhost:{port}", authority, tmp_path, monkeypatch)
    assert heads == []
    assert are(errors, NotPermitted)


@pytest.mark.claim("C-423")
async def test_fault_27_a_name_that_means_an_address_of_a_cloud_is_not_asked(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with names(lambda name: ["169.254.169.254"] if name == "backend.example" else None):
        errors = await all_fail("https://backend.example", authority, tmp_path, monkeypatch)
    assert are(errors, NotPermitted)


@pytest.mark.claim("C-423")
async def test_fault_27_a_proxy_of_the_environment_is_not_asked_for_anything(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with speaking(hangs, authority) as (proxy, heads), speaking(answers(b"500 no"), authority) as (port, asked):
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://localhost:{proxy}")
        await all_fail(f"https://localhost:{port}", authority, tmp_path, monkeypatch)
    assert heads == []
    assert len(asked) >= len(NAMES)


def test_an_address_in_clear_or_inside_of_a_cloud_is_no_setting() -> None:
    for url in ("http://vault.example", "https://169.254.169.254", "https://user:password@vault.example"):
        with pytest.raises(ValueError, match=r"https|address"):
            VaultConfig(address=url)


class Nothing(BaseModel):
    """What the act of the test takes and gives."""


READ = Act(
    "test.read", Nothing, Nothing, queue=Queue.NOTIFY, effect=Effect.READ, deadline=timedelta(seconds=10), summary=""
)


class Reads:
    """An activity that reads two secrets, with a moment between them."""

    def __init__(self, secrets: Secrets, name: str, between: Callable[[], None]) -> None:
        self._secrets, self._name, self._between = secrets, name, between
        self.seen: list[str] = []

    @performs(READ)
    async def read(self, call: Nothing) -> Nothing:
        async with self._secrets.reading() as reading:
            self.seen.append((await reading.read(self._name)).reveal())
            self._between()
            self.seen.append((await reading.read(self._name)).reveal())
        return call


@pytest.mark.claim("C-422")
async def test_fault_27_an_activity_in_whose_middle_a_secret_rotates_uses_the_new_one_and_one_that_is_refused_ends(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now: dict[str, Any] = {"status": b"200 OK", "value": "the-old-one"}

    async def answer(writer: asyncio.StreamWriter) -> None:
        plain = {"name": "SLACK_TOKEN", "value": {"computed": now["value"]}, "success": True, "messages": [CANARY]}
        body = json.dumps(plain).encode()
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (now["status"], len(body), body))
        await writer.drain()

    async with speaking(answer, authority) as (port, _):
        url = f"https://localhost:{port}"
        secrets = secrets_at(SecretBackend.DOPPLER, url, authority, tmp_path, monkeypatch)
        rotated = Reads(secrets, "SLACK_TOKEN", lambda: now.update(value="the-new-one"))
        await rotated.read(Nothing())
        assert rotated.seen == ["the-old-one", "the-new-one"]
        refused = Reads(secrets, "SLACK_TOKEN", lambda: now.update(status=b"403 no"))
        with pytest.raises(ApplicationError) as error:
            await refused.read(Nothing())
    assert (error.value.type, error.value.non_retryable) == ("not_permitted", True)
    assert CANARY not in f"{error.value!r} {error.value} {error.value.details}"
    assert "the-new-one" not in "".join(traceback.format_exception(error.value))
