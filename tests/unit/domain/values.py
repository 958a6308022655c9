"""Plans, diagnoses and standings to judge: one of each that would be carried out, and ways to spoil them."""

from __future__ import annotations

from byteport.domain.diagnoses import Diagnosis, Fact
from byteport.domain.failures import Failure
from byteport.domain.plans import DeletePodPlan, RollbackPlan
from byteport.domain.policy import PolicyConfig
from byteport.domain.reasons import Cause, Reason
from byteport.domain.targets import PodRef, Target

TARGET = Target(cluster_uid="c1", namespace="shop", kind="Deployment", name="web", uid="d1")
POD = PodRef(namespace="shop", name="web-1-a", uid="p1", resource_version="7")
FACTS = (
    Fact(name="restarts", value=6, about="Pod/shop/web-1-a"),
    Fact(name="healthy_siblings", value=2, about="Deployment/shop/web"),
)
GIVEN = PolicyConfig(rollback_allowed=frozenset({"shop/web"}), log_store_named=True)
"""Everything that an administrator must give for either act to be taken alone."""


def deletion(*caveats: Reason) -> DeletePodPlan:
    return DeletePodPlan(target=TARGET, pod=POD, caveats=caveats)


def rollback(*caveats: Reason) -> RollbackPlan:
    return RollbackPlan(
        target=TARGET,
        from_revision=2,
        from_template_digest="2" * 64,
        guard_digest="9" * 64,
        to_revision=1,
        to_replica_set="web-1",
        to_replica_set_uid="r1",
        to_template_digest="1" * 64,
        available_before=3,
        caveats=caveats,
    )


def diagnosis(failure: Failure = Failure.CRASHLOOP, *reasons: Reason, facts: tuple[Fact, ...] = FACTS) -> Diagnosis:
    return Diagnosis(failure=failure, target=TARGET, cause=Cause.TRANSIENT, facts=facts, reasons=reasons)


def diagnosis_for(plan: DeletePodPlan | RollbackPlan, *reasons: Reason) -> Diagnosis:
    """The diagnosis from which `plan` follows."""
    return diagnosis(Failure.CRASHLOOP if isinstance(plan, DeletePodPlan) else Failure.BAD_ROLLOUT, *reasons)
