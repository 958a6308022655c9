"""One more record at the end of a chain, inside the caller's transaction, once per key; or many that another ledger sealed.

Comes after `store` (the transaction), `sealing` (the bodies) and `byteport/audit` (the format). Every record is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from byteport.audit.chain import GENESIS, SALT_BYTES, commitment, record_hash
from byteport.audit.heads import Chain
from byteport.audit.ids import RANDOM_BYTES, uuid7
from byteport.audit.records import Entry, Header, Payload, Removed, read_header, read_payload, seal, timestamp
from byteport.contracts.ledger import RecordDraft, Recorded
from byteport.domain.approvals import SignedAnswer
from byteport.domain.base import Frozen
from byteport.domain.canonical import digest
from byteport.domain.redaction import sanitised
from byteport.errors import PreconditionFailed
from byteport.ledger.sealing import NO_INDEXES, Opened, needed
from byteport.ledger.sealing import indexes as indexes_of
from byteport.ledger.sealing import seal as seal_body
from byteport.ledger.store import StoredRow, Transaction

_PLACE = "tenant = ? AND cluster_uid = ?"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Evidence(Frozen):
    """What an intent's record holds besides: what was granted, and by whose word."""

    arguments_digest: str | None = None
    object_uid: str | None = None
    answers: tuple[SignedAnswer, ...] = ()
    allowed_signers: str | None = None
    removed: tuple[Removed, ...] = ()
    """On `pruned` and `erased`: whose bodies this record says are gone."""


NO_EVIDENCE = Evidence()


def append(tx: Transaction, draft: RecordDraft, *, evidence: Evidence = NO_EVIDENCE) -> Recorded:
    """Append `draft`, or return what was appended under its key before.

    The time of a record is never before that of the record before it, whatever the wall clock did. Texts are sanitised
    here, whoever wrote them. Raises `MalformedInput` for a value that JSON cannot hold.
    """
    key = digest(draft.key)
    known = find(tx, draft, key)
    if known is not None:
        return known
    chain = Chain(tenant=draft.tenant, cluster_uid=draft.cluster_uid)
    head = tx.chains.head(chain)
    at_ms = max(milliseconds(tx.now), head.stamp_ms)
    header = Header(
        tenant=draft.tenant,
        cluster_uid=draft.cluster_uid,
        seq=head.seq + 1,
        prev_hash=head.hash,
        id=uuid7(at_ms, tx.randomness(RANDOM_BYTES)),
        key=key,
        timestamp=timestamp(moment(at_ms)),
        event=draft.event,
        decision=draft.decision,
        action_id=draft.action_id,
        payload=GENESIS,
    )
    entry = seal(header, _payload(draft, evidence), tx.randomness(SALT_BYTES))
    tx.chains.add(chain, [_row(tx, chain, entry, at_ms)])
    return Recorded(id=header.id, seq=entry.seq, hash=entry.hash)


def append_entries(tx: Transaction, chain: Chain, entries: Sequence[Entry]) -> int:
    """Append records that another ledger has sealed, as they are; how many were new.

    Each must be the one that comes next: its place, the record that it names as its predecessor, its own hash, and the
    payload that its header commits to. What is there already is passed over. Raises `PreconditionFailed` for anything
    else: a gap, another record at a place that is taken, or another chain's; `MalformedInput` for what is no record.
    """
    head = tx.chains.head(chain)
    known = _hashes(tx, chain, [entry.seq for entry in entries if entry.seq <= head.seq])
    rows: list[StoredRow] = []
    headers: list[Header] = []
    last, last_hash, stamp_ms = head
    for entry in entries:
        header = _checked(entry, chain)
        if entry.seq <= head.seq:
            if known.get(entry.seq) != entry.hash:
                raise PreconditionFailed(f"record {entry.seq} is another one here")
            continue
        if entry.seq != last + 1:
            raise PreconditionFailed(f"record {last + 1} must come next, not {entry.seq}")
        if header.prev_hash != last_hash:
            raise PreconditionFailed(f"record {entry.seq} was not appended to the record before it here")
        at_ms = milliseconds(datetime.fromisoformat(header.timestamp))
        if at_ms < stamp_ms:
            raise PreconditionFailed(f"record {entry.seq} is earlier than the one before it")
        rows.append(_row(tx, chain, entry, at_ms))
        headers.append(header)
        last, last_hash, stamp_ms = entry.seq, entry.hash, at_ms
    if rows:
        _must_be_new(tx, chain, headers)
        tx.chains.add(chain, rows)
    return len(rows)


def find(tx: Transaction, draft: RecordDraft, key: str) -> Recorded | None:
    """The record that was appended under `key` (a digest), if any."""
    row = tx.sql.execute(
        "SELECT id, seq, hash FROM agent_actions WHERE tenant = ? AND cluster_uid = ? AND key = ?",
        (draft.tenant, draft.cluster_uid, key),
    ).fetchone()
    return Recorded(id=row[0], seq=row[1], hash=row[2]) if row else None


