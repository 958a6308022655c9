"""What a channel to people outside is: it takes a notice made ready, and says by what name it keeps it.

Comes after `told.py`; the files of the channels implement it, `page.py` delivers. Whether something has been delivered before is
not a channel's to know: `sent.py` keeps that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from activities.notify.told import Told
from byteport.contracts.channels import ChannelKind

SECONDS = 20.0
"""For one delivery, its secrets and its connection included; less than the activity's own deadline."""


@dataclass(frozen=True)
class Taken:
    """What a channel answered."""

    ref: str = ""
    """Under what name it keeps the message, for what follows in the same incident; empty where it tells none."""
    said: str = ""
    """One line of ours for `byteport notify test`."""


class Channel(Protocol):
    """One way to people outside of the cluster."""

    @property
    def kind(self) -> ChannelKind: ...

    @property
    def first_rung(self) -> int:
        """The lowest rung of which it hears; of an incident's end it hears in any case."""

    async def deliver(self, message: Told, earlier: str) -> Taken:
        """Deliver once more, without asking whether it was before. `earlier` is the `ref` of the incident's first message.

        Raises `Throttled` and `Unavailable` where trying again may help, `NotPermitted`, `ConfigError` and `PermanentError`
        where a person must mend something first.
        """
