"""The log verified, and then the same log with one byte of one record changed by hand: the record is named."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from byteport.audit.records import Record
from byteport.audit.verify import Verdict
from byteport.audit.words import Decision
from byteport.errors import Unavailable
from byteport.ledger.log import Filter
from byteport.ledger.opening import open_log
from byteport.sandbox.demo.matched import match_log
from byteport.sandbox.demo.report import Audit
from byteport.settings import Settings

COPY = "tampered.db"


def prove(settings: Settings, folder: Path, say: Callable[[str], None], against: Path | None = None) -> Audit:
    """Verify the ledger; then change one byte of a record in a copy in `folder`, and see that this record is named.

    `against` is the API server's own audit log, where there is one.
    """
    log = open_log(settings.ledger, settings.tenant)
    reports = log.verify_all()
    records = sum(report.records for report in reports)
    intact = all(report.intact is Verdict.INTACT for report in reports)
    say(f"{records} records verified: {'intact' if intact else 'NOT intact'}")
    matched = None if against is None else match_log(log, reports[0].chain, against, say)
    copy = folder / COPY
    assert settings.ledger.path is not None
    _copy(settings.ledger.path, copy)
    victim = _tamper(copy, list(log.iter_records(Filter(decision=Decision.ACTED))))
    say(f"changed one byte of record {victim.seq} in a copy of the log: {victim.command}")
    copied = open_log(settings.ledger.model_copy(update={"path": copy}), settings.tenant)
    named = [finding for report in copied.verify_all() for finding in report.findings]
    detected = [finding.id for finding in named] == [victim.id]
    for finding in named:
        say(f"found: record {finding.seq} ({finding.id}) {finding.says}")
    return Audit(records=records, intact=intact, matched=matched, tamper_detected=detected)


def _tamper(database: Path, records: Sequence[Record]) -> Record:
    """Flip one bit of what a record says where the file holds it, below SQLite: its triggers never hear of it."""
    data = bytearray(database.read_bytes())
    for record in records:
        body = _body(database, record.seq)
        at = data.find(body)
        if record.command and at >= 0:  # a long body is spread over pages of the file
            data[at + len(body) // 2] ^= 0x01
            database.write_bytes(data)
            return record
    raise Unavailable("no record of an act lies in one piece in the file")


def _body(database: Path, seq: int) -> bytes:
    connection = sqlite3.connect(database)
    try:
        (body,) = connection.execute("SELECT body FROM agent_action_bodies WHERE seq = ?", (seq,)).fetchone()
    finally:
        connection.close()
    return bytes(body)


def _copy(source: Path, target: Path) -> None:
    """A consistent copy of a database that is in use."""
    target.unlink(missing_ok=True)
    with sqlite3.connect(source) as live, sqlite3.connect(target) as copy:
        live.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
    live.close()
    copy.close()
    target.chmod(0o600)
