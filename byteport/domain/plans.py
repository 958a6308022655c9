"""The exact acts that a runbook proposes, content-addressed, so that a yes is a yes to these bytes and no others."""

from __future__ import annotations

from enum import StrEnum
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


class Runtime(StrEnum):
    """Whose images a node keeps; decides the one command that removes the unused ones."""

    CONTAINERD = "containerd"
    CRI_O = "cri-o"
    DOCKER = "docker"


PRUNE_ARGV: dict[Runtime, tuple[str, ...]] = {
    Runtime.CONTAINERD: ("crictl", "rmi", "--prune"),
    Runtime.CRI_O: ("crictl", "rmi", "--prune"),
    Runtime.DOCKER: ("docker", "system", "prune", "-f"),
}
"""The exact words, and no others. Docker's also removes stopped containers, so it is never done without a person."""

HELPER_CONTAINER = "helper"
"""The container of the node helper's pod in which commands are run."""


class PruneImagesPlan(Frozen):
    """Remove the images of one node that no container uses, through the node helper's pod on that node."""

    act: Literal["prune_images"] = "prune_images"
    target: Target
    """The Node; its namespace is empty."""
    helper: PodRef
    """The node helper's pod on that node, named by its uid; its resourceVersion is no part of the plan."""
    runtime: Runtime
    below_percent: int = 80
    """The disk is well again when less than so much of it is used (`disk_verified_percent` when the plan was made)."""
    caveats: tuple[Reason, ...] = ()
    notes: tuple[Reason, ...] = ()

    @property
    def argv(self) -> tuple[str, ...]:
        return PRUNE_ARGV[self.runtime]

    def arguments(self) -> dict[str, Any]:
        return {
            "act": self.act,
            "cluster_uid": self.target.cluster_uid,
            "node": {"name": self.target.name, "uid": self.target.uid},
            "helper": {"namespace": self.helper.namespace, "name": self.helper.name, "uid": self.helper.uid},
            "argv": list(self.argv),
        }

    @property
    def command(self) -> str:
        return (
            f"kubectl exec -n {self.helper.namespace} {self.helper.name} -c {HELPER_CONTAINER} -- {' '.join(self.argv)}"
        )


class RaiseFloorPlan(Frozen):
    """Raise an autoscaler's `minReplicas` for `box_seconds`, within its own bounds; `TimeboxWorkflow` takes it back.

    The target is the workload that it scales, since that is what two remediations must not both touch.
    """

    act: Literal["raise_hpa_floor"] = "raise_hpa_floor"
    target: Target
    autoscaler: str
    """Name of the HorizontalPodAutoscaler, in the target's namespace."""
    autoscaler_uid: str
    rest_digest: str
    """Digest of the autoscaler's `/spec` without `minReplicas`, as read: nothing else of it may have changed."""
    floor_before: int
    """What its owner set; while a floor of ours stands this is what `byteport.io/floor-before` says."""
    floor_from: int
    """`minReplicas` as read."""
    floor_to: int
    box_seconds: int
    """How long the floor stays up, from the act on."""
    available_before: int = 0
    caveats: tuple[Reason, ...] = ()
    notes: tuple[Reason, ...] = ()

    def arguments(self) -> dict[str, Any]:
        return _floor_arguments(self) | {"floor_before": self.floor_before, "box_seconds": self.box_seconds}

    @property
    def command(self) -> str:
        return _floor_command(self.target.namespace, self.autoscaler, self.floor_to)


class RestoreFloorPlan(Frozen):
    """Put an autoscaler's floor back to what its owner had set. Only ever the inverse of a `RaiseFloorPlan`."""

    act: Literal["restore_hpa_floor"] = "restore_hpa_floor"
    target: Target
    autoscaler: str
    autoscaler_uid: str
    rest_digest: str
    """As in the plan that it undoes: the rest of the spec is still what we left."""
    floor_from: int
    """What we set."""
    floor_to: int
    """What its owner had set."""
    inverse: Literal[True] = True
    caveats: tuple[Reason, ...] = ()
    notes: tuple[Reason, ...] = ()

    def arguments(self) -> dict[str, Any]:
        return _floor_arguments(self)

    @property
    def command(self) -> str:
        return _floor_command(self.target.namespace, self.autoscaler, self.floor_to)


