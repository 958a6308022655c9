"""S3 as moto speaks it, over TLS: each object once, by the pod's own identity, and every refusal by its name."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from activities.export.answers import Answer, Asked
from activities.export.guarded import GuardedClient
from activities.export.objects import ObjectTarget, records_object
from activities.export.requests import Request
from activities.export.s3 import s3_target
from activities.export.same import Occupied
from activities.export.target import Batch, Shipped
from byteport.audit.verify import Chain
from byteport.contracts.receivers import S3Config
from byteport.errors import BytePortError, ConfigError, NotPermitted, Throttled, Unavailable
from tests.integration.export.authority import Authority
from tests.integration.export.moto_s3 import OWNER, REGION, Moto, Trouble, as_a_pod, as_nobody, moto_s3

pytestmark = pytest.mark.ledger

UID = "00000000-0000-4000-8000-000000000001"
CHAIN = Chain(tenant="acme", cluster_uid=UID)
DEFAULT = f"byteport-audit-{UID}"
HOUR = datetime(2026, 3, 10, 9, tzinfo=UTC)
NOTE = f"byteport.io/log/acme/{UID}\n9\nroot\n\n— signature\n"
TOKEN_OF_A_ROLE = (
    b"<AssumeRoleWithWebIdentityResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><AssumeRoleWithWebIdentityResult>"
    b"<Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
    b"<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>"
    b"</AssumeRoleWithWebIdentityResponse>"
)
WORDS = "the words of a receiver"


@pytest.fixture
def moto(authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Moto]:
    with moto_s3(authority) as listening:
        as_a_pod(monkeypatch, tmp_path, listening)
        yield listening


@pytest.fixture
def administrator(moto: Moto, authority: Authority) -> Iterator[Any]:
    """Who owns the bucket with the default name, which is emptied afterwards: moto's state is the process's."""
    client = moto.administrator(authority.ca_file)
    client.create_bucket(Bucket=DEFAULT, CreateBucketConfiguration={"LocationConstraint": REGION})
    yield client
    for one in client.list_objects_v2(Bucket=DEFAULT).get("Contents", []):
        client.delete_object(Bucket=DEFAULT, Key=one["Key"])
    client.delete_bucket(Bucket=DEFAULT)


def target(moto: Moto, authority: Authority, **config: Any) -> ObjectTarget:
    return s3_target(S3Config(endpoint=moto.url, **config), UID, ca_file=authority.ca_file)


def line(seq: int) -> bytes:
    return json.dumps({"seq": seq, "sealed": {"header": f'{{"seq":{seq}}}', "payload": "{}", "salt": None}}).encode()


def batch(first: int, last: int, *, checkpoint: str | None = None) -> Batch:
    return Batch(CHAIN, first, last, tuple(line(seq) for seq in range(first, last + 1)), checkpoint, HOUR)


def keys(administrator: Any) -> list[str]:
    return [one["Key"] for one in administrator.list_objects_v2(Bucket=DEFAULT)["Contents"]]


async def test_records_checkpoint_and_checker_lie_in_the_bucket_that_needs_no_setting(
    moto: Moto, administrator: Any, authority: Authority
) -> None:
    s3 = target(moto, authority)
    assert await s3.ship(batch(7, 9, checkpoint=NOTE)) == Shipped(last=9, checkpoint=True)
    await s3.close()
    folder = f"byteport/tenant=acme/cluster={UID}"
    (checkpoint, records, checker) = keys(administrator)
    assert checkpoint.startswith(f"{folder}/checkpoints/000000000009-")
    assert records == f"{folder}/date=2026-03-10/hour=09/000000000007.ndjson"
    assert checker.startswith(f"{folder}/verify/")
    body = administrator.get_object(Bucket=DEFAULT, Key=records)["Body"].read()
    assert body == line(7) + b"\n" + line(8) + b"\n" + line(9) + b"\n"


@pytest.mark.claim("C-155")
async def test_every_put_makes_only_and_carries_its_checksum_and_whose_the_bucket_must_be(
    moto: Moto, administrator: Any, authority: Authority
) -> None:
    s3 = target(moto, authority)
    await s3.ship(batch(7, 9, checkpoint=NOTE))
    await s3.close()
    assert len(moto.puts) == 3
    for put in moto.puts:
        assert put.headers["if-none-match"] == "*"
        assert put.headers["x-amz-expected-bucket-owner"] == OWNER
        digest = hashlib.sha256(put.body)
        assert put.headers["x-amz-checksum-sha256"] == base64.b64encode(digest.digest()).decode()
        assert put.headers["x-amz-content-sha256"] == digest.hexdigest()  # the signature is over the body too
        assert "x-amz-server-side-encryption" not in put.headers
        assert put.headers["x-amz-security-token"]


async def test_the_key_of_the_settings_encrypts_and_their_account_must_own_the_bucket(
    moto: Moto, administrator: Any, authority: Authority
) -> None:
    s3 = target(moto, authority, bucket=DEFAULT, kms_key="alias/audit", owner=OWNER)
    await s3.ship(batch(7, 9))
    await s3.close()
    for put in moto.puts:
        assert put.headers["x-amz-server-side-encryption"] == "aws:kms"
        assert put.headers["x-amz-server-side-encryption-aws-kms-key-id"] == "alias/audit"
        assert put.headers["x-amz-expected-bucket-owner"] == OWNER


async def test_a_bucket_that_is_named_is_its_administrators_to_know(
    moto: Moto, administrator: Any, authority: Authority
) -> None:
    s3 = target(moto, authority, bucket=DEFAULT)
    await s3.ship(batch(7, 9))
    await s3.close()
    assert all("x-amz-expected-bucket-owner" not in put.headers for put in moto.puts)


@pytest.mark.claim("C-156")
async def test_a_bucket_of_another_account_is_refused_and_gets_nothing(
    moto: Moto, administrator: Any, authority: Authority
) -> None:
    s3 = target(moto, authority, bucket=DEFAULT, owner="999999999999")
    with pytest.raises(NotPermitted, match="999999999999"):
        await s3.ship(batch(7, 9))
    await s3.close()
    assert "Contents" not in administrator.list_objects_v2(Bucket=DEFAULT)


@pytest.mark.claim("C-155")
async def test_fault_23_a_put_whose_answer_is_lost_is_found_again_and_made_once(
    moto: Moto, administrator: Any, authority: Authority
) -> None:
    s3 = target(moto, authority)
    await s3.ship(batch(1, 6))
    moto.troubles += [
        Trouble(drop=True),
        Trouble(drop=True),
    ]  # a put on a connection that was used before is sent again
    with pytest.raises(Unavailable):
        await s3.ship(batch(7, 9))
    assert await s3.ship(batch(7, 9)) == Shipped(last=9)
    await s3.close()
    assert [key.rsplit("/", 1)[1] for key in keys(administrator) if "/hour=" in key] == [
        "000000000001.ndjson",
        "000000000007.ndjson",
    ]


async def test_a_record_that_came_late_for_a_shipped_hour_is_shipped_next(
    moto: Moto, administrator: Any, authority: Authority
) -> None:
    s3 = target(moto, authority)
    await s3.ship(batch(7, 9))
    assert await s3.ship(batch(7, 11)) == Shipped(last=9)
    assert await s3.ship(batch(10, 11)) == Shipped(last=11)
    await s3.close()


@pytest.mark.claim("C-155")
async def test_an_object_that_we_have_not_written_is_named_and_stays(
    moto: Moto, administrator: Any, authority: Authority
) -> None:
    s3, key = target(moto, authority), records_object("byteport", batch(7, 9)).key
    administrator.put_object(Bucket=DEFAULT, Key=key, Body=b"planted\n")
    with pytest.raises(Occupied) as refused:
        await s3.ship(batch(7, 9))
    await s3.close()
    assert refused.value.key == key
    assert administrator.get_object(Bucket=DEFAULT, Key=key)["Body"].read() == b"planted\n"


@pytest.mark.parametrize(
    ("trouble", "error", "says"),
    [
        (Trouble("503 SLOW", "SlowDown", (("Retry-After", "7"),)), Throttled, "503 SlowDown"),
        (Trouble("429 BUSY", "TooManyRequests"), Throttled, "429"),
        (Trouble("400 NO", "RequestLimitExceeded"), Throttled, "RequestLimitExceeded"),
        (Trouble("500 ERROR", "InternalError"), Unavailable, "500 InternalError"),
        (Trouble("409 CONFLICT", "ConditionalRequestConflict"), Unavailable, "409"),
        (Trouble("400 NO", "ExpiredToken"), Unavailable, "ExpiredToken"),
        (Trouble("403 NO", "AccessDenied"), NotPermitted, "s3:PutObject and s3:GetObject"),
        (Trouble("404 NO", "NoSuchBucket"), ConfigError, "audit.export.s3.bucket"),
        (Trouble("400 NO", "KMS.DisabledException"), ConfigError, "audit.export.s3.kms_key"),
        (Trouble("501 NO", "NotImplemented"), ConfigError, "audit.export.s3.endpoint"),
        (Trouble("400 NO", "InvalidRequest"), ConfigError, "audit.export.s3.bucket"),
        (Trouble("400 NO", "words of its own"), ConfigError, "no code"),
        (Trouble("400 NO", "<b>words</b>"), Unavailable, "cannot be read"),
        (Trouble("301 MOVED", "PermanentRedirect"), ConfigError, "audit.export.s3.region"),
        (Trouble("307 THERE", "TemporaryRedirect"), ConfigError, "s3.region"),
        (Trouble("403 NO", "RequestTimeTooSkewed"), NotPermitted, "clock"),
        (Trouble("403 NO", "SignatureDoesNotMatch"), NotPermitted, "not what was signed"),
    ],
    ids=lambda value: value.code if isinstance(value, Trouble) else "",
)
async def test_each_answer_is_the_error_that_says_what_to_do_and_repeats_none_of_its_text(
    trouble: Trouble,
    error: type[BytePortError],
    says: str,
    moto: Moto,
    administrator: Any,
    authority: Authority,
) -> None:
    s3 = target(moto, authority)
    moto.troubles.append(trouble)
    with pytest.raises(error) as refused:
        await s3.ship(batch(7, 9))
    assert says in refused.value.message
    assert WORDS not in refused.value.message
    assert len(moto.puts) == 1, "botocore tried again by itself"
    if trouble.headers:
        assert isinstance(refused.value, Throttled)
        assert refused.value.delay == timedelta(seconds=7)
    assert await s3.ship(batch(7, 9)) == Shipped(last=9)
    await s3.close()


async def test_a_certificate_of_an_authority_that_nobody_named_is_refused(
    moto: Moto, administrator: Any, authority: Authority
) -> None:
    s3 = s3_target(S3Config(endpoint=moto.url), UID)
    with pytest.raises(NotPermitted, match="certificate"):
        await s3.ship(batch(7, 9))
    await s3.close()
    assert moto.seen == []


@pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]", "0xa9fea9fe"])
def test_review_14_an_endpoint_in_a_metadata_range_is_no_setting(host: str) -> None:
    with pytest.raises(ValueError, match="to which nothing is sent"):
        S3Config.model_validate({"endpoint": f"https://{host}/"})


@pytest.mark.parametrize("static", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"])
@pytest.mark.claim("C-156")
async def test_keys_that_never_end_are_refused_even_beside_an_identity(
    static: str, moto: Moto, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(static, "AKIAIOSFODNN7EXAMPLE")
    s3 = target(moto, authority)
    with pytest.raises(ConfigError, match="IRSA") as refused:
        await s3.ship(batch(7, 9))
    await s3.close()
    assert refused.value.key == static
    assert "EXAMPLE" not in refused.value.message
    assert moto.seen == []


@pytest.mark.claim("C-156")
async def test_neither_the_home_folders_keys_nor_the_nodes_identity_are_taken(
    moto: Moto, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    as_nobody(monkeypatch)
    monkeypatch.setenv("AWS_REGION", REGION)
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text("[default]\naws_access_key_id=AKIA\naws_secret_access_key=s\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", moto.url)
    s3 = target(moto, authority)
    with pytest.raises(ConfigError, match="no identity of its own"):
        await s3.ship(batch(7, 9))
    await s3.close()
    assert moto.seen == []


async def test_the_credentials_of_a_container_are_taken(
    moto: Moto, administrator: Any, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import aiohttp.web as web

    async def credentials(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "a.pod.identity.token"
        plain = {"AccessKeyId": "ASIAPOD", "SecretAccessKey": "s", "Token": "of the pod", "AccountId": OWNER}
        return web.json_response(plain | {"Expiration": "2099-01-01T00:00:00Z"})

    app = web.Application()
    app.router.add_get("/v1/credentials", credentials)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    token = tmp_path / "pod-identity"
    token.write_text("a.pod.identity.token")
    monkeypatch.delenv("AWS_WEB_IDENTITY_TOKEN_FILE")
    uri = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/credentials"
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri)
    monkeypatch.setattr("activities.export.aws._check_container", lambda _: None)
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(token))
    s3 = target(moto, authority, bucket=DEFAULT)
    assert await s3.ship(batch(7, 9)) == Shipped(last=9)
    await s3.close()
    await runner.cleanup()
    assert {put.headers["x-amz-security-token"] for put in moto.puts} == {"of the pod"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", value)
            for value in (
                *("http://198.51.100.7/credentials", "https://collector.example/x", "https://169.254.170.23/x"),
                *("http://localhost:9/x", "http://127.0.0.1:9/x", "http://169.254.170.23:8080/x", "http://[bad/x"),
                *("http://169.254.170.23@collector.example/x", "http://a@169.254.170.23/x", "http://169.254.169.254/x"),
            )
        ),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@collector.example/x"),
    ],
)
@pytest.mark.claim("C-156")
async def test_credentials_of_a_container_from_anywhere_else_are_refused(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_nobody(monkeypatch)
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv(name, value)
    s3 = s3_target(S3Config(), UID)
    with pytest.raises(ConfigError, match=name):
        await s3.ship(batch(7, 9))
    await s3.close()


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {"content-type": "text/html"}, b"<html>welcome</html>"),
        Answer(204, {}, b""),
        Answer(200, {"etag": ""}, b""),
        Answer(200, {"etag": '"1"', "x-amz-checksum-sha256": "ofsomethingelse="}, b""),
        Answer(200, {"etag": '"1"', "x-amz-object-size": "words"}, b""),
        Answer(500, {}, b"<a>" * 20_000 + b"</a>" * 20_000),
    ],
    ids=["a page of some portal", "nothing", "an empty tag", "another checksum", "a size that is none", "a deep page"],
)
async def test_a_yes_that_is_not_the_stores_is_none(
    answer: Answer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def ask(_self: GuardedClient, request: Request, _asked: Asked) -> Answer:
        return Answer(200, {}, TOKEN_OF_A_ROLE) if "sts" in str(request.url) else answer

    as_a_pod(monkeypatch, tmp_path, Moto(0))
    monkeypatch.setattr("activities.export.aws.STS", "https://sts.example")
    monkeypatch.setattr(GuardedClient, "ask", ask)
    with pytest.raises(Unavailable):
        await s3_target(S3Config(bucket="acme-log"), UID).ship(batch(7, 9))


@pytest.mark.parametrize(
    "variable",
    [
        *("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_STS", "AWS_CONFIG_FILE", "AWS_DATA_PATH"),
        *("HTTPS_PROXY", "AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"),
    ],
)
@pytest.mark.claim("C-152")
async def test_no_variable_says_where_this_pods_token_and_the_log_go(
    variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []

    async def ask(_self: GuardedClient, request: Request, _asked: Asked) -> Answer:
        asked.append(URL(request.url).host or "")
        return Answer(200, {"etag": '"1"'}, TOKEN_OF_A_ROLE if "sts" in asked[-1] else b"")

    as_nobody(monkeypatch)
    (tmp_path / "token").write_text("a.projected.token")
    profile = "[default]\nendpoint_url=https://collector.example\n"
    (tmp_path / "file").write_text(profile)
    values = {"AWS_CONFIG_FILE": str(tmp_path / "file"), "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false"}
    for name, value in (
        ("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token")),
        *(("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/log"), ("AWS_REGION", REGION)),
        *(("AWS_ENDPOINT_URL", "https://collector.example"),) * (variable == "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"),
        (variable, values.get(variable, "https://collector.example")),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(GuardedClient, "ask", ask)
    assert await s3_target(S3Config(bucket="acme-log"), UID).ship(batch(7, 9)) == Shipped(last=9)
    assert set(asked) == {f"sts.{REGION}.amazonaws.com", f"acme-log.s3.{REGION}.amazonaws.com"}


async def test_a_token_that_is_not_there_and_a_region_that_nobody_knows_are_settings(
    moto: Moto, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "gone"))
    s3 = target(moto, authority)
    with pytest.raises(ConfigError, match="AWS_WEB_IDENTITY_TOKEN_FILE: No such file"):
        await s3.ship(batch(7, 9))
    monkeypatch.delenv("AWS_REGION")
    with pytest.raises(ConfigError, match=r"audit\.export\.s3\.region"):
        await s3.ship(batch(7, 9))
    await s3.close()
