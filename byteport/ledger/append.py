"""One more record at the end of a chain, inside the caller's transaction, once per key.

Comes after `store` (the transaction) and `byteport/audit` (the format). Every record of ours is written here.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from byteport.audit.chain import GENESIS, SALT_BYTES
from byteport.audit.ids import RANDOM_BYTES, uuid7
from byteport.audit.records import Header, Payload, seal, timestamp
from byteport.contracts.ledger import RecordDraft, Recorded
from byteport.domain.approvals import SignedAnswer
from byteport.domain.base import Frozen
from byteport.domain.canonical import digest
from byteport.domain.redaction import sanitised
from byteport.ledger.store import Transaction

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Evidence(Frozen):
    """What an intent's record holds besides: what was granted, and by whose word."""

    arguments_digest: str | None = None
    object_uid: str | None = None
    answers: tuple[SignedAnswer, ...] = ()
    allowed_signers: str | None = None


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
    seq, prev_hash, stamp_ms = _head(tx, draft)
    at_ms = max(milliseconds(tx.now), stamp_ms)
    header = Header(
        tenant=draft.tenant,
        cluster_uid=draft.cluster_uid,
        seq=seq + 1,
        prev_hash=prev_hash,
        id=uuid7(at_ms, tx.randomness(RANDOM_BYTES)),
        key=key,
        timestamp=timestamp(moment(at_ms)),
        event=draft.event,
        decision=draft.decision,
        action_id=draft.action_id,
        payload=GENESIS,
    )
    entry = seal(header, _payload(draft, evidence), tx.randomness(SALT_BYTES))
    assert entry.payload is not None
    tx.sql.execute(
        "INSERT INTO agent_actions (tenant, cluster_uid, seq, header, payload, salt, hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            *(draft.tenant, draft.cluster_uid, entry.seq),
            *(entry.header.decode("utf-8"), entry.payload.decode("utf-8"), entry.salt, entry.hash),
        ),
    )
    _move_head(tx, draft, seq=entry.seq, record_hash=entry.hash, at_ms=at_ms)
    return Recorded(id=header.id, seq=entry.seq, hash=entry.hash)


def find(tx: Transaction, draft: RecordDraft, key: str) -> Recorded | None:
    """The record that was appended under `key` (a digest), if any."""
    row = tx.sql.execute(
        "SELECT id, seq, hash FROM agent_actions WHERE tenant = ? AND cluster_uid = ? AND key = ?",
        (draft.tenant, draft.cluster_uid, key),
    ).fetchone()
    return Recorded(id=row[0], seq=row[1], hash=row[2]) if row else None


def stamp(tx: Transaction, tenant: str, cluster_uid: str) -> int:
    """The time in ms that the next record of a chain would have: what ages and hourly limits are counted by."""
    row = tx.sql.execute(
        "SELECT stamp_ms FROM chain_heads WHERE tenant = ? AND cluster_uid = ?", (tenant, cluster_uid)
    ).fetchone()
    return max(milliseconds(tx.now), row[0] if row else 0)


def milliseconds(at: datetime) -> int:
    """Whole milliseconds since 1970."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def moment(ms: int) -> datetime:
    """The inverse of `milliseconds`."""
    return _EPOCH + timedelta(milliseconds=ms)


def _head(tx: Transaction, draft: RecordDraft) -> tuple[int, str, int]:
    row = tx.sql.execute(
        "SELECT seq, hash, stamp_ms FROM chain_heads WHERE tenant = ? AND cluster_uid = ?",
        (draft.tenant, draft.cluster_uid),
    ).fetchone()
    return (row[0], row[1], row[2]) if row else (0, GENESIS, 0)


def _move_head(tx: Transaction, draft: RecordDraft, *, seq: int, record_hash: str, at_ms: int) -> None:
    statement = (
        "INSERT INTO chain_heads (seq, hash, stamp_ms, tenant, cluster_uid) VALUES (?, ?, ?, ?, ?)"
        if seq == 1
        else "UPDATE chain_heads SET seq = ?, hash = ?, stamp_ms = ? WHERE tenant = ? AND cluster_uid = ?"
    )
    tx.sql.execute(statement, (seq, record_hash, at_ms, draft.tenant, draft.cluster_uid))


def _payload(draft: RecordDraft, evidence: Evidence) -> Payload:
    return Payload(
        cluster=_plain(draft.cluster),
        signal_type=_plain(draft.signal_type),
        signal_value=draft.signal_value,
        runbook=_plain(draft.runbook),
        command=_clean(draft.command),
        result=draft.result,
        mttr_seconds=None if draft.mttr_seconds is None else max(0, draft.mttr_seconds),
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
    )


def _clean(text: str | None) -> str | None:
    return None if text is None else sanitised(text)


def _plain(name: str) -> str:
    """A name is looked up and compared, so that nothing of it is masked; it only may not move a reader's cursor."""
    return "".join(char if char.isprintable() else " " for char in name)
