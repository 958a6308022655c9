"""What was delivered, asked in time: of the disk, and while that does not answer, of what this process knows.

Comes after `sent.py` and `volume.py`, before `page.py`. To tell people twice is better than not at all: while the volume hangs, a
notice that only the disk knows to be delivered (from before a restart) goes once more.
"""

from __future__ import annotations

import logging
from functools import partial

from activities.notify.sent import Sent
from activities.notify.volume import Volume
from byteport.errors import Unavailable

logger = logging.getLogger("byteport.notify")


class Remembered:
    """Keyed by channel and notice."""

    def __init__(self, sent: Sent) -> None:
        self._sent = sent
        self._volume = Volume()

    async def has(self, channel: str, key: str) -> bool:
        """Whether that channel has taken the notice, as far as can be told now."""
        try:
            return await self._volume.ask(partial(self._sent.has, channel, key))
        except Unavailable as error:
            self._warn(error)
            return self._sent.recalls(channel, key)

    async def first(self, channel: str, incident_id: str) -> str:
        """What that channel calls the first message of the incident; empty where that cannot be told, or there is none."""
        try:
            return await self._volume.ask(partial(self._sent.first, channel, incident_id))
        except Unavailable as error:
            self._warn(error)
            return self._sent.recalled_first(channel, incident_id)

    async def write(self, channel: str, key: str, incident_id: str, ref: str) -> None:
        """Remember, here at once, on the disk as soon as it takes it."""
        self._sent.hold(channel, key, incident_id, ref)
        try:
            await self._volume.ask(self._sent.flush)
        except Unavailable as error:
            self._warn(error)

    def _warn(self, error: Unavailable) -> None:
        logger.warning("%s: %s; what has been told is remembered by this process alone", self._sent.path, error.message)
