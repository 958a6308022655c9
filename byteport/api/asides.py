"""The way out after a fork: a new copy that goes on from the last record on which the copy and the true log agree.

Whoever had an agent's credential can append a record here that the agent's log does not have; from then on the true log is
refused, as it should be. A person finds out which log is the true one. Nothing is taken back in a copy: its database refuses
that, and so this reads it and writes a new one, with every chain whole but the one in question, whose forged records it
leaves where they are and writes out besides. Comes after `archive`; `byteport ledger set-aside` calls it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from byteport.api.archive import Archive
from byteport.api.lines import SentRecord, read
from byteport.api.problems import Held
from byteport.audit.bundle import BadLine, CheckpointLine, checkpoint_line, line_of
from byteport.audit.bundle import read as read_bundle
from byteport.audit.chain import GENESIS, record_hash
from byteport.audit.heads import Chain
from byteport.audit.records import read_header
from byteport.errors import MalformedInput, PreconditionFailed
from byteport.ledger import checkpoints
from byteport.ledger.log import AuditLog
from byteport.ledger.store import Store
from byteport.serving.problems import Problem

PORTION = 500
_MOST_NOTES = 500


class Parting(NamedTuple):
    """Where a copy and the true log part."""

    agreed: Held
    """The last record of both."""
    last: Held
    """The last record of the copy, which the true log does not have."""
    true: Held
    """The record that the true log has after the agreed one."""


class Carried(NamedTuple):
    """One chain in the new copy."""

    chain: Chain
    records: int
    checkpoints: int


def parting(lines: Iterable[bytes], copy: Store, chain: Chain) -> Parting:
    """Compare the true log, as `byteport export` writes it, with the copy's. Raises `MalformedInput` for lines that are not
    that log from its first record on, `PreconditionFailed` where one does not contradict the other."""
    log = AuditLog(copy.of(chain.tenant))
    end = log.head(chain)
    if end is None:
        raise PreconditionFailed(f"the copy has no record of {chain.origin}")
    agreed = Held(seq=0, hash=GENESIS)
    kept = log.headers(chain)
    for true in _records(lines, chain):
        here = next(kept, None)
        if here is None:
            break
        if here.hash != true.hash:
            return Parting(agreed, Held(seq=end.seq, hash=end.hash), true)
        agreed = true
    raise PreconditionFailed(
        f"the file and the copy agree up to record {agreed.seq}, where one of them ends: there is nothing to set aside"
    )


def carry_over(copy: Store, new: Store, tenants: Iterable[str], chain: Chain, upto: int) -> Iterator[Carried]:
    """Take every chain of the copy into the new one as it stands, of `chain` the first `upto` records alone; each is told
    when it is done. Raises `PreconditionFailed` where the new one is not empty, and for a record that is not whole."""
    chains = [one for tenant in tenants for one in _chains(copy, tenant)]
    for tenant in {one.tenant for one in chains}:
        if _chains(new, tenant):
            raise PreconditionFailed(f"{new.name} has records already; name one that is empty")
    source, target = Archive(copy), Archive(new)
    for one in chains:
        head = source.head(one)
        assert head is not None
        last = upto if one == chain else head.head.seq
        for part in source.export(one, last, PORTION):
            sent = [found for found in _sent(part, one) if isinstance(found, SentRecord)]
            if sent:
                target.take(one, sent, None)
        yield Carried(one, last, _notes(source, new, one, last))


def left(copy: Store, chain: Chain, after: int) -> Iterator[bytes]:
    """The records after `after` as lines, and every checkpoint over them: what is kept aside."""
    for entry in AuditLog(copy.of(chain.tenant)).entries(chain, after + 1):
        yield line_of(entry)
    archive, since = Archive(copy), after
    while notes := archive.checkpoints(chain, since, _MOST_NOTES):
        yield from (checkpoint_line(one.note) for one in notes)
        since = notes[-1].size


def _records(lines: Iterable[bytes], chain: Chain) -> Iterator[Held]:
    """Places of the true log, each held against the one before."""
    last = Held(seq=0, hash=GENESIS)
    for line in read_bundle(lines):
        if isinstance(line, CheckpointLine):
            continue
        where = f"line {line.number}"
        if isinstance(line, BadLine):
            raise MalformedInput(where, line.says)
        header = read_header(line.entry.header)
        if (header.tenant, header.cluster_uid) != (chain.tenant, chain.cluster_uid):
            raise MalformedInput(where, f"is not of {chain.origin}")
        found = Held(seq=header.seq, hash=record_hash(line.entry.header))
        if found.seq != last.seq + 1 or header.prev_hash != last.hash or found.hash != line.entry.hash:
            raise MalformedInput(where, f"does not follow on record {last.seq}; have the true log verified first")
        last = found
        yield found


def _sent(part: bytes, chain: Chain) -> Iterator[object]:
    for number, line in enumerate(part.splitlines(), 1):
        try:
            yield read(number, line, chain)
        except Problem as problem:
            raise PreconditionFailed(f"a record of {chain.origin} in the copy is not whole: {problem.detail}") from None


def _notes(source: Archive, new: Store, chain: Chain, last: int) -> int:
    since, found = 0, 0
    while notes := [one for one in source.checkpoints(chain, since, _MOST_NOTES) if one.size <= last]:
        with new.of(chain.tenant).transaction() as tx:
            for note in notes:
                checkpoints.add(tx, chain, note.size, bytes.fromhex(note.root.removeprefix("sha256:")), note.note)
        found, since = found + len(notes), notes[-1].size
    return found


def _chains(store: Store, tenant: str) -> list[Chain]:
    """Those that have a record."""
    with store.of(tenant).snapshot() as sql:
        rows = sql.execute(
            "SELECT cluster_uid FROM chain_heads WHERE tenant = ? AND seq > 0 ORDER BY cluster_uid", (tenant,)
        ).fetchall()
    return [Chain(tenant=tenant, cluster_uid=row[0]) for row in rows]
