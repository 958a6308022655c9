"""What the parts of the memory runbook say to one another: one finding, and the shares that decide.

Between `memory_pressure_node.py`, `memory_pressure_findings.py` and `memory_pressure.py`.
"""

from __future__ import annotations

from datetime import timedelta

from byteport.domain.base import Frozen
from byteport.domain.reasons import Cause, Reason

RAISES = 0.90
"""The settings' default: from so much of its limit on a container is looked at."""
DECIDES = 0.92
"""From so much of its limit on, its memory is the cause."""
WELL = 0.85
"""Below so much of its limit it is well again."""
HELD = timedelta(seconds=90)
"""How long it must have been so."""
LOOK_AGAIN = 60
"""Seconds after which another sample tells more: four windows of the metrics API's default."""
PATIENCE = timedelta(minutes=20)
"""Samples over so long that show no trend will show none."""


class Finding(Frozen):
    """One cause, why nothing may be done or not yet, and what a person must look at."""

    cause: Cause
    reasons: tuple[Reason, ...] = ()
    culprit: str = ""
    silent: bool = False
    look_again_seconds: int | None = None
