"""Requests out of the API server's audit log: stages put together, and how much time the log speaks for.

A log is far larger than what concerns one account, so only requests by which that account may have changed something,
and requests that carry the id of one of its acts, are kept; of all others only the times (`silence`). However large a log
is and whatever is in it, what is kept is bounded: beyond it is counted. Comes after `apiserver`; `matching` judges.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from byteport.audit.apiserver import NEW_EVENT, BadLine, Event, Flaw
from byteport.audit.silence import Heard

MOST_KEPT = 100_000
"""Requests that are kept; of those with an act's id, twice as many."""
MOST_TOLD = 1000
"""Findings of one kind that are told one by one; all are counted."""
SWITCHING = 101
"""What a command in a container is answered when it has begun."""
READS = frozenset({"get", "list", "watch", "head", "options"})
CONNECTS = frozenset({"exec", "attach", "portforward", "proxy"})
"""Subresources through which anything can be done, by whatever verb."""
REVIEWS = frozenset({"authorization.k8s.io", "authentication.k8s.io"})
OWN_GROUPS = REVIEWS | {
    *("", "admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "apps", "autoscaling"),
    *("batch", "certificates.k8s.io", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io"),
    *("flowcontrol.apiserver.k8s.io", "networking.k8s.io", "node.k8s.io", "policy", "rbac.authorization.k8s.io"),
    *("scheduling.k8s.io", "storage.k8s.io"),
}
"""Served by the API server itself. An extension's own server may do as it likes, and answer as it likes."""


def is_read(event: Event) -> bool:
    """Whether the request only reads, by its verb and by where it is sent."""
    return event.verb in READS and event.subresource not in CONNECTS


def is_review(event: Event) -> bool:
    """A create that is only answered, and stores nothing."""
    return event.verb == "create" and event.group in REVIEWS and event.resource.endswith("reviews")


def answers_for_itself(event: Event) -> bool:
    """Whether a refusal is the API server's own, of the whole request.

    Through a proxy, and from an extension's server, the answer is whoever's stands behind it, who may have done what was
    asked and answered anything. The deletion of a collection may fail halfway.
    """
    through = event.subresource == "proxy" or event.group not in OWN_GROUPS or not event.resource
    return not through and event.verb not in ("deletecollection", "proxy")


class Effect(StrEnum):
    """What the answer says of a request."""

    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """Failed inside the API server, or no answer is logged: it may have taken effect."""


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
        certain = self.event.forbidden or answers_for_itself(self.event)
        return Effect.REFUSED if refused and certain else Effect.UNKNOWN

    def take(self, event: Event) -> None:
        """One more line of it: whatever an earlier one did not show."""
        self.told[event.stage, event.at.file] += 1
        if event.code is not None:
            self.codes.add(event.code)
        known = self.event
        self.event = known._replace(
            name=known.name or event.name,
            uids=known.uids or event.uids,
            asked=event.asked if known.asked is None else known.asked,
            forbidden=known.forbidden or event.forbidden,
        )


class Requests:
    """What was read of all files."""

    def __init__(self, account: str, audit_ids: Collection[str], idle: Callable[[Event], bool]) -> None:
        """`idle` says which requests change nothing, whatever they are answered, and are what our account sends by design."""
        self._account = account
        self._ids = audit_ids
        self._idle = idle
        self._kept: dict[tuple[object, ...], Request] = {}
        self.heard = Heard()
        self.bad: list[BadLine] = []
        """The first of each kind."""
        self.bad_lines: Counter[Flaw] = Counter()
        self.beyond = 0
        """Lines of requests that were not kept, since there are too many."""
        self.lines = 0
        self.of_account = 0
        """Events of the account, reads too: none at all means that this log leaves it out, or is another cluster's."""

    def take(self, file: Iterable[Event | BadLine]) -> None:
        """All of one file, in its order."""
        for seen in file:
            self.lines += 1
            if isinstance(seen, BadLine):
                self._unreadable(seen)
                continue
            self.heard.add(seen.logged)
            ours = self._account in (seen.user, seen.through)
            self.of_account += ours
            if seen.audit_id in self._ids or (ours and (seen.through == self._account or not self._idle(seen))):
                self._keep(seen)

    def all(self) -> list[Request]:
        """In the order in which they came in."""
        return sorted(self._kept.values(), key=lambda one: (one.event.received, one.event.at.file, one.event.at.line))

    def _unreadable(self, line: BadLine) -> None:
        self.bad_lines[line.flaw] += 1
        if self.bad_lines[line.flaw] <= MOST_TOLD:
            self.bad.append(line)

    def _keep(self, event: Event) -> None:
        if event.verb == "patch" and event.audit_id not in self._ids:
            event = event._replace(asked=None)
        who, what = (event.user, event.through), (event.verb, event.group, event.resource, event.subresource)
        name = "" if what == NEW_EVENT else event.name
        key = (event.audit_id, event.received, who, what, event.namespace, name, event.query)
        request = self._kept.get(key)
        if request is None:
            if len(self._kept) >= MOST_KEPT * (1 + (event.audit_id in self._ids)):
                self.beyond += 1
                return
            request = self._kept[key] = Request(event)
        request.take(event)
