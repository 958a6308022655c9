"""The rest of the ledger: outcomes, every other record, and how things stand. `reserve` has what grants.

Methods block and are safe to run twice: a record is appended once per key, an outcome is set once.
"""

from __future__ import annotations

from activities.audit import intents
from activities.audit.said import by_whom
from activities.audit.standing import standing
from byteport.audit.outcomes import end_key
from byteport.contracts.acts import Effect
from byteport.contracts.kubernetes import RESTORE_FLOOR
from byteport.contracts.ledger import (
    Event,
    Finish,
    LedgerStanding,
    ReadStanding,
    RecordDraft,
    Recorded,
    Result,
)
from byteport.contracts.workflows import Installation
from byteport.domain.canonical import digest
from byteport.domain.limits import Limits
from byteport.errors import NotPermitted, PreconditionFailed
from byteport.ledger.append import append, find, stamp
from byteport.ledger.store import Store, Transaction
from byteport.runbooks.catalogue import RUNBOOKS
from byteport.trust.files import SignersFiles

ONLY_WITH_ITS_ACT = frozenset(
    {
        Event.STARTED,
        Event.HALTED,
        Event.RESUMED,
        Event.ALARM_RAISED,
        Event.ALARM_CLEARED,
        Event.STORM_BEGAN,
        Event.STORM_ENDED,
        Event.POLICY_CHANGED,
        Event.PRUNED,
        Event.ERASURE_REQUESTED,
        Event.ERASURE_CANCELLED,
        Event.ERASED,
        Event.HOLD_SET,
        Event.HOLD_ENDED,
    }
)
"""Events that are never recorded by themselves: each is written by what it records, in the same transaction."""


class Ledger:
    """Records and outcomes of one installation."""

    def __init__(self, store: Store, installation: Installation, *, limits: Limits, signers: SignersFiles) -> None:
        """`signers`: by whom a record that a run sends may be said to be wanted, if it comes with their answers."""
        self._store = store
        self._installation = installation
        self._signers = signers
        self._limits = limits

    def record(self, draft: RecordDraft) -> Recorded:
        """Append once per key, with names that nothing proves as claimed. A re-observation that failed also counts against the fixes of its incident.

        Raises `NotPermitted` for another tenant or cluster, or an event that is recorded by its own act only.
        """
        self._ours(draft)
        if draft.event in ONLY_WITH_ITS_ACT:
            raise NotPermitted(f"{draft.event.value!r} is recorded by what it is about, never by itself")
        with self._store.transaction() as tx:
            recorded = append(tx, self._told(draft, tx))
            if draft.event is Event.REOBSERVED and draft.result is Result.FAILURE:
                intents.did_not_hold(tx, draft.cluster_uid, draft.incident_id)
            return recorded

    def finish(self, call: Finish) -> Recorded:
        """End an intent with its record, and give its lease back unless the outcome is unknown.

        An unknown outcome may become known later, and a done act may later be found to have helped or not. Raises
        `PreconditionFailed` when there is no such intent, or when it has ended otherwise.
        """
        self._ours(call.record)
        draft = call.record.model_copy(
            update={"key": end_key(call.action_id, call.outcome, call.verified), "action_id": call.action_id}
        )
        with self._store.transaction() as tx:
            known = find(tx, draft, digest(draft.key))
            if known is not None:
                return known
            self._end(tx, call)
            return append(tx, self._told(draft, tx))

    def read_standing(self, call: ReadStanding) -> LedgerStanding:
        """What stops the runbook's acts on the target; that a fix did not hold, a recurrence says by itself."""
        with self._store.transaction() as tx:
            now = standing(
                tx.sql,
                call.target,
                call.runbook,
                _acts_of(call.runbook),
                self._limits,
                now=tx.now,
                stamp_ms=stamp(tx, self._installation.tenant, call.target.cluster_uid),
            )
        recurs = call.signal.recurrence_of is not None
        return LedgerStanding(standing=now.model_copy(update={"did_not_hold": now.did_not_hold or recurs}))

    def _told(self, draft: RecordDraft, tx: Transaction) -> RecordDraft:
        return draft.model_copy(update={"approver": by_whom(draft, self._signers, now=tx.now)})

    def _end(self, tx: Transaction, call: Finish) -> None:
        intent = intents.find(tx, call.action_id)
        if intent is None:
            raise PreconditionFailed("there is no intent of this action")
        if intent.outcome in ("done", "not_done") and intent.outcome != call.outcome:
            raise PreconditionFailed(f"the intent has ended as {intent.outcome}")
        at_ms = stamp(tx, self._installation.tenant, self._installation.cluster_uid)
        intents.end(tx, call.action_id, call.outcome, verified=call.verified, at_ms=at_ms)
        if call.outcome != "unknown":
            intents.give_back_lease(tx, self._installation.cluster_uid, intent.lease_key, call.action_id)

    def _ours(self, draft: RecordDraft) -> None:
        ours = self._installation
        if (draft.tenant, draft.cluster_uid) != (ours.tenant, ours.cluster_uid):
            raise NotPermitted("the record is for another tenant or cluster")


def _acts_of(runbook: str) -> tuple[str, ...]:
    """Names of the acts by which the runbook changes something; putting back what it did is none."""
    return tuple(
        act.name
        for known in RUNBOOKS
        if known.name == runbook
        for act in known.acts
        if act.effect is Effect.MUTATE and act is not RESTORE_FLOOR
    )
