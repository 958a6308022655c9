"""Whatever a backend answers, and wherever in it a secret stands: nothing of it is in what goes wrong.

The answers are given in place of the one client by which everything leaves; `tests/integration/secrets` has the same over
real connections.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import io
import json
import logging
import os
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.export.answers import Answer, Asked
from activities.export.google import GoogleIdentity
from activities.export.requests import Redirects, Request
from activities.secrets import asking, aws_sm
from activities.secrets.port import Secret
from activities.secrets.reading import Secrets, chosen
from byteport.contracts.secret_backends import (
    AwsSmConfig,
    DopplerConfig,
    GcpSmConfig,
    OnePasswordConfig,
    SecretBackend,
    SecretConfig,
    VaultAuth,
    VaultConfig,
)
from byteport.errors import BytePortError, Unavailable
from byteport.telemetry import LogFormat, LogLevel, OneLine, TelemetryConfig, configure_logging
from tests.builders.sampled import examples

CANARY = "xoxb-0123456789-canary"
ENCODED = base64.b64encode(CANARY.encode()).decode()
ID = "a" * 26
STS = (
    b"<AssumeRoleWithWebIdentityResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><AssumeRoleWithWebIdentityResult>"
    b"<Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
    b"<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>"
    b"</AssumeRoleWithWebIdentityResponse>"
)
NAMES = {
    SecretBackend.VAULT: "byteport/slack#token",
    SecretBackend.AWS_SM: "byteport/slack#token",
    SecretBackend.GCP_SM: "slack#token",
    SecretBackend.DOPPLER: "SLACK_TOKEN#token",
    SecretBackend.ONEPASSWORD: f"{ID}/{ID}#token",
}


class StandIn:
    """In place of the guarded client: gives one answer to everything but a login."""

    answer: Answer
    asked: list[Request]

    def __init__(self, *_: object, **__: object) -> None:
        pass

    async def ask(self, request: Request, _: Asked) -> Answer:
        StandIn.asked.append(request)
        if "https://sts." in str(request.url):
            return Answer(200, {}, STS)
        return StandIn.answer

    async def close(self) -> None:
        pass


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[SecretBackend, Secrets]]:
    token = tmp_path / "token"
    token.write_text("a.projected.token")
    token.chmod(0o600)
    StandIn.asked = []
    for module in (asking, aws_sm):
        monkeypatch.setattr(module, "GuardedClient", StandIn)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/byteport")
    monkeypatch.setattr(GoogleIdentity, "token", _token)
    vault = VaultConfig(address="https://vault.example", auth=VaultAuth.TOKEN_FILE, token_file=token)
    plain: dict[str, Any] = {
        "vault": vault,
        "aws_sm": AwsSmConfig(region="eu-central-1"),
        "gcp_sm": GcpSmConfig(project="p"),
        "doppler": DopplerConfig(token_file=token),
        "onepassword": OnePasswordConfig(address="https://connect.example", token_file=token),
    }
    yield {backend: chosen(SecretConfig(backend=backend, **plain)) for backend in NAMES}
    logging.basicConfig(force=True, level=logging.WARNING)


async def _token(_: GoogleIdentity) -> str:
    return "a token"


def bodies() -> st.SearchStrategy[bytes]:
    """A right answer of each backend, whole, cut, and with one member replaced by whatever JSON knows."""
    moment = "2026-11-27T00:00:00.1Z"
    right: list[dict[str, Any]] = [
        {"data": {"data": {"token": CANARY}, "metadata": {"version": 1, "created_time": moment, "deletion_time": ""}}},
        {"Name": "byteport/slack", "SecretString": CANARY, "VersionStages": ["AWSCURRENT"], "CreatedDate": 1.5},
        {"name": f"projects/1/secrets/{CANARY}/versions/7", "payload": {"data": ENCODED, "dataCrc32c": CANARY}},
        {"name": "SLACK_TOKEN", "value": {"raw": CANARY, "computed": CANARY}, "success": True},
        {"id": ID, "version": 1, "fields": [{"id": "x", "label": "token", "value": CANARY}]},
        {"errors": [CANARY], "__type": CANARY, "message": CANARY, "Error": {"Code": CANARY, "Message": CANARY}},
        {"error": {"status": CANARY, "message": CANARY}},
    ]
    strange = st.sampled_from([None, 7, [CANARY], {CANARY: CANARY}, CANARY, "", True, CANARY * 5000, "\ud800" + CANARY])
    changed = st.tuples(st.sampled_from(right), st.integers(0, 5), strange).map(_changed)
    whole = st.one_of(st.sampled_from(right), changed).map(lambda plain: json.dumps(plain).encode())
    cut = st.tuples(whole, st.integers(0, 200)).map(lambda pair: pair[0][: pair[1]])
    raw = st.sampled_from(
        [CANARY.encode(), b"\xff" + CANARY.encode(), b"[" * 5000, b'{"a":1,"a":"%s"}' % CANARY.encode()]
    )
    return st.one_of(whole, cut, raw)


def _changed(parts: tuple[dict[str, Any], int, object]) -> dict[str, Any]:
    plain, at, value = copy.deepcopy(parts[0]), parts[1], parts[2]
    members = [(owner, key) for owner in _objects(plain) for key in owner]
    owner, key = members[at % len(members)]
    owner[key] = value
    return plain


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for one in value.values():
            yield from _objects(one)


ANSWERS = st.builds(
    Answer,
    st.sampled_from([200, 201, 204, 400, 401, 403, 404, 409, 418, 429, 472, 500, 502, 503, 599]),
    st.dictionaries(
        st.sampled_from(["retry-after", "location", "content-type", "age", "x-cache", "x-amzn-errortype", "server"]),
        st.sampled_from([CANARY, "0", "7", "HIT " + CANARY]),
        max_size=3,
    ),
    bodies(),
)


@pytest.mark.claim("C-424")
@settings(max_examples=examples(300), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(backend=st.sampled_from(sorted(NAMES)), answer=ANSWERS)
def test_review_16_wherever_a_secret_stands_in_an_answer_nothing_that_goes_wrong_tells_it(
    world: dict[SecretBackend, Secrets], backend: SecretBackend, answer: Answer
) -> None:
    stream = io.StringIO()
    configure_logging(TelemetryConfig(log_level=LogLevel.DEBUG), stream)
    StandIn.answer = answer
    told: list[str] = []
    try:
        secret = asyncio.run(world[backend].read(NAMES[backend]))
        told += [repr(secret), str(secret), f"{[secret]}"]
    except BytePortError as error:
        told += _texts(error)
        logging.getLogger("byteport").exception("cannot be read")
    assert [text for text in told if CANARY in text or ENCODED in text] == []
    assert CANARY not in stream.getvalue()
    assert ENCODED not in stream.getvalue()


def _texts(error: BytePortError) -> Iterator[str]:
    """All that an error and what hangs on it say, the locals of every frame in which it was included."""
    yield repr((error.__context__, error.__cause__)).replace("(None, None)", "")
    yield str(error)
    yield repr(error)
    yield repr(vars(error))
    yield "".join(traceback.format_exception(error))
    record = logging.LogRecord("byteport", 40, "", 0, "failed", None, (type(error), error, error.__traceback__))
    yield OneLine(LogFormat.JSON, tracebacks=True).format(record)
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename != __file__ and "activities" in frame.f_code.co_filename:
            yield repr(frame.f_locals)


@pytest.mark.claim("C-424")
def test_a_secret_is_printed_written_and_copied_by_nothing() -> None:
    secret = Secret(CANARY)
    for shown in (repr(secret), str(secret), f"{secret}", f"{[secret]}", repr({"a": secret})):
        assert CANARY not in shown
    writes: list[Callable[[Any], object]] = [
        copy.copy,
        copy.deepcopy,
        json.dumps,
        vars,
        lambda one: one.__reduce_ex__(5),  # what every pickler asks
    ]
    for write in writes:
        with pytest.raises(TypeError):
            write(secret)
    secret.forget()
    with pytest.raises(RuntimeError):
        secret.reveal()


@pytest.mark.claim("C-420")
async def test_what_was_read_in_an_activity_forgets_itself_when_that_ends(world: dict[SecretBackend, Secrets]) -> None:
    plain = {"name": "SLACK_TOKEN", "value": {"computed": json.dumps({"token": CANARY})}, "success": True}
    StandIn.answer = Answer(200, {}, json.dumps(plain).encode())
    async with world[SecretBackend.DOPPLER].reading() as reading:
        secret = await reading.read("SLACK_TOKEN#token")
        assert secret.reveal() == CANARY
    with pytest.raises(RuntimeError):
        secret.reveal()


@pytest.mark.claim("C-420")
@pytest.mark.parametrize("backend", sorted(NAMES))
def test_review_16_reading_opens_no_file_to_write_it(
    world: dict[SecretBackend, Secrets], backend: SecretBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[object] = []
    opened, os_opened = io.open, os.open

    def noted(file: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        written.extend([file] if set(mode) & set("wax+") else [])
        return opened(file, mode, *arguments, **named)

    def os_noted(path: Any, flags: int, *arguments: Any, **named: Any) -> int:
        written.extend([path] if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) else [])
        return os_opened(path, flags, *arguments, **named)

    monkeypatch.setattr("builtins.open", noted)
    monkeypatch.setattr("io.open", noted)
    monkeypatch.setattr("os.open", os_noted)
    StandIn.answer = Answer(403, {}, CANARY.encode())
    with pytest.raises(BytePortError):
        asyncio.run(world[backend].read(NAMES[backend]))
    assert written == []


@pytest.mark.claim("C-423")
@pytest.mark.parametrize("backend", sorted(NAMES))
def test_no_question_to_a_backend_follows_a_redirect_and_what_shows_who_we_are_is_a_secret_of_its_host(
    world: dict[SecretBackend, Secrets], backend: SecretBackend
) -> None:
    StandIn.answer = Answer(500, {}, b"")
    with pytest.raises(Unavailable):
        asyncio.run(world[backend].read(NAMES[backend]))
    assert StandIn.asked
    for request in StandIn.asked:
        assert request.redirects is Redirects.REFUSED
        assert {name.lower() for name in request.headers} & {"authorization", "x-vault-token"} == set()
        assert str(request.url).startswith("https://")


@pytest.mark.claim("C-422")
@pytest.mark.parametrize("backend", sorted(NAMES))
@pytest.mark.parametrize("kept", [{"age": "7"}, {"x-cache": "Hit from cloudfront"}, {"cf-cache-status": "STALE"}])
def test_review_16_what_a_cache_answers_is_no_answer(
    world: dict[SecretBackend, Secrets], backend: SecretBackend, kept: dict[str, str]
) -> None:
    StandIn.answer = Answer(200, kept, json.dumps({"name": "SLACK_TOKEN"}).encode())
    with pytest.raises(Unavailable, match="a cache answered"):
        asyncio.run(world[backend].read(NAMES[backend]))
