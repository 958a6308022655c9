"""Reserve: may this act be done now? Asked, decided, recorded and signed in one transaction.

Comes after the gate (`workflows/phases/gate.py`), which proposes, and before the act, which takes the grant. Nothing
that Temporal carried is believed here: the digests are computed again from the plan, the mode and the approval's rule
come from the policy's own file, and the answers' signatures are checked against the signers' own files.

A floor is put back on the word of this ledger alone: it knows the raise as done, of the same incident, under the same
digest, and not taken back yet. Neither the policy's version of then, nor the answers, nor `auto` are asked for again, for
a box may outlast them all. Halt, `observe` and a protected namespace still refuse it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from activities.audit import intents
from activities.audit.permission import Permission, by_people, by_policy, by_the_raise
from activities.audit.standing import standing
from activities.kubernetes.policy_source import PolicySource
from byteport.audit.outcomes import intent_key
from byteport.contracts.kubernetes import DELETE_POD, PRUNE_IMAGES, RAISE_FLOOR, RESTORE_FLOOR, ROLL_BACK
from byteport.contracts.ledger import (
    AlreadyDone,
    Decision,
    Event,
    Granted,
    NotGranted,
    Recorded,
    Reservation,
    Reserve,
)
from byteport.contracts.workflows import Installation
from byteport.domain.failures import Failure
from byteport.domain.limits import Limits
from byteport.domain.plans import (
    AnyPlan,
    PruneImagesPlan,
    RestoreFloorPlan,
    arguments_digest,
    called_uid,
    is_inverse,
    plan_digest,
    undoes,
)
from byteport.domain.policy import STOPS, PolicyConfig, Standing
from byteport.domain.reasons import Reason
from byteport.domain.warrants import LONGEST_LEASE, GrantBody
from byteport.ledger.append import Evidence, append, milliseconds, moment, stamp
from byteport.ledger.store import Store, Transaction
from byteport.runbooks.catalogue import runbook_for
from byteport.trust.files import Signers, SignersFiles
from byteport.trust.grants import GrantSigner

LONGEST_VERIFICATION = timedelta(days=1)
"""So long the policy lets an act be looked at before it is called done; open for longer, nobody will say."""
REPEATED_WITHIN = timedelta(minutes=30)
"""So long the same reservation, asked for again, is the same decision: its own deadline and a lease, with room."""
NOT_OF_ITS_OWN = frozenset({Reason.FROZEN, Reason.STORM, Reason.ALARM})
"""Stops to which an intent has not itself contributed, as it does to counts of acts."""
_ACT_OF_PLAN = {
    "delete_pod": DELETE_POD.name,
    "rollback": ROLL_BACK.name,
    "prune_images": PRUNE_IMAGES.name,
    "raise_hpa_floor": RAISE_FLOOR.name,
    "restore_hpa_floor": RESTORE_FLOOR.name,
}
_OF_LOAD = (Failure.CPU, Failure.MEMORY)
_FAILURES_OF_PLAN = {
    "delete_pod": (Failure.CRASHLOOP,),
    "rollback": (Failure.BAD_ROLLOUT,),
    "prune_images": (Failure.DISK,),
    "raise_hpa_floor": _OF_LOAD,
    "restore_hpa_floor": _OF_LOAD,
}


class Reservations:
    """The part of the ledger that grants."""

    def __init__(
        self,
        store: Store,
        installation: Installation,
        *,
        signer: GrantSigner,
        signers: SignersFiles,
        policy: PolicySource,
        limits: Limits,
    ) -> None:
        self._store = store
        self._installation = installation
        self._signer = signer
        self._signers = signers
        self._policy = policy
        self._limits = limits

    def reserve(self, call: Reserve) -> Reservation:
        """Grant, refuse with reasons, or say that it was done before. Nothing is written unless it is granted.

        Asked again with the same action id (a retry, a reset), it grants again for the same record with a new lease,
        until the intent has ended. Raises `Unavailable` or `ConfigError` when it cannot be decided: no grant, no act.
        """
        policy = self._policy.read()
        signers = None if isinstance(call.plan, RestoreFloorPlan) else self._signers.read()
        with self._store.transaction() as tx:
            known = intents.find(tx, call.action_id)
            if known is not None and (known.plan_digest, known.arguments_digest) != (
                call.plan_digest,
                call.arguments_digest,
            ):
                return _refused(Reason.NOT_PERMITTED)
            if known is not None and known.outcome == "unknown":
                return _refused(Reason.UNKNOWN_OUTCOME)
            if known is not None and known.ended_at is not None:
                return Reservation(answer=AlreadyDone(outcome=_ended(known), result=known.result, at=known.ended_at))
            return self._decide(tx, call, known, policy, signers)

    def _decide(
        self,
        tx: Transaction,
        call: Reserve,
        known: intents.Intent | None,
        policy: PolicyConfig,
        signers: Signers | None,
    ) -> Reservation:
        wrong = self._wrong(call, policy)
        if wrong is not None:
            return _refused(wrong)
        undone = None
        if call.inverse_of is not None:
            undone = intents.undone_by(tx, call, arguments_digest(call.inverse_of))
            if undone is None and self._may_still_be_done(tx, call):
                return _refused(Reason.TARGET_LEASED)
            if undone is None or undone.plan_digest != call.plan_digest:
                return _refused(Reason.NOT_PERMITTED)
        permission = _permission(tx, call, policy, signers)
        if isinstance(permission, Reason):
            return _refused(permission)
        stops = self._stops(tx, call, permission, known)
        if stops:
            return _refused(*stops)
        if undone is None and intents.spent(tx, list(permission.answers), call.action_id):
            return _refused(Reason.NOT_PERMITTED)
        return self._grant(tx, call, known, permission, undone)

    def _grant(
        self,
        tx: Transaction,
        call: Reserve,
        known: intents.Intent | None,
        permission: Permission,
        undone: intents.Intent | None,
    ) -> Reservation:
        cluster_uid = call.plan.target.cluster_uid
        now_ms = milliseconds(tx.now)
        until_ms = now_ms + call.lease_seconds * 1000
        if not intents.take_lease(tx, cluster_uid, call.lease_key, call.action_id, until_ms=until_ms, now_ms=now_ms):
            return _refused(Reason.TARGET_LEASED)
        if known is not None:
            recorded = known.record
        else:
            recorded = _record_intent(tx, call, permission)
            at_ms = stamp(tx, self._installation.tenant, cluster_uid)
            intents.insert(tx, call, recorded, undoes=undone.action_id if undone else None, at_ms=at_ms)
            intents.spend(tx, list(permission.answers), call.action_id)
        body = GrantBody(
            action_id=call.action_id,
            act=call.act,
            arguments_digest=call.arguments_digest,
            plan_digest=call.plan_digest,
            cluster_uid=cluster_uid,
            record_hash=recorded.hash,
            seq=recorded.seq,
            lease_until=moment(until_ms),
            again=known is not None,
        )
        return Reservation(answer=Granted(grant=self._signer.sign(body), record=recorded))

    def _wrong(self, call: Reserve, policy: PolicyConfig) -> Reason | None:
        """What does not fit together in the request itself, or with what this ledger is for."""
        ours, intent, plan = self._installation, call.intent, call.plan
        lease = timedelta(seconds=call.lease_seconds)
        if (
            (intent.tenant, intent.cluster_uid) != (ours.tenant, ours.cluster_uid)
            or plan.target.cluster_uid != ours.cluster_uid
            or intent.incident_id != call.incident_id
            or call.act != _ACT_OF_PLAN[plan.act]
            or call.lease_key != plan.target.ref
            or not _is_its_runbook(intent.runbook, plan)
            or call.arguments_digest != arguments_digest(plan)
            or not timedelta() < lease <= LONGEST_LEASE
            or not _inverse_fits(call)
        ):
            return Reason.NOT_PERMITTED
        if _protected(plan, policy):
            return Reason.PROTECTED_NAMESPACE
        if isinstance(plan, RestoreFloorPlan):
            return None  # its digest is that of the intent which it undoes, under the policy of then
        if call.plan_digest != plan_digest(call.inverse_of or plan, policy.version):
            return Reason.TARGET_CHANGED
        return None

    def _may_still_be_done(self, tx: Transaction, call: Reserve) -> bool:
        """Whether the raise to be taken back is being carried out or verified: its box may be shorter than that takes."""
        if not isinstance(call.plan, RestoreFloorPlan) or call.inverse_of is None:
            return False
        since = stamp(tx, self._installation.tenant, call.plan.target.cluster_uid) - _ms(LONGEST_VERIFICATION)
        return intents.under_way(tx, call, arguments_digest(call.inverse_of), since_ms=since)

    def _stops(
        self, tx: Transaction, call: Reserve, permission: Permission, known: intents.Intent | None
    ) -> tuple[Reason, ...]:
        """Halt stops everything; the rest stops neither an inverse, nor what people said yes to knowing of it.

        Nor a reservation that is merely repeated. One that is asked for again much later meets what has begun since.
        """
        target = call.plan.target
        stamp_ms = stamp(tx, self._installation.tenant, target.cluster_uid)
        now = standing(
            tx.sql,
            target,
            call.intent.runbook,
            (call.act,),
            self._limits,
            now=tx.now,
            stamp_ms=stamp_ms,
        )
        if now.halted:
            return (Reason.HALTED,)
        if call.inverse_of is not None or (known is not None and stamp_ms - known.at_ms <= _ms(REPEATED_WITHIN)):
            return ()
        stops = tuple(reason for reason in _reasons(now) if reason not in permission.passes)
        return stops if known is None else tuple(reason for reason in stops if reason in NOT_OF_ITS_OWN)


def _ms(time: timedelta) -> int:
    return int(time.total_seconds() * 1000)


def _permission(tx: Transaction, call: Reserve, policy: PolicyConfig, signers: Signers | None) -> Permission | Reason:
    if isinstance(call.plan, RestoreFloorPlan):
        return by_the_raise(call, policy)
    if call.auto:
        return by_policy(call, policy)
    return Reason.NOT_PERMITTED if signers is None else by_people(call, policy, signers, now=tx.now)


def _protected(plan: AnyPlan, policy: PolicyConfig) -> bool:
    """A node has no namespace: its command is run in the helper's own, and in no other."""
    if isinstance(plan, PruneImagesPlan):
        return plan.helper.namespace != policy.helper_namespace
    return policy.protects(plan.target.namespace)


