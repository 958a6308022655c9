"""A log as it is handed to a stranger: records of every kind, bodies pruned and erased, checkpoints of two keys, a witness.

What the tests of files and the mutations begin with. Nothing of it needs a store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from byteport.audit import bundle
from byteport.audit.bundle import checkpoint_line
from byteport.audit.chain import GENESIS
from byteport.audit.checkpoint import Checkpoint, cosign, sign, with_cosignatures
from byteport.audit.heads import Chain
from byteport.audit.ids import uuid7
from byteport.audit.merkle import root_of
from byteport.audit.notes import SignatureType, VerifierKey, key_of
from byteport.audit.records import Entry, Header, Payload, Removed, seal, timestamp
from byteport.audit.words import Decision, Event, Removal, Result
from tests.unit.audit.chains import START_MS, answered, chance

TENANT = "acme"
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
LATER_KEY = Ed25519PrivateKey.from_private_bytes(b"l" * 32)
STRANGER = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
WITNESS = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
WITNESS_VKEY = key_of("witness.example.com/w1", SignatureType.COSIGNATURE, WITNESS)
SEEN_AT = 1_773_133_200
START = datetime(2026, 3, 10, 9, tzinfo=UTC)
APART = timedelta(days=40, seconds=1)
"""Longer than bodies are kept in this log, so that whatever it prunes is old enough."""
KEPT = "bodies of before then: 30 days are kept"
STORY = (
    (Event.PLANNED, Decision.DRY_RUN_PLANNED, Result.PENDING_APPROVAL),
    (Event.APPROVED, Decision.DRY_RUN_PLANNED, Result.PENDING_APPROVAL),
    (Event.STARTED, Decision.ACTED, None),
    (Event.FINISHED, Decision.ACTED, Result.SUCCESS),
    (Event.SKIPPED, Decision.SKIPPED, None),
    (Event.ESCALATED, Decision.ESCALATED, Result.FAILURE),
)


@cache
def line_of(entry: Entry, removed: Removal | None = None) -> bytes:
    """As the export writes it; once for each record, since thousands of logs share most of theirs."""
    return bundle.line_of(entry, removed)


class Log(NamedTuple):
    """Records with the checkpoints after them, as they would be exported."""

    chain: Chain
    entries: tuple[Entry, ...]
    gone: dict[int, Removal]
    """Whose bodies are gone, and why."""
    notes: dict[int, str]
    """Checkpoints by their size."""

    def vkeys(self) -> list[VerifierKey]:
        return [vkey(self.chain, key) for key in (KEY, LATER_KEY)]

    def lines(self) -> list[bytes]:
        """Each checkpoint right after the records that it covers."""
        made: list[bytes] = []
        for entry in self.entries:
            made.append(line_of(entry, self.gone.get(entry.seq)))
            if entry.seq in self.notes:
                made.append(checkpoint_line(self.notes[entry.seq]))
        return made


def vkey(chain: Chain, key: Ed25519PrivateKey) -> VerifierKey:
    return key_of(chain.origin, SignatureType.ED25519, key)


def leaves(entries: Sequence[Entry]) -> list[bytes]:
    return [hashlib.sha256(b"\x00" + entry.header).digest() for entry in entries]


def note_of(chain: Chain, entries: Sequence[Entry], key: Ed25519PrivateKey = KEY, *, witnessed: bool = True) -> str:
    """A signed checkpoint of exactly these records."""
    note = sign(Checkpoint(chain.origin, len(entries), root_of(leaves(entries))), key)
    if not witnessed:
        return note
    return with_cosignatures(note, [cosign(note, WITNESS_VKEY.name, WITNESS, at=SEEN_AT + len(entries))])


def log(length: int, *, uid: str = "uid-1", seed: int = 0, removed: bool = True) -> Log:
    """A log of at least 12 records; the same seed makes the same bytes."""
    chain = Chain(tenant=TENANT, cluster_uid=uid)
    tells: dict[int, tuple[Event, tuple[Removed, ...]]] = {}
    if removed:
        third, half = length // 3, length // 2
        tells[third + 1] = (Event.PRUNED, (Removed(first=1, last=third - 1, cause=Removal.PRUNED),))
        tells[half + 2] = (Event.ERASURE_REQUESTED, ())
        # what was erased had been pruned in part, and a pruning never takes the record of another one with it
        erased = (
            Removed(first=third - 1, last=third - 1, cause=Removal.ERASED),
            Removed(first=half, last=half + 1, cause=Removal.ERASED),
        )
        tells[half + 3] = (Event.ERASED, erased)
    gone = {
        seq: each.cause for _, ranges in tells.values() for each in ranges for seq in range(each.first, each.last + 1)
    }
    entries: list[Entry] = []
    prev_hash = GENESIS
    for seq in range(1, length + 1):
        event, told = tells.get(seq, (STORY[seq % len(STORY)][0], ()))
        _, decision, result = STORY[seq % len(STORY)]
        head = Header(
            tenant=chain.tenant,
            cluster_uid=chain.cluster_uid,
            seq=seq,
            prev_hash=prev_hash,
            id=uuid7(START_MS + seq, chance(10, seed, uid, seq)),
            key=hashlib.sha256(f"{seed}/{uid}/{seq}".encode()).hexdigest(),
            timestamp=timestamp(START + seq * APART),
            event=event,
            decision=decision,
            action_id=hashlib.sha256(b"act %d" % seq).hexdigest()[:32] if seq % 3 else None,
            payload=GENESIS,
        )
        body = Payload(
            cluster="prod-us-east-1",
            signal_type="disk_pressure",
            signal_value=round(40 + seq / 7, 3),
            runbook="DiskSpaceAutoReclaimRunbook",
            command=f'kubectl delete pod web-{seq} -n "größe"' if seq % 2 else None,
            result=result,
            mttr_seconds=seq if result is Result.SUCCESS else None,
            incident_id=f"inc-{seq // 6}",
            workflow_id=f"remediate:{uid}:shop:Deployment:web:disk",
            target="shop/Deployment/web",
            cause="transient",
            plan_digest="a" * 64,
            approver="ada" if event is Event.APPROVED else None,
            reason=None,
            note=KEPT if event is Event.PRUNED else "“as agreed”\nwith the owner\t\x01" if seq % 4 == 0 else None,
            runbook_version="1",
            answers=answered(1) if event is Event.STARTED else (),
            removed=told,
        )
        entry = seal(head, body, chance(32, "salt", seed, uid, seq))
        entries.append(entry._replace(payload=None, salt=None) if seq in gone else entry)
        prev_hash = entry.hash
    sizes = sorted({1, length // 4, length // 2, length - 2, length})
    # the signing key was changed in between; both signed the one in the middle
    notes = {size: note_of(chain, entries[:size], KEY if size <= length // 2 else LATER_KEY) for size in sizes}
    both = note_of(chain, entries[: length // 2], LATER_KEY).splitlines(keepends=True)[4]
    notes[length // 2] = with_cosignatures(notes[length // 2], [both.rstrip("\n")])
    return Log(chain, tuple(entries), gone, notes)
