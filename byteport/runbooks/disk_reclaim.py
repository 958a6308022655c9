"""A node whose disk fills up: remove the images that nothing uses, or say what it is, on which filesystem, and whose.

The kubelet does the same by itself, so the act is proposed only where it had its chance: images are what fills the
filesystem that is full, its condition and `df` agree, nothing is being pulled, and everything that goes could come
back. `crictl rmi --prune` spares images of running and of stopped containers. Docker's prune does not spare stopped
containers and frees little, so it never happens without a person.

`disk_reclaim_findings.py` says what is wrong, `disk_reclaim_guards.py` what forbids the act. Asked by
`workflows/phases`, by the cluster worker just before the act, and by `byteport explain`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from byteport.contracts.kubernetes import PRUNE_IMAGES, READ_NODE
from byteport.domain.diagnoses import Diagnosis
from byteport.domain.failures import Failure
from byteport.domain.plans import AnyPlan, PruneImagesPlan, Refused, Runtime
from byteport.domain.policy import PolicyConfig
from byteport.domain.reasons import Cause, Reason
from byteport.domain.signals import Signal, SignalType
from byteport.domain.targets import PodRef
from byteport.kubernetes.node_commands import HELPER_NAME
from byteport.kubernetes.node_state import UNSEEN, NodeState
from byteport.kubernetes.situation import Situation
from byteport.kubernetes.surroundings import Tri
from byteport.runbooks.base import Checked, Health, Runbook
from byteport.runbooks.disk_reclaim_evidence import facts_about
from byteport.runbooks.disk_reclaim_findings import DiskFinding, finding, fullest
from byteport.runbooks.disk_reclaim_guards import SOFT, guards

SETTLES = timedelta(minutes=2)
"""A runtime has given back what it removed by then."""


class DiskSpaceAutoReclaimRunbook(Runbook):
    """DiskPressure, or a kubelet whose own collection frees too little."""

    name = "DiskSpaceAutoReclaimRunbook"
    failure = Failure.DISK
    signals = frozenset({SignalType.DISK_PRESSURE})
    acts = (READ_NODE, PRUNE_IMAGES)
    reads = READ_NODE

    def diagnose(self, signal: Signal, situation: Situation) -> Diagnosis:  # noqa: ARG002  what is there counts, not the report
        """What fills which filesystem; silent when nothing does, or the node was not given to us."""
        node = situation.node
        if situation.gone:
            return _silent(situation, Cause.HEALTHY, Reason.TARGET_GONE)
        if node is None:
            return _unseen(situation)
        if node.not_enabled or not (node.enabled or situation.partial):
            return _silent(situation, Cause.HEALTHY, Reason.NODE_NOT_ENABLED)
        found = finding(node, situation.now, partial=situation.partial)
        reasons, again = found.reasons, found.look_again_seconds
        if node.reading.deleting and not found.silent:
            reasons = (*reasons, Reason.BEING_DELETED)
        if found.cause is Cause.DISK_IMAGES:
            guarded = guards(found, node, situation.now, partial=situation.partial)
            reasons, again = (*reasons, *guarded.reasons), guarded.look_again_seconds
        return Diagnosis(
            failure=Failure.DISK,
            target=situation.target,
            cause=found.cause,
            facts=facts_about(found, node),
            reasons=tuple(dict.fromkeys(reasons)),
            culprit=_culprit(found, node),
            silent=found.silent,
            look_again_seconds=again,
        )

    def plan(self, diagnosis: Diagnosis, situation: Situation, config: PolicyConfig) -> PruneImagesPlan | Refused:
        """Prune where images fill it. What forbids it refuses; what a person may overrule is a caveat."""
        node = situation.node
        hard = tuple(reason for reason in diagnosis.reasons if reason not in SOFT)
        if diagnosis.cause is not Cause.DISK_IMAGES or hard or diagnosis.look_again_seconds is not None or node is None:
            return Refused(because=diagnosis.reasons or (Reason.CAUSE_NEEDS_A_PERSON,))
        full = fullest(node)
        if full is None or full.percent < config.disk_percent:
            return Refused(because=(Reason.CONDITION_AND_DF_DISAGREE,))
        runtime = node.runtime or (Runtime.CONTAINERD if situation.partial else None)
        helper = node.helper or (_assumed(config) if situation.partial else None)
        if runtime is None or helper is None:
            return Refused(because=(*diagnosis.reasons, Reason.HELPER_ABSENT))
        docker = runtime is Runtime.DOCKER
        return PruneImagesPlan(
            target=diagnosis.target,
            helper=helper,
            runtime=runtime,
            below_percent=config.disk_verified_percent,
            caveats=(*diagnosis.reasons, Reason.DOCKER_PRUNE) if docker else diagnosis.reasons,
            notes=(Reason.FREES_LITTLE,) if docker else (),
        )

    def health(self, plan: AnyPlan, situation: Situation, *, acted_at: datetime, now: datetime) -> Checked:
        """Well when `df`, asked after the act, is below what the plan says, and the kubelet has taken its condition back.

        The condition stays True for five minutes after the pressure has ended; the disk itself falls at once.
        """
        node = situation.node
        if situation.gone or node is None or not isinstance(plan, PruneImagesPlan):
            return Checked(health=Health.FAILED, reasons=(Reason.TARGET_GONE if situation.gone else Reason.FAILED,))
        if node.reading.deleting or node.reading.ready is not Tri.TRUE:
            why = Reason.BEING_DELETED if node.reading.deleting else Reason.NODE_NOT_READY
            return Checked(health=Health.FAILED, reasons=(why,))
        full = fullest(node)
        if full is None:
            return Checked(health=Health.NOT_YET, reasons=(Reason.HELPER_ABSENT,))
        if situation.now < acted_at:
            return Checked(health=Health.NOT_YET)
        if full.percent >= plan.below_percent:
            late = now - acted_at > SETTLES
            reasons = (Reason.NOT_VERIFIED,) if late else ()
            return Checked(health=Health.FAILED if late else Health.NOT_YET, reasons=reasons)
        if node.disk_condition is Tri.TRUE:
            return Checked(health=Health.NOT_YET, reasons=(Reason.CONDITION_AND_DF_DISAGREE,))
        return Checked(health=Health.HEALTHY)

    def inverse(  # the same answer whatever is there
        self,
        plan: AnyPlan,  # noqa: ARG002
        situation: Situation,  # noqa: ARG002
        *,
        now: datetime,  # noqa: ARG002
    ) -> AnyPlan | Refused:
        """None: whoever needs a removed image pulls it again."""
        return Refused(because=(Reason.CAUSE_NEEDS_A_PERSON,))


def _silent(situation: Situation, cause: Cause, reason: Reason) -> Diagnosis:
    return Diagnosis(
        failure=Failure.DISK, target=situation.target, cause=cause, facts=(), reasons=(reason,), silent=True
    )


def _unseen(situation: Situation) -> Diagnosis:
    """The signal is about something that is no node, or one that nobody saved."""
    return Diagnosis(
        failure=Failure.DISK,
        target=situation.target,
        cause=Cause.DISK_CONTENTS_UNKNOWN,
        facts=(),
        reasons=(Reason.CANNOT_TELL,),
    )


def _culprit(found: DiskFinding, node: NodeState) -> str | None:
    """Whose disk use a person must look at: the pod by name where it may be seen."""
    if found.silent or found.cause is Cause.DISK_IMAGES:
        return None
    if found.user is not None and found.user.pod and found.user.pod != UNSEEN:
        return f"Pod/{found.user.pod}"
    return f"Node/{node.reading.name}"


def _assumed(config: PolicyConfig) -> PodRef:
    """In saved objects the helper is taken for granted; the line that a person would type needs its name."""
    return PodRef(namespace=config.helper_namespace, name=HELPER_NAME, uid="", resource_version="")
