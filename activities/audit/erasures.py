"""Requests for erasure as people make them: found and shown, asked for, taken back, listed.

Called by `byteport erase`, with the ledger's own credentials. A request names records by their numbers, and so does the
record of it, which says who asked, why and for how many, and never for what. `erasing` carries it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from activities.audit import asked, erasure_rows
from activities.audit.about_agent import agent_draft, shortened
from activities.audit.holds import given
from activities.audit.kept import Keeper, bodies, open_since
from byteport.audit.heads import Chain
from byteport.audit.ids import RANDOM_BYTES, parse_record_id, uuid7
from byteport.audit.records import Record
from byteport.audit.words import TELLING
from byteport.contracts.ledger import Event, Recorded
from byteport.contracts.retention import ErasureState, Exported, Obstacle, OpenErasure
from byteport.contracts.workflows import Installation
from byteport.domain.base import Frozen, Instant
from byteport.domain.ids import erasure_id
from byteport.domain.retention import RetentionConfig, Times, numbers, size, spans, times
from byteport.errors import MalformedInput, PreconditionFailed, TargetGone
from byteport.ledger.append import append, moment, stamp
from byteport.ledger.log import AuditLog, Filter
from byteport.ledger.store import Sql, Store, Transaction

STAYS = (
    "what tells of holds and erasures is never erased on request; it is pruned when it is old enough, and what says whose "
    "bodies are gone is not"
)


class Wanted(Frozen):
    """What somebody asks to have erased: records by their ids, or all of an incident or a target."""

    records: tuple[str, ...] = ()
    incident_id: str | None = None
    target: str | None = None


class Request(Frozen):
    """A request, and how it stands."""

    request_id: str
    by: str
    at: Instant
    reason: str
    state: ErasureState
    records: int
    erased: int
    times: Times
    ended: Instant | None
    exported: tuple[Exported, ...]
    """Receivers that have some of it, where we cannot erase."""


class Requested(NamedTuple):
    request: Request
    record: Recorded
    obstacles: tuple[Obstacle, ...]
    """What would stand in its way now."""


class Erasures:
    """The requests about one installation's log."""

    def __init__(
        self, store: Store, installation: Installation, *, config: RetentionConfig, targets: Sequence[str]
    ) -> None:
        """`targets`: the receivers that the settings name."""
        self._targets = targets
        self._store = store
        self._installation = installation
        self._chain = Chain(tenant=installation.tenant, cluster_uid=installation.cluster_uid)
        self._config = config

    def find(self, wanted: Wanted) -> tuple[Record, ...]:
        """What would be erased, in the order of the log: records whose bodies are there and that tell of no hold or erasure.

        Raises `MalformedInput` for what is no id, and words that no record can have; `TargetGone` for an id that no record
        with a body has.
        """
        if wanted.incident_id is not None:
            asked.incident(wanted.incident_id)
        if wanted.target is not None:
            asked.target(wanted.target)
        found: dict[int, Record] = {}
        for text in wanted.records:
            record_id = parse_record_id(text)
            here = self._records(record_id=record_id)
            if not here:
                raise TargetGone(f"no record with a body has the id {record_id}; was it erased or pruned already?")
            for one in here.values():
                if one.event in TELLING:
                    raise MalformedInput("--record", f"record {one.seq} is {one.event.value}: {STAYS}")
            found |= here
        if wanted.incident_id is not None or wanted.target is not None:
            found |= self._records(incident_id=wanted.incident_id, target=wanted.target)
        return tuple(found[seq] for seq in sorted(found) if found[seq].event not in TELLING)

    def request(self, seqs: Iterable[int], *, by: str, reason: str) -> Requested:
        """Ask for these records' bodies. Raises `MalformedInput` for none, a missing reason, or what may not be erased."""
        named, by, reason = spans(seqs), shortened(by), given(reason)
        with self._store.transaction() as tx:
            there = {seq for span in named for seq in bodies(tx, self._chain, span, most=span.size, but=TELLING)}
            if not named or there != set(numbers(named)):
                raise MalformedInput(
                    "erase", "names records whose bodies are not there, or that tell of a hold or an erasure"
                )
            now_ms = stamp(tx, self._chain.tenant, self._chain.cluster_uid)
            row = erasure_rows.Row(
                request_id=uuid7(now_ms, tx.randomness(RANDOM_BYTES)),
                spans=named,
                by=by,
                at_ms=now_ms,
                reason=reason,
                state=ErasureState.WAITING,
                erased=0,
                ended_ms=None,
            )
            keeper = Keeper(tx, self._chain, self._targets, open_since_ms=open_since(tx, self._chain))
            keeper.kept(there)
            erasure_rows.add(tx, self._chain, row)
            recorded = self._recorded(tx, Event.ERASURE_REQUESTED, row, by=by, note=reason)
            return Requested(_request(tx.sql, self._chain, row, self._config), recorded, keeper.obstacles())

    def cancel(self, request_id: str, *, by: str, reason: str) -> Recorded:
        """Take a request back; bodies that are gone stay gone. Raises `TargetGone` when there is none of that id, and
        `PreconditionFailed` when it is done or was taken back already."""
        by, reason = shortened(by), given(reason)
        with self._store.transaction() as tx:
            row = erasure_rows.one(tx.sql, self._chain, request_id)
            if row.state is not ErasureState.WAITING:
                raise PreconditionFailed(f"request {request_id} is {row.state.value} already")
            erasure_rows.end(tx, self._chain, row, ErasureState.CANCELLED)
            return self._recorded(tx, Event.ERASURE_CANCELLED, row, by=by, note=reason)

    def listed(self) -> tuple[Request, ...]:
        """Every request, oldest first. Raises `Unavailable` when they cannot be read."""
        with self._store.snapshot() as sql:
            return requests(sql, self._chain, self._config)

    def _records(
        self,
        *,
        record_id: str | None = None,
        incident_id: str | None = None,
        target: str | None = None,
    ) -> dict[int, Record]:
        wanted = Filter(
            tenant=self._chain.tenant,
            cluster_uid=self._chain.cluster_uid,
            id=record_id,
            incident_id=incident_id,
            target=target,
        )
        return {record.seq: record for record in AuditLog(self._store).iter_records(wanted)}

    def _recorded(self, tx: Transaction, event: Event, row: erasure_rows.Row, *, by: str, note: str) -> Recorded:
        """Who, why and how many, and never what."""
        draft = agent_draft(
            tx,
            self._installation,
            event,
            command="byteport erase" if event is Event.ERASURE_REQUESTED else f"byteport erase cancel {row.request_id}",
            by=by,
            note=note,
            value=size(row.spans),
            workflow_id=erasure_id(row.request_id),
        )
        return append(tx, draft)


def requests(sql: Sql, chain: Chain, config: RetentionConfig) -> tuple[Request, ...]:
    """Every request about a chain, oldest first."""
    return tuple(_request(sql, chain, row, config) for row in erasure_rows.every(sql, chain))


def waits(request: Request) -> OpenErasure:
    """What the run that carries it out is started with."""
    return OpenErasure(request_id=request.request_id, times=request.times)


def late(requests: Iterable[Request], now: datetime) -> Sequence[Request]:
    """Those that are open though their time is over."""
    return [one for one in requests if one.state is ErasureState.WAITING and one.times.late < now]


def _request(sql: Sql, chain: Chain, row: erasure_rows.Row, config: RetentionConfig) -> Request:
    return Request(
        request_id=row.request_id,
        by=row.by,
        at=moment(row.at_ms),
        reason=row.reason,
        state=row.state,
        records=size(row.spans),
        erased=row.erased,
        times=times(moment(row.at_ms), config),
        ended=None if row.ended_ms is None else moment(row.ended_ms),
        exported=erasure_rows.exported(sql, chain, row),
    )
