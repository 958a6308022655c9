"""What is kept, for one tenant at a time: handed in under the rules of an outside copy, and given out.

A record is taken only where it chains on what is there, so that a history that was rewritten in its own cluster stops
here. A checkpoint is taken only when it is signed by the enrolled key and its root is that of the records kept here.
Comes after `lines` and `byteport/ledger`. Methods block: `writing` and `reading` call them in threads.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from byteport.api.answers import ChainHead, KeptCheckpoint, Taken
from byteport.api.intake import take_records
from byteport.api.keyed import must_open
from byteport.api.lines import Sent, SentCheckpoint, SentRecord
from byteport.api.naming import large_erasure
from byteport.api.notes import Roots, opened
from byteport.api.paging import Place
from byteport.api.problems import Held
from byteport.audit.bundle import checkpoint_line, line_of
from byteport.audit.heads import Chain
from byteport.audit.records import Record, Removed
from byteport.audit.words import Removal
from byteport.errors import ConfigError
from byteport.ledger.keys import SETTING as KEY_SETTING
from byteport.ledger.log import AuditLog, Filter
from byteport.ledger.sealing import needed
from byteport.ledger.store import Sql, Store, Transaction

log = logging.getLogger(__name__)


class Found(NamedTuple):
    """A part of the records that were asked for; `next` is the place of its last one when there are more."""

    records: list[Record]
    next: Place | None


class Kept(NamedTuple):
    """What became of what was handed in, and what its operator has to look at."""

    taken: Taken
    erased: int
    """Bodies that this chain has named as erased within a day, where that is more than is usual; else 0."""


class Archive:
    """One database, for every tenant that is enrolled."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._of: dict[str, Store] = {}
        self._roots = Roots()

    def take(self, chain: Chain, sent: Sequence[Sent], vkey: str | None, witnesses: Sequence[str] = ()) -> Kept:
        """Keep all of `sent`, or nothing. Raises `Problem` naming the line that contradicts what is kept."""
        notes = [opened(one, vkey, witnesses) for one in sent if isinstance(one, SentCheckpoint)]
        with self._tenant(chain.tenant).transaction() as tx:
            _must_have_key(tx, chain.tenant)
            frontiers = self._roots.begin(chain, tx.chains.head(chain).seq)
            records = [one for one in sent if isinstance(one, SentRecord)]
            new, duplicate, head = take_records(tx, chain, records)
            kept = sum(frontiers.check(tx, note, head) for note in notes)
            erased = large_erasure(tx, chain) if new and any(one.erases for one in records) else 0
        frontiers.keep()
        return Kept(Taken(new=new, duplicate=duplicate, checkpoints=kept, head=head), erased)

    def head(self, chain: Chain) -> ChainHead | None:
        """None before the first record."""
        found = AuditLog(self._tenant(chain.tenant)).head(chain)
        return None if found is None else _chain_head(chain, Held(seq=found.seq, hash=found.hash))

    def chains(self, tenant: str) -> list[ChainHead]:
        """Those of one tenant."""
        with self._tenant(tenant).snapshot() as sql:
            rows = sql.execute(
                "SELECT cluster_uid, seq, hash FROM chain_heads WHERE tenant = ? AND seq > 0 ORDER BY cluster_uid",
                (tenant,),
            ).fetchall()
        return [_chain_head(Chain(tenant=tenant, cluster_uid=row[0]), Held(seq=row[1], hash=row[2])) for row in rows]

    def page(self, tenant: str, cluster_uid: str | None, wanted: Filter, after: Place | None, limit: int) -> Found:
        """At most `limit` records, after that place."""
        self._must_open(tenant)
        narrowed = wanted.model_copy(
            update={"tenant": tenant, "cluster_uid": cluster_uid, "after": after, "limit": limit + 1}
        )
        records = list(AuditLog(self._tenant(tenant)).iter_records(narrowed))
        if len(records) <= limit:
            return Found(records, None)
        last = records[limit - 1]
        return Found(records[:limit], Place(last.cluster_uid, last.seq))

    def one(self, tenant: str, cluster_uid: str | None, record_id: str) -> Record | None:
        """By its UUID."""
        self._must_open(tenant)
        wanted = Filter(tenant=tenant, cluster_uid=cluster_uid, id=record_id)
        return next(iter(list(AuditLog(self._tenant(tenant)).iter_records(wanted))), None)

    def checkpoints(self, chain: Chain, since: int, limit: int) -> list[KeptCheckpoint]:
        """Of more than `since` records, the newest note of each size, the smallest size first."""
        with self._tenant(chain.tenant).snapshot() as sql:
            rows = sql.execute(
                "SELECT size, root, note FROM checkpoints AS c WHERE tenant = ? AND cluster_uid = ? AND size > ?"
                " AND number = (SELECT max(number) FROM checkpoints"
                "   WHERE tenant = c.tenant AND cluster_uid = c.cluster_uid AND size = c.size)"
                " ORDER BY number LIMIT ?",
                (chain.tenant, chain.cluster_uid, since, limit),
            ).fetchall()
        return [KeptCheckpoint(size=row[0], root=f"sha256:{bytes(row[1]).hex()}", note=row[2]) for row in rows]

    def export(self, chain: Chain, last: int, batch: int) -> Iterator[bytes]:
        """The lines of records 1 to `last`, some at a time, and then of the newest checkpoint over them.

        Raises `ConfigError` at once where the tenant has no key any more.
        """
        self._must_open(chain.tenant)
        return self._lines(chain, last, batch)

    def _lines(self, chain: Chain, last: int, batch: int) -> Iterator[bytes]:
        store = self._tenant(chain.tenant)
        log = AuditLog(store)
        gone = _Gone(log, chain)
        for first in range(1, last + 1, batch):
            entries = list(log.entries(chain, first, min(first + batch - 1, last)))
            yield b"".join(
                line_of(entry, gone.cause(entry.seq) if entry.payload is None else None) for entry in entries
            )
        with store.snapshot() as sql:
            note = _newest_note(sql, chain, last)
        if note is not None:
            yield checkpoint_line(note)

    def answers(self) -> None:
        """Raises `Unavailable` unless the store can be read now."""
        with self._store.snapshot():
            return

    def _must_open(self, tenant: str) -> None:
        store = self._tenant(tenant)
        if not needed(store.keys).at_hand(tenant):
            with store.snapshot() as sql:
                if _has_records(sql, tenant):
                    raise _no_key(tenant)

    def must_open(self, tenants: Iterable[str]) -> None:
        """Raises `ConfigError` when what is kept of one of them is encrypted under another key than is at hand."""
        for tenant in tenants:
            self._tenant(tenant)

    def _tenant(self, tenant: str) -> Store:
        """The tenant's own store; looked at once, before anything is read or kept: no bodies under two keys."""
        if tenant not in self._of:
            store = self._store.of(tenant)
            if not needed(store.keys).at_hand(tenant):
                return store
            must_open(store, tenant)
            self._of[tenant] = store
        return self._of[tenant]


