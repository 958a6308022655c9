"""The two shapes every word of the domain has: a frozen model, and an enum whose values are the words themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time needs a zone; write it as 2026-03-10T09:00:00Z")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time lies before the year 1 or after the year 9999") from None


Instant = Annotated[datetime, AfterValidator(_aware)]
"""A point in time, always UTC."""


class Frozen(BaseModel):
    """An immutable value that refuses unknown fields: what is not modelled is a mistake, not an extra."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_enum_values=False)


def whole(value: object) -> object:
    """Before a number is read: yes and no are none, though Python takes them for 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("write a number, not yes or no")
    return value
