"""Requests out of the API server's audit log: stages put together, and how much time the log speaks for.

A log is far larger than what concerns one account, so only requests by which that account may have changed something,
and requests that carry the id of one of its acts, are kept; of all others only the times, which tell from when to when
the log speaks, and where it is silent. Comes after `apiserver`; `matching` judges what is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from byteport.audit.apiserver import BadLine, Event
from byteport.domain.base import Frozen, Instant

SILENCE = timedelta(minutes=10)
"""So long an API server of a living cluster is never without a request that its log has."""
SWITCHING = 101
"""What a command in a container is answered when it has begun."""
READS = frozenset({"get", "list", "watch", "head", "options"})
CONNECTS = frozenset({"exec", "attach", "portforward", "proxy"})
"""Subresources through which anything can be done, by whatever verb."""


def is_read(event: Event) -> bool:
    """Whether the request only reads, by its verb and by where it is sent."""
    return event.verb in READS and event.subresource not in CONNECTS


class Effect(StrEnum):
    """What the answer says of a request."""

    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """Failed inside the API server, or no answer is logged: it may have taken effect."""


class Span(Frozen):
    """A stretch of time."""

    first: Instant
    last: Instant


@dataclass
class Request:
    """One request, by the first line that told of it."""

    event: Event
    codes: set[int] = field(default_factory=set)
    told: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often each file tells of each stage."""

    @property
    def times(self) -> int:
        """How often one file tells of the same: an API server writes each stage once. Files may overlap."""
        return max(self.told.values(), default=1)

    @property
    def effect(self) -> Effect:
        if any(code == SWITCHING or 200 <= code < 300 for code in self.codes):
            return Effect.DONE
        refused = bool(self.codes) and all(300 <= code < 500 for code in self.codes)
        return Effect.REFUSED if refused else Effect.UNKNOWN


class Requests:
    """What was read of all files."""

    def __init__(self, account: str, audit_ids: Collection[str]) -> None:
        self._account = account
        self._ids = audit_ids
        self._kept: dict[tuple[object, ...], Request] = {}
        self._spans: list[tuple[datetime, datetime]] = []
        self.bad: list[BadLine] = []
        self.lines = 0
        self.of_account = 0
        """Events of the account, reads too: none at all means that this log leaves it out, or is another cluster's."""

    def take(self, file: Iterable[Event | BadLine]) -> None:
        """All of one file, in its order."""
        span: tuple[datetime, datetime] | None = None
        for seen in file:
            self.lines += 1
            if isinstance(seen, BadLine):
                self.bad.append(seen)
                continue
            span = self._heard(span, seen.logged)
            ours = self._account in (seen.user, seen.through)
            self.of_account += ours
            if seen.audit_id in self._ids or (ours and not is_read(seen)) or self._account == seen.through:
                self._keep(seen)
        if span is not None:
            self._spans.append(span)

    def all(self) -> list[Request]:
        """In the order in which they came in."""
        return sorted(self._kept.values(), key=lambda one: (one.event.received, one.event.at.file, one.event.at.line))

    def spans(self) -> list[Span]:
        """What the log speaks for, in order; between two of them it is silent."""
        joined: list[tuple[datetime, datetime]] = []
        for first, last in sorted(self._spans):
            if joined and first - joined[-1][1] <= SILENCE:
                joined[-1] = (joined[-1][0], max(joined[-1][1], last))
            else:
                joined.append((first, last))
        return [Span(first=first, last=last) for first, last in joined]

    def _heard(self, span: tuple[datetime, datetime] | None, at: datetime) -> tuple[datetime, datetime]:
        if span is None:
            return at, at
        if span[0] - SILENCE <= at <= span[1] + SILENCE:
            return min(span[0], at), max(span[1], at)
        self._spans.append(span)
        return at, at

    def _keep(self, event: Event) -> None:
        who, what = (event.user, event.through), (event.verb, event.group, event.resource, event.subresource)
        key = (event.audit_id, event.received, who, what, event.namespace, event.name, event.query)
        request = self._kept.setdefault(key, Request(event))
        request.told[event.stage, event.at.file] += 1
        if event.code is not None:
            request.codes.add(event.code)
        if not request.event.uids:
            request.event = request.event._replace(uids=event.uids)
