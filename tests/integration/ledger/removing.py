"""What destroys bodies, over one ledger: pruning, holds and requests for erasure, and what is left to be looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg
from psycopg.sql import SQL, Composed, Identifier

from activities.audit.erasing import Eraser
from activities.audit.erasures import Erasures, Requested, Wanted
from activities.audit.holds import Holds
from activities.audit.retention import Retention
from byteport.audit.records import Record
from byteport.audit.words import Event
from byteport.contracts.ledger import Recorded
from byteport.contracts.retention import Erase, Erasing, Prune, Pruned
from byteport.domain.retention import RetentionConfig
from byteport.ledger import cursors
from tests.integration.ledger.world import CHAIN, INSTALLATION, World, draft

DAY = timedelta(days=1)


@dataclass
class Removing:
    """`world.clock` is the only clock, unless a test says what Temporal's is."""

    world: World
    config: RetentionConfig = field(default_factory=RetentionConfig)
    targets: tuple[str, ...] = ()

    @property
    def holds(self) -> Holds:
        return Holds(self.world.store, INSTALLATION)

    @property
    def erasures(self) -> Erasures:
        return Erasures(self.world.store, INSTALLATION, config=self.config, targets=self.targets)

    @property
    def eraser(self) -> Eraser:
        return Eraser(
            self.world.store, INSTALLATION, config=self.config, limits=self.world.limits, targets=self.targets
        )

    def record(self, key: str, *, target: str = "shop/Deployment/web", incident: str = "inc-1") -> Recorded:
        """One more record, of now."""
        return self.world.ledger.record(draft(key, incident=incident, target=target))

    def records(self, *keys: str, target: str = "shop/Deployment/web", incident: str = "inc-1") -> list[int]:
        return [self.record(key, target=target, incident=incident).seq for key in keys]

    def prune(self, *, temporal: timedelta = timedelta()) -> Pruned:
        """One portion. `temporal`: how far Temporal's clock is ahead."""
        retention = Retention(
            self.world.store, INSTALLATION, config=self.config, limits=self.world.limits, targets=self.targets
        )
        return retention.prune(Prune(cluster_uid=CHAIN.cluster_uid, now=self.world.clock.now + temporal))

    def ask(self, *seqs: int) -> Requested:
        return self.erasures.request(seqs, by="ada", reason="ticket 7")

    def erase(self, request: Requested, *, temporal: timedelta = timedelta()) -> Erasing:
        return self.again(request.request.request_id, temporal=temporal)

    def again(self, request_id: str, *, temporal: timedelta = timedelta()) -> Erasing:
        call = Erase(cluster_uid=CHAIN.cluster_uid, request_id=request_id, now=self.world.clock.now + temporal)
        return self.eraser.erase(call)

    def erase_after_a_day(self, *seqs: int) -> Erasing:
        request = self.ask(*seqs)
        self.world.clock.move(days=1)
        return self.erase(request)

    def find(self, *, incident: str | None = None, target: str | None = None) -> list[int]:
        wanted = Wanted(incident_id=incident, target=target)
        return [record.seq for record in self.erasures.find(wanted)]

    def exported(self, target: str, seq: int) -> None:
        """A receiver has taken everything up to `seq`."""
        with self.world.store.transaction() as tx:
            cursors.advance(tx, CHAIN, target, seq)

    # -- what is left -----------------------------------------------------------------------------------------------

    @property
    def bodies(self) -> list[int]:
        """The records that still say something."""
        return [entry.seq for entry in self.world.log.entries(CHAIN) if entry.payload is not None]

    @property
    def removed(self) -> list[tuple[int, int, str]]:
        return [(one.first, one.last, one.cause.value) for one in self.world.log.removed(CHAIN)]

    def told(self, *events: Event) -> list[Record]:
        return [record for record in self.world.log.iter_records() if record.event in events]

    def stored(self, *words: str) -> list[str]:
        """Those of `words` that stand in plain text in SQLite's files, deleted rows included, or in any row of PostgreSQL."""
        database = self.world.database
        if database is not None:
            with database.as_(None) as sql:
                return [word for word in words if _says(sql, word)]
        data = b"".join(path.read_bytes() for path in sorted(self.world.folder.glob("ledger.db*")))
        return [word for word in words if word.encode() in data]


def _says(sql: psycopg.Connection[Any], word: str) -> bool:
    """Whether any row of any of the ledger's tables holds the word."""
    tables = sql.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'byteport'").fetchall()
    return any(
        sql.execute(
            Composed(
                [SQL("SELECT 1 FROM byteport."), Identifier(name), SQL(" AS row WHERE row::text LIKE %s LIMIT 1")]
            ),
            (f"%{word}%",),
        ).fetchone()
        for (name,) in tables
    )