def restore_of(raised: RaiseFloorPlan) -> RestoreFloorPlan:
    """The one plan that takes `raised` back."""
    return RestoreFloorPlan(
        target=raised.target,
        autoscaler=raised.autoscaler,
        autoscaler_uid=raised.autoscaler_uid,
        rest_digest=raised.rest_digest,
        floor_from=raised.floor_to,
        floor_to=raised.floor_before,
    )


def _floor_arguments(plan: RaiseFloorPlan | RestoreFloorPlan) -> dict[str, Any]:
    """What both patches of a floor test, and what they set."""
    return {
        "act": plan.act,
        "cluster_uid": plan.target.cluster_uid,
        "namespace": plan.target.namespace,
        "name": plan.autoscaler,
        "uid": plan.autoscaler_uid,
        "test_rest": plan.rest_digest,
        "test_floor": plan.floor_from,
        "set_floor": plan.floor_to,
    }


def _floor_command(namespace: str, name: str, floor: int) -> str:
    patch = f'{{"spec":{{"minReplicas":{floor}}}}}'
    return f"kubectl patch hpa {name} -n {namespace} --type merge -p '{patch}'"


AnyPlan = DeletePodPlan | RollbackPlan | PruneImagesPlan | RaiseFloorPlan | RestoreFloorPlan
"""Every plan there is."""

Plan = Annotated[AnyPlan, Field(discriminator="act")]


def called_uid(plan: AnyPlan) -> str:
    """uid of the object that the call itself is sent to; a command is sent to the node helper's pod."""
    match plan:
        case DeletePodPlan():
            return plan.pod.uid
        case PruneImagesPlan():
            return plan.helper.uid
        case RaiseFloorPlan() | RestoreFloorPlan():
            return plan.autoscaler_uid
        case RollbackPlan():
            return plan.target.uid


def is_inverse(plan: AnyPlan) -> bool:
    """Whether the plan undoes an earlier one."""
    return isinstance(plan, RollbackPlan | RestoreFloorPlan) and plan.inverse


def undoes(plan: AnyPlan, undone: AnyPlan) -> bool:
    """Whether `plan` is an inverse that leads back to exactly where `undone` came from."""
    if isinstance(plan, RestoreFloorPlan):
        return isinstance(undone, RaiseFloorPlan) and plan == restore_of(undone)
    return (
        isinstance(plan, RollbackPlan)
        and plan.inverse
        and isinstance(undone, RollbackPlan)
        and not undone.inverse
        and plan.target == undone.target
        and plan.to_revision == undone.from_revision
    )


class Refused(Frozen):
    """No plan, and why. The caller escalates, or is silent when the diagnosis says so."""

    because: tuple[Reason, ...]


def plan_digest(plan: AnyPlan, policy_version: str) -> str:
    """The name of exactly this plan under exactly this policy: cluster, target, arguments, guards and caveats.

    A pod's resourceVersion, which moves by itself while people think, is left out. Everything else is in, the counts of
    pods too: the inverse's guard compares with them, so nobody may change them after the yes.
    """
    plain = plan.model_dump(mode="json")
    if isinstance(plan, DeletePodPlan):
        plain["pod"].pop("resource_version")
    elif isinstance(plan, PruneImagesPlan):
        plain["helper"].pop("resource_version")
    return digest({"plan": plain, "arguments": plan.arguments(), "policy_version": policy_version})


def arguments_digest(plan: AnyPlan) -> str:
    """What a grant is bound to: the digest of the call's own arguments."""
    return digest(plan.arguments())