def _is_its_runbook(named: str, plan: AnyPlan) -> bool:
    """By its name go the mode, the approval's rule and what is remembered of fixes: another's must not stand in for it."""
    runbooks = [runbook_for(failure) for failure in _FAILURES_OF_PLAN[plan.act]]
    return any(runbook is not None and runbook.name == named for runbook in runbooks)


def _inverse_fits(call: Reserve) -> bool:
    """An inverse names the plan that it undoes, and leads back to where that one came from; nothing else names one."""
    if not is_inverse(call.plan):
        return call.inverse_of is None
    return call.inverse_of is not None and undoes(call.plan, call.inverse_of)


def _reasons(now: Standing) -> tuple[Reason, ...]:
    return tuple(reason for field, reason in STOPS.items() if getattr(now, field))


def _record_intent(tx: Transaction, call: Reserve, permission: Permission) -> Recorded:
    """The record of the intent: what is about to be done, written before it is."""
    draft = call.intent.model_copy(
        update={
            "key": intent_key(call.action_id),
            "event": Event.STARTED,
            "decision": Decision.ACTED,
            "result": None,
            "mttr_seconds": None,
            "action_id": call.action_id,
            "plan_digest": call.plan_digest,
            "target": call.plan.target.ref,
            "command": call.plan.command,
            "approver": ", ".join(permission.people) or None,
        }
    )
    evidence = Evidence(
        arguments_digest=call.arguments_digest,
        object_uid=called_uid(call.plan),
        answers=call.answers,
        allowed_signers=permission.signers,
    )
    return append(tx, draft, evidence=evidence)


def _refused(*reasons: Reason) -> Reservation:
    return Reservation(answer=NotGranted(because=reasons))


def _ended(intent: intents.Intent) -> Literal["done", "not_done"]:
    return "done" if intent.outcome == "done" else "not_done"
