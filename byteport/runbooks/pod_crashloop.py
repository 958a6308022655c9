"""A pod that keeps crashing, or a replica that fell out of its Service: delete that one pod, or say why not.

Deleting a pod mends little: a fresh container on a fresh node, with fresh scratch space. So the act is proposed only
where exactly that is missing: one replica fails while the same revision is well elsewhere, nothing names another cause,
and its ReplicaSet is able to make it again. Everything else is a person's, and most of this runbook is telling whose.

`pod_findings.py` says what is wrong with one pod, `pod_guards.py` what forbids the act. Asked by `workflows/phases`,
by the cluster worker just before the act, and by `byteport explain`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from byteport.contracts.kubernetes import DELETE_POD, READ_SITUATION
from byteport.domain.diagnoses import Diagnosis
from byteport.domain.failures import Failure
from byteport.domain.plans import AnyPlan, DeletePodPlan, Refused
from byteport.domain.policy import PolicyConfig
from byteport.domain.reasons import Cause, Reason
from byteport.domain.signals import Signal, SignalType
from byteport.kubernetes.pods import PodReading
from byteport.kubernetes.replicas import Wellbeing, alive, wellbeing
from byteport.kubernetes.situation import Situation
from byteport.runbooks.base import Checked, Health, Runbook
from byteport.runbooks.pod_evidence import facts_about
from byteport.runbooks.pod_findings import Finding, finding, up_again
from byteport.runbooks.pod_guards import SOFT, guards, holder, owner_reason
from byteport.runbooks.quiet import nothing_to_treat

CREATED_WITHIN = timedelta(seconds=60)
"""No new pod within this time of a delete is an outage that we made."""
CLOCK_SKEW = timedelta(seconds=5)
OLD_RECORD = timedelta(hours=1)
"""An evicted pod's record that is older says nothing about the present."""
MANY_EVICTIONS = 2
"""So many within that time are a pattern, though each was replaced."""

_TREATABLE = frozenset({Cause.TRANSIENT, Cause.WEDGED_REPLICA})


