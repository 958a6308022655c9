"""What records of a time say together: what was fixed and how fast, what a person was needed for, and what did not hold.

One record after the other, in the order of the log, in memory that does not grow with it. Comes after `records.py`; `byteport report`
prints it. It judges nothing and verifies nothing: that is `verify.py`'s.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterable
from datetime import datetime

from byteport.audit.records import Record
from byteport.audit.words import Event, Result
from byteport.domain.base import Frozen, Instant

MOST_OPEN = 20_000
"""So many incidents or questions are remembered at a time, the newest; an older one is then counted as it was left."""
DIGITS = 3
"""To how many digits a number of seconds is kept."""
BETWEEN = ", "


class Times(Frozen):
    """Seconds, of so many."""

    count: int = 0
    p50: int | None = None
    p90: int | None = None
    longest: int | None = None


class OfRunbook(Frozen):
    """One runbook's part."""

    runbook: str
    fixed_alone: int = 0
    """Acts that nobody was asked about, and after which the target was well."""
    fixed_after_a_yes: int = 0
    did_not_help: int = 0
    """Acts after which it was not."""
    reverted: int = 0
    planned_only: int = 0
    """Plans that waited for an answer, in `dry_run` or with a caveat."""
    escalated: int = 0
    skipped: int = 0
    did_not_hold: int = 0
    """Repairs that were found broken when looked at again."""
    mttr: Times = Times()


class Refusal(Frozen):
    """Why something ended without an act that helped."""

    runbook: str
    reason: str
    count: int


class Answers(Frozen):
    """What people were asked, and how long it took them."""

    asked: int = 0
    approved: int = 0
    rejected: int = 0
    refused: int = 0
    """Answers that did not count: no approver, late, or for something else."""
    expired: int = 0
    """Nobody answered, or the request was taken back."""
    open: int = 0
    waited: Times = Times()
    """From the question to the first yes or no that counted."""


class NotHeld(Frozen):
    """One repair that did not hold."""

    at: datetime
    runbook: str
    target: str
    incident_id: str
    cause: str | None


class Unseen(Frozen):
    """What of the time is not in the sums, because nobody can read it any more."""

    destroyed: int = 0
    """Records whose bodies retention or an erasure destroyed, or that somebody took away: `byteport verify-log` tells which."""
    locked: int = 0
    """Records whose tenant's key is not at hand."""
    events: dict[str, int] = {}
    """How many of the destroyed are about what: their headers stay."""
    first: Instant | None = None
    last: Instant | None = None
    """Of the destroyed."""
    log_begins: Instant | None = None
    """The first record that there ever was; before it nothing is known."""


NOTHING_UNSEEN = Unseen()


