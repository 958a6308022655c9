"""Whether a pod that may be deleted also can be: each guard is one reason, and every one is asked.

`pod_findings.py` has found the pod transient or wedged; `pod_crashloop.py` turns what is said here into a refusal (the
world forbids it) or a caveat (we cannot tell, so a person decides).
"""

from __future__ import annotations

from collections.abc import Iterator

from byteport.domain.reasons import Reason
from byteport.kubernetes.owners import Owner, OwnerKind, Proof
from byteport.kubernetes.pods import PodReading, RestartPolicy
from byteport.kubernetes.replicas import rolling
from byteport.kubernetes.situation import Situation

SOFT = frozenset({Reason.CANNOT_TELL, Reason.NO_LOG_STORE, Reason.OWNER_ASKS_APPROVAL})
"""Reasons that keep `auto` from acting while a person may still say yes."""

_WANTED_READS = (
    "nodes",
    "leases",
    "jobs",
    "resourcequotas",
    "limitranges",
    "mutatingwebhookconfigurations",
    "validatingwebhookconfigurations",
    "endpointslices",
    "pods/eviction",
    "pods/log",
    "namespaces",
)


def owner_reason(owner: Owner) -> Reason | None:
    """Why a pod of this owner is none of ours to delete; None under exactly Pod → ReplicaSet → Deployment."""
    if owner.kind is OwnerKind.POD:
        return Reason.NO_CONTROLLER
    if owner.kind is OwnerKind.FOREIGN:
        return Reason.OWNED_BY_CONTROLLER
    if owner.kind is not OwnerKind.DEPLOYMENT:
        return Reason.NOT_A_DEPLOYMENT
    return Reason.OWNED_BY_CONTROLLER if owner.owned else None


def guards(pod: PodReading, situation: Situation) -> tuple[Reason, ...]:
    """Every reason against deleting `pod` now, each once, in a fixed order; empty when the way is clear."""
    return tuple(dict.fromkeys((*_of_the_pod(pod, situation), *_around(pod, situation), *_unseen(pod, situation))))


def holder(pod: PodReading, situation: Situation) -> str:
    """What a person must look at first where a guard stands for an object: a budget, a lease, a quota, a node, a Job."""
    around = situation.surroundings
    node = around.node(pod.node)
    if lease := around.lease_of(pod.name):
        return f"Lease/{lease}"
    if budget := around.budget_of(pod.name):
        return f"PodDisruptionBudget/{budget}"
    if around.blockers:
        return f"{around.blockers[0].kind.value} {around.blockers[0].name}"
    if node is not None and (node.unschedulable or node.no_execute):
        return f"Node/{node.name}"
    return f"Job/{around.jobs[0].name}" if around.migrating else ""


def _of_the_pod(pod: PodReading, situation: Situation) -> Iterator[Reason]:
    whose = owner_reason(pod.owner)
    if whose is not None:
        yield whose
    if pod.owner.proof is Proof.BROKEN or pod.deleting:
        yield Reason.BEING_DELETED
    if pod.restart_policy is not RestartPolicy.ALWAYS:
        yield Reason.NOT_A_DEPLOYMENT
    if pod.ready:
        yield Reason.POD_IS_READY
    if pod.claims:
        yield Reason.HOLDS_CLAIM
    if pod.kept:
        yield Reason.OWNER_ASKS_APPROVAL
    rollout = situation.rollout
    if rollout is not None and rollout.paused:
        yield Reason.PAUSED
    if rollout is not None and rolling(rollout):
        yield Reason.ROLLOUT_UNDER_WAY


def _around(pod: PodReading, situation: Situation) -> Iterator[Reason]:
    around = situation.surroundings
    node = around.node(pod.node)
    if around.lease_of(pod.name):
        yield Reason.HOLDS_LEASE
    if around.budget_of(pod.name):
        yield Reason.BUDGET_REFUSES
    if around.blockers:
        yield Reason.REPLACEMENT_REFUSED
    if node is not None and (node.unschedulable or node.no_execute):
        yield Reason.NODE_UNSCHEDULABLE
    if around.migrating:
        yield Reason.MIGRATION_UNDER_WAY


def _unseen(pod: PodReading, situation: Situation) -> Iterator[Reason]:
    """What would have to be known first. A saved bundle stands for a cluster where every optional read is granted."""
    if situation.rollout is None or pod.owner.proof is Proof.NAMED or not pod.ready_known or not pod.node:
        yield Reason.CANNOT_TELL
    if not situation.partial and (not pod.resource_version or any(kind in situation.denied for kind in _WANTED_READS)):
        yield Reason.CANNOT_TELL