class PodCrashloopRunbook(Runbook):
    """CrashLoopBackOff, three restarts in a quarter of an hour, or one wedged replica."""

    name = "PodCrashloopRunbook"
    failure = Failure.CRASHLOOP
    signals = frozenset({SignalType.POD_CRASHLOOP, SignalType.POD_WEDGED})
    acts = (READ_SITUATION, DELETE_POD)

    def diagnose(self, signal: Signal, situation: Situation) -> Diagnosis:  # noqa: ARG002  what is there counts, not the report
        """The weightiest finding among the target's pods; silent when there is nothing, or nothing is ours to do."""
        quiet = nothing_to_treat(situation)
        if quiet is not None:
            return _silent(situation, Cause.HEALTHY, quiet)
        now = situation.now
        troubled = [pod for pod in alive(situation) if wellbeing(pod, now) is not Wellbeing.WELL]
        findings = [finding(pod, situation) for pod in troubled]
        findings = [found for found in findings if not found.silent] or findings
        chosen = _weightiest(findings) or _up_again(situation) or _ended(situation)
        if chosen is None:
            return _without_pods(situation)
        return _diagnosis(chosen, situation)

    def plan(self, diagnosis: Diagnosis, situation: Situation, config: PolicyConfig) -> DeletePodPlan | Refused:
        """Delete the subject of a treatable diagnosis. What forbids it refuses; what cannot be told is a caveat."""
        pod = next((pod for pod in situation.pods if pod.ref == diagnosis.subject), None)
        hard = tuple(reason for reason in diagnosis.reasons if reason not in SOFT)
        if diagnosis.cause not in _TREATABLE or pod is None or hard or diagnosis.look_again_seconds is not None:
            return Refused(because=diagnosis.reasons or (Reason.CAUSE_NEEDS_A_PERSON,))
        caveats = diagnosis.reasons if config.log_store_named else (*diagnosis.reasons, Reason.NO_LOG_STORE)
        return DeletePodPlan(target=diagnosis.target, pod=pod.ref, caveats=caveats)

    def health(self, plan: AnyPlan, situation: Situation, *, acted_at: datetime, now: datetime) -> Checked:
        """Healthy when the replacement is Ready without a restart; failed when none was made, or it fails again.

        Terminating pods are not replicas. How long a replacement may pull and start is the verify deadline's business.
        """
        available = situation.rollout.available if situation.rollout is not None else 0
        lost = nothing_to_treat(situation)
        if lost is not None or not isinstance(plan, DeletePodPlan):
            return Checked(health=Health.FAILED, reasons=(lost or Reason.FAILED,))
        live = [pod for pod in alive(situation) if pod.uid != plan.pod.uid]
        waited = now - acted_at
        fresh = [pod for pod in live if pod.created_at is None or pod.created_at >= acted_at - CLOCK_SKEW]
        wanted = situation.rollout.replicas if situation.rollout is not None else len(live)
        if not live or (not fresh and len(live) < wanted):
            late = waited > CREATED_WITHIN
            reasons = (Reason.NO_REPLACEMENT,) if late else ()
            return Checked(health=Health.FAILED if late else Health.NOT_YET, reasons=reasons, available=available)
        candidates = fresh or live
        if any(_fails_again(pod, since=None if fresh else acted_at - CLOCK_SKEW) for pod in candidates):
            return Checked(health=Health.FAILED, reasons=(Reason.NOT_VERIFIED,), available=available)
        if all(pod.ready and not pod.unproven_seconds for pod in candidates):
            return Checked(health=Health.HEALTHY, available=available)
        return Checked(health=Health.NOT_YET, available=available)

    def inverse(  # the same answer whatever is there
        self,
        plan: AnyPlan,  # noqa: ARG002
        situation: Situation,  # noqa: ARG002
        *,
        now: datetime,  # noqa: ARG002
    ) -> AnyPlan | Refused:
        """None: the controller has made the pod again, and the deleted one cannot come back."""
        return Refused(because=(Reason.CAUSE_NEEDS_A_PERSON,))


def _weightiest(findings: Sequence[Finding]) -> Finding | None:
    """A failing release first, then what a person must see, then what we could treat, then what is too early to tell."""
    asking = [found for found in findings if found.reasons and found.look_again_seconds is None and not found.silent]
    handed = [found for found in findings if found.hand_over is not None]
    treatable = [found for found in findings if found.cause in _TREATABLE]
    for group in (handed, asking, treatable, list(findings)):
        if group:
            return max(group, key=lambda found: (found.pod.restarts, found.pod.name))
    return None


def _up_again(situation: Situation) -> Finding | None:
    """What failed a moment ago and is Ready now: between two crashes a container without a readiness probe is, too."""
    unproven = [pod for pod in alive(situation) if pod.unproven_seconds]
    return up_again(max(unproven, key=lambda pod: (pod.unproven_seconds, pod.name))) if unproven else None


def _ended(situation: Situation) -> Finding | None:
    """Pods that ended for good: where no live one replaced them, or several were driven away within the hour.

    One that was replaced is a record, though its node be still short: that is told of the node itself.
    """
    now = situation.now
    ended = [pod for pod in situation.pods if pod.finished and not pod.deleting and pod.cause is not None]
    if not ended:
        return None
    newest = max(ended, key=lambda pod: (pod.created_at or now, pod.name))
    whose = owner_reason(newest.owner)
    rollout = situation.rollout
    replaced = (rollout is not None and rollout.available >= rollout.replicas) or any(
        pod.ready for pod in alive(situation)
    )
    if newest.cause is not Cause.EVICTED:
        reasons = (whose or Reason.UNKNOWN_CAUSE,)
        return None if replaced else Finding(pod=newest, cause=newest.cause or Cause.UNKNOWN, reasons=reasons)
    node = situation.surroundings.node(newest.node)
    lately = [pod for pod in ended if pod.cause is Cause.EVICTED and _lately(pod, now)]
    pressed = node is not None and node.pressed
    if len(lately) < MANY_EVICTIONS if replaced else not (pressed or lately):
        return None
    culprit = f"Node/{newest.node}" if newest.node else ""
    return Finding(pod=newest, cause=Cause.EVICTED, reasons=(Reason.COMMON_CAUSE,), culprit=culprit)


