"""The exact acts that a runbook proposes, content-addressed, so that a yes is a yes to these bytes and no others."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from byteport.domain.base import Frozen
from byteport.domain.canonical import digest
from byteport.domain.reasons import Reason
from byteport.domain.targets import PodRef, Target


class DeletePodPlan(Frozen):
    """Delete one pod whose ReplicaSet will make it again.

    The pod is named by its uid. Its resourceVersion moves with every restart and would void each waiting approval, so
    it is no part of the plan: the cluster worker takes it from the very read in which it saw the pod not Ready.
    """

    act: Literal["delete_pod"] = "delete_pod"
    target: Target
    pod: PodRef
    caveats: tuple[Reason, ...] = ()
    """Why this may not be done without a person; empty means that `auto` may act alone."""

    def arguments(self) -> dict[str, Any]:
        """What identifies the call itself; the cluster worker computes the same from the bytes that it will send."""
        return {
            "act": self.act,
            "cluster_uid": self.target.cluster_uid,
            "namespace": self.pod.namespace,
            "name": self.pod.name,
            "uid": self.pod.uid,
        }

    @property
    def command(self) -> str:
        """The kubectl line that a person would type."""
        return f"kubectl delete pod {self.pod.name} -n {self.pod.namespace}"


class RollbackPlan(Frozen):
    """Replace a Deployment's template by that of one of its own ReplicaSets.

    Templates themselves are pod specs and stay out of histories: both are named by `template_digest`
    (`byteport.kubernetes.templates`), and the cluster worker reads the ReplicaSet again and refuses another digest.
    """

    act: Literal["rollback"] = "rollback"
    target: Target
    from_revision: int
    from_template_digest: str
    """Digest of the whole `/spec/template` as read: the JSON Patch `test`."""
    guard_digest: str
    """Digest of paused, selector and strategy as read."""
    to_revision: int
    to_replica_set: str
    to_replica_set_uid: str
    to_template_digest: str
    """Digest of the template that will be written (without `pod-template-hash`)."""
    available_before: int = 0
    """Available pods when the plan was made; what the inverse's guard compares with."""
    replaced_available: int = 0
    """How many of them were the replaced revision's own: an inverse can bring back no more."""
    inverse: bool = False
    """True for the roll-forward that undoes an earlier rollback of ours."""
    caveats: tuple[Reason, ...] = ()
    notes: tuple[Reason, ...] = ()
    """What the notice must say besides, without keeping `auto` from acting (several releases failed, Helm's record)."""

    def arguments(self) -> dict[str, Any]:
        return {
            "act": self.act,
            "cluster_uid": self.target.cluster_uid,
            "namespace": self.target.namespace,
            "name": self.target.name,
            "uid": self.target.uid,
            "test_template": self.from_template_digest,
            "set_template": self.to_template_digest,
            "replica_set": {"name": self.to_replica_set, "uid": self.to_replica_set_uid},
        }

    @property
    def command(self) -> str:
        return (
            f"kubectl rollout undo deployment/{self.target.name} -n {self.target.namespace} "
            f"--to-revision={self.to_revision}"
        )


Plan = Annotated[DeletePodPlan | RollbackPlan, Field(discriminator="act")]


class Refused(Frozen):
    """No plan, and why. The caller escalates, or is silent when the diagnosis says so."""

    because: tuple[Reason, ...]


def plan_digest(plan: DeletePodPlan | RollbackPlan, policy_version: str) -> str:
    """The name of exactly this plan under exactly this policy: cluster, target, arguments, guards and caveats.

    A pod's resourceVersion, which moves by itself while people think, is left out. Everything else is in, the counts of
    pods too: the inverse's guard compares with them, so nobody may change them after the yes.
    """
    plain = plan.model_dump(mode="json")
    if isinstance(plan, DeletePodPlan):
        plain["pod"].pop("resource_version")
    return digest({"plan": plain, "arguments": plan.arguments(), "policy_version": policy_version})


def arguments_digest(plan: DeletePodPlan | RollbackPlan) -> str:
    """What a grant is bound to: the digest of the call's own arguments."""
    return digest(plan.arguments())