class Summary(Frozen):
    """All of it."""

    since: datetime | None
    until: datetime
    records: int = 0
    acted_alone_and_held: int = 0
    """Pages that nobody got: repaired without a person, and not found broken since, as far as it was looked at."""
    escalated: int = 0
    runbooks: tuple[OfRunbook, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    answers: Answers = Answers()
    not_held: tuple[NotHeld, ...] = ()
    """At most `MOST_TOLD`, the newest."""
    unseen: Unseen = NOTHING_UNSEEN
    """What the sums do not hold."""


MOST_TOLD = 200
REFUSED = "refused: "
"""How the note of an answer begins that did not count (`workflows/approval.py`)."""


class Tally:
    """Takes records, and says what they come to."""

    def __init__(self) -> None:
        self._records = 0
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)
        self._mttr: dict[str, Counter[int]] = defaultdict(Counter)
        self._refusals: Counter[tuple[str, str]] = Counter()
        self._answers: Counter[str] = Counter()
        self._waits: Counter[int] = Counter()
        self._asked: OrderedDict[str, datetime] = OrderedDict()
        self._alone: OrderedDict[str, None] = OrderedDict()
        """Incidents that were fixed without a person and have held so far; those that fell out are `_held`."""
        self._held = 0
        self._not_held: list[NotHeld] = []

    def add(self, record: Record) -> None:
        """The next record of the log."""
        self._records += 1
        counts = self._counts[record.runbook]
        match record.event:
            case Event.FINISHED if record.result is Result.SUCCESS and record.mttr_seconds is not None:
                self._fixed(record)
            case Event.FINISHED if record.result is Result.FAILURE and record.action_id is not None:
                counts["did_not_help"] += 1
                self._refused(record)
            case Event.REVERTED:
                counts["reverted"] += 1
            case Event.ESCALATED:
                counts["escalated"] += 1
                self._refused(record)
                self._ask(record)
            case Event.SKIPPED:
                counts["skipped"] += 1
                self._refused(record)
            case Event.PLANNED:
                counts["planned_only"] += 1
                self._ask(record)
            case Event.APPROVED | Event.REJECTED | Event.EXPIRED:
                self._answered(record)
            case Event.REOBSERVED if record.result is Result.FAILURE:
                counts["did_not_hold"] += 1
                self._broke(record)
            case _:
                pass

    def add_all(self, records: Iterable[Record]) -> None:
        for record in records:
            self.add(record)

    def summary(self, since: datetime | None, until: datetime, unseen: Unseen = NOTHING_UNSEEN) -> Summary:
        """Of what was added so far; `unseen` is what could not be."""
        names = sorted(name for name, counts in self._counts.items() if counts)
        return Summary(
            since=since,
            until=until,
            records=self._records,
            acted_alone_and_held=self._held + len(self._alone),
            escalated=sum(counts["escalated"] for counts in self._counts.values()),
            runbooks=tuple(
                OfRunbook(runbook=name, mttr=times(self._mttr[name]), **dict(self._counts[name])) for name in names
            ),
            refusals=tuple(
                Refusal(runbook=runbook, reason=reason, count=count)
                for (runbook, reason), count in sorted(self._refusals.items(), key=lambda one: (-one[1], one[0]))
            ),
            answers=Answers(open=len(self._asked), waited=times(self._waits), **dict(self._answers)),
            not_held=tuple(self._not_held),
            unseen=unseen,
        )

    def _fixed(self, record: Record) -> None:
        assert record.mttr_seconds is not None
        self._counts[record.runbook]["fixed_after_a_yes" if record.approver else "fixed_alone"] += 1
        self._mttr[record.runbook][rounded(record.mttr_seconds)] += 1
        if not record.approver:
            self._alone[record.incident_id] = None
            if len(self._alone) > MOST_OPEN:
                self._alone.popitem(last=False)
                self._held += 1

    def _broke(self, record: Record) -> None:
        self._alone.pop(record.incident_id, None)
        told = NotHeld(
            at=record.at,
            runbook=record.runbook,
            target=record.target,
            incident_id=record.incident_id,
            cause=record.cause,
        )
        self._not_held = [*self._not_held, told][-MOST_TOLD:]

    def _refused(self, record: Record) -> None:
        for reason in (record.reason or "").split(BETWEEN):
            if reason:
                self._refusals[record.runbook, reason] += 1

    def _ask(self, record: Record) -> None:
        """A plan that waits for people; the same one asked about again waits from now."""
        if record.result is not Result.PENDING_APPROVAL or record.plan_digest is None:
            return
        self._answers["asked"] += 1
        self._asked.pop(record.plan_digest, None)
        self._asked[record.plan_digest] = record.at
        if len(self._asked) > MOST_OPEN:
            self._asked.popitem(last=False)

    def _answered(self, record: Record) -> None:
        if record.event is Event.REJECTED and (record.note or "").startswith(REFUSED):
            self._answers["refused"] += 1
            return
        self._answers[record.event.value] += 1
        asked = self._asked.pop(record.plan_digest or "", None)
        if asked is not None and record.event is not Event.EXPIRED:
            self._waits[rounded(int((record.at - asked).total_seconds()))] += 1


def rounded(seconds: int) -> int:
    """To `DIGITS` digits, so that there are only so many different numbers."""
    size: int = 10 ** max(0, len(str(abs(seconds))) - DIGITS)
    return max(0, seconds // size * size)


def times(counted: Counter[int]) -> Times:
    """Nearest-rank percentiles of what was counted."""
    total = sum(counted.values())
    if not total:
        return Times()
    return Times(
        count=total,
        p50=_percentile(counted, total, 50),
        p90=_percentile(counted, total, 90),
        longest=max(counted),
    )


def _percentile(counted: Counter[int], total: int, percent: int) -> int:
    rank, seen = -(-total * percent // 100), 0
    for value in sorted(counted):
        seen += counted[value]
        if seen >= rank:
            return value
    return max(counted)