def _lately(pod: PodReading, now: datetime) -> bool:
    """Whether it ended within the hour: by its conditions or events, else by its age."""
    times = [event.last for event in pod.events if event.last is not None]
    times += [pod.ended_at] if pod.ended_at is not None else []
    return now - max(times) <= OLD_RECORD if times else pod.age(now) <= OLD_RECORD


def _without_pods(situation: Situation) -> Diagnosis:
    """No pod is in trouble. A Deployment that has too few of them, because none may be made, is not healthy."""
    rollout = situation.rollout
    short = rollout is not None and len(alive(situation)) < rollout.replicas and not situation.partial
    if short and situation.surroundings.blockers:
        return Diagnosis(
            failure=Failure.CRASHLOOP,
            target=situation.target,
            cause=Cause.QUOTA,
            facts=(),
            reasons=(Reason.REPLACEMENT_REFUSED,),
            culprit=situation.surroundings.blockers[0].name,
        )
    return _silent(situation, Cause.RECOVERED, Reason.RECOVERED)


def _silent(situation: Situation, cause: Cause, reason: Reason) -> Diagnosis:
    return Diagnosis(
        failure=Failure.CRASHLOOP, target=situation.target, cause=cause, facts=(), reasons=(reason,), silent=True
    )


def _diagnosis(chosen: Finding, situation: Situation) -> Diagnosis:
    treatable = chosen.cause in _TREATABLE
    reasons = chosen.reasons
    whose = owner_reason(chosen.pod.owner)
    if treatable:
        reasons = (*reasons, *guards(chosen.pod, situation))
    elif whose is not None and not chosen.silent and chosen.look_again_seconds is None:
        reasons = tuple(dict.fromkeys((*reasons, whose)))
    return Diagnosis(
        failure=Failure.CRASHLOOP,
        target=situation.target,
        cause=chosen.cause,
        facts=facts_about(chosen, situation),
        reasons=reasons,
        subject=chosen.pod.ref,
        culprit=chosen.culprit or (holder(chosen.pod, situation) if treatable else "") or None,
        hand_over=chosen.hand_over or _for_memory(chosen, situation),
        silent=chosen.silent,
        look_again_seconds=chosen.look_again_seconds,
    )


def _for_memory(chosen: Finding, situation: Situation) -> Failure | None:
    """A container of a Deployment that is killed for memory: limit, working set and trend are the memory runbook's to tell.

    It escalates as this one would. Of other kinds, and where it is too early to tell, the class is all there is.
    """
    decided = not chosen.silent and chosen.look_again_seconds is None
    killed = chosen.pod.cause is Cause.OOM_KILLED and chosen.cause in (Cause.OOM_KILLED, Cause.MUTATOR)
    return Failure.MEMORY if killed and decided and situation.target.kind == "Deployment" else None


def _fails_again(pod: PodReading, *, since: datetime | None) -> bool:
    """Failing now, or restarted: at all when the pod is new, else after `since`, as an old sibling may have long before."""
    waits = (None, Cause.SLOW_START, Cause.NOT_READY, Cause.UNSCHEDULABLE, Cause.DEPENDENCY_DOWN)
    ends = [item.final for item in pod.containers if item.restarts > 0]
    restarted = any(since is None or end is None or end.finished_at is None or end.finished_at >= since for end in ends)
    return pod.cause not in waits or restarted
