"""Legal holds: what a person has said must not be destroyed, whatever its age and whoever asks.

Set and ended by people (`byteport hold`); each is a record, with who and why. `retention` and `erasures` ask here before
they destroy a body. Which bodies a hold is about is found by their blind indexes and by their headers' times; one that
cannot be found by a word counts as held.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import NamedTuple

from pydantic import ValidationError, field_validator

from activities.audit import asked
from activities.audit.about_agent import agent_draft, shortened
from byteport.audit.heads import Chain
from byteport.audit.records import timestamp
from byteport.audit.words import TELLING
from byteport.contracts.ledger import Event, Recorded
from byteport.contracts.workflows import Installation
from byteport.domain.base import Frozen, Instant
from byteport.domain.redaction import sanitised
from byteport.errors import MalformedInput, TargetGone
from byteport.ledger.append import append, milliseconds, moment
from byteport.ledger.sealing import needed
from byteport.ledger.store import Sql, Store, Transaction

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$")
WORDS = ("incident_id", "target", "runbook")
"""By which a body can be found."""
MOST_HOLDS = 1000
"""So many may stand at once; each is asked for every portion that is pruned."""


class About(Frozen):
    """Which records a hold is about: all that are set must be so; with none set, every record."""

    incident_id: str | None = None
    target: str | None = None
    runbook: str | None = None
    since: Instant | None = None
    until: Instant | None = None
    """Exclusive."""

    @field_validator("until")
    @classmethod
    def _as_records_have_it(cls, at: datetime | None) -> datetime | None:
        """In whole milliseconds, rounded so that more is kept and not less."""
        part = timedelta(microseconds=at.microsecond % 1000) if at is not None else None
        return at if at is None or not part else at + (timedelta(milliseconds=1) - part)

    @property
    def everything(self) -> bool:
        return self == About()

    def options(self) -> str:
        """As a person would type it."""
        words = {"incident": self.incident_id, "target": self.target, "runbook": self.runbook}
        times = {"since": self.since, "until": self.until}
        given = [f"--{name} {word}" for name, word in words.items() if word is not None]
        given += [f"--{name} {timestamp(at)}" for name, at in times.items() if at is not None]
        return " ".join(given) or "--all"


ALL = About()
_BODIES = (
    "FROM agent_action_bodies AS bodies JOIN agent_actions USING (tenant, cluster_uid, seq)"
    " WHERE tenant = ? AND cluster_uid = ?"
)


class Hold(Frozen):
    """A hold that stands."""

    name: str
    about: About
    by: str
    since: Instant
    reason: str


class Put(NamedTuple):
    """A hold that was asked for, and stands."""

    record: Recorded | None
    """None when it stood already."""
    keeps: int
    """How many bodies it keeps of those that are there; what tells of holds and erasures is not counted."""


class Holds:
    """The holds on one installation's log."""

    def __init__(self, store: Store, installation: Installation) -> None:
        self._store = store
        self._installation = installation
        self._chain = Chain(tenant=installation.tenant, cluster_uid=installation.cluster_uid)

    def set_(self, name: str, about: About, *, by: str, reason: str, future: bool = False) -> Put:
        """In force from the commit on, for records that are there and for those to come.

        Raises `MalformedInput` for a name that is none, a missing reason, words that no record can have, times that lie
        the wrong way round, a hold of that name about something else, or too many holds; `TargetGone` for one that keeps
        nothing that is there, unless it is about everything or `future` says that it is meant for what is to come.
        """
        _checked(name, about)
        by, reason = shortened(by), given(reason)
        with self._store.transaction() as tx:
            keeps = kept_by(tx, self._chain, about)
            holds = standing(tx.sql, self._chain)
            known = next((hold for hold in holds if hold.name == name), None)
            if known is not None and known.about != about:
                raise MalformedInput(name, f"is a hold already, on {known.about.options()}; choose another name")
            if known is not None:
                return Put(None, keeps)
            if not (keeps or future or about.everything):
                raise TargetGone(
                    f"no record with a body is about {about.options()}, so that nothing would be kept; mend it, or say "
                    "--future where it is meant for records to come"
                )
            if len(holds) >= MOST_HOLDS:
                raise MalformedInput("hold", f"{len(holds)} holds stand already; end some")
            tx.sql.execute(
                "INSERT INTO legal_holds (tenant, cluster_uid, name, about, held_by, since_ms, reason)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*self._place, name, about.model_dump_json(), by, milliseconds(tx.now), reason),
            )
            command = f"byteport hold set {name} {about.options()}"
            return Put(self._recorded(tx, Event.HOLD_SET, command, about, by=by, reason=reason), keeps)

    def end(self, name: str, *, by: str, reason: str) -> Recorded | None:
        """End the hold of that name; None when none stood. Raises `MalformedInput` for a missing reason."""
        _checked(name, ALL)
        by, reason = shortened(by), given(reason)
        with self._store.transaction() as tx:
            known = next((hold for hold in standing(tx.sql, self._chain) if hold.name == name), None)
            if known is None:
                return None
            tx.sql.execute(
                "DELETE FROM legal_holds WHERE tenant = ? AND cluster_uid = ? AND name = ?", (*self._place, name)
            )
            return self._recorded(tx, Event.HOLD_ENDED, f"byteport hold end {name}", known.about, by=by, reason=reason)

    def standing(self) -> tuple[Hold, ...]:
        """All that stand, oldest first. Raises `Unavailable` when they cannot be read."""
        with self._store.snapshot() as sql:
            return standing(sql, self._chain)

    def _recorded(self, tx: Transaction, event: Event, command: str, about: About, *, by: str, reason: str) -> Recorded:
        """Found, and so erased, by the same words as what it is about."""
        draft = agent_draft(tx, self._installation, event, command=command, by=by, note=reason)
        return append(tx, draft.model_copy(update=about.model_dump(include=set(WORDS), exclude_none=True)))

    @property
    def _place(self) -> tuple[str, str]:
        return self._chain.tenant, self._chain.cluster_uid


