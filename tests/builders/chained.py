"""The log of a cluster that is somewhere else: sealed records, the lines of its exports, and its signer's checkpoints."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from byteport.audit.bundle import checkpoint_line, line_of
from byteport.audit.chain import GENESIS
from byteport.audit.checkpoint import Checkpoint, sign
from byteport.audit.heads import Chain
from byteport.audit.ids import uuid7
from byteport.audit.merkle import root_of
from byteport.audit.notes import SignatureType, key_of
from byteport.audit.records import Entry, Header, Payload, Removed, seal, timestamp
from byteport.audit.words import Decision, Event, Result
from byteport.ledger.append import moment

START_MS = 1_773_133_200_000


class Log:
    """One chain, in memory. `salt` makes another history of the same cluster."""

    def __init__(self, tenant: str, cluster_uid: str, *, salt: str = "") -> None:
        self.chain = Chain(tenant=tenant, cluster_uid=cluster_uid)
        self.key = Ed25519PrivateKey.generate()
        self.entries: list[Entry] = []
        self._salt = salt

    @property
    def vkey(self) -> str:
        return str(key_of(self.chain.origin, SignatureType.ED25519, self.key))

    @property
    def hash(self) -> str:
        return self.entries[-1].hash if self.entries else GENESIS

    def append(self, count: int = 1, **changes: Any) -> Log:
        for _ in range(count):
            seq = len(self.entries) + 1
            self.entries.append(
                seal(
                    self.header(seq, event=changes.get("event", Event.FINISHED)),
                    self.payload(seq, **changes),
                    self.chance(32, seq),
                )
            )
        return self

    def header(self, seq: int, **changes: Any) -> Header:
        plain: dict[str, Any] = {
            "tenant": self.chain.tenant,
            "cluster_uid": self.chain.cluster_uid,
            "seq": seq,
            "prev_hash": self.hash,
            "id": uuid7(START_MS + seq, self.chance(10, "id", seq)),
            "key": self.chance(32, "key", seq).hex(),
            "timestamp": timestamp(moment(START_MS + seq)),
            "event": Event.FINISHED,
            "decision": Decision.ACTED,
            "action_id": None,
            "payload": GENESIS,
        }
        return Header.model_validate(plain | changes)

    def payload(self, seq: int, **changes: Any) -> Payload:
        plain: dict[str, Any] = {
            "cluster": "prod-eu",
            "signal_type": "pod_crashloop",
            "signal_value": seq + 0.5,
            "runbook": "PodCrashloopRunbook",
            "command": f"kubectl delete pod web-{seq} -n shop",
            "result": Result.SUCCESS,
            "mttr_seconds": seq,
            "incident_id": f"inc-{seq % 3}",
            "workflow_id": "remediate:1",
            "target": "shop/Deployment/web",
            "cause": "transient",
            "plan_digest": "a" * 64,
            "approver": None,
            "reason": None,
            "note": "größer",
            "runbook_version": "1",
        }
        changes.pop("event", None)
        return Payload.model_validate(plain | changes)

    def erase(self, first: int, last: int, event: Event = Event.ERASED) -> Log:
        """Append the record of it, and destroy the bodies."""
        cause = {Event.ERASED: "erased", Event.PRUNED: "pruned"}[event]
        self.append(event=event, removed=(Removed.model_validate({"first": first, "last": last, "cause": cause}),))
        for at in range(first - 1, last):
            self.entries[at] = self.entries[at]._replace(payload=None, salt=None)
        return self

    def lines(self, first: int = 1, last: int | None = None) -> list[bytes]:
        """Without their newlines."""
        return [line_of(entry)[:-1] for entry in self.entries[first - 1 : last]]

    def note(self, size: int | None = None) -> str:
        leaves = [bytes.fromhex(entry.hash[7:]) for entry in self.entries[:size]]
        return sign(Checkpoint(self.chain.origin, len(leaves), root_of(leaves)), self.key)

    def checkpoint(self, size: int | None = None) -> bytes:
        return checkpoint_line(self.note(size))[:-1]

    def chance(self, length: int, *seed: object) -> bytes:
        return hashlib.shake_128(repr((self._salt, self.chain, seed)).encode()).digest(length)


def body(*lines: bytes | Sequence[bytes]) -> bytes:
    """Lines as NDJSON."""
    flat = [one for part in lines for one in ([part] if isinstance(part, bytes) else part)]
    return b"".join(line + b"\n" for line in flat)
