"""FILE_POSTMORTEM: one postmortem, in the place that the settings name, once per incident however often it is asked for.

Comes after `workflows/postmortem.py`; before `file.py` and `github.py`, of which the worker gives one.
"""

from __future__ import annotations

from typing import Protocol

from activities.performs import performs
from byteport.contracts.postmortems import FILE_POSTMORTEM, Filed
from byteport.domain.postmortems import Postmortem
from byteport.errors import ConfigError

TARGET = "postmortem.target"


class Place(Protocol):
    """Where postmortems lie."""

    async def file(self, told: Postmortem) -> Filed:
        """Where it lies, now or since an earlier time. Raises `Throttled` and `Unavailable` where trying again may help,
        `NotPermitted`, `ConfigError` and `PermanentError` where a person must mend something first."""


class Postmortems:
    """What the queue `notify` serves besides the pages."""

    def __init__(self, place: Place | None) -> None:
        self._place = place

    @performs(FILE_POSTMORTEM)
    async def file(self, call: Postmortem) -> Filed:
        if self._place is None:
            raise ConfigError(TARGET, "this process files no postmortems; set it where the notify process reads it")
        return await self._place.file(call)
