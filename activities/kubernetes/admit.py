"""The boundary: whether a warrant allows exactly this act, now, as the cluster worker finds out by itself.

Whoever reaches Temporal can start an activity or forge its input, so nothing that Temporal carried is believed. What
counts is the worker's own: the ledger's public key, the `allowed_signers` and revoked keys, and the policy of its
mounts, its cluster's uid, its clock, the kill switch, and the target as it reads it now. Temporal can delay or drop an
act; it cannot cause one.

`mutations.py` asks in this order: `check` (nothing is read but mounts), `permit` (the namespace or the node, and for
`auto` the whole judgement again), and on each attempt `last_line` with nothing between it and the call.

Putting a floor back is asked less than every other act, so that what we have raised comes down again: its authority is
the ledger's fresh grant, which is given only for a raise that the ledger knows as done. A policy that was changed since,
a mode that is no longer `auto`, an answer that has expired or a runbook that was switched off do not keep a floor up. A halt, `observe`, a protected
namespace and a label taken away do: then nothing of ours writes there at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from activities.clock import Clock
from activities.kubernetes.agreed import Agreed
from activities.kubernetes.bounds import UNBOUNDED, Bounds
from activities.kubernetes.grounds import Ground, deny, stale
from activities.kubernetes.halt import HaltSwitch, refuse_when_halted
from activities.kubernetes.policy_source import PolicySource
from activities.kubernetes.situations import Looker, SituationReader
from byteport.contracts.acts import Act
from byteport.contracts.kubernetes import (
    DELETE_POD,
    PRUNE_IMAGES,
    RAISE_FLOOR,
    RESTORE_FLOOR,
    ROLL_BACK,
    Mutated,
    MutatingCall,
    ReadSituation,
)
from byteport.contracts.workflows import REMEDIATION, TIMEBOX
from byteport.domain.failures import Failure
from byteport.domain.plans import (
    DeletePodPlan,
    PruneImagesPlan,
    RaiseFloorPlan,
    Refused,
    RestoreFloorPlan,
    arguments_digest,
    is_inverse,
    plan_digest,
    undoes,
)
from byteport.domain.policy import Mode, PolicyConfig, VerdictKind, beyond, judge
from byteport.domain.reasons import Reason
from byteport.domain.warrants import Warrant
from byteport.errors import NotPermitted
from byteport.runbooks.base import Runbook
from byteport.runbooks.catalogue import runbook_for
from byteport.trust.files import SignersFiles
from byteport.trust.grants import Call, GrantVerifier

MAY_MUTATE: Mapping[str, frozenset[str]] = {
    REMEDIATION: frozenset({act.name for act in (DELETE_POD, ROLL_BACK, PRUNE_IMAGES, RAISE_FLOOR, RESTORE_FLOOR)}),
    TIMEBOX: frozenset({RESTORE_FLOOR.name}),
}
"""Acts by the type of workflow whose activities may do them; a standalone activity has none."""


def may_ask(act: MutatingAct, workflow_type: str | None) -> bool:
    """Whether a workflow of that type may do `act` at all; of anybody else nothing is even looked for."""
    return act.name in MAY_MUTATE.get(workflow_type or "", frozenset())


_ACT_OF = {
    "delete_pod": DELETE_POD,
    "rollback": ROLL_BACK,
    "prune_images": PRUNE_IMAGES,
    "raise_hpa_floor": RAISE_FLOOR,
    "restore_hpa_floor": RESTORE_FLOOR,
}

MutatingAct = Act[MutatingCall, Mutated]


class Checked(NamedTuple):
    """What `check` established, for the steps after it."""

    runbook: Runbook
    policy: PolicyConfig
    mode: Mode


class Admission:
    """The checks of one cluster worker."""

    def __init__(
        self,
        *,
        tenant: str,
        cluster_uid: str,
        reader: SituationReader,
        looks: Mapping[str, Looker],
        policy: PolicySource,
        grants: GrantVerifier,
        signers: SignersFiles,
        halt: HaltSwitch,
        clock: Clock,
        off: frozenset[Failure] = frozenset(),
        bounds: Bounds = UNBOUNDED,
    ) -> None:
        """`off`: failures whose runbook is switched off."""
        self._off = off
        self._bounds = bounds
        self._tenant = tenant
        self._cluster_uid = cluster_uid
        self._reader = reader
        self._looks = looks
        self._policy = policy
        self._grants = grants
        self._signers = signers
        self._halt = halt
        self._clock = clock

    def check(self, act: MutatingAct, warrant: Warrant, *, workflow_type: str | None) -> Checked:
        """Everything that needs no look at the cluster. Raises `NotPermitted` or `PreconditionFailed`."""
        if not may_ask(act, workflow_type):
            raise deny(Ground.CALLER, "only a remediation may change anything, and a time box put a floor back")
        if warrant.tenant != self._tenant:
            raise deny(Ground.TENANT, "the warrant is another tenant's")
        if {warrant.plan.target.cluster_uid, warrant.signal.target.cluster_uid} != {self._cluster_uid}:
            raise deny(Ground.CLUSTER, "the warrant is for another cluster")
        runbook = self._runbook(act, warrant)
        policy = self._policy.read()
        restores = isinstance(warrant.plan, RestoreFloorPlan)
        if warrant.policy_version != policy.version and not restores:
            raise stale(Ground.POLICY_CHANGED, "the policy is not the one that the plan was made under")
        self._check_plan(warrant)
        self._check_grant(act, warrant, arguments_digest(warrant.plan))
        _refuse_protected(warrant, policy)
        mode = policy.mode_for(runbook.name, warrant.plan.target.namespace)
        if mode is Mode.OBSERVE:
            raise deny(Ground.MODE, "here the agent only observes")
        if restores:
            return Checked(runbook, policy, mode)
        if warrant.auto and mode is not Mode.AUTO:
            raise deny(Ground.MODE, "here nothing is done without a person's yes")
        if not warrant.auto:
            agreed = Agreed(self._tenant, self._cluster_uid, runbook.name, policy)
            agreed.refuse_unless_said(warrant, self._signers, now=self._clock(), auto_possible=mode is Mode.AUTO)
        return Checked(runbook, policy, mode)

    def was_granted(self, act: MutatingAct, warrant: Warrant) -> bool:
        """Whether the ledger has ever granted this action here: enough to look for its trace, not to do it."""
        try:
            self._grants.verify(warrant.grant)
        except NotPermitted:
            return False
        body = warrant.grant.body
        granted = (body.act, body.cluster_uid, body.arguments_digest)
        return granted == (act.name, self._cluster_uid, arguments_digest(warrant.plan))

    async def permit(self, warrant: Warrant, checked: Checked) -> None:
        """The namespace, or the node, is still enabled, and given for such an act; one without a person is judged again,
        on what is there now.

        Raises `NotPermitted` or `PreconditionFailed`.
        """
        plan = warrant.plan
        await self._refuse_out_of_bounds(warrant)
        if isinstance(plan, RestoreFloorPlan) or (not warrant.auto and warrant.inverse_of is None):
            await self._refuse_unless_enabled(warrant, checked.policy)
            return
        look = self._looks[checked.runbook.reads.name].look
        seen = await look(ReadSituation(target=plan.target, failure=checked.runbook.failure))
        if not seen.enabled:
            raise deny(Ground.NOT_ENABLED, NOT_ENABLED)
        if seen.policy.version != checked.policy.version:
            raise stale(Ground.POLICY_CHANGED, "the policy changed while the target was read")
        now = seen.situation.now
        if warrant.inverse_of is not None:
            again = checked.runbook.inverse(warrant.inverse_of, seen.situation, now=now)
            if isinstance(again, Refused):
                raise stale(Ground.INVERSE, ", ".join(reason.value for reason in again.because))
        else:
            diagnosis = checked.runbook.diagnose(warrant.signal, seen.situation)
            again = checked.runbook.propose(diagnosis, seen.situation, seen.policy)
            verdict = judge(checked.mode, again, diagnosis, seen.standing, seen.policy)
            if verdict.kind is not VerdictKind.ACT or isinstance(again, Refused):
                reasons = ", ".join(reason.value for reason in verdict.reasons)
                raise stale(Ground.VERDICT, f"judged again, it is {verdict.kind.value} ({reasons})")
        if again.arguments() != plan.arguments():
            raise stale(Ground.CHANGED, "what the target needs now is another act")

    async def _refuse_out_of_bounds(self, warrant: Warrant) -> None:
        """What the API server would refuse whoever agreed. A floor goes down as long as the API server lets it.

        What undoes an act that nobody said yes to is not judged again, so that it is refused here where `auto` is.
        """
        plan = warrant.plan
        standing = await self._bounds.standing(plan.target.namespace)
        if standing.halted:
            raise deny(Ground.HALTED, "the switch is off: nothing is written anywhere")
        if isinstance(plan, RestoreFloorPlan):
            return
        outside = beyond(plan, standing.ceiling)
        if outside is not None:
            raise deny(Ground.CEILING, outside.value)
        if warrant.auto and warrant.inverse_of is not None:
            if standing.unguarded:
                raise deny(Ground.MODE, Reason.BOUNDARY_NOT_WHOLE.value)
            if standing.ceiling is not None and standing.ceiling.mode is not Mode.AUTO:
                raise deny(Ground.MODE, "here nothing is done without a person's yes")

    async def _refuse_unless_enabled(self, warrant: Warrant, policy: PolicyConfig) -> None:
        target = warrant.plan.target
        if isinstance(warrant.plan, PruneImagesPlan):
            enabled = await self._reader.enabled_node(target.name)
            if enabled is not None and await self._reader.is_applications(policy.helper_namespace):
                raise deny(Ground.PROTECTED, "no command is run in a namespace of applications")
        else:
            enabled = await self._reader.enabled_namespace(target.namespace, policy)
        if enabled is None:
            raise deny(Ground.NOT_ENABLED, NOT_ENABLED)

    async def last_line(self, act: MutatingAct, warrant: Warrant, digest_of_bytes: str) -> None:
        """Ask the kill switch, then whether the grant covers these very bytes and outlasts the call.

        Nothing may come between this and the call. Raises `NotPermitted` or `PreconditionFailed`.
        """
        await refuse_when_halted(self._halt)
        self._check_grant(act, warrant, digest_of_bytes)

    def _runbook(self, act: MutatingAct, warrant: Warrant) -> Runbook:
        """The runbook that may ask for this act on this target: by the signal's failure, never by a name that was sent."""
        runbook = runbook_for(warrant.signal.failure)
        if runbook is None or act not in runbook.acts or _ACT_OF[warrant.plan.act] is not act:
            raise deny(Ground.ACT, f"{act.name} is not what this warrant is for")
        if runbook.failure in self._off and not isinstance(warrant.plan, RestoreFloorPlan):
            raise deny(Ground.RUNBOOK_OFF, f"{runbook.name} is switched off")
        wanted, planned = warrant.signal.target, warrant.plan.target
        same = (wanted.namespace, wanted.kind, wanted.name) == (planned.namespace, planned.kind, planned.name)
        if not same or wanted.uid not in ("", planned.uid):
            raise deny(Ground.TARGET, "the plan is about another object than the symptom")
        match warrant.plan:
            case DeletePodPlan() as plan if plan.pod.namespace != planned.namespace:
                raise deny(Ground.TARGET, "the pod lies in another namespace than its owner")
            case RaiseFloorPlan() | RestoreFloorPlan() if planned.kind != "Deployment":
                raise deny(Ground.TARGET, "only of a Deployment may the floor be raised")
            case PruneImagesPlan() if planned.kind != "Node" or planned.namespace:
                raise deny(Ground.TARGET, "only a node has images to prune")
        return runbook

    def _check_plan(self, warrant: Warrant) -> None:
        """The digest names this plan, or for an inverse the plan that it undoes, and undoes exactly.

        Under the warrant's own policy, which for everything but a restore has been found to be the present one.
        """
        plan, undone = warrant.plan, warrant.inverse_of
        if is_inverse(plan) is not (undone is not None):
            raise deny(Ground.INVERSE, "an inverse goes with the plan that it undoes, and nothing else does")
        if undone is not None and not undoes(plan, undone):
            raise deny(Ground.INVERSE, "this does not undo the plan that was agreed to")
        if plan_digest(undone or plan, warrant.policy_version) != warrant.plan_digest:
            raise deny(Ground.PLAN, "the plan is not the one that its digest names")

    def _check_grant(self, act: MutatingAct, warrant: Warrant, digest_of_arguments: str) -> None:
        call = Call(
            act=act.name,
            action_id=warrant.grant.body.action_id,
            arguments_digest=digest_of_arguments,
            plan_digest=warrant.plan_digest,
            cluster_uid=self._cluster_uid,
            client_timeout=act.client_timeout,
        )
        self._grants.admit(warrant.grant, call, now=self._clock())


NOT_ENABLED = "the namespace, or the node, is not enabled, or is being deleted"


def _refuse_protected(warrant: Warrant, policy: PolicyConfig) -> None:
    """A command is run in the node helper's own namespace and in no other; everything else only in unprotected ones."""
    plan = warrant.plan
    if isinstance(plan, PruneImagesPlan):
        if plan.helper.namespace != policy.helper_namespace:
            raise deny(Ground.PROTECTED, "no command is run outside the node helper's own namespace")
        return
    namespace = plan.target.namespace
    if not namespace or policy.protects(namespace):
        raise deny(Ground.PROTECTED, "nothing in a protected namespace is ever touched")
