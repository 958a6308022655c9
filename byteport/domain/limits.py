"""How often the agent may act: the limits and freeze windows that the ledger holds it to.

Config of the ledger, checked in the same transaction that reserves an act. Every act counts, whatever came of it; an
inverse counts but is not held back, since it ends what has begun. A person's yes passes a limit or a freeze only when
the request that they answered named it as a reason.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, model_validator

from byteport.domain.base import Frozen, Instant

PerHour = Annotated[int, Field(ge=0, le=100_000)]


def concerns(namespaces: frozenset[str], namespace: str) -> bool:
    """Whether a freeze of `namespaces` (empty: all) holds in `namespace`; a node has none, and carries pods of any."""
    return not namespaces or not namespace or namespace in namespaces


class FreezeWindow(Frozen):
    """A time in which nothing is done without a person's yes."""

    start: Instant
    end: Instant
    namespaces: frozenset[str] = frozenset()
    """Empty: all of them. A node is frozen with any."""

    @model_validator(mode="after")
    def _in_order(self) -> FreezeWindow:
        if self.end <= self.start:
            raise ValueError("a freeze window ends after it starts")
        return self

    def covers(self, namespace: str, now: datetime) -> bool:
        return self.start <= now < self.end and concerns(self.namespaces, namespace)


class RecurringFreeze(Frozen):
    """A freeze that comes again, such as every weekend: `{cron: "0 17 * * FRI", timezone: Europe/Berlin, hours: 62}`."""

    cron: Annotated[str, Field(min_length=9, max_length=200)]
    """When it begins, in five fields as crontab(5) has them, on the clocks of `timezone`."""
    timezone: Annotated[str, Field(min_length=1, max_length=64)]
    """IANA name, such as `Europe/Berlin`; no default, because one that is wrong by an hour is worse than none."""
    hours: Annotated[float, Field(gt=0, le=31 * 24)]
    """How long it lasts. Where the clocks change in between it ends by the wall clock or after so many real hours, whichever is later."""
    namespaces: frozenset[str] = frozenset()
    """Empty: all of them. A node is frozen with any."""


def _which(value: Any) -> str:
    if isinstance(value, RecurringFreeze) or (isinstance(value, dict) and value.keys() & {"cron", "timezone", "hours"}):
        return "recurring"
    return "once"


FREEZE_TAGS = ("once", "recurring")
"""How a validation error tells the two kinds apart; no part of a setting's name."""
Freeze = Annotated[
    Annotated[FreezeWindow, Tag("once")] | Annotated[RecurringFreeze, Tag("recurring")], Discriminator(_which)
]


class Limits(Frozen):
    """Bounds on what is done in an hour, and on going on when it does not help."""

    per_target_per_hour: PerHour = 3
    """Acts on one workload within an hour. Default: a third that is needed says that acting does not help."""
    per_namespace_per_hour: PerHour = 10
    """Acts in one namespace within an hour. Default: more at once is an outage, and a person's."""
    per_cluster_per_hour: PerHour = 30
    """Acts in the whole cluster within an hour. Default: three busy namespaces."""
    not_again_seconds: Annotated[int, Field(ge=0, le=30 * 86400)] = 86400
    """How long a fix that did not hold keeps the same runbook from trying alone on the same target. A later success ends it."""
    failures_in_a_row: Annotated[int, Field(ge=1, le=1000)] = 3
    """So many failed verifications in a row, on whatever targets, stop a runbook from acting alone for `not_again_seconds`."""
    freezes: tuple[Freeze, ...] = ()
    """Times (`start`, `end`, `namespaces`, or `cron`, `timezone`, `hours`, `namespaces`) in which nothing is done without a person's yes; a node is frozen with any namespace. Default: none."""


class StormRule(Frozen):
    """When many targets in trouble at once are one trouble: `auto` pauses, and one page goes out for all."""

    targets: Annotated[int, Field(ge=2, le=100_000)] = 5
    """So many at least. Default: fewer are told one by one."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Of all workloads of the enabled namespaces. Default: every fifth."""
    common_targets: Annotated[int, Field(ge=2, le=100_000)] = 5
    """So many that share a node, zone, registry or dependency are a storm whatever the share. Default: as `targets`."""
    window_seconds: Annotated[int, Field(ge=10, le=86400)] = 600
    """Troubles that began within this time of each other count together."""
    calm_seconds: Annotated[int, Field(ge=1, le=86400)] = 600
    """So long below half of the threshold, and the storm is over."""

    def halved(self) -> StormRule:
        """What is less than this is calm."""
        half = {"targets": self.targets / 2, "share": self.share / 2, "common_targets": self.common_targets / 2}
        return self.model_copy(update=half)
