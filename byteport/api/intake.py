"""Records that were handed in, put after those that are kept: each where it chains, or none of them.

Comes after `lines` and `naming`; `archive` calls it inside the transaction of a request.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from byteport.api.lines import SentRecord
from byteport.api.naming import name_removals
from byteport.api.problems import Contradiction, Held, LedgerCode
from byteport.audit.chain import GENESIS
from byteport.audit.heads import Chain
from byteport.audit.words import REMOVALS
from byteport.errors import MalformedInput, PreconditionFailed
from byteport.ledger.append import append_entries
from byteport.ledger.store import Sql, Transaction
from byteport.serving.problems import Problem

_AT_ONCE = 200
"""Values in one statement."""


def take_records(tx: Transaction, chain: Chain, sent: Sequence[SentRecord]) -> tuple[int, int, Held]:
    """How many were new, how many were there, and the head after them."""
    head = tx.chains.head(chain)
    held = Held(seq=head.seq, hash=head.hash) if head.seq else Held(seq=0, hash=GENESIS)
    known = _hashes(tx.sql, chain, [one.entry.seq for one in sent if one.entry.seq <= head.seq])
    new: list[SentRecord] = []
    last = held
    for one in sent:
        entry = one.entry
        if entry.seq <= last.seq:
            if known.get(entry.seq) != entry.hash:
                raise _fork(one, "seq", "another record is kept at this place", held)
            continue
        if entry.seq != last.seq + 1:
            raise Contradiction(
                *(LedgerCode.GAP, f"record {last.seq + 1} has to come next; go on from the head"),
                line=one.line,
                field="seq",
                head=held,
            )
        if one.header.prev_hash != last.hash:
            raise _fork(one, "prev_hash", "it was not appended to the record that is kept here before it", held)
        known[entry.seq] = entry.hash
        last = Held(seq=entry.seq, hash=entry.hash)
        new.append(one)
    _must_be_unused(tx.sql, chain, new, held)
    for part in _cut_after_removals(new):
        try:
            append_entries(tx, chain, [one.entry for one in part])
        except PreconditionFailed as error:
            raise _fork(part[0], None, f"from this line on it does not chain: {error.message}", held) from error
        except MalformedInput as error:
            raise Problem(LedgerCode.LINE_REFUSED, "from this line on it is no record", line=part[0].line) from error
        name_removals(tx, chain, part[-1])
    return len(new), len(sent) - len(new), last


def _cut_after_removals(new: Sequence[SentRecord]) -> Iterator[list[SentRecord]]:
    """What a record says is gone is kept right after it, while it is the last."""
    part: list[SentRecord] = []
    for one in new:
        part.append(one)
        if one.header.event in REMOVALS:
            yield part
            part = []
    if part:
        yield part


def _must_be_unused(sql: Sql, chain: Chain, new: Sequence[SentRecord], held: Held) -> None:
    """Ids are unique in a tenant, keys in a chain."""
    ids, keys = [one.header.id for one in new], [one.header.key for one in new]
    taken_ids = _in(sql, "SELECT id FROM agent_actions WHERE tenant = ? AND id IN", (chain.tenant,), ids)
    taken_keys = _in(
        sql,
        "SELECT key FROM agent_actions WHERE tenant = ? AND cluster_uid = ? AND key IN",
        (chain.tenant, chain.cluster_uid),
        keys,
    )
    for one in new:
        for field, value, taken in (("id", one.header.id, taken_ids), ("key", one.header.key, taken_keys)):
            if value in taken:
                raise _fork(one, field, "another record of this tenant has it already", held)
            taken.add(value)


def _in(sql: Sql, statement: str, values: tuple[str, ...], wanted: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(wanted), _AT_ONCE):
        part = wanted[start : start + _AT_ONCE]
        rows = sql.execute(f"{statement} ({', '.join('?' * len(part))})", (*values, *part))
        found.update(row[0] for row in rows)
    return found


def _hashes(sql: Sql, chain: Chain, seqs: Sequence[int]) -> dict[int, str]:
    if not seqs:
        return {}
    rows = sql.execute(
        "SELECT seq, hash FROM agent_actions WHERE tenant = ? AND cluster_uid = ? AND seq BETWEEN ? AND ?",
        (chain.tenant, chain.cluster_uid, min(seqs), max(seqs)),
    )
    return {row[0]: row[1] for row in rows}


def _fork(one: SentRecord, field: str | None, says: str, held: Held) -> Contradiction:
    return Contradiction(LedgerCode.FORK, f"{says}; this copy does not change", line=one.line, field=field, head=held)
