"""The door on the wire: who comes in, what is taken, what is refused before it costs anything, and that nothing is lost unsaid."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from byteport.contracts.alerts_face import AlertsLimits
from byteport.errors import Unavailable
from tests.builders.issuing import SUBJECT
from tests.builders.sns import CERTIFICATE, TOPIC
from tests.integration.alerts.world import NEXT_TOKEN, SPIFFE, TOKEN, World, body, firing

pytestmark = pytest.mark.peers

PATH = "/v1/alertmanager"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    limits = {"requests_per_minute": 100_000, "symptoms_per_minute": 100_000, "strangers_per_minute": 100_000}
    with World(tmp_path_factory.mktemp("door"), limits=limits).running() as made:
        yield made


@pytest.fixture
def world(shared: World) -> World:
    shared.handed, shared.failure = [], None
    return shared


@pytest.mark.claim("C-398")
async def test_a_listed_token_certificate_or_workload_comes_in_and_nobody_else(world: World) -> None:
    known = world.authority.client("am", SPIFFE)
    stranger = world.authority.client("other", "spiffe://mesh.example/shop/web")
    let_in: tuple[dict[str, Any], ...] = (
        {"token": TOKEN},
        {"token": NEXT_TOKEN},
        {"token": None, "certificate": known},
        {"token": world.workload_token()},
    )
    for how in let_in:
        assert (await world.alertmanager(firing(), **how)).json == {"taken": 1}, how
    assert [batch.symptoms[0].sender for batch in world.handed] == [
        "token/monitoring",
        "token",
        f"certificate/{SPIFFE}",
        f"workload/own/{SUBJECT}",
    ]
    kept_out: tuple[dict[str, Any], ...] = (
        {"token": None},
        {"token": TOKEN[:-1] + "x"},
        {"token": ""},
        {"token": None, "certificate": stranger},
        {"token": world.workload_token(aud="byteport-ledger")},
        {"token": world.workload_token(sub="system:serviceaccount:shop:web")},
    )
    for how in kept_out:
        answer = await world.alertmanager(firing(), **how)
        assert answer.status == 401, how
        assert answer.code in ("credential_missing", "credential_invalid")
        assert TOKEN not in answer.text.decode()
    assert len(world.handed) == 4


@pytest.mark.claim("C-930")
async def test_a_token_is_changed_under_its_senders_name(world: World) -> None:
    written, next_one = world.tokens.read_text(), "c" * 32
    try:
        world.tokens.write_text(f"monitoring {TOKEN}\nmonitoring {next_one}\n")
        for token in (TOKEN, next_one):
            assert (await world.alertmanager(firing(), token=token)).status == 200
        world.tokens.write_text(f"monitoring {next_one}\nother {TOKEN}\n")
        for token in (next_one, TOKEN):
            assert (await world.alertmanager(firing(), token=token)).status == 200
    finally:
        world.tokens.write_text(written)
    senders = [batch.symptoms[0].sender for batch in world.handed]
    assert senders == ["token/monitoring", "token/monitoring", "token/monitoring", "token/other"]


@pytest.mark.claim("C-398")
async def test_a_token_that_was_taken_out_is_out_with_the_next_request(world: World) -> None:
    written = world.tokens.read_text()
    try:
        world.tokens.write_text(NEXT_TOKEN + "\n")
        assert (await world.alertmanager(firing(), token=TOKEN)).status == 401
        world.tokens.write_text("short\n")
        assert (await world.alertmanager(firing(), token=NEXT_TOKEN)).status == 503
    finally:
        world.tokens.write_text(written)
    assert (await world.alertmanager(firing(), token=TOKEN)).status == 200


async def test_each_alert_of_a_group_is_answered_for(world: World) -> None:
    answer = await world.post(
        PATH,
        body(
            firing(),
            firing("web-2", status="resolved"),
            {"status": "firing", "labels": {"alertname": "Watchdog", "severity": "none"}, "annotations": {}},
            {"status": "firing", "labels": {"alertname": "KubeNodeNotReady", "node": "n1"}, "annotations": {}},
            firing("web-3", cluster="staging"),
            truncatedAlerts=2,
        ),
    )
    assert answer.json == {"taken": 1, "over": 1, "untreated": 1, "foreign": 1, "nothing": 1, "left_out": 2}
    (batch,) = world.handed
    assert [one.over for one in batch.symptoms] == [False, True]
    assert 'byteport_alerts_alerts_total{source="alertmanager",outcome="over"}' in await world.metrics()


@pytest.mark.claim("C-399")
@pytest.mark.parametrize(
    ("data", "headers", "status", "code"),
    [
        (b"{}" + b" " * (1 << 20), {}, 413, "body_too_large"),
        (gzip.compress(b" " * (64 << 20), mtime=0), {"Content-Encoding": "gzip"}, 415, "media_type_refused"),
        (b"{}", {"Content-Encoding": "br"}, 415, "media_type_refused"),
        (b"a=1", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "media_type_refused"),
        (b"[" * 200_000, {}, 422, "body_refused"),
        (b'{"a":' * 100_000, {}, 422, "body_refused"),
        (b'{"a":' * 20 + b"1" + b"}" * 20, {}, 422, "body_refused"),
        (b'{"version":"4","alerts":[{"status":"firing","labels":{"a":NaN}}]}', {}, 422, "body_refused"),
        (b"\x00\x1b[31m\r\n", {}, 422, "body_refused"),
        (b'"\xff"', {}, 422, "body_refused"),
        (b"7", {}, 422, "body_refused"),
    ],
    ids=["long", "gzip", "brotli", "form", "deep", "deep-objects", "nested", "nan", "escapes", "latin", "number"],
)
async def test_review_21_a_body_that_would_cost_much_is_refused(
    world: World, data: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await world.post(PATH, data, headers=headers)
    assert (answer.status, answer.code) == (status, code)
    assert world.handed == []
    assert len(answer.text) < 1000


@pytest.mark.claim("C-399")
async def test_review_21_a_hundred_thousand_labels_and_a_label_of_a_megabyte_cost_little(world: World) -> None:
    many = {"status": "firing", "labels": {str(n): "" for n in range(80_000)}, "annotations": {}}
    answer = await world.post(PATH, body(many))
    assert (answer.status, answer.json["field"]) == (422, "alerts.0.labels")
    long = firing("web-1", note="a" * 900_000)
    assert (await world.alertmanager(long)).json == {"taken": 1}
    assert len(world.handed[0].model_dump_json()) < 1000


@pytest.mark.claim("C-399")
async def test_review_21_a_slow_sender_is_cut(tmp_path: Path) -> None:
    with World(tmp_path, limits={"body_seconds": 1}).running() as world:
        context = ssl.create_default_context(cafile=world.authority.file)
        reader, writer = await asyncio.open_connection("127.0.0.1", world.server.port, ssl=context)
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
        writer.write(head.encode() + b"Content-Length: 1000\r\n\r\n{")
        async with asyncio.timeout(30):
            answer = await reader.read(-1)
        assert answer.startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_what_temporal_does_not_take_is_sent_again(world: World) -> None:
    world.failure = Unavailable("Temporal does not answer at 10.0.0.1")
    answer = await world.alertmanager(firing())
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "hand_over_failed", "10")
    assert b"10.0.0.1" not in answer.text
    world.failure = None
    assert (await world.alertmanager(firing())).status == 200


async def test_a_mistake_of_ours_is_no_traceback_for_the_sender(world: World) -> None:
    world.failure = RuntimeError("secret")
    answer = await world.alertmanager(firing())
    assert (answer.status, answer.code) == (500, "internal")
    assert b"secret" not in answer.text


@pytest.mark.claim("C-400")
async def test_the_door_answers_as_fast_as_it_can_read(world: World) -> None:
    """Fifty alerts are answered in little more than none are: the rest of a request's time is TLS and HTTP."""

    async def milliseconds(*alerts: dict[str, Any]) -> float:
        best = float("inf")
        for _ in range(7):
            began = time.perf_counter()
            assert (await world.alertmanager(*alerts)).status == 200
            best = min(best, time.perf_counter() - began)
        return best * 1000

    none, fifty = await milliseconds(), await milliseconds(*(firing(f"web-{n}") for n in range(50)))
    assert fifty < none * 10
    print(f"\nanswered in {none:.1f} ms without an alert, {fifty:.1f} ms with fifty")  # noqa: T201  what is reported


