"""The one clock of the activities, as a dependency: every age and every lease is compared with what it says.

`workers/wiring.py` passes `utc_now`, or a simulated cluster's own clock, so that an object's age and the agent's idea
of now have one source.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the present moment, with a zone."""


def utc_now() -> datetime:
    return datetime.now(UTC)
