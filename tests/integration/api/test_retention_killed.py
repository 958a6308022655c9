"""A look that is killed leaves whole portions, and the next one does the rest; it needs no more memory for more of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from byteport.api import retention
from byteport.ledger.postgres_migrating import Role
from tests.builders.postgres import Database
from tests.integration.api.copy import Copy

pytestmark = pytest.mark.ledger
STORES = ("sqlite", "postgres")
RECORDS = 600
LOOKS = """
import json, sys, time
from datetime import datetime, UTC
from pathlib import Path
from byteport.api import retention
from byteport.api.counts import Counts
from byteport.api.enrolment import EnrolmentFile
from byteport.contracts.ledger_api import ApiConfig
from byteport.ledger.postgres import Database, PostgresStore
from byteport.ledger.sqlite import SqliteStore
from tests.integration.ledger.world import BODY_KEYS

given = json.loads(sys.argv[1])
retention.PORTION = 20
destroy, begun = retention._Portion.destroy, []


def until_the_fourth(portion, after):
    done = destroy(portion, after)
    begun.append(after)
    if len(begun) == 4:
        print("in the fourth portion", flush=True)
        time.sleep(600)
    return done


retention._Portion.destroy = until_the_fourth
clock = lambda: datetime.fromtimestamp(given["now"], UTC)
store = (
    SqliteStore(Path(given["path"]), keys=BODY_KEYS, clock=clock, randomness=bytes)
    if given["path"]
    else PostgresStore(Database(given["url"], None), "default", keys=BODY_KEYS, clock=clock, randomness=bytes)
)
retention.Sweeper(store, EnrolmentFile(Path(given["enrolment"])), ApiConfig(), Counts()).sweep()
store.close()
"""


def due(copy: Copy, records: int = RECORDS) -> None:
    """All of a chain."""
    log = copy.logs["acme"].append(records)
    for first in range(1, records, 1000):
        sent = log.entries[: first + 999]
        log.entries, rest = sent, log.entries[first + 999 :]
        copy.hand_in(log, first)
        log.entries = [*sent, *rest]
    log.erase(1, records)
    copy.told(log)
    copy.later(days=2)


@pytest.mark.claim("C-378")
def test_killed_in_the_middle_it_leaves_whole_portions_and_the_next_look_does_the_rest(
    tmp_path: Path, stored: Database | None
) -> None:
    copy = Copy(tmp_path, stored)
    due(copy)
    given = {
        "now": copy.now.timestamp(),
        "path": "" if stored else str(tmp_path / "copy.db"),
        "url": stored.url(Role.INGEST) if stored else "",
        "enrolment": str(copy.enrolment),
    }
    with subprocess.Popen([sys.executable, "-c", LOOKS, json.dumps(given)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
    assert said == b"in the fourth portion\n"
    left = count(copy)
    assert left == RECORDS - 3 * 20
    assert copy.both_say(copy.logs["acme"].chain) == ([], 0)
    copy.sweeper.sweep()
    assert count(copy) == left, "the killed one still has its turn"
    copy.look(minutes=10)
    assert count(copy) == 0
    assert copy.both_say(copy.logs["acme"].chain) == ([], 0)
    copy.store.close()


def test_its_memory_does_not_grow_with_what_is_due(
    tmp_path: Path, stored: Database | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PORTION", 25)
    peaks = []
    copy = Copy(tmp_path, stored)
    for records in (60, 600):
        log = copy.logs["acme"]
        first = len(log.entries) + 1
        log.append(records)
        copy.hand_in(log, first)
        copy.told(log.erase(first, first + records - 1))
        copy.later(days=2)
        tracemalloc.start()
        copy.sweeper.sweep()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert count(copy) == 0
    assert peaks[1] < 2 * peaks[0] + (256 << 10), peaks
    copy.store.close()


def count(copy: Copy) -> int:
    """Bodies that may go and are there."""
    with copy.store.of("acme").snapshot() as sql:
        row = sql.execute(
            "SELECT count(*) FROM agent_action_bodies JOIN agent_actions USING (tenant, cluster_uid, seq)"
            " WHERE event NOT IN (?, ?)",
            ("erased", "pruned"),
        ).fetchone()
    return int(row[0])
