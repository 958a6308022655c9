"""NOTIFY: one notice to every configured channel, once per key. It does not decide who is told, or when.

Comes after `workflows/phases/escalate.py` and the gate; the channels of this installation are given by the worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from activities.performs import performs
from byteport.contracts.people import NOTIFY, Delivered, Notice


class Channel(Protocol):
    """One way to people. Delivering the same key twice is the channel's business to avoid."""

    name: str

    async def deliver(self, notice: Notice) -> None:
        """Raises `Unavailable` when it could not be delivered and trying again may help."""


class Pager:
    """Delivers to each channel in turn; a retry after a partial delivery relies on the channels' idempotence."""

    def __init__(self, channels: Sequence[Channel]) -> None:
        self._channels = tuple(channels)

    @performs(NOTIFY)
    async def page(self, call: Notice) -> Delivered:
        for channel in self._channels:
            await channel.deliver(call)
        return Delivered(channels=tuple(channel.name for channel in self._channels))
