"""Checkpoints as they were signed: appended, only ever of a log that has grown, read by exporters and by the signer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from byteport.audit.heads import Chain
from byteport.errors import MalformedInput, PreconditionFailed
from byteport.ledger.append import milliseconds
from byteport.ledger.store import Sql, Transaction


class Checkpoint(NamedTuple):
    """One signed note, and what it is about."""

    size: int
    root: bytes
    note: str
    at_ms: int


_COLUMNS = "size, root, note, at_ms"


def add(tx: Transaction, chain: Chain, size: int, root: bytes, note: str) -> None:
    """Keep a note. The same size and root may come again with more signatures; the very same note is kept once.

    Raises `PreconditionFailed` for a smaller size than the last one's, or for another root of the same size.
    """
    last = latest(tx.sql, chain)
    if last is not None:
        if (last.size, last.root, last.note) == (size, root, note):
            return
        if size < last.size or (size == last.size and root != last.root):
            raise PreconditionFailed(f"a checkpoint of {last.size} record(s) is kept already, and a log only grows")
    row = tx.sql.execute(
        "SELECT coalesce(max(number), 0) FROM checkpoints WHERE tenant = ? AND cluster_uid = ?",
        (chain.tenant, chain.cluster_uid),
    ).fetchone()
    tx.sql.execute(
        "INSERT INTO checkpoints (tenant, cluster_uid, number, size, root, note, at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (chain.tenant, chain.cluster_uid, row[0] + 1, size, root, note, milliseconds(tx.now)),
    )


def latest(sql: Sql, chain: Chain) -> Checkpoint | None:
    """The one of the largest size, with the most that was signed to it."""
    row = sql.execute(
        f"SELECT {_COLUMNS} FROM checkpoints"  # noqa: S608  the columns are a constant of this file
        " WHERE tenant = ? AND cluster_uid = ? ORDER BY number DESC LIMIT 1",
        (chain.tenant, chain.cluster_uid),
    ).fetchone()
    return _checkpoint(row) if row else None


def newest(sql: Sql, chain: Chain, upto: int) -> Checkpoint | None:
    """The last one that was kept of those over `upto` records and fewer."""
    row = sql.execute(
        f"SELECT {_COLUMNS} FROM checkpoints"  # noqa: S608  the columns are a constant of this file
        " WHERE tenant = ? AND cluster_uid = ? AND size <= ? ORDER BY number DESC LIMIT 1",
        (chain.tenant, chain.cluster_uid, upto),
    ).fetchone()
    return _checkpoint(row) if row else None


def sizes(sql: Sql, chain: Chain, upto: int) -> list[int]:
    """Of those over `upto` records and fewer, the smallest first, each once."""
    rows = sql.execute(
        "SELECT DISTINCT size FROM checkpoints WHERE tenant = ? AND cluster_uid = ? AND size <= ? ORDER BY size",
        (chain.tenant, chain.cluster_uid, upto),
    ).fetchall()
    return [row[0] for row in rows]


def newest_first(sql: Sql, chain: Chain, most: int) -> tuple[Checkpoint, ...]:
    """The last ones that were kept, at most so many."""
    rows = sql.execute(
        f"SELECT {_COLUMNS} FROM checkpoints"  # noqa: S608  the columns are a constant of this file
        " WHERE tenant = ? AND cluster_uid = ? ORDER BY number DESC LIMIT ?",
        (chain.tenant, chain.cluster_uid, most),
    ).fetchall()
    return tuple(_checkpoint(row) for row in rows)


def since(sql: Sql, chain: Chain, size: int) -> tuple[Checkpoint, ...]:
    """Those of `size` records and more, in the order in which they were kept."""
    rows = sql.execute(
        f"SELECT {_COLUMNS} FROM checkpoints"  # noqa: S608  the columns are a constant of this file
        " WHERE tenant = ? AND cluster_uid = ? AND size >= ? ORDER BY number",
        (chain.tenant, chain.cluster_uid, size),
    ).fetchall()
    return tuple(_checkpoint(row) for row in rows)


def _checkpoint(row: Sequence[object]) -> Checkpoint:
    """In SQLite somebody may have put anything there. Raises `MalformedInput` for what is no checkpoint's row."""
    size, root, note, at_ms = row
    if type(size) is not int or not isinstance(root, bytes) or not isinstance(note, str) or type(at_ms) is not int:
        raise MalformedInput("checkpoints", "holds a row that is no checkpoint")
    return Checkpoint(size=size, root=root, note=note, at_ms=at_ms)
