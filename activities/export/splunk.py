"""Splunk's HTTP Event Collector: batches of events, each of them a record.

Comes after `guarded.py` and `splunk_answers.py`. A record counts as shipped once the collector has answered with its code 0, and,
where its token has indexer acknowledgement switched on, once the indexers have said that they hold it: the collector's
yes is given before anything is stored. Nothing less does, whatever the status: a page that some proxy puts in between is
no yes.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from activities.clock import Clock, utc_now
from activities.export.answers import Asked
from activities.export.guarded import GuardedClient
from activities.export.requests import Request
from activities.export.splunk_answers import SIZE, TOKEN, URL, Refused, ack_id, acknowledged, taken
from activities.export.target import Batch, Share, Shipped, checkpoint_line, lines_of
from byteport.contracts.stream_receivers import SplunkConfig
from byteport.errors import BytePortError, ConfigError, TemporaryError, Unavailable
from byteport.trust.key_files import read_private_file

EVENTS = Asked("splunk: events", url=URL, credential=TOKEN, size=SIZE)
ACKS = Asked("splunk: acknowledgements", url=URL, credential=TOKEN)
POLL_SECONDS = 1.0
_TOKEN = re.compile(r"[!-~]{1,512}")


@dataclass(frozen=True)
class _Event:
    text: bytes
    seq: int


@dataclass(frozen=True)
class _Sent:
    """A body that the collector took; `last` is its last event's number."""

    last: int
    ack: int | None


class Splunk:
    """Sends to one collector with one token."""

    name = "splunk"

    def __init__(
        self, config: SplunkConfig, *, ca_file: Path | None = None, proxy: str | None = None, clock: Clock = utc_now
    ) -> None:
        """Raises `ConfigError` for a setting that is missing; the token is read at every batch."""
        if config.url is None:
            raise ConfigError(URL, "must be set where audit.export.target names splunk")
        if config.token_file is None:
            raise ConfigError(TOKEN, "must be set where audit.export.target names splunk")
        self._config = config
        self._root = config.url.rstrip("/")
        self._token_file = config.token_file
        self._clock = clock
        self._channel = str(uuid.uuid4())
        self._client = GuardedClient(config.url, ca_file=ca_file, proxy=proxy, clock=clock)

    async def close(self) -> None:
        await self._client.close()

    async def ship(self, batch: Batch) -> Shipped:
        secrets = {"Authorization": f"Splunk {self._token()}"}
        events = [*self._events(batch)]
        if not events:
            return Shipped(batch.last)
        sent: list[_Sent] = []
        failed: BytePortError | None = None
        share = Share()
        for body in _cut(events, self._config.batch_bytes):
            try:
                sent.append(await self._send(body, secrets))
            except BytePortError as error:
                failed = error
                break
            if sent[-1].last < body[-1].seq or share.over:
                break
        held = await self._held(sent, secrets)
        if held < events[0].seq:
            raise failed or Unavailable("splunk: events: the indexers do not say that they hold them")
        return Shipped(min(held, batch.last), checkpoint=batch.checkpoint is not None and held > batch.last)

    def _events(self, batch: Batch) -> Iterator[_Event]:
        """Each record, and behind them the checkpoint, as if it were one more."""
        kept = {
            "host": batch.chain.cluster_uid,
            "source": self._config.source,
            "sourcetype": self._config.sourcetype,
            **({} if self._config.index is None else {"index": self._config.index}),
        }
        for line in lines_of(batch):
            at = {} if line.at is None else {"time": line.at.timestamp()}
            yield _Event(_event(line.text, {**kept, **at}), line.seq)
        if batch.checkpoint is not None:
            yield _Event(_event(checkpoint_line(batch.checkpoint), kept), batch.last + 1)

    async def _send(self, events: Sequence[_Event], secrets: Mapping[str, str]) -> _Sent:
        """What the collector took of `events`: all, or what comes before one that it does not take.

        Of a body with such an event in it nobody says what became of those before, so they go once more by themselves.
        Raises the collector's refusal where nothing comes before.
        """
        try:
            return await self._post(events, secrets)
        except Refused as refused:
            before = refused.event or 0
            if not 0 < before < len(events):
                raise refused.error from None
        try:
            return await self._post(events[:before], secrets)
        except Refused as refused:
            raise refused.error from None

    async def _post(self, events: Sequence[_Event], secrets: Mapping[str, str]) -> _Sent:
        body = b"\n".join(event.text for event in events)
        headers = {"Content-Type": "application/json", **self._in_channel()}
        if self._config.gzip:
            body, headers["Content-Encoding"] = gzip.compress(body, mtime=0), "gzip"
        request = Request("POST", f"{self._root}/services/collector/event", body, headers, secrets)
        answer = await self._client.ask(request, EVENTS)
        said = taken(EVENTS, answer, self._clock())
        return _Sent(events[-1].seq, ack_id(said) if self._config.acknowledged else None)

    async def _held(self, sent: Sequence[_Sent], secrets: Mapping[str, str]) -> int:
        """The last event up to which everything is held; 0 for none."""
        waiting = {one.ack for one in sent if one.ack is not None}
        ends = asyncio.get_running_loop().time() + self._config.acknowledge_seconds
        while waiting:
            waiting -= await self._acknowledged(waiting, secrets)
            if not waiting or asyncio.get_running_loop().time() >= ends:
                break
            await asyncio.sleep(POLL_SECONDS)
        last = 0
        for one in sent:
            if one.ack in waiting:
                break
            last = one.last
        return last

    async def _acknowledged(self, waiting: set[int], secrets: Mapping[str, str]) -> set[int]:
        body = json.dumps({"acks": sorted(waiting)}).encode("ascii")
        headers = {"Content-Type": "application/json", **self._in_channel()}
        request = Request("POST", f"{self._root}/services/collector/ack", body, headers, secrets)
        try:
            answer = await self._client.ask(request, ACKS)
            return acknowledged(ACKS, answer, self._clock(), waiting)
        except TemporaryError:  # asked again until the time is over
            return set()

    def _in_channel(self) -> dict[str, str]:
        return {"X-Splunk-Request-Channel": self._channel} if self._config.acknowledged else {}

    def _token(self) -> str:
        remedy = f"write the collector's token to {self._token_file} and run: chmod 600 {self._token_file}"
        token = read_private_file(self._token_file, TOKEN, remedy=remedy).strip()
        if not _TOKEN.fullmatch(token):
            raise ConfigError(TOKEN, f"{self._token_file} holds no token; {remedy}")
        return token


def _event(record: bytes, kept: Mapping[str, object]) -> bytes:
    """The record stands in it byte for byte."""
    return json.dumps(kept, ensure_ascii=True).encode("ascii").removesuffix(b"}") + b', "event": ' + record + b"}"


def _cut(events: Sequence[_Event], largest: int) -> Iterator[Sequence[_Event]]:
    """`events` in bodies of at most `largest` bytes; one that is longer by itself goes by itself."""
    first, size = 0, 0
    for at, event in enumerate(events):
        more = len(event.text) + 1
        if size and size + more > largest:
            yield events[first:at]
            first, size = at, 0
        size += more
    if first < len(events):
        yield events[first:]