class _Gone:
    """Why bodies of a chain are not there, read again when one is missing that nothing explained yet."""

    def __init__(self, log: AuditLog, chain: Chain) -> None:
        self._log = log
        self._chain = chain
        self._removed: tuple[Removed, ...] | None = None

    def cause(self, seq: int) -> Removal | None:
        if (found := self._known(seq)) is None:
            self._removed = self._log.removed(self._chain)
            found = self._known(seq)
        return found

    def _known(self, seq: int) -> Removal | None:
        return next((one.cause for one in self._removed or () if one.first <= seq <= one.last), None)


def _must_have_key(tx: Transaction, tenant: str) -> None:
    """A new tenant gets one. Where a tenant with records has none, it was destroyed or is lost, and nobody makes another."""
    keys = needed(tx.keys)
    if keys.at_hand(tenant):
        return
    if _has_records(tx.sql, tenant):
        raise _no_key(tenant)
    keys.make(tenant)
    log.info("ledger_key_made: tenant %s", tenant)


def _has_records(sql: Sql, tenant: str) -> bool:
    return (
        sql.execute("SELECT 1 FROM chain_heads WHERE tenant = ? AND seq > 0 LIMIT 1", (tenant,)).fetchone() is not None
    )


def _no_key(tenant: str) -> ConfigError:
    return ConfigError(KEY_SETTING, f"has no key of {tenant}, whose records are here; was it destroyed?")


def _newest_note(sql: Sql, chain: Chain, last: int) -> str | None:
    row = sql.execute(
        "SELECT note FROM checkpoints WHERE tenant = ? AND cluster_uid = ? AND size <= ? ORDER BY number DESC LIMIT 1",
        (chain.tenant, chain.cluster_uid, last),
    ).fetchone()
    return None if row is None else str(row[0])


def _chain_head(chain: Chain, head: Held) -> ChainHead:
    return ChainHead(tenant=chain.tenant, cluster_uid=chain.cluster_uid, head=head)