async def test_a_topics_alarm_is_taken_once_and_its_subscription_confirmed(world: World) -> None:
    alarm = {
        "AlarmName": "disk",
        "NewStateValue": "ALARM",
        "Trigger": {
            "Namespace": "CWAgent",
            "MetricName": "disk_used_percent",
            "Dimensions": [{"name": "InstanceId", "value": "i-0123456789abcdef0"}],
        },
    }
    text = {"Content-Type": "text/plain; charset=UTF-8"}
    sent = world.aws.message(json.dumps(alarm))
    assert (await world.post("/v1/sns", sent, token=None, headers=text)).json == {"taken": 1}
    assert (await world.post("/v1/sns", sent, token=None, headers=text)).json == {}
    (batch,) = world.handed
    assert batch.symptoms[0].subject.provider_id == "i-0123456789abcdef0"
    assert batch.symptoms[0].sender == f"sns/{TOPIC}"
    world.failure = Unavailable("away")
    again = world.aws.message(json.dumps(alarm))
    assert (await world.post("/v1/sns", again, token=None, headers=text)).status == 503
    world.failure = None
    assert (await world.post("/v1/sns", again, token=None, headers=text)).json == {"taken": 1}
    asked = world.aws.message("You have chosen to subscribe", kind="SubscriptionConfirmation", version="2")
    assert (await world.post("/v1/sns", asked, token=None, headers=text)).json == {}
    assert await asyncio.to_thread(world.aws.confirmed.wait, 10)
    assert f"TopicArn={TOPIC}" in world.aws.asked[-1]
    assert (await world.post("/v1/sns", world.aws.message("hello"), token=None, headers=text)).json == {"nothing": 1}
    assert world.aws.asked[0] == CERTIFICATE


