"""A release that fails before it has ever served: put back the template that serves, or say why not.

Going back is safe exactly when the newest revision never served, fails by its own doing, and an older one has available
pods now. Everything else (data that may have changed, somebody else's object, a node, a quota, a slow start) is a
person's decision, and most of this runbook is telling which.

`rollback_findings.py` weighs, `rollback_guards.py` forbids, `byteport/kubernetes/{release,revisions}.py` see. Asked by
`workflows/phases`, by the cluster worker just before the act, and by `byteport explain`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from byteport.contracts.kubernetes import READ_SITUATION, ROLL_BACK
from byteport.domain.diagnoses import Diagnosis
from byteport.domain.failures import Failure
from byteport.domain.plans import AnyPlan, Refused, RollbackPlan
from byteport.domain.policy import PolicyConfig
from byteport.domain.reasons import Cause, Reason
from byteport.domain.signals import Signal, SignalType, Source
from byteport.kubernetes.release import ATTEMPTS, Finding, has_served
from byteport.kubernetes.revisions import KnownGood, known_good_revision, pods_of
from byteport.kubernetes.rollouts import RevisionReading, RolloutReading
from byteport.kubernetes.situation import Situation
from byteport.runbooks.base import Checked, Health, Runbook
from byteport.runbooks.error_rate import asked_for, error_rate_facts, laid_at_its_door, measured_by_others
from byteport.runbooks.rollback_evidence import facts_about
from byteport.runbooks.rollback_findings import SPAN, Assessment, assess
from byteport.runbooks.rollback_guards import SOFT

LOOK_SOON = 5
"""Seconds until a failing release is looked at again that lacks one attempt more, or a few seconds of evidence."""
LOOK_AGAIN = 30
"""Seconds until any other release is looked at again that is too young to be judged."""
OBSERVE_AGAIN = 10


class FailedDeployAutoRollbackRunbook(Runbook):
    """ProgressDeadlineExceeded, replicas unavailable past the deadline, a new revision that plainly fails, or errors since it."""

    name = "FailedDeployAutoRollbackRunbook"
    failure = Failure.BAD_ROLLOUT
    signals = frozenset({SignalType.FAILED_DEPLOY, SignalType.ERROR_RATE})
    acts = (READ_SITUATION, ROLL_BACK)

    def diagnose(self, signal: Signal, situation: Situation) -> Diagnosis:
        """Whether the release is to blame, and all that speaks against undoing it."""
        rollout = situation.rollout
        if situation.gone:
            return _ended(situation, Cause.UNKNOWN, Reason.TARGET_GONE)
        if situation.surroundings.not_enabled:
            return _ended(situation, Cause.UNKNOWN, Reason.NAMESPACE_NOT_ENABLED)
        if situation.target.kind != "Deployment":
            return _stopped(situation, Cause.UNSUPPORTED, Reason.NOT_A_DEPLOYMENT)
        if rollout is None:
            return _stopped(situation, Cause.UNKNOWN, Reason.CANNOT_TELL)
        if rollout.deleting or situation.surroundings.terminating:
            return _ended(situation, Cause.UNKNOWN, Reason.BEING_DELETED)
        if not rollout.observed:
            return _later(situation, Cause.SLOW_START, OBSERVE_AGAIN)
        if rollout.replicas == 0:
            return _stopped(situation, Cause.BAD_ROLLOUT, Reason.SCALED_TO_ZERO)
        if _complete(situation, rollout) and not asked_for(signal):
            unproven = _unproven_seconds(situation, rollout)
            if unproven:
                return _later(situation, Cause.CRASHING, unproven)
            return _ended(situation, Cause.RECOVERED, Reason.RECOVERED)
        if rollout.newest is None and not rollout.took_over:
            return _without_newest(situation, rollout)
        found = _diagnosis(assess(signal, situation, rollout), signal, situation, rollout)
        if _is_the_pods_own(signal, situation, rollout, found):
            return Diagnosis(
                failure=Failure.BAD_ROLLOUT,
                target=situation.target,
                cause=Cause.NOT_READY,
                facts=facts_about(situation, rollout, None),
                reasons=(Reason.REVISION_HAS_SERVED,),
                hand_over=Failure.CRASHLOOP,
            )
        return found

    def plan(self, diagnosis: Diagnosis, situation: Situation, config: PolicyConfig) -> RollbackPlan | Refused:
        """Restore the known-good revision's template. Hard reasons refuse, soft ones are caveats."""
        rollout = situation.rollout
        undecided = diagnosis.silent or diagnosis.look_again_seconds is not None or diagnosis.hand_over is not None
        if rollout is None or rollout.newest is None or undecided or _hard(diagnosis):
            return Refused(because=diagnosis.reasons or (Reason.CAUSE_NEEDS_A_PERSON,))
        good = known_good_revision(rollout, situation.pods)
        if good is None or good.revision.restore_digest == rollout.template_digest:
            return Refused(because=(*diagnosis.reasons, Reason.NO_KNOWN_GOOD_REVISION))
        caveats = list(diagnosis.reasons)
        if not config.may_roll_back(situation.target.namespace, situation.target.name):
            caveats.append(Reason.NOT_ALLOW_LISTED)
        settle = timedelta(seconds=config.settle_seconds)
        if has_served(rollout, situation.pods, situation.now, settle):
            caveats.append(Reason.REVISION_HAS_SERVED)
        return _plan(situation, rollout, good.revision, tuple(dict.fromkeys(caveats)), _notes(rollout, good))

    def health(
        self,
        plan: AnyPlan,
        situation: Situation,
        *,
        acted_at: datetime,  # noqa: ARG002  what is there counts, not since when
        now: datetime,  # noqa: ARG002
    ) -> Checked:
        """kubectl's *complete*, on the very template that was restored.

        Terminating pods are not old pods. Scaled to zero, deleted, or another template in its place is failure; all
        else may still come until the verify deadline, since a good revision may be slow to pull and start.
        """
        rollout = situation.rollout
        if situation.gone or rollout is None or rollout.uid != plan.target.uid:
            return Checked(health=Health.FAILED, reasons=(Reason.TARGET_GONE,))
        if rollout.deleting or situation.surroundings.terminating:
            return Checked(health=Health.FAILED, reasons=(Reason.BEING_DELETED,))
        lost = _lost(plan, rollout)
        if lost is not None:
            return Checked(health=Health.FAILED, reasons=(lost,), available=rollout.available)
        return Checked(
            health=Health.HEALTHY if _well(situation, rollout) else Health.NOT_YET, available=rollout.available
        )

    def inverse(
        self,
        plan: AnyPlan,
        situation: Situation,
        *,
        now: datetime,  # noqa: ARG002
    ) -> RollbackPlan | Refused:
        """Roll forward again: only when going back has cost pods, and the replaced revision had more than are left.

        The release that was undone is a broken one. A restored revision that is merely not verified (a pod that hangs in
        Terminating, a slow pull, a quota) is left as it is: the page names the inverse's command, and a person decides.
        """
        offered = self.offered_inverse(plan, situation)
        if isinstance(offered, Refused):
            return offered
        return Refused(because=offered.caveats) if offered.caveats else offered

    def offered_inverse(self, plan: AnyPlan, situation: Situation) -> RollbackPlan | Refused:
        """The inverse as a plan, with caveats where it must not be taken without a person.

        Refused when the object is not exactly what we left (template and its last writer, paused, selector, strategy),
        when the replaced revision is gone, or for what is an inverse itself.
        """
        rollout = situation.rollout
        if not isinstance(plan, RollbackPlan) or plan.inverse:
            return Refused(because=(Reason.CAUSE_NEEDS_A_PERSON,))
        if situation.gone or rollout is None or rollout.uid != plan.target.uid or rollout.deleting:
            return Refused(because=(Reason.TARGET_GONE,))
        if not _as_we_left_it(plan, rollout):
            return Refused(because=(Reason.TARGET_CHANGED,))
        replaced = next((old for old in rollout.older if old.restore_digest == plan.from_template_digest), None)
        if replaced is None:
            return Refused(because=(Reason.NO_HISTORY,))
        lost = rollout.available < plan.available_before
        had_more = plan.replaced_available > rollout.available
        caveats = () if lost and had_more else (Reason.NOT_VERIFIED,)
        forward = _plan(situation, rollout, replaced, caveats, ())
        return forward.model_copy(update={"inverse": True})

    def recovered(self, signal: Signal, situation: Situation) -> bool:
        """The rollout is complete and no pod of the newest revision fails: whoever mended it. Of errors only their source knows."""
        rollout = situation.rollout
        if measured_by_others(signal):
            return False
        return not situation.gone and rollout is not None and not rollout.deleting and _well(situation, rollout)


