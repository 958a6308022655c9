"""Times as people type them: one that no record can have is a mistake of theirs, and never an error of ours."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from byteport.errors import MalformedInput

YEARS = range(1970, 9999)
"""In which a record can have a time."""


def parse_time(option: str, text: str, *, zone: tzinfo | None = None) -> datetime:
    """`text` as a time in UTC; one without a zone is of `zone`, where there is one. Raises `MalformedInput`."""
    example = "2026-03-10T09:00:00Z" if zone is None else "2026-03-10 or 2026-03-10T09:00:00Z"
    wrong = MalformedInput(option, f"write a time{' with its zone' if zone is None else ''}, as in {example}")
    try:
        at = datetime.fromisoformat(text)
        at = at if at.tzinfo is not None or zone is None else at.replace(tzinfo=zone)
        if at.tzinfo is None:
            raise wrong
        at = at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise wrong from None
    if at.year not in YEARS:
        raise wrong
    return at
