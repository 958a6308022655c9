"""AWS Secrets Manager as moto speaks it over TLS, by the pod's web identity; and AWS's refusals, which moto does not know."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from aiohttp import web

from activities.secrets.reading import Secrets, chosen
from byteport.contracts.secret_backends import AwsSmConfig, SecretBackend, SecretConfig
from byteport.errors import (
    BytePortError,
    ConfigError,
    MalformedInput,
    NotPermitted,
    TargetGone,
    Throttled,
    Unavailable,
)
from tests.integration.export.authority import Authority
from tests.integration.export.moto_s3 import REGION, Moto, as_a_pod, as_nobody, moto_s3
from tests.integration.export.receivers import Got, listening

pytestmark = pytest.mark.peers

NAME = "byteport/slack"
CANARY = "xoxb-canary-of-aws"
TOKEN_OF_A_ROLE = (
    "<AssumeRoleWithWebIdentityResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><AssumeRoleWithWebIdentityResult>"
    "<Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
    "<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>"
    "</AssumeRoleWithWebIdentityResponse>"
)


@pytest.fixture
def moto(authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Moto]:
    with moto_s3(authority) as started:
        as_a_pod(monkeypatch, tmp_path, started)
        yield started


@pytest.fixture
def owner(moto: Moto, authority: Authority) -> Iterator[Any]:
    client = boto3.client(
        "secretsmanager",
        endpoint_url=moto.url,
        region_name=REGION,
        verify=str(authority.ca_file),
        aws_access_key_id="administrator",
        aws_secret_access_key="secret",
    )
    client.create_secret(Name=NAME, SecretString=json.dumps({"token": CANARY, "number": 7}))
    yield client
    client.delete_secret(SecretId=NAME, ForceDeleteWithoutRecovery=True)


def secrets_at(url: str, authority: Authority, **aws: Any) -> Secrets:
    config = AwsSmConfig(region=REGION, endpoint=url, **aws)
    return chosen(SecretConfig(backend=SecretBackend.AWS_SM, seconds=20, ca_file=authority.ca_file, aws_sm=config))


async def refused(secrets: Secrets, name: str, kind: type[BytePortError]) -> str:
    with pytest.raises(kind) as error:
        await secrets.read(name)
    assert CANARY not in error.value.message
    return error.value.message


async def test_a_key_and_the_whole_of_a_secret_are_read_by_a_web_identity(
    moto: Moto, owner: Any, authority: Authority
) -> None:
    secrets = secrets_at(moto.url, authority)
    assert (await secrets.read(f"{NAME}#token")).reveal() == CANARY
    assert json.loads((await secrets.read(NAME)).reveal())["token"] == CANARY
    signed = [seen.headers for seen in moto.seen if "secretsmanager" in seen.headers.get("authorization", "")]
    assert len(signed) == 2
    assert all("x-amz-security-token" in headers for headers in signed)


@pytest.mark.claim("C-422")
async def test_review_16_a_rotation_is_read_at_the_next_use_and_the_previous_stage_by_its_name(
    moto: Moto, owner: Any, authority: Authority
) -> None:
    async with secrets_at(moto.url, authority).reading() as reading:
        first = (await reading.read(f"{NAME}#token")).reveal()
        owner.put_secret_value(SecretId=NAME, SecretString='{"token": "the-new-one"}')
        assert (first, (await reading.read(f"{NAME}#token")).reveal()) == (CANARY, "the-new-one")
    previous = secrets_at(moto.url, authority, stage="AWSPREVIOUS")
    assert (await previous.read(f"{NAME}#token")).reveal() == CANARY


async def test_what_is_not_there_deleted_or_no_text_is_told_apart(moto: Moto, owner: Any, authority: Authority) -> None:
    secrets = secrets_at(moto.url, authority)
    await refused(secrets, "byteport/absent#token", TargetGone)
    await refused(secrets, f"{NAME}#absent", TargetGone)
    await refused(secrets, f"{NAME}#number", MalformedInput)
    await refused(secrets_at(moto.url, authority, stage="NOWHERE"), f"{NAME}#token", TargetGone)
    owner.create_secret(Name="byteport/bytes", SecretBinary=b"\xff")
    await refused(secrets, "byteport/bytes", MalformedInput)
    owner.create_secret(Name="byteport/plain", SecretString="no object")
    await refused(secrets, "byteport/plain#token", MalformedInput)
    owner.delete_secret(SecretId="byteport/plain")
    await refused(secrets, "byteport/plain", TargetGone)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "AccessDeniedException", NotPermitted),
        (400, "DecryptionFailure", NotPermitted),
        (400, "ThrottlingException", Throttled),
        (500, "InternalServiceError", Unavailable),
        (400, "ExpiredTokenException", Unavailable),
        (400, CANARY, NotPermitted),
        (503, CANARY, Unavailable),
    ],
)
async def test_each_refusal_of_aws_is_what_must_be_done_about_it(
    moto: Moto, monkeypatch: pytest.MonkeyPatch, authority: Authority, status: int, code: str, kind: type[BytePortError]
) -> None:
    def answer(got: Got) -> web.Response:
        if b"AssumeRoleWithWebIdentity" in got.body:
            return web.Response(text=TOKEN_OF_A_ROLE, content_type="text/xml")
        return web.json_response({"__type": code, "message": CANARY, "Message": CANARY}, status=status)

    async with listening(answer, authority.server("localhost")) as aws:
        monkeypatch.setattr("activities.export.aws.STS", aws.url(""))
        await refused(secrets_at(aws.url(""), authority), f"{NAME}#token", kind)


async def test_a_role_that_does_not_trust_this_pod_is_told_so(
    moto: Moto, monkeypatch: pytest.MonkeyPatch, authority: Authority
) -> None:
    def answer(_: Got) -> web.Response:
        body = f"<ErrorResponse><Error><Code>AccessDenied</Code><Message>{CANARY}</Message></Error></ErrorResponse>"
        return web.Response(text=body, status=403, content_type="text/xml")

    async with listening(answer, authority.server("localhost")) as aws:
        monkeypatch.setattr("activities.export.aws.STS", aws.url(""))
        said = await refused(secrets_at(aws.url(""), authority), f"{NAME}#token", NotPermitted)
    assert "trust policy" in said


async def test_a_key_that_never_ends_is_not_taken(
    moto: Moto, monkeypatch: pytest.MonkeyPatch, authority: Authority
) -> None:
    as_nobody(monkeypatch)
    said = await refused(secrets_at(moto.url, authority), f"{NAME}#token", ConfigError)
    assert "secret.aws_sm" in said
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    assert "AWS_ACCESS_KEY_ID" in await refused(secrets_at(moto.url, authority), f"{NAME}#token", ConfigError)
