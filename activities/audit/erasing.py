"""Carrying requests for erasure out: as far as their time has come and nothing stands in the way, and once.

What is erased stands in the request's row alone, so that whoever reaches Temporal can neither cause an erasure nor widen
one. Comes after `erasures`, which writes the row; `workflows/erasure.py` asks, and asks again.
"""

from __future__ import annotations

from collections.abc import Sequence

from activities.audit import erasure_rows, names
from activities.audit.about_agent import agent_draft
from activities.audit.kept import Keeper, bodies, open_since
from byteport.audit.heads import Chain
from byteport.audit.words import TELLING, Removal
from byteport.contracts.ledger import Event, Recorded
from byteport.contracts.retention import Erase, Erasing, ErasureState, ListErasures, OpenErasure, OpenErasures
from byteport.contracts.workflows import Installation
from byteport.domain.ids import erasure_id
from byteport.domain.limits import Limits
from byteport.domain.retention import RetentionConfig, Span, Times, counted_for, removable, size, times
from byteport.errors import NotPermitted
from byteport.ledger.append import moment
from byteport.ledger.bodies import destroy
from byteport.ledger.store import Store, Transaction

PORTION = 1000
"""Bodies in one transaction, as with pruning."""
MOST_LISTED = 100


class Eraser:
    """For one installation's log."""

    def __init__(
        self,
        store: Store,
        installation: Installation,
        *,
        config: RetentionConfig,
        limits: Limits,
        targets: Sequence[str],
    ) -> None:
        """`targets`: the receivers that the settings name; what they have not taken yet is not erased before they have."""
        self._store = store
        self._installation = installation
        self._chain = Chain(tenant=installation.tenant, cluster_uid=installation.cluster_uid)
        self._config = config
        self._window = counted_for(limits)
        self._targets = targets

    def open(self, call: ListErasures) -> OpenErasures:
        """Requests that are neither done nor taken back. Raises `NotPermitted` for another cluster."""
        self._ours(call.cluster_uid)
        with self._store.snapshot() as sql:
            rows = [row for row in erasure_rows.every(sql, self._chain) if row.state is ErasureState.WAITING]
        behind = sorted((row for row in rows if row.request_id > call.after), key=lambda row: row.request_id)
        return OpenErasures(
            requests=tuple(
                OpenErasure(request_id=row.request_id, times=self._times(row)) for row in behind[:MOST_LISTED]
            ),
            more=len(behind) > MOST_LISTED,
        )

    def erase(self, call: Erase) -> Erasing:
        """Do the next portion of a request. Raises `TargetGone` when there is none, `NotPermitted` for another cluster."""
        self._ours(call.cluster_uid)
        answer = self._portion(call)
        if not answer.erased:
            return answer
        return answer.model_copy(update={"scrubbed": self._store.scrub()})

    def _portion(self, call: Erase) -> Erasing:
        with self._store.transaction() as tx:
            row = erasure_rows.one(tx.sql, self._chain, call.request_id)
            match row.state:
                case ErasureState.CANCELLED:
                    return self._answer(tx, row, ErasureState.CANCELLED)
                case ErasureState.ERASED:
                    return self._done(tx, row, None)
                case _:
                    return self._next(tx, row, call)

    def _next(self, tx: Transaction, row: erasure_rows.Row, call: Erase) -> Erasing:
        keeper = Keeper(tx, self._chain, self._targets, open_since_ms=open_since(tx, self._chain))
        here = [seq for span in row.spans for seq in bodies(tx, self._chain, span, most=span.size, but=TELLING)]
        kept = keeper.kept(here)
        if min(tx.now, call.now) < self._times(row).due:
            return self._answer(tx, row, ErasureState.WAITING, keeper)
        free = removable(here, kept=kept, most=PORTION)
        recorded = self._destroy(tx, row, free) if free else None
        row = erasure_rows.erased(tx, self._chain, row, size(free))
        if size(free) == len(here):
            erasure_rows.end(tx, self._chain, row, ErasureState.ERASED)
            return self._done(tx, row, recorded)
        more = size(free) < len(here) - len(kept)
        answer = self._answer(tx, row, ErasureState.HELD, keeper)
        return answer.model_copy(update={"record": recorded, "more": more})

    def _destroy(self, tx: Transaction, row: erasure_rows.Row, free: Sequence[Span]) -> Recorded:
        """The record names the request, and the request's own record, for as long as it is kept, who asked."""
        draft = agent_draft(
            tx,
            self._installation,
            Event.ERASED,
            command="byteport erase",
            by=None,
            note=f"on request {row.request_id}",
            key=f"erased:{row.request_id}:{row.erased}",
            value=size(free),
            workflow_id=erasure_id(row.request_id),
        )
        return destroy(tx, self._chain, free, Removal.ERASED, draft)

    def _done(self, tx: Transaction, row: erasure_rows.Row, recorded: Recorded | None) -> Erasing:
        """The bodies are gone; the names in the ledger's own rows go as soon as no limit is counted by them."""
        names.blank(tx, self._chain, counted_for=self._window)
        until = names.counted_until(tx, self._chain, row.spans, counted_for=self._window)
        answer = self._answer(tx, row, ErasureState.ERASED)
        return answer.model_copy(update={"record": recorded, "names_until": until})

    def _answer(
        self, tx: Transaction, row: erasure_rows.Row, state: ErasureState, keeper: Keeper | None = None
    ) -> Erasing:
        return Erasing(
            state=state,
            times=self._times(row),
            records=size(row.spans),
            erased=row.erased,
            obstacles=keeper.obstacles() if keeper is not None else (),
            exported=erasure_rows.exported(tx.sql, self._chain, row),
        )

    def _times(self, row: erasure_rows.Row) -> Times:
        return times(moment(row.at_ms), self._config)

    def _ours(self, cluster_uid: str) -> None:
        if cluster_uid != self._chain.cluster_uid:
            raise NotPermitted("this ledger is another cluster's")
