"""Pruning: bodies that are older than the settings let them be are destroyed, portion by portion, each with its record.

What is old goes by the headers' times, which never go back along a chain, and by the earlier of two clocks. Headers and
hashes stay for ever. Whatever `kept` names stays, and so do the records that tell of removals. Comes before
`workflows/retention.py`, which asks once a day; safe to run twice, since what is gone is not pruned again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from activities.audit import names
from activities.audit.about_agent import agent_draft
from activities.audit.kept import Keeper, bodies
from byteport.audit.heads import Chain
from byteport.audit.records import timestamp
from byteport.audit.words import Removal
from byteport.contracts.ledger import Event, Recorded
from byteport.contracts.retention import Prune, Pruned
from byteport.contracts.workflows import Installation
from byteport.domain.limits import Limits
from byteport.domain.retention import RetentionConfig, Span, counted_for, removable, size
from byteport.errors import NotPermitted
from byteport.ledger.append import milliseconds
from byteport.ledger.bodies import destroy
from byteport.ledger.store import Sql, Store, Transaction

PORTION = 1000
"""Bodies in one transaction: others wait for it, and its record names each span of them."""
LOOKED_AT = 5000
"""Bodies that are judged at a time."""


class Retention:
    """Of one installation's log."""

    def __init__(
        self,
        store: Store,
        installation: Installation,
        *,
        config: RetentionConfig,
        limits: Limits,
        targets: Sequence[str],
    ) -> None:
        """`targets`: the receivers that the settings name, none of which must be left behind."""
        self._store = store
        self._installation = installation
        self._chain = Chain(tenant=installation.tenant, cluster_uid=installation.cluster_uid)
        self._config = config
        self._limits = limits
        self._targets = targets

    def prune(self, call: Prune) -> Pruned:
        """Destroy the next portion. Raises `NotPermitted` for another cluster."""
        if call.cluster_uid != self._chain.cluster_uid:
            raise NotPermitted("this ledger is another cluster's")
        pruned = self._portion(call)
        if not pruned.more:
            self._store.scrub()
        return pruned

    def _portion(self, call: Prune) -> Pruned:
        with self._store.transaction() as tx:
            before = min(tx.now, call.now) - self._config.retention
            keeper = Keeper(tx, self._chain, self._targets)
            found, more = self._next(tx, keeper, _older(tx, self._chain, before))
            recorded = self._destroy(tx, found, before) if found else None
            if more:
                return Pruned(records=size(found), record=recorded, more=True, before=before)
            return Pruned(
                records=size(found),
                record=recorded,
                more=False,
                before=before,
                obstacles=keeper.obstacles(),
                names=names.blank(tx, self._chain, counted_for=counted_for(self._limits)) + self._forget(tx, before),
            )

    def _next(self, tx: Transaction, keeper: Keeper, last: int) -> tuple[tuple[Span, ...], bool]:
        """The lowest bodies up to `last` that may go, and whether there are more of them."""
        free, first = list[int](), 1
        while len(free) <= PORTION:
            looked = bodies(tx, self._chain, Span(first, last), most=LOOKED_AT)
            if not looked:
                break
            kept = keeper.kept(looked)
            free += [number for number in looked if number not in kept]
            first = looked[-1] + 1
        return removable(free, kept=(), most=PORTION), len(free) > PORTION

    def _destroy(self, tx: Transaction, found: Sequence[Span], before: datetime) -> Recorded:
        named = ",".join(f"{span.first}-{span.last}" for span in found)
        draft = agent_draft(
            tx,
            self._installation,
            Event.PRUNED,
            command=None,
            by=None,
            note=f"bodies of before {timestamp(before)}: {self._config.retention_days} days are kept",
            key=f"pruned:{named}",
            value=size(found),
        )
        return destroy(tx, self._chain, found, Removal.PRUNED, draft)

    def _forget(self, tx: Transaction, before: datetime) -> int:
        """Who asked for erasures that ended so long ago, and why, is not kept longer than what records say."""
        return tx.sql.execute(
            "UPDATE erasures SET requested_by = ?, reason = ?"
            " WHERE tenant = ? AND cluster_uid = ? AND ended_ms < ? AND requested_by <> ?",
            (names.GONE, names.GONE, *self._place, milliseconds(before), names.GONE),
        ).rowcount

    @property
    def _place(self) -> tuple[str, str]:
        return self._chain.tenant, self._chain.cluster_uid


def last_pruned(sql: Sql, chain: Chain) -> datetime | None:
    """When bodies of a chain were pruned last; None when they never were."""
    row = sql.execute(
        "SELECT timestamp FROM agent_actions WHERE tenant = ? AND cluster_uid = ? AND event = ? ORDER BY seq DESC LIMIT 1",
        (chain.tenant, chain.cluster_uid, Event.PRUNED.value),
    ).fetchone()
    return datetime.fromisoformat(row[0]) if row else None


def _older(tx: Transaction, chain: Chain, before: datetime) -> int:
    """The last record of a chain that is older: times never go back along it. One that has no time is not old."""
    wanted, low, high = timestamp(before), 0, tx.chains.head(chain).seq
    while low < high:
        middle = (low + high + 1) // 2
        row = tx.sql.execute(
            "SELECT timestamp FROM agent_actions WHERE tenant = ? AND cluster_uid = ? AND seq = ?",
            (chain.tenant, chain.cluster_uid, middle),
        ).fetchone()
        if row is not None and row[0] is not None and row[0] < wanted:
            low = middle
        else:
            high = middle - 1
    return low
