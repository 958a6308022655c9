"""NOTIFY: one notice to each channel of its rung, once per key. It does not decide who is told, or when.

Comes after `workflows/phases/escalate.py` and the gate; the channels of this installation are given by the worker. Each is
delivered to beside the others, and none waits for another: a chat that is down keeps no pager from ringing. An attempt that
follows tries only those that failed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol
from weakref import WeakValueDictionary

from temporalio import activity

from activities.notify.channel import SECONDS, Channel, Taken
from activities.notify.remembered import Remembered
from activities.notify.sent import Sent
from activities.notify.told import Told, told
from activities.performs import performs
from byteport.contracts.channels import ChannelKind, Routes
from byteport.contracts.people import NOTIFY, Delivered, Notice, Undelivered
from byteport.errors import BytePortError, TemporaryError, Unavailable

PATIENCE = 4
"""Attempts in which a channel that fails is tried again, though another one has told people. Then the ladder goes on."""
WORTH_WAITING = timedelta(seconds=30)
"""A channel that puts us off for longer is not waited for, where another one has told people: the ladder goes on."""
LONGEST_WAIT = timedelta(minutes=1)
"""However long all channels put us off, they are asked again after this: a page that has reached nobody is not given up."""

logger = logging.getLogger("byteport.notify")


class Local(Protocol):
    """A way to tell that needs no network: the file, the process's own log. Delivering a key twice is its business to avoid."""

    name: str

    async def deliver(self, notice: Notice) -> None:
        """Raises `Unavailable` when it could not be delivered and trying again may help."""


class Outside:
    """The channels that leave the cluster, which of them hear of which rung, and what they have taken already."""

    def __init__(self, channels: Sequence[Channel], routes: Routes, sent: Sent, page_url: str | None) -> None:
        self._channels = {channel.kind: channel for channel in channels}
        self._routes = routes
        self._sent = Remembered(sent)
        self._page_url = page_url
        self._one_at_a_time: WeakValueDictionary[tuple[ChannelKind, str], asyncio.Lock] = WeakValueDictionary()
        """Of a channel and an incident, while something of it is told: a slow answer about one keeps no other waiting."""

    async def tell(self, notice: Notice) -> dict[str, Taken | BytePortError]:
        """What each channel that is to hear of it has answered, now or before; empty where none is to."""
        message = told(notice, self._page_url)
        hearing = self._hearing(message)
        answers = await asyncio.gather(*(self._once(channel, message) for channel in hearing))
        return dict(zip((channel.kind.value for channel in hearing), answers, strict=True))

    def _hearing(self, message: Told) -> list[Channel]:
        """Of an ending all hear, since each may have heard of the incident on some rung."""
        if message.ending is not None:
            return list(self._channels.values())
        hearing = [self._channels[kind] for kind in self._routes.of(message.rung)]
        return [channel for channel in hearing if channel.first_rung <= message.rung]

    async def _once(self, channel: Channel, message: Told) -> Taken | BytePortError:
        """One channel, unless it has taken this notice before. An attempt that overlaps another waits for its end."""
        name = channel.kind.value
        alone = self._one_at_a_time.setdefault((channel.kind, message.incident_id), asyncio.Lock())
        try:
            async with asyncio.timeout(SECONDS), alone:
                if await self._sent.has(name, message.key):
                    return Taken(said="delivered before")
                earlier = await self._sent.first(name, message.incident_id)
                taken = await channel.deliver(message, earlier)
                await self._sent.write(name, message.key, message.incident_id, taken.ref)
                return taken
        except TimeoutError:
            return Unavailable(f"{name}: nothing was heard for {SECONDS:.0f} s")
        except BytePortError as error:
            return error
        except Exception as error:  # a mistake of ours in one channel must not keep another from paging
            logger.exception("%s failed", name)
            return BytePortError(f"{name}: {type(error).__name__}; the worker's log has it")


class Pager:
    """Tells people by every way there is."""

    def __init__(self, local: Sequence[Local], outside: Outside | None = None) -> None:
        self._local = tuple(local)
        self._outside = outside

    @performs(NOTIFY)
    async def page(self, call: Notice) -> Delivered:
        attempt = activity.info().attempt
        beyond = asyncio.ensure_future(self._tell_outside(call))
        try:
            here = [(one.name, await _here(one, call)) for one in self._local]
        finally:
            outside = await beyond
        answers = [*here, *outside.items()]
        failed = [(name, answer) for name, answer in answers if isinstance(answer, BytePortError)]
        reached = any(isinstance(answer, Taken) for answer in outside.values()) if outside else not failed
        again = not reached or (attempt < PATIENCE and any(_passes_soon(error) for _, error in failed))
        if failed and (attempt == 1 or not again):
            for name, error in failed:
                logger.warning("%s cannot tell people: %s", name, error.message)
        if again:
            raise _again(failed)
        return Delivered(
            channels=tuple(name for name, answer in answers if isinstance(answer, Taken)),
            failed=tuple(Undelivered(channel=name, code=error.code) for name, error in failed),
        )

    async def _tell_outside(self, call: Notice) -> dict[str, Taken | BytePortError]:
        return {} if self._outside is None else await self._outside.tell(call)


async def _here(one: Local, notice: Notice) -> Taken | BytePortError:
    try:
        await one.deliver(notice)
    except BytePortError as error:
        return error
    return Taken()


def _passes_soon(error: BytePortError) -> bool:
    return isinstance(error, TemporaryError) and (error.delay is None or error.delay <= WORTH_WAITING)


def _again(failed: Sequence[tuple[str, BytePortError]]) -> Unavailable:
    """One error for all: tried again as soon as the first of them allows, and also where a person must mend a setting."""
    delays = [error.delay if isinstance(error, TemporaryError) else None for _, error in failed]
    known = [delay for delay in delays if delay is not None]
    delay = min(max(min(known), timedelta(seconds=1)), LONGEST_WAIT) if len(known) == len(delays) else None
    return Unavailable("not everybody could be told: " + ", ".join(sorted({name for name, _ in failed})), delay)
