"""A copy of other ledgers on a clock of the test's own, without a wire: what is taken in, and what goes when its time has come."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from byteport.api.archive import Archive, Kept
from byteport.api.counts import Counts
from byteport.api.enrolment import EnrolmentFile
from byteport.api.lines import read
from byteport.api.retention import Sweeper
from byteport.audit import bundle, independent
from byteport.audit.heads import Chain
from byteport.audit.lines import verify_lines
from byteport.audit.words import Event
from byteport.contracts.ledger_api import ApiConfig
from byteport.ledger.append import moment
from byteport.ledger.log import AuditLog
from byteport.ledger.postgres import Database as Connections
from byteport.ledger.postgres import PostgresStore
from byteport.ledger.postgres_migrating import Role
from byteport.ledger.sqlite import SqliteStore
from byteport.ledger.store import Store
from tests.builders.chained import START_MS, Log
from tests.builders.postgres import Database
from tests.integration.api.world import ACME_SECOND_UID, ACME_UID, OTHER_UID
from tests.integration.ledger.world import BODY_KEYS

ERASURE = "erasure:0199"


class Copy:
    """One database, one enrolment file, and a process that looks after it."""

    def __init__(self, folder: Path, database: Database | None, **config: int) -> None:
        self.folder = folder
        self.now = moment(START_MS) + timedelta(minutes=1)
        self.logs = {
            "acme": Log("acme", ACME_UID),
            "acme-second": Log("acme", ACME_SECOND_UID),
            "other": Log("other", OTHER_UID),
        }
        self.enrolment = folder / "enrolment.yaml"
        self.hold()
        self.store = self._opened(database)
        self.archive = Archive(self.store)
        self.config = ApiConfig.model_validate(config)
        self.counts = Counts()
        self.sweeper = self.another()

    def another(self) -> Sweeper:
        """Another process's."""
        return Sweeper(self.store, EnrolmentFile(self.enrolment), self.config, self.counts)

    def hold(self, *holds: dict[str, Any]) -> None:
        identities = [
            {
                "name": name,
                "role": "agent",
                "tenant": log.chain.tenant,
                "cluster_uid": log.chain.cluster_uid,
                "certificate": {"sha256": name.encode().hex().zfill(64)},
            }
            for name, log in self.logs.items()
        ]
        self.enrolment.write_text(yaml.safe_dump({"identities": identities, "holds": list(holds)}))

    def later(self, **time: float) -> Copy:
        self.now += timedelta(**time)
        return self

    def look(self, **time: float) -> Copy:
        """Wait, then look; the turn of the look before is over by then."""
        self.later(**time).sweeper.sweep()
        return self

    def hand_in(self, log: Log, first: int = 1) -> Kept:
        sent = [read(number, line, log.chain) for number, line in enumerate(log.lines(first), 1)]
        return self.archive.take(log.chain, sent, None)

    def told(self, log: Log) -> Kept:
        """Hand in the last record alone."""
        return self.hand_in(log, len(log.entries))

    def bodies(self, log: Log) -> list[int]:
        """Records whose bodies are there, of those that do not tell of a removal."""
        entries = AuditLog(self.store.of(log.chain.tenant)).entries(log.chain)
        tell = (b'"event":"pruned"', b'"event":"erased"')
        return [e.seq for e in entries if e.payload is not None and not any(word in e.header for word in tell)]

    def lines(self, chain: Chain) -> list[bytes]:
        head = self.archive.head(chain)
        assert head is not None
        return b"".join(self.archive.export(chain, head.head.seq, 500)).splitlines(keepends=True)

    def both_say(self, chain: Chain) -> tuple[Sequence[str], int]:
        """The findings of the first verifier, and how the second one ends."""
        lines = self.lines(chain)
        file = self.folder / "export.ndjson"
        file.write_bytes(b"".join(lines))
        ended = subprocess.run([sys.executable, independent.__file__, str(file)], capture_output=True, check=False)
        return [one.fault.value for one in verify_lines(bundle.read(lines), chain).findings], ended.returncode

    def _opened(self, database: Database | None) -> Store:
        clock, chance = (lambda: self.now), secrets.token_bytes
        if database is None:
            return SqliteStore(self.folder / "copy.db", keys=BODY_KEYS, clock=clock, randomness=chance)
        url = database.url(Role.INGEST)
        return PostgresStore(Connections(url, None), "default", keys=BODY_KEYS, clock=clock, randomness=chance)


def at(copy: Copy) -> datetime:
    return copy.now.astimezone(UTC)


def requested(log: Log, count: int, workflow_id: str = ERASURE) -> Log:
    """The record of a request for erasure."""
    return log.append(event=Event.ERASURE_REQUESTED, workflow_id=workflow_id, signal_value=float(count))
