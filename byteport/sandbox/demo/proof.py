"""The log verified, and then the same log with one byte of one record changed by hand: the record is named."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from activities.audit.log import Filter, open_log
from byteport.audit.verify import Verdict
from byteport.errors import Unavailable
from byteport.sandbox.demo.report import Audit

COPY = "tampered.db"


def prove(ledger: Path, folder: Path, say: Callable[[str], None]) -> Audit:
    """Verify `ledger`; then change one byte of a record in a copy in `folder`, and see that this record is named."""
    log = open_log(ledger)
    reports = log.verify_all()
    records = sum(report.records for report in reports)
    intact = all(report.intact is Verdict.INTACT for report in reports)
    say(f"{records} records verified: {'intact' if intact else 'NOT intact'}")
    victim = next(record for record in log.iter_records(Filter(newest_first=True)) if record.command)
    assert victim.command is not None
    copy = folder / COPY
    _copy(ledger, copy)
    change_a_byte(copy, victim.command)
    say(f"changed one byte of record {victim.seq} in a copy: {victim.command}")
    named = [finding for report in open_log(copy).verify_all() for finding in report.findings]
    detected = [finding.id for finding in named] == [victim.id]
    for finding in named:
        say(f"found: record {finding.seq} ({finding.id}) {finding.says}")
    return Audit(records=records, intact=intact, tamper_detected=detected)


def change_a_byte(database: Path, text: str) -> None:
    """Flip one letter of `text` where the file holds it last, below SQLite: its triggers never hear of it."""
    data = bytearray(database.read_bytes())
    at = data.rfind(text.encode())
    if at < 0:
        raise Unavailable("the record is not where it was expected in the file")
    data[at] ^= 0x01
    database.write_bytes(data)


def _copy(source: Path, target: Path) -> None:
    """A consistent copy of a database that is in use."""
    target.unlink(missing_ok=True)
    with sqlite3.connect(source) as live, sqlite3.connect(target) as copy:
        live.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
    live.close()
    copy.close()
    target.chmod(0o600)