async def test_a_forged_message_of_sns_is_refused_whoever_sends_it(world: World) -> None:
    forged = world.aws.message("{}") | {"Message": "other"}
    answer = await world.post("/v1/sns", forged)
    assert (answer.status, answer.code) == (403, "signature_refused")
    other = await world.post("/v1/sns", world.aws.message("{}", TopicArn=TOPIC + "x"))
    assert (other.status, other.code) == (403, "topic_refused")


@pytest.mark.claim("C-399")
async def test_review_21_one_sender_cannot_burn_anothers_allowance(tmp_path: Path) -> None:
    limits = {"requests_per_minute": 3, "strangers_per_minute": 2, "symptoms_per_minute": 500}
    with World(tmp_path, limits=limits).running() as world:
        assert [(await world.alertmanager()).status for _ in range(4)] == [200, 200, 200, 429]
        assert [(await world.alertmanager(token="x" * 32)).status for _ in range(3)] == [401, 401, 429]
        assert (await world.alertmanager(token=NEXT_TOKEN)).status == 200
        alarm = world.aws.message("no alarm")  # what strangers have used up is not SNS's
        assert (await world.post("/v1/sns", alarm, token=None)).json == {"nothing": 1}
        many = [firing(f"web-{n}") for n in range(300)]
        assert (await world.alertmanager(*many, token=NEXT_TOKEN)).status == 200
        answer = await world.alertmanager(*many, token=NEXT_TOKEN)
        assert (answer.status, answer.code) == (429, "rate_limited")
        assert int(answer.headers["Retry-After"]) > 0


async def test_alerts_that_nobody_treats_use_up_their_senders_allowance_too(tmp_path: Path) -> None:
    with World(tmp_path, limits={"symptoms_per_minute": 500}).running() as world:
        many = [firing(f"web-{n}", alertname="Mine") for n in range(500)]
        assert (await world.alertmanager(*many)).json == {"untreated": 500}
        messages = len(world.handed)
        assert (await world.alertmanager(*many)).code == "rate_limited"
        assert len(world.handed) == messages
        assert (await world.alertmanager(*many, token=NEXT_TOKEN)).status == 200


def test_what_one_body_may_bring_fits_into_a_minute() -> None:
    with pytest.raises(ValidationError, match="500"):
        AlertsLimits(symptoms_per_minute=499)
