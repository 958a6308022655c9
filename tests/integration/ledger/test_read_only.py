"""The halt as the agent's process reads it: through a mount on which nothing can be written, with the ledger at work behind."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from activities.audit.halts import Halts
from activities.clock import utc_now
from byteport.ledger.sqlite import SqliteStore
from tests.integration.ledger.world import BODY_KEYS, INSTALLATION

READER = """
import os, sys
from pathlib import Path
from activities.audit.halts import HaltRow
from byteport.ledger.opening import must_be_readable
from byteport.ledger.sqlite import SqliteReader
from byteport.contracts.workflows import Installation
from byteport.errors import Unavailable

path = Path(sys.argv[1])
for writing in (lambda: path.open("r+b"), lambda: (path.parent / "made").touch(), lambda: path.rename(f"{path}2")):
    try:
        writing()
    except OSError:
        continue
    sys.exit("it can be written")
row = HaltRow(SqliteReader(path, None), Installation.model_validate_json(sys.argv[2]))
for line in sys.stdin:
    try:
        must_be_readable(SqliteReader(path, None))
        readable = True
    except Unavailable:
        readable = False
    print(readable, all([row.is_halted() for _ in range(int(line))]), flush=True)
"""
"""Answers each line, a number of looks, with whether the ledger can be read and whether every look saw a halt."""

KILLED = """
import os, secrets, signal, sys
from pathlib import Path
from activities.audit.halts import Halts
from byteport.ledger.sqlite import SqliteStore
from activities.clock import utc_now
from byteport.contracts.workflows import Installation
from tests.integration.ledger.world import BODY_KEYS

STORES = ("sqlite",)

store = SqliteStore(Path(sys.argv[1]), keys=BODY_KEYS, clock=utc_now, randomness=secrets.token_bytes)
Halts(store, Installation.model_validate_json(sys.argv[2])).halt(by="ada", reason="stop")
os.kill(os.getpid(), signal.SIGKILL)
"""


class Agent:
    """A process that sees the ledger's folder as read-only: by a bind mount for root, by the folder's mode for others."""

    def __init__(self, folder: Path) -> None:
        words = [sys.executable, "-c", READER, str(folder / "ledger.db"), INSTALLATION.model_dump_json()]
        if os.geteuid() == 0:
            mounted = f"mount --bind '{folder}' '{folder}' && mount -o remount,bind,ro '{folder}' && exec \"$@\""
            words = ["unshare", "--mount", "sh", "-c", mounted, "sh", *words]
        else:
            for path in folder.iterdir():
                path.chmod(0o400)
            folder.chmod(0o500)
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def sees(self, looks: int = 1) -> tuple[bool, bool]:
        """Whether the ledger can be read, and whether it is halted at every look."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{looks}\n")
        self._process.stdin.flush()
        readable, halted = self._process.stdout.readline().split()
        return readable == "True", halted == "True"

    def end(self) -> None:
        self._process.communicate()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "state"
    made.mkdir()
    return made


def opened(folder: Path) -> SqliteStore:
    return SqliteStore(folder / "ledger.db", keys=BODY_KEYS, clock=utc_now, randomness=secrets.token_bytes)


HALTED, CANNOT_BE_READ, GOES_ON = (True, True), (False, True), (True, False)


@pytest.mark.claim("C-081", "C-143")
def test_a_halt_and_its_end_are_seen_at_once_where_nothing_can_be_written(folder: Path) -> None:
    store = opened(folder)
    halts, agent = Halts(store, INSTALLATION), Agent(folder)
    assert agent.sees() == GOES_ON
    for _ in range(20):
        halts.halt(by="ada", reason="stop")
        assert agent.sees() == HALTED
        halts.resume(by="ada", reason="go")
        assert agent.sees() == GOES_ON
    agent.end()


@pytest.mark.claim("C-081", "C-143")
def test_a_halt_is_seen_at_every_look_while_the_ledger_writes_and_folds_its_wal(folder: Path) -> None:
    store = opened(folder)
    halts, agent = Halts(store, INSTALLATION), Agent(folder)
    halts.halt(by="ada", reason="stop")
    for _ in range(10):
        for _ in range(150):
            with store.transaction() as tx:
                tx.sql.execute("UPDATE halts SET reason = ?", (secrets.token_hex(2000),))
        assert agent.sees(looks=20) == HALTED
    assert (folder / "ledger.db-wal").stat().st_size < 1500 * 4096
    agent.end()


@pytest.mark.claim("C-081")
def test_what_a_ledger_wrote_before_it_was_killed_is_seen(folder: Path) -> None:
    """Its WAL then lies there with nobody to fold it."""
    words = [sys.executable, "-c", KILLED, str(folder / "ledger.db"), INSTALLATION.model_dump_json()]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL
    agent = Agent(folder)
    assert agent.sees() == HALTED
    agent.end()


@pytest.mark.claim("C-081")
@pytest.mark.skipif(
    os.geteuid() != 0, reason="expected: without root the ledger cannot come back where the agent cannot write"
)
def test_while_nobody_has_the_ledger_open_it_cannot_be_read_and_counts_as_halted(folder: Path) -> None:
    agent = Agent(folder)
    assert agent.sees() == CANNOT_BE_READ
    store = opened(folder)
    assert agent.sees() == GOES_ON
    store.close()
    assert agent.sees() == CANNOT_BE_READ
    store = opened(folder)
    assert agent.sees() == GOES_ON
    agent.end()