def given(reason: str) -> str:
    """A person's reason, as it is kept. What destroys, or keeps from destroying, is never done without one."""
    if not reason.strip():
        raise MalformedInput("--reason", "must say why; it goes into the record")
    return sanitised(shortened(reason.strip()))


def standing(sql: Sql, chain: Chain) -> tuple[Hold, ...]:
    """All that stand on a chain, oldest first. One that cannot be read is about everything: it was meant to keep something."""
    rows = sql.execute(
        "SELECT name, about, held_by, since_ms, reason FROM legal_holds WHERE tenant = ? AND cluster_uid = ?"
        " ORDER BY since_ms, name",
        (chain.tenant, chain.cluster_uid),
    ).fetchall()
    return tuple(
        Hold(name=row[0], about=_about(row[1]), by=row[2], since=moment(row[3]), reason=row[4]) for row in rows
    )


def held(tx: Transaction, chain: Chain, about: About, *, first: int, last: int) -> frozenset[int]:
    """The records from `first` to `last` that still have a body which a hold on `about` keeps."""
    part, values = _where(tx, chain, about)
    rows = tx.sql.execute(
        f"SELECT seq {_BODIES} AND seq BETWEEN ? AND ?{part}",
        (chain.tenant, chain.cluster_uid, first, last, *values),
    )
    return frozenset(row[0] for row in rows)


def kept_by(tx: Transaction, chain: Chain, about: About) -> int:
    """How many bodies a hold on `about` keeps now, beside those of the records that tell of holds and erasures."""
    part, values = _where(tx, chain, about)
    telling = sorted(event.value for event in TELLING)
    row = tx.sql.execute(
        f"SELECT count(*) {_BODIES} AND event NOT IN ({', '.join('?' * len(telling))}){part}",
        (chain.tenant, chain.cluster_uid, *telling, *values),
    ).fetchone()
    return int(row[0])


def _where(tx: Transaction, chain: Chain, about: About) -> tuple[str, list[object]]:
    keys, parts, values = needed(tx.keys), list[str](), list[object]()
    for field in WORDS:
        word = getattr(about, field)
        if word is not None:
            found = keys.indexes(chain.tenant, field, word)
            parts.append(f" AND (bodies.{field} IS NULL OR bodies.{field} IN ({', '.join('?' * len(found))}))")
            values += found
    for at, part in ((about.since, " AND timestamp >= ?"), (about.until, " AND timestamp < ?")):
        if at is not None:
            parts.append(part)
            values.append(timestamp(at))
    return "".join(parts), values


def _about(text: str) -> About:
    try:
        return About.model_validate_json(text)
    except ValidationError:
        return ALL


def _checked(name: str, about: About) -> None:
    if not _NAME.fullmatch(name):
        raise MalformedInput("hold", "a name has letters, digits and . _ : / -, at most 100 of them")
    for word, check in (
        (about.incident_id, asked.incident),
        (about.target, asked.target),
        (about.runbook, asked.runbook),
    ):
        if word is not None:
            check(word)
    if about.since is not None and about.until is not None and about.until <= about.since:
        raise MalformedInput("--until", "must be later than --since")
