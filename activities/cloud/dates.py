"""A source's own clock, from the `Date` of its answer: what its values are judged by. Comes before every source's own file."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST = 64


def time_said(date: str | None) -> datetime | None:
    """With its zone, UTC where none is said; None for what is no date of HTTP's."""
    try:
        said = parsedate_to_datetime((date or "")[:LONGEST])
        return said.replace(tzinfo=UTC) if said.tzinfo is None else said.astimezone(UTC)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
