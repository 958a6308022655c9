"""Alarms that stop the agent: while one stands for a namespace, or for the cluster, nothing is done there alone.

Raised and cleared by people (`byteport alarm`), and by whatever else watches a service level, through the same two
functions, with the ledger's own credentials. A run can raise those of `CALLED` alone, and only as the agent: whoever reaches
Temporal can then neither speak for a person nor take the agent's own place. Each raising and each clearing is a record,
with who and why. `standing` asks here.
"""

from __future__ import annotations

import re

from activities.audit.about_agent import AGENT, AGENT_WIDE, agent_draft, shortened
from byteport.contracts.checkpoints import ALARM
from byteport.contracts.ledger import AlarmRaised, Event, RaiseAlarm, Recorded
from byteport.contracts.workflows import Installation
from byteport.domain.base import Frozen, Instant
from byteport.domain.redaction import sanitised
from byteport.errors import MalformedInput, NotPermitted
from byteport.ledger.append import append, milliseconds, moment
from byteport.ledger.store import Sql, Store, Transaction

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$")
_NAMESPACE = re.compile(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
MOST_ALARMS = 1000
"""So many of people's may stand at once; whoever raises more has a loop. Those that runs raise are not counted."""
CALLED = frozenset({ALARM})
"""What a run may raise: the log is not signed."""


class Alarm(Frozen):
    """An alarm that stands."""

    name: str
    namespace: str
    """Empty: for the whole cluster."""
    by: str
    since: Instant
    reason: str


def alarmed(sql: Sql, cluster_uid: str, namespace: str) -> bool:
    """Whether an alarm stands for `namespace` or for all of the cluster. A node (no namespace) hears of every alarm."""
    row = sql.execute(
        "SELECT 1 FROM alarms WHERE cluster_uid = ? AND (namespace IN ('', ?) OR ? = '') LIMIT 1",
        (cluster_uid, namespace, namespace),
    ).fetchone()
    return row is not None


def alarmed_by(sql: Sql, cluster_uid: str, name: str) -> bool:
    """Whether the alarm of that name stands, anywhere in the cluster."""
    row = sql.execute("SELECT 1 FROM alarms WHERE cluster_uid = ? AND name = ? LIMIT 1", (cluster_uid, name)).fetchone()
    return row is not None


class Alarms:
    """The alarms of one installation's cluster."""

    def __init__(self, store: Store, installation: Installation) -> None:
        self._store = store
        self._installation = installation

    def raise_(self, name: str, *, namespace: str = "", by: str, reason: str = "") -> Recorded | None:
        """In force for every reservation from the commit on. None when it stood already, which keeps its first raising.

        Raises `MalformedInput` for a name or a namespace that is none, or when too many stand.
        """
        _checked(name, namespace)
        by, reason = shortened(by), shortened(reason)
        uid = self._installation.cluster_uid
        with self._store.transaction() as tx:
            (standing,) = tx.sql.execute(
                f"SELECT count(*) FROM alarms WHERE cluster_uid = ? AND name NOT IN ({', '.join('?' * len(CALLED))})",  # noqa: S608  a constant
                (uid, *CALLED),
            ).fetchone()
            if standing >= MOST_ALARMS:
                raise MalformedInput("alarm", f"{standing} alarms stand already; clear some")
            if not self._add(tx, name, namespace, by=by, reason=reason):
                return None
            return self._recorded(tx, Event.ALARM_RAISED, f"raise {name}", namespace, by=by, reason=reason)

    def raise_called(self, call: RaiseAlarm) -> AlarmRaised:
        """For a run that found something: for the whole cluster, in the agent's name, however many others stand.

        What the run says of who found it is kept as its words. Raises `NotPermitted` for another cluster, and for an alarm
        that no run raises.
        """
        if call.cluster_uid != self._installation.cluster_uid:
            raise NotPermitted("the alarm is for another cluster than the one of this ledger's installation")
        if call.name not in CALLED:
            raise NotPermitted("no run raises an alarm of this name; people do, by `byteport alarm raise`")
        reason = sanitised(shortened(f"{call.by}: {call.reason}"))
        with self._store.transaction() as tx:
            if not self._add(tx, call.name, "", by=AGENT, reason=reason):
                return AlarmRaised(record=None)
            draft = agent_draft(
                tx, self._installation, Event.ALARM_RAISED, command=None, by=AGENT, note=f"{call.name}: {reason}"
            )
            return AlarmRaised(record=append(tx, draft))

    def clear(self, name: str, *, namespace: str | None = None, by: str, reason: str = "") -> Recorded | None:
        """End the alarm of that name, in one namespace or wherever it stands; None when none did."""
        _checked(name, namespace or "")
        by, reason = shortened(by), shortened(reason)
        uid = self._installation.cluster_uid
        there, where = ("", ()) if namespace is None else (" AND namespace = ?", (namespace,))
        with self._store.transaction() as tx:
            ended = tx.sql.execute(
                f"DELETE FROM alarms WHERE cluster_uid = ? AND name = ?{there}",  # noqa: S608  a constant
                (uid, name, *where),
            )
            if not ended.rowcount:
                return None
            return self._recorded(tx, Event.ALARM_CLEARED, f"clear {name}", namespace or "", by=by, reason=reason)

    def _add(self, tx: Transaction, name: str, namespace: str, *, by: str, reason: str) -> bool:
        """Let it stand. No, when it did."""
        added = tx.sql.execute(
            "INSERT INTO alarms (cluster_uid, name, namespace, raised_by, since_ms, reason)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (self._installation.cluster_uid, name, namespace, by, milliseconds(tx.now), reason),
        )
        return added.rowcount > 0

    def _recorded(self, tx: Transaction, event: Event, what: str, namespace: str, *, by: str, reason: str) -> Recorded:
        """A record of what was done to an alarm, as the command that a person would type."""
        where = f" --namespace {namespace}" if namespace else ""
        draft = agent_draft(
            tx,
            self._installation,
            event,
            command=f"byteport alarm {what}{where}",
            by=by,
            note=reason,
            target=namespace or AGENT_WIDE,
        )
        return append(tx, draft)

    def standing(self) -> tuple[Alarm, ...]:
        """All that stand, oldest first. Raises `Unavailable` when they cannot be read."""
        with self._store.snapshot() as sql:
            rows = sql.execute(
                "SELECT name, namespace, raised_by, since_ms, reason FROM alarms WHERE cluster_uid = ?"
                " ORDER BY since_ms, name, namespace",
                (self._installation.cluster_uid,),
            ).fetchall()
        return tuple(
            Alarm(name=row[0], namespace=row[1], by=row[2], since=moment(row[3]), reason=row[4]) for row in rows
        )


def _checked(name: str, namespace: str) -> None:
    if not _NAME.fullmatch(name):
        raise MalformedInput("alarm", "a name has letters, digits and . _ : / -, at most 100 of them")
    if namespace and not _NAMESPACE.fullmatch(namespace):
        raise MalformedInput("--namespace", "is not a namespace's name")