def stamp(tx: Transaction, tenant: str, cluster_uid: str) -> int:
    """The time in ms that the next record of a chain would have: what ages and hourly limits are counted by."""
    return max(milliseconds(tx.now), tx.chains.head(Chain(tenant=tenant, cluster_uid=cluster_uid)).stamp_ms)


def milliseconds(at: datetime) -> int:
    """Whole milliseconds since 1970."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def moment(ms: int) -> datetime:
    """The inverse of `milliseconds`."""
    return _EPOCH + timedelta(milliseconds=ms)


def _row(tx: Transaction, chain: Chain, entry: Entry, at_ms: int) -> StoredRow:
    body, indexes = None, NO_INDEXES
    if entry.payload is not None and entry.salt is not None:
        keys = needed(tx.keys)
        body = seal_body(keys, chain, entry.seq, Opened(entry.salt, entry.payload), tx.randomness)
        indexes = indexes_of(keys, chain.tenant, read_payload(entry.payload))
    return StoredRow(entry.seq, entry.header.decode("utf-8"), entry.hash, at_ms, body, indexes)


def _checked(entry: Entry, chain: Chain) -> Header:
    header = read_header(entry.header)
    if (header.tenant, header.cluster_uid) != (chain.tenant, chain.cluster_uid):
        raise PreconditionFailed(f"record {entry.seq} is of another tenant or cluster")
    if header.seq != entry.seq or record_hash(entry.header) != entry.hash:
        raise PreconditionFailed(f"record {entry.seq} is not what its place or its hash says")
    if (entry.payload is None) != (entry.salt is None):
        raise PreconditionFailed(f"record {entry.seq} has half a body")
    if entry.payload is None or entry.salt is None:
        return header
    if len(entry.salt) != SALT_BYTES or commitment(entry.salt, entry.payload) != header.payload:
        raise PreconditionFailed(f"record {entry.seq} has a payload to which it does not commit")
    return header


def _must_be_new(tx: Transaction, chain: Chain, headers: Sequence[Header]) -> None:
    """No two records of a tenant have one id, and no two of a chain were appended under one key."""
    for name, words in (("id", [header.id for header in headers]), ("key", [header.key for header in headers])):
        if len(set(words)) < len(words):
            raise PreconditionFailed(f"two records have the same {name}")
        place, values = ("tenant = ?", (chain.tenant,)) if name == "id" else (_PLACE, (chain.tenant, chain.cluster_uid))
        row = tx.sql.execute(
            f"SELECT seq FROM agent_actions WHERE {place} AND {name} IN ({', '.join('?' * len(words))}) LIMIT 1",  # noqa: S608
            (*values, *words),
        ).fetchone()
        if row is not None:
            raise PreconditionFailed(f"a record with the same {name} is here already")


def _hashes(tx: Transaction, chain: Chain, numbers: Sequence[int]) -> dict[int, str]:
    if not numbers:
        return {}
    rows = tx.sql.execute(
        "SELECT seq, hash FROM agent_actions WHERE tenant = ? AND cluster_uid = ? AND seq BETWEEN ? AND ?",
        (chain.tenant, chain.cluster_uid, min(numbers), max(numbers)),
    )
    return {row[0]: row[1] for row in rows}


def _payload(draft: RecordDraft, evidence: Evidence) -> Payload:
    return Payload(
        cluster=_plain(draft.cluster),
        signal_type=_plain(draft.signal_type),
        signal_value=draft.signal_value,
        runbook=_plain(draft.runbook),
        command=_clean(draft.command),
        result=draft.result,
        mttr_seconds=None if draft.mttr_seconds is None else max(0, draft.mttr_seconds),
        postmortem_url=draft.postmortem_url,
        incident_id=_plain(draft.incident_id),
        workflow_id=_plain(draft.workflow_id),
        target=_plain(draft.target),
        cause=None if draft.cause is None else _plain(draft.cause),
        plan_digest=draft.plan_digest,
        approver=_clean(draft.approver),
        reason=", ".join(draft.reasons) or None,
        note=_clean(draft.note),
        runbook_version=draft.runbook_version,
        arguments_digest=evidence.arguments_digest,
        object_uid=evidence.object_uid,
        answers=tuple(
            answer.model_copy(update={"reason": sanitised(answer.reason), "claimed_by": sanitised(answer.claimed_by)})
            for answer in evidence.answers
        ),
        allowed_signers=evidence.allowed_signers,
        removed=evidence.removed,
    )


def _clean(text: str | None) -> str | None:
    return None if text is None else sanitised(text)


def _plain(name: str) -> str:
    """A name is looked up and compared, so that nothing of it is masked; it only may not move a reader's cursor."""
    return "".join(char if char.isprintable() else " " for char in name)
