"""How fast a log is verified, against nothing but reading the same rows and SHA-256 over the same bytes; and in how much memory.

Run it with `make bench`, or `python -m tests.bench.verify_log [RECORDS]`. All measurements are of one run, in turns over
the same parts of one log, so that what counts is the ratio. Three logs are measured: rows of a bare SQLite file, checked
in one process and in two whose parts are joined; a ledger as the agent keeps it, its bodies encrypted (as
`verify-log --all` reads it); and peak memory at a tenth of the records and at all of them.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import partial
from itertools import starmap
from pathlib import Path
from secrets import token_bytes

from byteport.audit.chain import GENESIS, commitment, record_hash
from byteport.audit.heads import Chain
from byteport.audit.records import Entry, Payload
from byteport.audit.verify import Report, report_of
from byteport.audit.walk import PART, Walk
from byteport.domain.canonical import canonical_bytes

RECORDS = 1_000_000
IN_LEDGER = 50_000
"""Sealing and encrypting as many as above would take longer than all the rest."""
TURNS = 8
CHAIN = Chain(tenant="acme", cluster_uid="3f2a9c1e-7d5b-4e0f-9a51-0c6f5f1b2d11")
ROWS = "SELECT seq, header, payload, salt, hash FROM records WHERE seq > ? AND seq <= ? ORDER BY seq"


def records(count: int) -> Iterator[Entry]:
    """Records like those of an agent. They are written by hand here: a million models would take minutes."""
    body = json.loads(canonical_bytes(_payload()))
    head, _, tail = canonical_bytes(body | {"signal_value": 123.5}).partition(b"123.5")
    prev_hash = GENESIS
    for seq in range(1, count + 1):
        payload = head + str(40 + seq % 900 / 8).removesuffix(".0").encode() + tail
        salt = hashlib.sha256(b"salt %d" % seq).digest()
        key = hashlib.sha256(b"key %d" % seq).hexdigest()
        header = (
            f'{{"action_id":"{key[:32]}","cluster_uid":"{CHAIN.cluster_uid}","decision":"acted","event":"finished",'
            f'"format":"byteport-record-v1","id":"{key[:8]}-{key[8:12]}-7{key[13:16]}-8{key[17:20]}-{key[20:32]}",'
            f'"key":"{key}","payload":"{commitment(salt, payload)}","prev_hash":"{prev_hash}","seq":{seq},'
            f'"tenant":"{CHAIN.tenant}","timestamp":"2026-03-10T09:00:00.000Z"}}'
        ).encode()
        prev_hash = record_hash(header)
        yield Entry(seq, header, payload, salt, prev_hash)


def _payload() -> Payload:
    return Payload(
        cluster="prod-us-east-1",
        signal_type="disk_pressure",
        signal_value=91.5,
        runbook="DiskSpaceAutoReclaimRunbook",
        command="kubectl exec -n byteport-node-helper node-helper-x7k2p -- crictl rmi --prune",
        result=None,
        mttr_seconds=None,
        incident_id="019cd6f9-7a81-7dad-b77c-a411d01fd53f",
        workflow_id="remediate:3f2a9c1e-7d5b-4e0f-9a51-0c6f5f1b2d11:-:Node:node-3:disk",
        target="-/Node/node-3",
        cause="unused_images",
        plan_digest="a" * 64,
        approver=None,
        reason="auto, within limits",
        note=None,
        runbook_version="1",
    )


# -- A bare SQLite file -------------------------------------------------------------------------------------------------


def written(path: Path, count: int) -> None:
    sql = sqlite3.connect(path)
    sql.execute("CREATE TABLE records (seq INTEGER PRIMARY KEY, header BLOB, payload BLOB, salt BLOB, hash TEXT)")
    sql.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?)", (entry[:5] for entry in records(count)))
    sql.commit()
    sql.close()


def rows(path: Path, first: int, last: int) -> Iterator[Entry]:
    sql = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        yield from starmap(Entry, sql.execute(ROWS, (first - 1, last)))
    finally:
        sql.close()


def hashed(entries: Iterable[Entry]) -> None:
    """What the log is measured against: each byte read, and hashed once."""
    for entry in entries:
        hashlib.sha256(entry.header).digest()
        hashlib.sha256(entry.payload or b"").digest()


def part(path: Path, first: int, last: int) -> Walk:
    walk = Walk(CHAIN, first=first)
    walk.feed(rows(path, first, last))
    return walk


def parted(path: Path, first: int, last: int, pool: ProcessPoolExecutor) -> Walk:
    """The same in two processes, each of which takes the next part."""
    starts = range(first, last + 1, PART)
    parts = pool.map(part, [path] * len(starts), starts, [min(start + PART - 1, last) for start in starts])
    whole = next(iter(parts))
    for each in parts:
        whole.join(each)
    return whole


def bare(path: Path, count: int) -> None:
    turn = max(PART, count // TURNS // PART * PART)
    spent = dict.fromkeys(("hashed", "one", "hashed, elapsed", "two, elapsed"), 0.0)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(part, [path] * 2, [1, 1], [1, 1]))  # both have started and imported everything
        for first in range(1, count + 1, turn):
            last = min(first + turn - 1, count)
            used, elapsed = timed(partial(hashed, rows(path, first, last)))
            spent["hashed"] += used
            spent["hashed, elapsed"] += elapsed
            spent["one"] += timed(partial(_in_one, path, first, last))[0]
            spent["two, elapsed"] += timed(partial(_in_two, path, first, last, pool))[1]
    each = {name: seconds / count * 1e6 for name, seconds in spent.items()}
    print(f"SQLite rows, {count:,} records of {_size(path, count)} bytes:")
    print(f"  read and SHA-256   {each['hashed']:6.2f} µs of processor a record")
    print(f"  verify, 1 process  {each['one']:6.2f} µs of processor a record, ratio {each['hashed'] / each['one']:.2f}")
    ratio = each["hashed, elapsed"] / each["two, elapsed"]
    print(f"  verify, 2 processes{each['two, elapsed']:6.2f} µs elapsed a record, ratio {ratio:.2f}")


def _in_one(path: Path, first: int, last: int) -> None:
    check(part(path, first, last))


def _in_two(path: Path, first: int, last: int, pool: ProcessPoolExecutor) -> None:
    check(parted(path, first, last, pool))


def check(walk: Walk) -> None:
    assert report_of(walk).findings == (), report_of(walk).findings[:3]


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of this process's time, which other programs do not lengthen much, and seconds elapsed."""
    used, began = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - used, time.perf_counter() - began


