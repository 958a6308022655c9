"""What a face answered, told to whoever serves it to Prometheus; the face itself knows no meter.

Stands between `guard` and what a face counts by itself; `workers/door_metrics.py` is who is told.
"""

from __future__ import annotations

from collections.abc import Callable

from byteport.serving.guard import Counts

Told = Callable[[int, str | None], None]
"""Hears the status of each answer, and the code by which a request was refused."""


def nobody(status: int, code: str | None) -> None:
    """Where nothing is served to Prometheus."""


class Metered:
    """Counts as `beside` does, and tells."""

    def __init__(self, beside: Counts, told: Told) -> None:
        self._beside = beside
        self._told = told

    def answered(self, method: str, status: int, code: str | None) -> None:
        self._beside.answered(method, status, code)
        self._told(status, code)
