"""Chains of sealed records, made without a store: what the checker's tests change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from byteport.audit.chain import GENESIS, record_hash
from byteport.audit.ids import uuid7
from byteport.audit.records import Entry, Header, Payload, seal
from byteport.audit.verify import Chain
from byteport.audit.words import Decision, Event, Result
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