def _well(situation: Situation, rollout: RolloutReading) -> bool:
    """Complete, and none of the newest revision's pods is between two crashes at this very moment."""
    return _complete(situation, rollout) and not _unproven_seconds(situation, rollout)


def _unproven_seconds(situation: Situation, rollout: RolloutReading) -> int:
    """So long the newest revision's pods that have failed and are Ready must still run before they count as well."""
    own = pods_of(rollout.newest, situation.pods) if rollout.newest is not None else []
    return max((pod.unproven_seconds for pod in own), default=0)


def _complete(situation: Situation, rollout: RolloutReading) -> bool:
    newest = rollout.newest
    calm = newest is None or all(pod.cause is None for pod in pods_of(newest, situation.pods))
    idle = rollout.paused and rollout.unavailable == 0 and rollout.available >= rollout.replicas > 0
    return calm and (rollout.complete or idle)


def _is_the_pods_own(signal: Signal, situation: Situation, rollout: RolloutReading, found: Diagnosis) -> bool:
    """The newest revision took over and served; what fails now fails in its pods, and not for being released.

    Errors that began with the release are a question for people, where there is a plan to ask about.
    """
    if not rollout.took_over or rollout.paused or signal.source in (Source.HANDOVER, Source.PERSON):
        return False
    if laid_at_its_door(signal, rollout) and not _hard(found):
        return False
    return any(not pod.ready and not pod.finished and not pod.deleting for pod in situation.pods)


