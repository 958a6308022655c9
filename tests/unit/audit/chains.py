"""Chains of sealed records, made without a store: what the checker's tests change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from byteport.audit.chain import GENESIS, record_hash
from byteport.audit.ids import uuid7
from byteport.audit.records import Entry, Header, Payload, Removed, read_header, seal
from byteport.audit.verify import Chain
from byteport.audit.words import Decision, Event, Result
from byteport.domain.approvals import Answer, AnswerText, SignedAnswer
from byteport.domain.canonical import canonical_bytes

CHAIN = Chain(tenant="acme", cluster_uid="uid-1")
START_MS = 1_773_133_200_000


def chance(length: int, *seed: object) -> bytes:
    return hashlib.shake_128(repr(seed).encode()).digest(length)


def header(seq: int, prev_hash: str) -> Header:
    return Header(
        tenant=CHAIN.tenant,
        cluster_uid=CHAIN.cluster_uid,
        seq=seq,
        prev_hash=prev_hash,
        id=uuid7(START_MS + seq, chance(10, seq)),
        key=hashlib.sha256(str(seq).encode()).hexdigest(),
        timestamp="2026-03-10T09:00:00.000Z",
        event=Event.FINISHED,
        decision=Decision.ACTED,
        action_id=None,
        payload=GENESIS,
    )


def payload(seq: int) -> Payload:
    return Payload(
        cluster="prod",
        signal_type="pod_crashloop",
        signal_value=seq + 0.5,
        runbook="PodCrashloopRunbook",
        command=f"kubectl delete pod web-{seq} -n shop",
        result=Result.SUCCESS,
        mttr_seconds=seq,
        incident_id="inc-1",
        workflow_id="remediate:1",
        target="shop/Deployment/web",
        cause="transient",
        plan_digest="a" * 64,
        approver=None,
        reason=None,
        note="größer “than” ascii",
        runbook_version="1",
    )


def chain(length: int) -> list[Entry]:
    entries: list[Entry] = []
    prev_hash = GENESIS
    for seq in range(1, length + 1):
        entries.append(seal(header(seq, prev_hash), payload(seq), chance(32, "salt", seq)))
        prev_hash = entries[-1].hash
    return entries


def rewritten(entry: Entry, change: Callable[[dict[str, Any]], None]) -> Entry:
    """`entry` with another header, its hash computed again: what somebody with the code at hand would do."""
    plain = json.loads(entry.header)
    change(plain)
    head = canonical_bytes(plain)
    return entry._replace(header=head, hash=record_hash(head))


def resealed(entries: list[Entry], changes: Mapping[int, tuple[Event, tuple[Removed, ...]]]) -> list[Entry]:
    """The chain in which those records tell of something else, everything after them sealed anew; bodies that are gone stay so."""
    made: list[Entry] = []
    prev_hash = GENESIS
    for entry in entries:
        event, removed = changes.get(entry.seq, (read_header(entry.header).event, ()))
        head = header(entry.seq, prev_hash).model_copy(update={"event": event})
        one = seal(head, payload(entry.seq).model_copy(update={"removed": removed}), chance(32, "salt", entry.seq))
        made.append(one if entry.payload is not None else one._replace(payload=None, salt=None))
        prev_hash = one.hash
    return made


def answered(count: int) -> tuple[SignedAnswer, ...]:
    """Answers as an intent's record keeps them; their signatures are nobody's."""
    moment = datetime(2026, 3, 10, 9, tzinfo=UTC)
    text = AnswerText(
        tenant=CHAIN.tenant,
        cluster_uid=CHAIN.cluster_uid,
        incident_id="inc-1",
        plan_digest="a" * 64,
        answer=Answer.APPROVE,
        reason_digest="b" * 64,
        asked_because="c" * 64,
        not_before=moment,
        expires_at=moment + timedelta(hours=1, milliseconds=7),
        id="d" * 32,
    )
    return (SignedAnswer(text=text, reason="“go”\n", signature="-----BEGIN SSH SIGNATURE-----\nAA\n"),) * count