def _size(path: Path, count: int) -> int:
    sql = sqlite3.connect(path)
    (size,) = sql.execute("SELECT sum(length(header) + length(payload)) FROM records").fetchone()
    sql.close()
    return int(size) // count


# -- A ledger -----------------------------------------------------------------------------------------------------------


def ledger(folder: Path, count: int) -> None:
    """`verify-log --all` on a ledger with encrypted bodies, against reading it and hashing."""
    from byteport.ledger.append import append_entries
    from byteport.ledger.config import LedgerConfig
    from byteport.ledger.keys import make_body_keys
    from byteport.ledger.opening import open_log, open_store

    config = LedgerConfig(path=folder / "ledger.db", body_key=folder / "bodies.key")
    assert config.body_key is not None
    make_body_keys(config.body_key)
    store = open_store(config, CHAIN.tenant, clock=lambda: datetime(2026, 3, 10, 9, tzinfo=UTC), randomness=token_bytes)
    waiting = list(records(count))
    for start in range(0, count, 1000):
        with store.transaction() as tx:
            append_entries(tx, CHAIN, waiting[start : start + 1000])
    log = open_log(config, CHAIN.tenant)
    spent = [0.0, 0.0]
    for _ in range(3):
        spent[0] += timed(lambda: hashed(log.entries(CHAIN)))[0]
        spent[1] += timed(lambda: _verified(log.verify_all()))[0]
    each = [seconds / 3 / count * 1e6 for seconds in spent]
    print(f"a ledger with encrypted bodies, {count:,} records:")
    print(f"  read and SHA-256   {each[0]:6.2f} µs of processor a record")
    print(f"  verify-log --all   {each[1]:6.2f} µs of processor a record, ratio {spent[0] / spent[1]:.2f}")


def _verified(reports: Iterable[Report]) -> None:
    assert [report.is_good for report in reports] == [True]


# -- Memory -------------------------------------------------------------------------------------------------------------


def peak(path: Path, count: int) -> None:
    check(part(path, 1, count))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def memory(path: Path, count: int) -> None:
    found = []
    for records_ in (count // 10, count):
        command = [sys.executable, "-m", "tests.bench.verify_log", "peak", str(path), str(records_)]
        found.append(int(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    print(f"peak memory: {found[0]} MiB at {count // 10:,} records, {found[1]} MiB at {count:,}")


def main() -> None:
    if sys.argv[1:2] == ["peak"]:
        peak(Path(sys.argv[2]), int(sys.argv[3]))
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else RECORDS
    with tempfile.TemporaryDirectory(prefix="byteport-bench-") as folder:
        path = Path(folder) / "records.db"
        written(path, count)
        bare(path, count)
        ledger(Path(folder), min(count, IN_LEDGER))
        memory(path, count)


if __name__ == "__main__":
    main()
