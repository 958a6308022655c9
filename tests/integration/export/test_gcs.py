"""Google Cloud Storage by its own JSON API, over TLS: each object once, by the pod's own identity, refusals by their names."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from activities.export.gcs import gcs_target
from activities.export.objects import ObjectTarget, records_object
from activities.export.same import Occupied
from activities.export.target import Batch, Shipped
from byteport.audit.verify import Chain
from byteport.contracts.receivers import GcsConfig
from byteport.errors import BytePortError, ConfigError, NotPermitted, Throttled, Unavailable
from tests.integration.export.authority import Authority
from tests.integration.export.fake_gcs import PROJECT, Gcs, as_a_pod, fake_gcs

pytestmark = [pytest.mark.ledger, pytest.mark.timeout(300)]

UID = "00000000-0000-4000-8000-000000000001"
CHAIN = Chain(tenant="acme", cluster_uid=UID)
DEFAULT = f"byteport-audit-{UID}"
HOUR = datetime(2026, 3, 10, 9, tzinfo=UTC)
NOTE = f"byteport.io/log/acme/{UID}\n9\nroot\n\n— signature\n"
WORDS = "words of"


@pytest_asyncio.fixture
async def gcs(authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Gcs]:
    async with fake_gcs(authority, tmp_path / "gcs.log") as listening:
        await listening.make_bucket(DEFAULT)
        as_a_pod(monkeypatch, tmp_path, listening)
        yield listening


def target(gcs: Gcs, authority: Authority, **config: Any) -> ObjectTarget:
    return gcs_target(GcsConfig(endpoint=gcs.url, **config), UID, ca_file=authority.ca_file)


def line(seq: int) -> bytes:
    return json.dumps({"seq": seq, "sealed": {"header": f'{{"seq":{seq}}}', "payload": "{}", "salt": None}}).encode()


def batch(first: int, last: int, *, checkpoint: str | None = None) -> Batch:
    return Batch(CHAIN, first, last, tuple(line(seq) for seq in range(first, last + 1)), checkpoint, HOUR)


async def refusal(there: ObjectTarget, error: type[BytePortError]) -> str:
    with pytest.raises(error) as refused:
        await there.ship(batch(7, 9))
    assert WORDS not in refused.value.message
    return refused.value.message


async def test_records_checkpoint_and_checker_lie_in_the_bucket_that_needs_no_setting(
    gcs: Gcs, authority: Authority
) -> None:
    there = target(gcs, authority)
    assert await there.ship(batch(7, 9, checkpoint=NOTE)) == Shipped(last=9, checkpoint=True)
    await there.close()
    folder = f"byteport/tenant=acme/cluster={UID}"
    objects = await gcs.objects(DEFAULT)
    (checkpoint, records, checker) = sorted(objects)
    assert checkpoint.startswith(f"{folder}/checkpoints/000000000009-")
    assert records == f"{folder}/date=2026-03-10/hour=09/000000000007.ndjson"
    assert checker.startswith(f"{folder}/verify/")
    assert objects[records] == line(7) + b"\n" + line(8) + b"\n" + line(9) + b"\n"
    assert json.loads(objects[checkpoint]) == {"checkpoint": NOTE}


@pytest.mark.claim("C-155")
async def test_every_upload_makes_only_and_carries_its_digest(gcs: Gcs, authority: Authority) -> None:
    there = target(gcs, authority, kms_key="projects/p/locations/l/keyRings/r/cryptoKeys/k")
    await there.ship(batch(7, 9))
    await there.close()
    assert len(gcs.uploads) == 2
    for upload in gcs.uploads:
        assert "ifGenerationMatch=0" in upload.path
        assert "kmsKeyName=projects%2Fp%2Flocations%2Fl%2FkeyRings%2Fr%2FcryptoKeys%2Fk" in upload.path
    records = line(7) + b"\n" + line(8) + b"\n" + line(9) + b"\n"
    digest = base64.b64encode(hashlib.md5(records).digest()).decode()
    assert f'"md5Hash": "{digest}"'.encode() in gcs.uploads[1].body


async def test_one_token_serves_until_shortly_before_its_end(gcs: Gcs, authority: Authority) -> None:
    now = datetime.now(UTC)
    there = gcs_target(GcsConfig(endpoint=gcs.url), UID, ca_file=authority.ca_file, clock=lambda: now)
    await there.ship(batch(7, 9))
    await there.ship(batch(10, 11))
    assert len(gcs.tokens) == 1
    now += timedelta(minutes=56)
    await there.ship(batch(12, 12))
    await there.close()
    assert len(gcs.tokens) == 2


@pytest.mark.claim("C-155")
async def test_fault_23_an_upload_whose_answer_is_lost_is_found_again_and_made_once(
    gcs: Gcs, authority: Authority
) -> None:
    there = target(gcs, authority)
    await there.ship(batch(1, 6))
    gcs.lose = 2
    await refusal(there, Unavailable)
    gcs.lose = 0
    assert await there.ship(batch(7, 9)) == Shipped(last=9)
    await there.close()
    names = [name.rsplit("/", 1)[1] for name in await gcs.objects(DEFAULT) if "/hour=" in name]
    assert sorted(names) == ["000000000001.ndjson", "000000000007.ndjson"]


async def test_a_record_that_came_late_for_a_shipped_hour_is_shipped_next(gcs: Gcs, authority: Authority) -> None:
    there = target(gcs, authority)
    await there.ship(batch(7, 9))
    assert await there.ship(batch(7, 11)) == Shipped(last=9)
    assert await there.ship(batch(10, 11)) == Shipped(last=11)
    await there.close()


@pytest.mark.claim("C-155")
async def test_an_object_that_we_have_not_written_is_named_and_stays(gcs: Gcs, authority: Authority) -> None:
    there, key = target(gcs, authority), records_object("byteport", batch(7, 9)).key
    await gcs.put(DEFAULT, key, b"planted\n")
    with pytest.raises(Occupied) as refused:
        await there.ship(batch(7, 9))
    await there.close()
    assert refused.value.key == key
    assert (await gcs.objects(DEFAULT))[key] == b"planted\n"


async def test_a_bucket_of_another_project_gets_nothing(gcs: Gcs, authority: Authority) -> None:
    for config in ({"project_number": "1"}, {"bucket": DEFAULT, "project_number": "1"}):
        there = target(gcs, authority, **config)
        assert "project 1" in await refusal(there, NotPermitted)
        await there.close()
    assert gcs.uploads == []


@pytest.mark.claim("C-156")
async def test_a_default_name_that_somebody_else_has_taken_gets_nothing(
    gcs: Gcs, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pool = "//iam.googleapis.com/projects/99/locations/global/workloadIdentityPools/clusters/providers/ours"
    as_a_pod(monkeypatch, tmp_path, gcs, audience=pool)
    there = target(gcs, authority)
    assert "does not belong to project 99" in await refusal(there, NotPermitted)
    await there.close()
    named = target(gcs, authority, project_number=PROJECT)
    assert await named.ship(batch(7, 9)) == Shipped(last=9)
    await named.close()


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        (429, Throttled, "429"),
        (503, Throttled, "503"),
        (500, Unavailable, "500"),
        (409, Unavailable, "409"),
        (403, NotPermitted, "storage.objects.create"),
        (401, NotPermitted, "401"),
        (404, ConfigError, "audit.export.gcs.bucket"),
        (400, ConfigError, "400"),
        (301, NotPermitted, "301"),
    ],
)
async def test_each_answer_is_the_error_that_says_what_to_do_and_repeats_none_of_its_text(
    status: int, error: type[BytePortError], says: str, gcs: Gcs, authority: Authority
) -> None:
    there = target(gcs, authority)
    headers = {"Retry-After": "7"} if status in (429, 503) else {}
    gcs.answers.append(web.json_response({"error": {"message": "words of theirs"}}, status=status, headers=headers))
    with pytest.raises(error) as refused:
        await there.ship(batch(7, 9))
    assert says in refused.value.message
    assert WORDS not in refused.value.message
    if headers:
        assert isinstance(refused.value, Throttled)
        assert refused.value.delay == timedelta(seconds=7)
    assert await there.ship(batch(7, 9)) == Shipped(last=9)
    await there.close()


async def test_an_answer_that_confirms_other_bytes_counts_as_none(gcs: Gcs, authority: Authority) -> None:
    there = target(gcs, authority)
    gcs.answers.append(web.json_response({"md5Hash": "AAAA"}))
    assert "not said to be what was sent" in await refusal(there, Unavailable)
    await there.close()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"type": "service_account", "private_key": "EXAMPLE"}, "never end"),
        ({"type": "authorized_user", "refresh_token": "EXAMPLE"}, "never end"),
        ({"credential_source": {"url": "http://169.254.169.254/"}}, "must be a file"),
        ({"credential_source": {"executable": {"command": "/bin/steal"}}}, "must be a file"),
        ({"credential_source": {"file": 5}}, "must be a file"),
        ({"token_url": "http://sts.example/"}, "https"),
        ({"token_url": "https://[bad"}, "token_url"),
        ({"token_url": "https://sts.example:99999/"}, "port"),
        ({"token_url": "https://169.254.169.254/"}, "metadata"),
        ({"token_url": 7}, "token_url"),
        ({"service_account_impersonation_url": "http://iam.example/x"}, "https"),
    ],
    ids=[
        *("key file", "a person's", "from a URL", "from a program", "from a descriptor", "not over TLS", "no address"),
        *("no port", "of a machine", "a number", "acts for not over TLS"),
    ],
)
@pytest.mark.claim("C-156")
async def test_any_other_credentials_than_a_projected_token_are_refused(
    changes: dict[str, Any],
    says: str,
    gcs: Gcs,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    as_a_pod(monkeypatch, tmp_path, gcs, **changes)
    there = target(gcs, authority, bucket=DEFAULT)
    told = await refusal(there, ConfigError)
    await there.close()
    assert told.startswith("GOOGLE_APPLICATION_CREDENTIALS")
    assert says in told
    assert "EXAMPLE" not in told
    assert (gcs.front.got, gcs.exchange.got) == ([], [])


async def test_a_token_that_the_exchange_refuses_is_not_permitted(
    gcs: Gcs, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("expired")
    there = target(gcs, authority)
    assert "token exchange refuses" in await refusal(there, NotPermitted)
    await there.close()


@pytest.mark.parametrize(
    ("server", "taken"), [("GKE Metadata Server", True), ("Metadata Server for VM", False)], ids=["pod", "node"]
)
@pytest.mark.claim("C-156")
async def test_the_metadata_server_is_asked_only_where_it_answers_for_the_pod(
    server: str, taken: bool, gcs: Gcs, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def metadata(request: web.Request) -> web.Response:
        assert request.headers["Metadata-Flavor"] == "Google"
        project = request.path.endswith("numeric-project-id")
        text = PROJECT if project else json.dumps({"access_token": "of-the-pod", "expires_in": 3599})
        return web.Response(text=text, headers={"Server": server, "Metadata-Flavor": "Google"})

    app = web.Application()
    app.router.add_get("/computeMetadata/v1/{path:.*}", metadata)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    monkeypatch.setenv("GCE_METADATA_HOST", f"127.0.0.1:{runner.addresses[0][1]}")
    gcs.tokens.add("of-the-pod")
    there = target(gcs, authority)
    if taken:
        assert await there.ship(batch(7, 9)) == Shipped(last=9)
    else:
        assert "node's identity, which is not taken" in await refusal(there, ConfigError)
        assert gcs.front.got == []
    await there.close()
    await runner.cleanup()
