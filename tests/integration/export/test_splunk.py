"""Splunk's collector, by a strict one: what counts as shipped, each documented answer, and nothing lost between them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from activities.export import splunk
from activities.export.splunk import Splunk
from activities.export.target import Shipped
from byteport.contracts.stream_receivers import SplunkConfig
from byteport.errors import BytePortError, ConfigError, NotPermitted, Throttled, Unavailable
from tests.builders.exported import CHAIN, HOSTILE, NOTE, batch_of, entries, hostile_entries, read_back
from tests.integration.export.authority import Authority
from tests.integration.export.collector import TOKEN, Collector, said
from tests.integration.export.receivers import Got, Receiver, Respond, listening

pytestmark = pytest.mark.ledger


@pytest.fixture(autouse=True)
def _polls_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splunk, "POLL_SECONDS", 0.01)


@asynccontextmanager
async def shipping(
    authority: Authority, folder: Path, respond: Respond, **settings: Any
) -> AsyncIterator[tuple[Splunk, Receiver]]:
    file = folder / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o600)
    async with listening(respond, authority.server()) as receiver:
        config = SplunkConfig(url=receiver.url().rstrip("/"), token_file=file, **settings)
        target = Splunk(config, ca_file=authority.ca_file)
        try:
            yield target, receiver
        finally:
            await target.close()


def lines(collector: Collector) -> list[bytes]:
    return [json.dumps(event["event"], ensure_ascii=False).encode() for event in collector.events]


@pytest.mark.parametrize("gzip", [False, True])
async def test_a_record_is_an_event_with_its_own_time_and_what_the_settings_say(
    authority: Authority, tmp_path: Path, gzip: bool
) -> None:
    made, collector = entries(3), Collector()
    async with shipping(authority, tmp_path, collector, index="audit", gzip=gzip) as (target, receiver):
        assert await target.ship(batch_of(made)) == Shipped(3)
    assert read_back(lines(collector)) == made
    assert len(receiver.got) == 1
    assert [event["time"] for event in collector.events] == [1773133200.0, 1773133201.0, 1773133202.0]
    others = {key: value for key, value in collector.events[0].items() if key not in ("time", "event")}
    assert others == {
        "host": CHAIN.cluster_uid,
        "source": "byteport",
        "sourcetype": "byteport:audit",
        "index": "audit",
    }


async def test_the_line_of_a_record_stands_in_its_event_byte_for_byte(authority: Authority, tmp_path: Path) -> None:
    collector, batch = Collector(), batch_of(entries(1))
    async with shipping(authority, tmp_path, collector) as (target, _):
        await target.ship(batch)
    assert b'"event": ' + batch.lines[0] + b"}" in collector.bodies[0]


async def test_a_batch_goes_in_bodies_of_the_size_that_is_set(authority: Authority, tmp_path: Path) -> None:
    made, collector = entries(60), Collector()
    async with shipping(authority, tmp_path, collector, batch_bytes=65536) as (target, _):
        assert await target.ship(batch_of(made, checkpoint=NOTE)) == Shipped(60, checkpoint=True)
    assert len(collector.bodies) > 1
    assert max(map(len, collector.bodies)) <= 65536
    assert collector.events.pop()["event"] == {"checkpoint": NOTE}
    assert read_back(lines(collector)) == made


async def test_after_its_share_of_time_it_says_what_it_has(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.export.target.SHARE_SECONDS", 0.0)
    collector, made = Collector(), entries(200)
    async with shipping(authority, tmp_path, collector, batch_bytes=65536) as (target, receiver):
        got = await target.ship(batch_of(made, checkpoint=NOTE))
    assert 0 < got.last < 200
    assert not got.checkpoint
    assert (len(receiver.got), read_back(lines(collector))) == (1, made[: got.last])


async def test_with_acknowledgement_a_record_is_shipped_once_the_indexers_hold_it(
    authority: Authority, tmp_path: Path
) -> None:
    collector = Collector(acknowledges=True, polls_before_yes=3)
    async with shipping(authority, tmp_path, collector, acknowledged=True) as (target, receiver):
        assert await target.ship(batch_of(entries(3), checkpoint=NOTE)) == Shipped(3, checkpoint=True)
    assert [got.path for got in receiver.got] == ["/services/collector/event", *["/services/collector/ack"] * 4]
    assert len({got.headers["x-splunk-request-channel"] for got in receiver.got}) == 1


async def test_what_is_not_acknowledged_in_time_is_not_shipped(authority: Authority, tmp_path: Path) -> None:
    collector = Collector(acknowledges=True, polls_before_yes=10**9)
    async with shipping(authority, tmp_path, collector, acknowledged=True, acknowledge_seconds=1) as (target, _):
        with pytest.raises(Unavailable, match="indexers do not say"):
            await target.ship(batch_of(entries(3)))


async def test_of_several_bodies_those_up_to_the_first_that_is_not_acknowledged_are_shipped(
    authority: Authority, tmp_path: Path
) -> None:
    collector = Collector(acknowledges=True)
    settings: dict[str, Any] = {"acknowledged": True, "acknowledge_seconds": 1, "batch_bytes": 65536}

    def the_second_is_lost(got: Got) -> web.StreamResponse:
        answer = collector(got)
        for key in collector.acks:
            collector.acks[key] = -(10**9) if key[1] == 1 else 0
        return answer

    async with shipping(authority, tmp_path, the_second_is_lost, **settings) as (target, _):
        shipped = await target.ship(batch_of(entries(90)))
    first = collector.bodies[0].count(b'"event": ')
    assert len(collector.bodies) > 2
    assert shipped == Shipped(first)


async def test_a_poll_that_fails_is_asked_again(authority: Authority, tmp_path: Path) -> None:
    collector = Collector(acknowledges=True)
    collector.answers = [None, web.Response(status=503), web.Response(status=500, text="?")]
    async with shipping(authority, tmp_path, collector, acknowledged=True) as (target, _):
        assert await target.ship(batch_of(entries(2))) == Shipped(2)


@pytest.mark.parametrize("acknowledges", [False, True])
@pytest.mark.claim("C-154")
async def test_fault_23_a_collector_that_takes_a_batch_and_drops_the_connection_gets_it_twice_and_misses_none(
    authority: Authority, tmp_path: Path, acknowledges: bool
) -> None:
    made, collector = entries(4), Collector(acknowledges=acknowledges)

    def drops_the_first(got: Got) -> web.StreamResponse:
        answer = collector(got)
        return got.drop() if len(collector.bodies) == 1 else answer

    async with shipping(authority, tmp_path, drops_the_first, acknowledged=acknowledges) as (target, _):
        with pytest.raises(Unavailable):
            await target.ship(batch_of(made))
        assert await target.ship(batch_of(made)) == Shipped(4)
    assert read_back(lines(collector)) == [*made, *made]
    assert [event["event"]["id"] for event in collector.events[:4]] == [
        event["event"]["id"] for event in collector.events[4:]
    ]


async def test_fault_23_a_body_lost_in_the_middle_of_a_batch_leaves_no_gap(
    authority: Authority, tmp_path: Path
) -> None:
    made, collector = entries(90), Collector()

    def drops_the_second(got: Got) -> web.StreamResponse:
        return got.drop() if len(collector.bodies) == 1 and len(receiver.got) == 2 else collector(got)

    async with shipping(authority, tmp_path, drops_the_second, batch_bytes=65536) as (target, receiver):
        shipped = await target.ship(batch_of(made))
        assert 1 < shipped.last < 90
        assert await target.ship(batch_of(made[shipped.last :])) == Shipped(90)
    assert read_back(lines(collector)) == made


@pytest.mark.parametrize("records", [5, 90])
async def test_an_event_that_is_not_taken_keeps_none_before_it_back_and_is_then_named(
    authority: Authority, tmp_path: Path, records: int
) -> None:
    """Nor does anything behind it go, in the same body or in the next: the log is not continued behind a hole."""
    made, collector = entries(records), Collector(poison="delete pod web-4 ")
    async with shipping(authority, tmp_path, collector, batch_bytes=65536) as (target, _):
        assert await target.ship(batch_of(made, checkpoint=NOTE)) == Shipped(3)
        assert read_back(lines(collector)) == made[:3]
        with pytest.raises(ConfigError, match=r"does not take an event \(code 6"):
            await target.ship(batch_of(made[3:]))
    assert len(collector.events) == 3


CODES: list[tuple[int, int, type[BytePortError], str]] = [
    (403, 1, NotPermitted, "splunk.token_file"),
    (401, 2, NotPermitted, "splunk.token_file"),
    (401, 3, NotPermitted, "splunk.token_file"),
    (403, 4, NotPermitted, "splunk.token_file"),
    (400, 5, ConfigError, "code 5"),
    (400, 6, ConfigError, "code 6"),
    (400, 7, ConfigError, "splunk.index"),
    (500, 8, Unavailable, "500"),
    (503, 9, Throttled, "busy"),
    (400, 10, ConfigError, "splunk.acknowledged"),
    (400, 11, ConfigError, "splunk.acknowledged"),
    (400, 12, ConfigError, "code 12"),
    (400, 13, ConfigError, "code 13"),
    (400, 14, ConfigError, "splunk.acknowledged"),
    (400, 15, ConfigError, "code 15"),
    (400, 16, ConfigError, "splunk.url"),
    (503, 18, Throttled, "busy"),
    (503, 23, Throttled, "busy"),
    (413, 413, ConfigError, "splunk.batch_bytes"),
    (404, 404, ConfigError, "splunk.url"),
]


@pytest.mark.parametrize(("status", "code", "error", "says"), CODES)
@pytest.mark.claim("C-152")
async def test_each_documented_answer_is_an_error_by_what_to_do(
    authority: Authority, tmp_path: Path, status: int, code: int, error: type[BytePortError], says: str
) -> None:
    collector = Collector()
    collector.answers = [said(status, "Evil\x1b[31m", code, **{"invalid-event-number": 0})]
    async with shipping(authority, tmp_path, collector) as (target, _):
        with pytest.raises(error) as caught:
            await target.ship(batch_of(entries(2)))
    assert says in str(caught.value)
    assert "Evil" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(status=200, text="<html>please log in</html>"),
        lambda: web.Response(status=200, text=""),
        lambda: web.Response(status=200, text="[]"),
        lambda: web.json_response({"text": "Success"}),
        lambda: web.json_response({"text": "Success", "code": "0"}),
        lambda: web.json_response({"text": "Success", "code": False}),
        lambda: web.json_response({"text": "HEC is healthy", "code": 17}),
        lambda: web.Response(status=204),
        lambda: web.Response(status=200, text="[" * 60_000),
    ],
)
async def test_a_yes_that_is_not_the_collectors_is_none(authority: Authority, tmp_path: Path, answer: Any) -> None:
    collector = Collector()
    collector.answers = [answer()]
    async with shipping(authority, tmp_path, collector) as (target, _):
        with pytest.raises(Unavailable, match="no collector that took it"):
            await target.ship(batch_of(entries(1)))


async def test_a_token_with_and_settings_without_acknowledgement_or_the_reverse_name_the_setting(
    authority: Authority, tmp_path: Path
) -> None:
    for acknowledges in (True, False):
        async with shipping(
            authority, tmp_path, Collector(acknowledges=acknowledges), acknowledged=not acknowledges
        ) as (target, _):
            with pytest.raises(ConfigError, match=r"audit\.export\.splunk\.acknowledged"):
                await target.ship(batch_of(entries(1)))


@pytest.mark.claim("C-153")
async def test_review_13_hostile_text_in_every_field_is_data_of_its_own_event(
    authority: Authority, tmp_path: Path
) -> None:
    made, collector = hostile_entries(2), Collector()
    async with shipping(authority, tmp_path, collector) as (target, receiver):
        assert await target.ship(batch_of(made)) == Shipped(2)
    assert len(collector.events) == 2
    assert collector.events[0]["event"]["note"] == HOSTILE
    assert all(line.decode().isprintable() for line in receiver.got[0].body.splitlines())
    assert len(receiver.got[0].body.split(b"\n")) == 2
    assert read_back(lines(collector)) == made


@pytest.mark.parametrize("text", ["", "two words", "a\r\nX-Evil: b", "\x1b[31m"])
async def test_a_file_that_holds_no_token_names_the_setting(authority: Authority, tmp_path: Path, text: str) -> None:
    async with shipping(authority, tmp_path, Collector()) as (target, receiver):
        (tmp_path / "token").write_text(text)
        with pytest.raises(ConfigError, match=r"splunk\.token_file: .* holds no token"):
            await target.ship(batch_of(entries(1)))
    assert receiver.got == []


@pytest.mark.parametrize(
    ("config", "setting"),
    [
        (SplunkConfig(), "audit.export.splunk.url"),
        (SplunkConfig(url="https://receiver.example:8088"), "audit.export.splunk.token_file"),
    ],
)
def test_what_is_missing_is_named(config: SplunkConfig, setting: str) -> None:
    with pytest.raises(ConfigError, match=setting):
        Splunk(config)