def _hard(found: Diagnosis) -> list[Reason]:
    return [reason for reason in found.reasons if reason not in SOFT]


def _without_newest(situation: Situation, rollout: RolloutReading) -> Diagnosis:
    """The controller has not made a ReplicaSet for the present template, or it was not read."""
    if rollout.refusals.quota:
        return _stopped(situation, Cause.QUOTA, Reason.QUOTA_BLOCKS)
    unread = "replicasets" in situation.denied or rollout.older or situation.partial
    reason = Reason.CANNOT_TELL if unread else Reason.NO_HISTORY
    owner = rollout.ownership
    reasons = (Reason.GITOPS_MANAGED, reason) if owner.gitops else (reason,)
    return _stopped(situation, Cause.UNKNOWN, *reasons)


def _diagnosis(found: Assessment, signal: Signal, situation: Situation, rollout: RolloutReading) -> Diagnosis:
    return Diagnosis(
        failure=Failure.BAD_ROLLOUT,
        target=situation.target,
        cause=found.cause,
        facts=(*error_rate_facts(signal, rollout), *facts_about(situation, rollout, found)),
        reasons=found.reasons,
        culprit=found.culprit or None,
        look_again_seconds=_again(found),
    )


def _again(found: Assessment) -> int | None:
    """When to look again at what is too early to judge: soon, where one more failure of the same kind is enough."""
    if not found.too_early:
        return None
    trial = found.trial
    if trial is None or trial.finding is not Finding.FAILS or trial.attempts < ATTEMPTS - 1:
        return LOOK_AGAIN
    lacks = trial.attempts < ATTEMPTS or trial.span_seconds < SPAN.total_seconds()
    return LOOK_SOON if lacks else LOOK_AGAIN


def _plan(
    situation: Situation,
    rollout: RolloutReading,
    to: RevisionReading,
    caveats: tuple[Reason, ...],
    notes: tuple[Reason, ...],
) -> RollbackPlan:
    return RollbackPlan(
        target=situation.target.model_copy(update={"uid": rollout.uid}),
        from_revision=rollout.revision,
        from_template_digest=rollout.template_digest,
        guard_digest=rollout.guard_digest,
        to_revision=to.number,
        to_replica_set=to.name,
        to_replica_set_uid=to.uid,
        to_template_digest=to.restore_digest,
        available_before=rollout.available,
        replaced_available=rollout.newest.available if rollout.newest is not None else 0,
        caveats=caveats,
        notes=notes,
    )


def _notes(rollout: RolloutReading, good: KnownGood) -> tuple[Reason, ...]:
    """What a person must hear though the act is right: that several releases failed, that Helm will not know."""
    failed = (Reason.SEVERAL_RELEASES_FAILED,) if good.skipped else ()
    return (*failed, Reason.HELM_RECORD_DIFFERS) if rollout.ownership.helm else failed


def _lost(plan: AnyPlan, rollout: RolloutReading) -> Reason | None:
    """Why the restored revision cannot become healthy any more."""
    if not isinstance(plan, RollbackPlan):
        return Reason.FAILED
    if rollout.replicas == 0:
        return Reason.SCALED_TO_ZERO
    return None if rollout.template_digest == plan.to_template_digest else Reason.TARGET_CHANGED


def _as_we_left_it(plan: RollbackPlan, rollout: RolloutReading) -> bool:
    """The template that we wrote, last written by us, and nothing else of note changed.

    The API server's own book-keeping says who wrote it. Where an object carries none, our stamp must name the very
    ReplicaSet; by itself the stamp proves nothing, since an undo by hand brings an old one back.
    """
    if rollout.template_digest != plan.to_template_digest or rollout.guard_digest != plan.guard_digest:
        return False
    writer = rollout.ownership.template_manager
    return writer.startswith("byteport") if writer else rollout.ownership.rolled_back_to == plan.to_replica_set


def _ended(situation: Situation, cause: Cause, reason: Reason) -> Diagnosis:
    return _stopped(situation, cause, reason).model_copy(update={"silent": True})


def _later(situation: Situation, cause: Cause, seconds: int) -> Diagnosis:
    return _stopped(situation, cause, Reason.TOO_EARLY).model_copy(update={"look_again_seconds": seconds})


def _stopped(situation: Situation, cause: Cause, *reasons: Reason) -> Diagnosis:
    facts = facts_about(situation, situation.rollout, None) if situation.rollout is not None else ()
    return Diagnosis(
        failure=Failure.BAD_ROLLOUT, target=situation.target, cause=cause, facts=facts, reasons=tuple(reasons)
    )
