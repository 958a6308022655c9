"""What a look at an identity's rights at its source of metrics found, as names alone, and what each poll hands on of it.

Comes after the lists of rights (`cloud_rights.py`, `cloud_gcp_rights.py`, `cloud_azure_rights.py`); before `cloud.py`, which has the act
of a look and the polls that carry it on. While an identity has something of *what is never requested*, its source is not read.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field

from byteport.domain.base import Frozen, Instant

MOST_NAMED = 20
"""Permissions of a kind that are named; of the rest it is said how many they are. Each poll carries them on."""
LONGEST_NAME = 120
SOON = timedelta(minutes=5)
"""Between two looks while the source is refused, and the least after one that was not answered."""
ANY = "*"
"""Stands among what cannot be told for all that was not told: a source may not have listed everything that an identity holds."""
LATE_INTERVALS = 3
"""A look that was answered so many intervals ago counts as none."""


def _is_not(value: object) -> bool:
    return value is False


class RightsDifference(StrEnum):
    """How what an identity may do differs from its policy."""

    MISSING = "missing"
    NEVER_REQUESTED = "never_requested"
    """In excess, and of what is never requested: the source is not read."""
    IN_EXCESS = "in_excess"
    """More than the policy, and none of that."""


def named(permission: str) -> str:
    """As it may be shown: whoever writes a cloud's roles chooses some of these words."""
    plain = "".join(char if char.isascii() and char.isprintable() else "?" for char in permission[: LONGEST_NAME + 1])
    return plain if len(plain) <= LONGEST_NAME else plain[: LONGEST_NAME - 1] + "~"


class Named(Frozen):
    """Permissions of one kind."""

    names: Annotated[tuple[Annotated[str, Field(max_length=LONGEST_NAME)], ...], Field(max_length=MOST_NAMED)] = ()
    more: Annotated[int, Field(ge=0)] = 0
    """How many there are beside those that are named."""

    @classmethod
    def of(cls, permissions: Iterable[str]) -> Self:
        every = sorted({named(one) for one in permissions})
        return cls(names=tuple(every[:MOST_NAMED]), more=max(0, len(every) - MOST_NAMED))

    @property
    def number(self) -> int:
        return len(self.names) + self.more

    @property
    def text(self) -> str:
        more = (f"and {self.more} more",) if self.more else ()
        return ", ".join((*self.names, *more))


class RightsFound(Frozen):
    """What one look found; all empty but `untold` where the identity has exactly the rights of its policy."""

    missing: Named = Named()
    never_requested: Named = Named()
    in_excess: Named = Named()
    untold: Named = Named()
    """Of these it cannot be told; they are nobody's mistake."""

    @property
    def refuses(self) -> bool:
        """Whether the source is not read until that is mended."""
        return self.never_requested.number > 0

    @property
    def amiss(self) -> tuple[tuple[RightsDifference, Named], ...]:
        """What differs, the worst first; those of which there is nothing are left out."""
        every = (
            (RightsDifference.NEVER_REQUESTED, self.never_requested),
            (RightsDifference.MISSING, self.missing),
            (RightsDifference.IN_EXCESS, self.in_excess),
        )
        return tuple((what, found) for what, found in every if found.number)


class LookedAt(Frozen):
    """The last look that was answered, as one poll hands it to the next. All times by our clock."""

    at: Instant
    found: RightsFound
    again_at: Instant
    """When it is looked at again: sooner after one that refuses, or that was not answered."""
    put_off: Annotated[bool, Field(exclude_if=_is_not)] = False
    """Whether that is so because a later look was not answered."""
    amiss_since: Instant | None = None
    """When something was first found amiss; None where nothing is, and nobody was told that something was."""
    told: RightsFound | None = None
    """What people know; None where they know of nothing amiss."""
    times: int = 0
    """How often they were told."""

    def is_due(self, now: datetime, *, every: timedelta) -> bool:
        """Whether to look again. By the interval and the clock of now: the one may have been a day, the other ahead, at the last look."""
        return now >= self.again_at or (not self.put_off and not self.at <= now < self.at + every)

    def is_late(self, now: datetime, *, every: timedelta) -> bool:
        """Whether it is too old to be believed: what is not looked at closes the way by itself."""
        return now >= self.at + LATE_INTERVALS * every

    @property
    def is_news(self) -> bool:
        """Whether people know of something else, or of nothing."""
        return self.found.amiss != (self.told.amiss if self.told is not None else ())

    def once_told(self) -> LookedAt:
        """The same, when people know."""
        if self.found.amiss:
            return self.model_copy(update={"told": self.found, "times": self.times + 1})
        return self.model_copy(update={"told": None, "amiss_since": None, "times": self.times + 1})


def answered(last: LookedAt | None, found: RightsFound, *, at: datetime, every: timedelta) -> LookedAt:
    """After a look that was answered at `at`, when the one before was `last`. What refused the source and cannot be told now stands."""
    found = found if last is None else _standing(last.found, found)
    again_at = at + (min(SOON, every) if found.refuses else every)
    if last is None:
        return LookedAt(at=at, found=found, again_at=again_at, amiss_since=at if found.amiss else None)
    since = (last.amiss_since or at) if found.amiss or last.told is not None else None
    return LookedAt(at=at, found=found, again_at=again_at, amiss_since=since, told=last.told, times=last.times)


def _standing(before: RightsFound, found: RightsFound) -> RightsFound:
    """Only what was seen to be gone is gone: a service that did not answer this time has taken nothing from anybody."""
    untold, had = set(found.untold.names), before.never_requested
    kept = [one for one in had.names if one in untold or ANY in untold]
    anew = len(untold - {*before.untold.names, *kept}) + max(0, found.untold.more - before.untold.more)
    if found.untold.more and anew:  # those that have no name here come after those that have one
        kept += [one for one in had.names if one not in kept and one > found.untold.names[-1]]
    more = had.more if ANY in untold else min(had.more, anew)  # what could not be told then either was not among them
    if not kept and not more:
        return found
    both = Named.of([*found.never_requested.names, *kept])
    unnamed = both.more + found.never_requested.more + more
    return found.model_copy(update={"never_requested": both.model_copy(update={"more": unnamed})})


def unanswered(last: LookedAt, *, at: datetime, delay: timedelta | None) -> LookedAt:
    """After a look at `at` that was not answered: what was found before stands. `delay` is what the source asks for."""
    return last.model_copy(update={"again_at": at + max(delay or SOON, SOON), "put_off": True})
