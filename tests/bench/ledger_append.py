"""How fast records go into PostgreSQL through the log's function, against the same rows by a plain batched INSERT.

Run it with `make bench`. Both write batches of the same size on the same server with the same durability, in turns: the
plain one into tables of the same columns, keys and indexes without anything that guards them. What counts is the ratio of
their medians. It also prints how many records a second one process records by itself, and with many at once who share
commits.
"""

from __future__ import annotations

import secrets
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import psycopg

from activities.audit.ledger import Ledger
from activities.clock import utc_now
from byteport.audit.chain import GENESIS
from byteport.audit.heads import Chain
from byteport.audit.records import Entry
from byteport.contracts.ledger import Decision, Event, RecordDraft
from byteport.domain.limits import Limits
from byteport.ledger.append import append
from byteport.ledger.keys import BodyKeys
from byteport.ledger.postgres import Database, PostgresStore
from byteport.ledger.store import Head, StoredRow, Transaction
from byteport.trust.key_files import KeyRing, SymmetricKey
from tests.builders.postgres import Server, server
from tests.integration.ledger.world import INSTALLATION, NOBODY

ROUNDS, BATCHES, BATCH = 7, 10, 200
ALONE, THREADS, EACH = 200, 16, 40
FLOOR = 0.5
CHAIN = Chain(tenant="acme", cluster_uid="uid-1")
KEYS = BodyKeys(KeyRing((SymmetricKey(bytes(32)),), "ledger.body_key"))
ROW = tuple[int, str, str, bytes | None, bytes | None, bytes | None, bytes | None, bytes | None]


class _Kept:
    """Chains that keep the rows they are given, and write nothing: to seal records before anything is measured."""

    def __init__(self) -> None:
        self.rows: list[StoredRow] = []

    def head(self, _: Chain) -> Head:
        last = self.rows[-1] if self.rows else None
        return Head(last.seq, last.hash, last.stamp_ms) if last else Head(0, GENESIS, 0)

    def add(self, _: Chain, rows: Sequence[StoredRow]) -> None:
        self.rows += rows

    def destroy(self, *_: object) -> int:
        return 0

    def destroy_named(self, *_: object) -> int:
        return 0


class _Nothing:
    """A database without a row."""

    rowcount = 0

    def execute(self, *_: object) -> _Nothing:
        return self

    def executemany(self, *_: object) -> None: ...

    def stream(self, *_: object) -> Iterator[Entry]:
        return iter(())

    def fetchone(self) -> None: ...

    def fetchall(self) -> list[Entry]:
        return []

    def __iter__(self) -> Iterator[Entry]:
        return iter(())


def draft(key: str) -> RecordDraft:
    return RecordDraft(
        key=key,
        cluster="prod",
        cluster_uid=CHAIN.cluster_uid,
        tenant=CHAIN.tenant,
        event=Event.PLANNED,
        decision=Decision.DRY_RUN_PLANNED,
        result=None,
        incident_id=f"incident-{key}",
        workflow_id="remediate:uid-1:shop:Deployment:web:crashloop",
        runbook="PodCrashloopRunbook",
        signal_type="pod_crashloop",
        signal_value=5,
        target="shop/Deployment/web",
        command="kubectl delete pod web-6d4cf56db6-x2x9q --namespace shop",
    )


def sealed(count: int) -> list[StoredRow]:
    kept = _Kept()
    tx = Transaction(_Nothing(), kept, utc_now(), secrets.token_bytes, KEYS)
    for number in range(count):
        append(tx, draft(f"{number}"))
    return kept.rows


def batches(rows: Sequence[StoredRow]) -> Iterator[Sequence[StoredRow]]:
    return (rows[at : at + BATCH] for at in range(0, len(rows), BATCH))


def by_the_function(store: PostgresStore, rows: Sequence[StoredRow]) -> float:
    began = time.perf_counter()
    for batch in batches(rows):
        with store.transaction() as tx:
            tx.chains.add(CHAIN, batch)
    return time.perf_counter() - began


def by_insert(connection: psycopg.Connection[tuple[object, ...]], rows: Sequence[StoredRow]) -> float:
    began = time.perf_counter()
    for batch in batches(rows):
        numbers = [row.seq for row in batch]
        connection.execute(
            "INSERT INTO plain.agent_actions (tenant, cluster_uid, seq, header, hash)"
            " SELECT 'acme', 'uid-1', * FROM unnest(%s::bigint[], %s::text[], %s::text[])",
            (numbers, [row.header for row in batch], [row.hash for row in batch]),
            binary=True,
        )
        connection.execute(
            "INSERT INTO plain.agent_action_bodies (tenant, cluster_uid, seq, body, incident_id, workflow_id, runbook, target)"
            " SELECT 'acme', 'uid-1', * FROM unnest(%s::bigint[], %s::bytea[], %s::bytea[], %s::bytea[], %s::bytea[], %s::bytea[])",
            (numbers, [row.body for row in batch], *([row.indexes[column] for row in batch] for column in range(4))),
            binary=True,
        )
        connection.commit()
    return time.perf_counter() - began


def at_once(store: PostgresStore, threads: int, each: int) -> float:
    """Records a second, by that many who record one after the other."""
    ledger = Ledger(store, INSTALLATION, limits=Limits(), signers=NOBODY)
    mark = secrets.token_hex(4)

    def record(thread: int) -> None:
        for number in range(each):
            ledger.record(draft(f"{mark}:{thread}:{number}"))

    workers = [threading.Thread(target=record, args=(number,)) for number in range(threads)]
    began = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return threads * each / (time.perf_counter() - began)


def durable(started: Server) -> None:
    """The tests' server does without what a power cut would need; here it is measured with it."""
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        started.execute(f"ALTER SYSTEM RESET {setting}")
    started.execute("SELECT pg_reload_conf()")


def main(say: Callable[[str], None] = print) -> float:
    """Print the ratio and the rates; returns the ratio."""
    rows = sealed(ROUNDS * BATCHES * BATCH)
    each = BATCHES * BATCH
    with server() as started:
        durable(started)
        database = started.database()
        database.server.execute(
            "CREATE SCHEMA plain;"
            "CREATE TABLE plain.agent_actions (LIKE byteport.agent_actions INCLUDING ALL);"
            "CREATE TABLE plain.agent_action_bodies (LIKE byteport.agent_action_bodies INCLUDING ALL)",
            database.name,
        )
        store = PostgresStore(
            Database(database.url(), None), "acme", keys=KEYS, clock=utc_now, randomness=secrets.token_bytes
        )
        ours, plain = [], []
        with psycopg.connect(database.url(None)) as connection:
            for number in range(ROUNDS):
                part = rows[number * each : (number + 1) * each]
                ours.append(by_the_function(store, part))
                plain.append(by_insert(connection, part))
        function, insert = statistics.median(ours[1:]), statistics.median(plain[1:])
        ratio = insert / function
        say(f"through the function: {each / function:8.0f} records/s   (batches of {BATCH}, each committed to disk)")
        say(f"by plain INSERT:      {each / insert:8.0f} records/s")
        say(f"ratio:                {ratio:8.2f}             (at least {FLOOR})")
        database.server.execute(
            "ANALYZE", database.name
        )  # as autovacuum does within a minute: who fills faster waits for it
        say(f"one after the other:  {at_once(store, 1, ALONE):8.0f} records/s   (each its own commit)")
        say(
            f"{THREADS} at once:           {at_once(store, THREADS, EACH):8.0f} records/s   (who come together share one)"
        )
        store.close()
    return ratio


if __name__ == "__main__":
    if main() < FLOOR:
        raise SystemExit("appending through the function is slower than that")
