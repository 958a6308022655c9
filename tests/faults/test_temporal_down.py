"""Temporal is killed while polls of metrics run by its Schedules: nothing new starts meanwhile, and everything goes on afterwards.

The server keeps its executions in a file, as any does in a database, and comes back on another port: between it and the worker
lies a forwarder, so that the worker meets what it meets when an address stays and what is behind it goes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.client import Client

from byteport.contracts.cloud import POLL_METRICS, CloudSource, Metric, Polled, PollMetrics, Stretch
from byteport.contracts.symptoms import Subject
from byteport.sandbox.dev_server import NAMESPACE, DevServer, DevServerOptions
from byteport.temporal.converter import data_converter
from byteport.temporal.keys import KeyRing, PayloadKey
from tests.workflows.patience import until, until_so
from tests.workflows.polling import Around, Polling, working

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
EVERY = timedelta(seconds=2)
DOWN = 5.0
"""Seconds, in which two polls would begin."""


class Forwarder:
    """One address, and what is behind it now."""

    def __init__(self) -> None:
        self.port = 0
        self.to: int | None = None
        self._open: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """As a server that was killed: connections end, and new ones are refused."""
        self.to = None
        for writer in self._open:
            writer.close()

    async def lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.to is None:
            writer.close()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self.to)
        self._open |= {writer, back}
        await asyncio.gather(self._pass(reader, back), self._pass(there, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while octets := await reader.read(65536):
                writer.write(octets)
        writer.close()
        self._open.discard(writer)


@asynccontextmanager
async def forwarding() -> AsyncIterator[Forwarder]:
    made = Forwarder()
    listening = await asyncio.start_server(made.lead, "127.0.0.1", 0)
    made.port = listening.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        made.cut()
        listening.close()


async def at_rest(around: Around) -> int:
    """How many polls there were, once what had begun has ended: none more while the worker had its turn again and again."""
    seen, quiet = len(around.polls), 0
    while quiet < 5:
        await asyncio.sleep(0.2)
        quiet = quiet + 1 if len(around.polls) == seen else 0
        seen = len(around.polls)
    return seen


def gives(call: PollMetrics) -> Polled:
    """One stretch that goes on for ever; each poll moves the place."""
    known = call.open[0].since if call.open else NOW
    subject = Subject(kind="Node", provider_id="i-1")
    stretch = Stretch(subject=subject, metric=Metric.DISK, since=known, last=NOW, percent=91, digest="e")
    return Polled(symptoms=(), open=(stretch,), until=(call.since or NOW) + timedelta(minutes=1), series=1)


async def started(folder: Path, between: Forwarder) -> DevServer:
    server = await DevServer.start(DevServerOptions(folder=folder, keep=True, ui=False))
    between.to = int(server.address.rpartition(":")[2])
    return server


@pytest.mark.claim("C-409")
async def test_fault_19_polls_stop_while_temporal_is_down_and_go_on_where_they_were(tmp_path: Path) -> None:
    around = Around()
    around.gives = gives
    converter = data_converter(KeyRing((PayloadKey(b"k" * 32),)))
    async with forwarding() as between:
        server = await started(tmp_path, between)
        try:
            client = await Client.connect(f"127.0.0.1:{between.port}", namespace=NAMESPACE, data_converter=converter)
            async with working(client, around):
                poll = Polling(client, around)
                await poll.follow(CloudSource.AWS, every=EVERY)
                await until(lambda: len(around.polls) >= 3, "three polls")
                await until_so(poll.at_rest, "no poll is under way")
                await server.kill()
                between.cut()
                before = await at_rest(around)
                await asyncio.sleep(DOWN)
                assert len(around.polls) == before, "nothing new starts"
                enough = asyncio.Event()

                def again(call: PollMetrics) -> Polled:
                    if len(around.polls) >= before + 3:
                        enough.set()
                    return gives(call)

                around.gives = again
                server = await started(tmp_path, between)
                # One whose answer was lost is done again after its deadline; until then the Schedule starts no other.
                async with asyncio.timeout((POLL_METRICS.deadline + timedelta(seconds=30)).total_seconds()):
                    await enough.wait()
                after = around.polls[before + 1]
                assert after.since is not None, "where they were"
                assert after.since > NOW
                assert [one.since for one in after.open] == [NOW]
                await poll.follow()
        finally:
            await server.stop()
