"""What Prometheus hears of a door, at the very address that it would scrape."""

from __future__ import annotations

import asyncio
import socket
import time

import aiohttp
import pytest

from byteport.contracts.metrics import DOOR_ANSWERS, PAYLOAD_KEYS, PAYLOAD_KEYS_READ_AT, Answered, Door
from byteport.errors import ConfigError
from byteport.sandbox.children import free_port
from byteport.serving.metered import Metered, nobody
from byteport.temporal.keys import KeyRing, KnownKeys, PayloadKey
from workers.door_metrics import answered, door_metrics
from workers.payload_keys import keys_followed

pytestmark = pytest.mark.peers


class Heard:
    """Counts as the face itself does."""

    def __init__(self) -> None:
        self.statuses: list[int] = []

    def answered(self, method: str, status: int, code: str | None) -> None:
        self.statuses.append(status)


async def scraped(port: int) -> dict[str, int]:
    """The value of each of our series there, by its answer."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        text = await answer.text()
    lines = [line for line in text.splitlines() if line.startswith(DOOR_ANSWERS.name + "{")]
    assert all('door="console"' in line for line in lines)
    return {line.split('answer="')[1].split('"')[0]: int(line.rsplit(" ", 1)[1]) for line in lines}


async def test_each_answer_is_counted_by_its_class_and_each_class_is_there_from_the_start() -> None:
    port = free_port()
    runtime, told = door_metrics(f"127.0.0.1:{port}", Door.CONSOLE)
    assert runtime is not None
    assert await scraped(port) == dict.fromkeys((word.value for word in Answered), 0)
    beside = Heard()
    counted = Metered(beside, told)
    for status in (200, 204, 303, 403, 404, 429, 503):
        counted.answered("GET", status, None)
    assert await scraped(port) == {"well": 2, "sent_on": 1, "refused": 3, "failed": 1}
    assert beside.statuses == [200, 204, 303, 403, 404, 429, 503]


async def test_whether_a_door_reads_its_payload_keys_is_heard_there_as_of_every_worker() -> None:
    port, keys = free_port(), KeyRing((PayloadKey(b"o" * 32), PayloadKey(b"n" * 32)))
    runtime, _ = door_metrics(f"127.0.0.1:{port}", Door.ALERTS)
    assert runtime is not None

    async def read() -> KeyRing:
        return keys

    async with keys_followed(KnownKeys(keys, read, every=60, seconds=time.monotonic), runtime.metric_meter):
        await asyncio.sleep(0)
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as answer:
            lines = (await answer.text()).splitlines()
    heard = {line.split("{")[0]: int(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}
    assert heard[PAYLOAD_KEYS.name] == 2
    assert abs(heard[PAYLOAD_KEYS_READ_AT.name] - time.time()) < 60


def test_an_address_that_another_process_has_is_named_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match="BYTEPORT_TELEMETRY_METRICS_ADDRESS") as caught:
            door_metrics(f"127.0.0.1:{port}", Door.ALERTS)
    assert caught.value.key == "telemetry.metrics_address"


def test_without_an_address_nothing_is_served() -> None:
    runtime, told = door_metrics(None, Door.ALERTS)
    assert (runtime, told) == (None, nobody)
    told(200, None)


@pytest.mark.parametrize(
    ("status", "word"), [(200, "well"), (302, "sent_on"), (400, "refused"), (499, "refused"), (500, "failed")]
)
def test_a_status_has_one_word(status: int, word: str) -> None:
    assert answered(status).value == word
