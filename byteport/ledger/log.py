"""The log for those who read it: listed with filters, and verified by the checker of `byteport/audit`.

Opens the file read-only, so that an auditor's copy is enough. The command line's `records` and `verify-log` end here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from byteport.audit.ids import parse_record_id
from byteport.audit.records import Entry, Record, record_of, timestamp
from byteport.audit.verify import Chain, Head, Report, verify_chain, verify_part
from byteport.audit.words import Decision, Event
from byteport.domain.base import Frozen
from byteport.errors import ConfigError, MalformedInput
from byteport.ledger.schema import SETTING
from byteport.ledger.store import reading

NO_CHAIN = Chain(tenant="", cluster_uid="")
_COLUMNS = "seq, CAST(header AS BLOB), CAST(payload AS BLOB), CAST(salt AS BLOB), CAST(hash AS BLOB)"


class Filter(Frozen):
    """Which records: all that are set must hold."""

    incident_id: str | None = None
    workflow_id: str | None = None
    action_id: str | None = None
    runbook: str | None = None
    target: str | None = None
    event: Event | None = None
    decision: Decision | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Exclusive."""
    limit: int | None = None
    newest_first: bool = False


ALL = Filter()


class One(NamedTuple):
    """One record with what its neighbours say of it."""

    record: Record | None
    """None when its bytes are no record any more; the report says so."""
    report: Report


class AuditLog:
    """One ledger file, for reading. Raises `ConfigError` naming the file when it is none, or cannot be read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def iter_records(self, wanted: Filter = ALL) -> Iterator[Record]:
        """Records in the order of their chain. Raises `MalformedInput` at one whose bytes are no record any more."""
        where, values = _where(wanted)
        order = "DESC" if wanted.newest_first else "ASC"
        limit = -1 if wanted.limit is None else wanted.limit
        statement = (
            f"SELECT {_COLUMNS} FROM agent_actions WHERE {where}"  # noqa: S608  the parts are constants of this file
            f" ORDER BY tenant, cluster_uid, seq {order} LIMIT ?"
        )
        with self._open() as sql:
            yield from (record_of(_entry(row)) for row in sql.execute(statement, (*values, limit)))

    def verify_one(self, text: str) -> One:
        """The record that a person named by UUID or ULID, with its neighbours and the links between them.

        Raises `MalformedInput` when the text is no id, or when no record says that it has this id.
        """
        record_id = parse_record_id(text)
        with self._open() as sql:
            found = sql.execute(
                "SELECT tenant, cluster_uid, seq FROM agent_actions"
                " WHERE tenant IN (SELECT DISTINCT tenant FROM chain_heads) AND id = ?",
                (record_id,),
            ).fetchone()
            if found is None:
                raise MalformedInput(
                    record_id, "no record has this id; `byteport verify-log --all` checks every record"
                )
            chain, seq = Chain(tenant=found[0], cluster_uid=found[1]), found[2]
            head = _head(sql, chain)
            first, last = max(1, seq - 1), min(seq + 1, head.seq) if head is not None else seq + 1
            entries = list(_entries(sql, chain, first, seq + 1))
        report = verify_part(entries, chain, first=first, last=max(last, seq))
        return One(_readable(next(entry for entry in entries if entry.seq == seq)), report)

    def verify_all(self) -> tuple[Report, ...]:
        """Every chain of the file from its first record to the head that the file names; never empty."""
        with self._open() as sql:
            chains = [
                Chain(tenant=row[0], cluster_uid=row[1])
                for row in sql.execute(
                    "SELECT tenant, cluster_uid FROM chain_heads"
                    " UNION SELECT tenant, cluster_uid FROM agent_actions ORDER BY 1, 2"
                )
            ]
            if not chains:
                return (verify_chain((), NO_CHAIN),)
            return tuple(verify_chain(_entries(sql, chain), chain, head=_head(sql, chain)) for chain in chains)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        if not self.path.is_file():
            raise ConfigError(SETTING, f"{self.path} does not exist; nothing has been recorded here")
        try:
            with reading(self.path) as sql:
                yield sql
        except sqlite3.Error as error:
            raise ConfigError(SETTING, f"{self.path} cannot be read as a ledger: {error}") from error


def open_log(path: Path) -> AuditLog:
    """The log in the ledger file at `path`."""
    return AuditLog(path)


def _entries(sql: sqlite3.Connection, chain: Chain, first: int = 0, last: int = 1 << 62) -> Iterator[Entry]:
    rows = sql.execute(
        f"SELECT {_COLUMNS} FROM agent_actions"  # noqa: S608  the columns are a constant of this file
        " WHERE tenant = ? AND cluster_uid = ? AND seq BETWEEN ? AND ? ORDER BY seq",
        (chain.tenant, chain.cluster_uid, first, last),
    )
    return (_entry(row) for row in rows)


def _entry(row: tuple[int, bytes | None, bytes | None, bytes | None, bytes | None]) -> Entry:
    """As bytes, whatever somebody has put there: the checker judges it."""
    seq, header, payload, salt, record_hash = row
    return Entry(
        seq=seq, header=header or b"", payload=payload, salt=salt, hash=(record_hash or b"").decode("utf-8", "replace")
    )


def _head(sql: sqlite3.Connection, chain: Chain) -> Head | None:
    row = sql.execute(
        "SELECT seq, hash FROM chain_heads WHERE tenant = ? AND cluster_uid = ?", (chain.tenant, chain.cluster_uid)
    ).fetchone()
    return Head(seq=row[0], hash=row[1]) if row else None


def _readable(entry: Entry) -> Record | None:
    try:
        return record_of(entry)
    except MalformedInput:
        return None


def _where(wanted: Filter) -> tuple[str, list[str]]:
    equal = {
        "incident_id": wanted.incident_id,
        "workflow_id": wanted.workflow_id,
        "action_id": wanted.action_id,
        "runbook": wanted.runbook,
        "target": wanted.target,
        "event": wanted.event,
        "decision": wanted.decision,
    }
    parts = [(f"{column} = ?", str(value)) for column, value in equal.items() if value is not None]
    if wanted.since is not None:
        parts.append(("timestamp >= ?", timestamp(wanted.since)))
    if wanted.until is not None:
        parts.append(("timestamp < ?", timestamp(wanted.until)))
    return " AND ".join(["1", *(part for part, _ in parts)]), [value for _, value in parts]
