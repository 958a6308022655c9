"""Batches of sealed records as the receivers of the log are given them, plain ones and ones with hostile text in every field."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from activities.export.target import Batch
from byteport.audit import bundle
from byteport.audit.bundle import EntryLine
from byteport.audit.chain import GENESIS
from byteport.audit.ids import uuid7
from byteport.audit.records import Entry, Header, Payload, seal, timestamp
from byteport.audit.verify import Chain
from byteport.audit.words import Decision, Event, Result

CHAIN = Chain(tenant="acme", cluster_uid="5a0f2b7e-9c1d-4e6f-8a3b-2c4d6e8f0a1b")
DAMAGED_TIMES = (
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:30:00.000Z", "9999-12-31T23:59:59-23:59", "8999-12-31T23:30:00.000Z"),
    *("2026-03-10T09:00:00", "1969-12-31T23:59:59Z", "2026-03-10", "2026-W11-2", "0000-00-00T00:00:00Z", "", "no time"),
)
"""What a hand can make of a record's time: none, or one that no calendar can go on from."""
BEGIN = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
NOTE = "byteport.io/log/acme/5a0f\n3\nq1+/=\n\n— byteport.io/log/acme/5a0f AAAA\n"
HOSTILE = (
    "web\r\n<13>1 - - evil - - - forged\x00\x1b[2J\x1b]0;owned\x07\x7f\x9b31m\u202e\u2066drowssap\u2028\ufeff"
    '"]\\" =HYPERLINK("http://evil.example","x") | **b** [a](javascript:x) <script> @here `x` ü 漢 🙂'
)
"""What a terminal, a log, a table, a page and a chat would each act on."""


def entries(
    count: int, *, apart: timedelta = timedelta(seconds=1), texts: Mapping[str, str] | None = None
) -> list[Entry]:
    """A chain of `count` records; `texts` replaces fields of each payload."""
    made: list[Entry] = []
    before = GENESIS
    for seq in range(1, count + 1):
        at = BEGIN + (seq - 1) * apart
        header = Header(
            tenant=CHAIN.tenant,
            cluster_uid=CHAIN.cluster_uid,
            seq=seq,
            prev_hash=before,
            id=uuid7(int(at.timestamp() * 1000), _chance(10, seq)),
            key=hashlib.sha256(str(seq).encode()).hexdigest(),
            timestamp=timestamp(at),
            event=list(Event)[seq % len(Event)],
            decision=list(Decision)[seq % len(Decision)],
            action_id=None,
            payload=GENESIS,
        )
        plain: dict[str, Any] = {
            "cluster": "prod",
            "signal_type": "pod_crashloop",
            "signal_value": seq + 0.5,
            "runbook": "PodCrashloopRunbook",
            "command": f"kubectl delete pod web-{seq} -n shop",
            "result": Result.SUCCESS,
            "mttr_seconds": seq,
            "incident_id": "inc-1",
            "workflow_id": "remediate:1",
            "target": "shop/Deployment/web",
            "cause": "transient",
            "plan_digest": "a" * 64,
            "approver": "ada@acme.example",
            "reason": None,
            "note": "größer “than” ascii",
            "runbook_version": "1",
        }
        made.append(seal(header, Payload.model_validate(plain | dict(texts or {})), _chance(32, "salt", seq)))
        before = made[-1].hash
    return made


TEXT_FIELDS = (
    *("cluster", "signal_type", "runbook", "command", "incident_id", "workflow_id", "target", "cause"),
    *("plan_digest", "approver", "reason", "note", "runbook_version", "postmortem_url"),
)
"""Fields of a payload in which a text may stand."""


def hostile_entries(count: int) -> list[Entry]:
    return entries(count, texts=dict.fromkeys(TEXT_FIELDS, HOSTILE))


def batch_of(some: Iterable[Entry], *, checkpoint: str | None = None, hour: datetime | None = None) -> Batch:
    """The batch of entries that follow each other."""
    chosen = list(some)
    lines = tuple(bundle.line_of(entry).removesuffix(b"\n") for entry in chosen)
    return Batch(CHAIN, chosen[0].seq, chosen[-1].seq, lines, checkpoint, hour)


def read_back(lines: Iterable[bytes]) -> list[Entry]:
    """The entries that these lines of an export hold; fails where one is none, or says another thing than what was hashed."""
    found = []
    for line in bundle.read(line + b"\n" for line in lines):
        assert isinstance(line, EntryLine), line
        assert line.differs is None, line
        found.append(line.entry)
    return found


def _chance(length: int, *seed: object) -> bytes:
    return hashlib.shake_128(repr(seed).encode()).digest(length)
