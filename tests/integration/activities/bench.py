"""One cluster worker on a bench: a cluster, its mounts on disk, the ledger's key, and two people's keys.

Everything is what production wires. `Bench` has what every cluster can do, `SimulatedBench` also turns the clock and
breaks the wire; `tests/cluster` has a bench on the real control plane. `Bench.warrant` writes a warrant as the workflow
would, and the tests then bend it.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from temporalio.testing import ActivityEnvironment

from activities.clock import Clock
from activities.kubernetes.admit import Admission, MutatingAct
from activities.kubernetes.gather_load import LoadReader
from activities.kubernetes.mutations import Mutations
from activities.kubernetes.node_situations import NodeReader
from activities.kubernetes.policy_source import FilePolicySource
from activities.kubernetes.resolve import Outcomes
from activities.kubernetes.situations import SituationReader
from activities.performs import act_of as act_of_method
from activities.performs import activities_of
from byteport.contracts.kubernetes import (
    DELETE_POD,
    PRUNE_IMAGES,
    RAISE_FLOOR,
    READ_LOAD,
    READ_NODE,
    READ_SITUATION,
    RESTORE_FLOOR,
    ROLL_BACK,
    Mutated,
    MutatingCall,
)
from byteport.contracts.workflows import REMEDIATION
from byteport.domain import ids
from byteport.domain.approvals import SIGNATURE_NAMESPACE, Answer, ApprovalRequest, SignedAnswer
from byteport.domain.ceilings import Sight
from byteport.domain.failures import Failure
from byteport.domain.plans import AnyPlan, DeletePodPlan, RaiseFloorPlan, RollbackPlan, arguments_digest, plan_digest
from byteport.domain.policy import Standing
from byteport.domain.signals import Signal, SignalType, Source
from byteport.domain.targets import PodRef, Target
from byteport.domain.warrants import GrantBody, Warrant
from byteport.errors import Unavailable
from byteport.kubernetes import port
from byteport.kubernetes.port import ClusterPort, Resource
from byteport.kubernetes.templates import guard_digest, template_digest, template_of, template_to_restore
from byteport.trust.allowed_signers import allowed_signers_line
from byteport.trust.answers import answer_text, sign_answer
from byteport.trust.files import SignersFiles
from byteport.trust.grants import GrantSigner, GrantVerifier
from byteport.trust.private_keys import PrivateKey, new_private_key

JSON = dict[str, Any]

AUTO_POLICY = """
mode: auto
rollback_allowed: [shop/web]
raise_allowed: [shop/web]
log_store_named: true
"""
DRY_RUN_POLICY = """
mode: dry_run
rollback_allowed: [shop/web]
raise_allowed: [shop/web]
log_store_named: true
"""
RUNBOOKS = {
    Failure.CRASHLOOP: "PodCrashloopRunbook",
    Failure.BAD_ROLLOUT: "FailedDeployAutoRollbackRunbook",
    Failure.DISK: "DiskSpaceAutoReclaimRunbook",
    Failure.CPU: "CpuSpikeRunbook",
}
TYPES = {
    Failure.CRASHLOOP: SignalType.POD_CRASHLOOP,
    Failure.BAD_ROLLOUT: SignalType.FAILED_DEPLOY,
    Failure.DISK: SignalType.DISK_PRESSURE,
    Failure.CPU: SignalType.CPU_SPIKE,
}
FAILURES = {
    "delete_pod": Failure.CRASHLOOP,
    "rollback": Failure.BAD_ROLLOUT,
    "prune_images": Failure.DISK,
    "raise_hpa_floor": Failure.CPU,
    "restore_hpa_floor": Failure.CPU,
}
ACTS: dict[str, MutatingAct] = {
    "delete_pod": DELETE_POD,
    "rollback": ROLL_BACK,
    "prune_images": PRUNE_IMAGES,
    "raise_hpa_floor": RAISE_FLOOR,
    "restore_hpa_floor": RESTORE_FLOOR,
}


@dataclass
class Switch:
    """The kill switch, as a person or a broken database leaves it."""

    on: bool = False
    broken: bool = False
    silent: bool = False
    meanwhile: Callable[[], Awaitable[object]] | None = None
    """What happens while the last line before a call asks."""

    async def halted(self) -> bool:
        if self.meanwhile is not None:
            await self.meanwhile()
        if self.broken:
            raise OSError("database is locked")
        if self.silent:
            await asyncio.Event().wait()
        return self.on


@dataclass
class Held:
    """What the API server holds us to, as `now` says; `down`: nobody can tell."""

    now: Standing = field(default_factory=Standing)
    down: bool = False
    findings: tuple[str, ...] | None = None

    def not_whole(self) -> tuple[str, ...] | None:
        return self.findings

    async def standing(self, namespace: str) -> Standing:
        if self.down:
            raise Unavailable("the API server does not answer")
        return self.now if namespace else self.now.model_copy(update={"ceiling": None})


class Bench(ABC):
    """See the module. Tenant and incident are fixed; each warrant takes the next action index."""

    def __init__(self, folder: Path, cluster: ClusterPort, *, uid: str, home: str, clock: Clock) -> None:
        self.folder = folder
        self.port = cluster
        self.uid = uid
        self.home = home
        """The namespace that the tests work in."""
        self.clock = clock
        self.issuers: Path | None = None
        self.switch = Switch()
        self.bounds = Held()
        self.ledger = GrantSigner(new_private_key())
        self.people: dict[str, PrivateKey] = {name: new_private_key() for name in ("ada", "grace")}
        self.policy = FilePolicySource(folder / "policy.yaml")
        self.set_policy(AUTO_POLICY)
        self.allow(*self.people)
        self.revoke()
        self.verifier = GrantVerifier(self.ledger.public_key)
        self._actions = 0
        self.start_again()

    def start_again(
        self, *, off: Collection[Failure] = (), sight: Sight = Sight.CLUSTER, cluster: ClusterPort | None = None
    ) -> None:
        """As a worker that was started with other settings; `off`: failures whose runbook is switched off."""
        self.port = cluster or self.port
        uid, policy, clock, bounds, without = self.uid, self.policy, self.clock, self.bounds, frozenset(off)
        self.reader = SituationReader(
            self.port, cluster_uid=uid, policy=policy, clock=clock, sight=sight, off=without, bounds=bounds
        )
        self.nodes = NodeReader(
            self.port, cluster_uid=uid, policy=policy, clock=clock, sight=sight, off=without, bounds=bounds
        )
        self.load = LoadReader(
            self.port,
            cluster_uid=uid,
            policy=policy,
            clock=clock,
            nodes=self.nodes,
            sight=sight,
            off=without,
            bounds=bounds,
        )
        self.admission = Admission(
            tenant="acme",
            cluster_uid=uid,
            reader=self.reader,
            looks={READ_SITUATION.name: self.reader, READ_LOAD.name: self.load, READ_NODE.name: self.nodes},
            policy=policy,
            grants=self.verifier,
            signers=SignersFiles(self.folder / "allowed_signers", self.folder / "revoked", self.issuers),
            halt=self.switch,
            clock=clock,
            bounds=bounds,
            off=without,
        )
        self.mutations = self.new_mutations()
        self.outcomes = Outcomes(self.port, self.verifier, cluster_uid=uid, clock=clock)

    def new_mutations(self) -> Mutations:
        """As a worker that has just been started."""
        return Mutations(self.port, self.admission, cluster_uid=self.uid, clock=self.clock)

    # -- an administrator's hands -----------------------------------------------------------------------------------

    @abstractmethod
    async def enable(self, name: str, *, enabled: bool = True) -> None:
        """Write the label of a namespace, made if need be, or take it away."""

    @abstractmethod
    async def deploy(self, name: str, image: str, *, fault: str | None = None) -> None:
        """Release `image` to a Deployment of three replicas, its first release or the next one."""

    @abstractmethod
    async def pause(self, name: str) -> None:
        """`kubectl rollout pause`."""

    @abstractmethod
    async def scale(self, name: str, replicas: int) -> None:
        """`kubectl scale`."""

    @abstractmethod
    async def remove(self, resource: Resource, name: str) -> None:
        """`kubectl delete`, and wait until it is gone."""

    @abstractmethod
    async def annotate(self, resource: Resource, name: str, annotations: Mapping[str, str | None]) -> None:
        """`kubectl annotate` in the namespace of the tests."""

    @abstractmethod
    async def create(self, item: JSON) -> None:
        """`kubectl create` in the namespace of the tests."""

    @abstractmethod
    async def write_log(self, pod: str, container: str, text: str, *, previous: bool = False) -> None:
        """What a container has printed."""

    @abstractmethod
    async def one_pod_crashes(self, name: str = "web") -> JSON:
        """A healthy Deployment in an enabled namespace, one of whose pods has begun to crash by itself."""

    @abstractmethod
    async def a_release_fails(self, name: str = "web", fault: str = "crash") -> None:
        """A Deployment in an enabled namespace whose second release never serves."""

    @abstractmethod
    def written(self) -> list[tuple[str, str]]:
        """Verb and name of each write by the agent."""

    @abstractmethod
    def audit_ids(self) -> list[str]:
        """What the API server's audit log would call each of these writes."""

    # -- mounts -----------------------------------------------------------------------------------------------------

    def set_policy(self, text: str) -> None:
        (self.folder / "policy.yaml").write_text(text)

    def allow(self, *names: str) -> None:
        lines = [allowed_signers_line(name, self.people[name].public_key, SIGNATURE_NAMESPACE) for name in names]
        (self.folder / "allowed_signers").write_text("\n".join(lines) + "\n")

    def revoke(self, *names: str) -> None:
        (self.folder / "revoked").write_text("".join(self.people[name].public_key.line + "\n" for name in names))

    # -- what is there ----------------------------------------------------------------------------------------------

    async def deployment(self, name: str = "web") -> JSON:
        return await self.port.get(port.DEPLOYMENTS, self.home, name)

    async def target(self, name: str = "web") -> Target:
        uid = (await self.deployment(name))["metadata"]["uid"]
        return Target(cluster_uid=self.uid, namespace=self.home, kind="Deployment", name=name, uid=uid)

    async def pods(self, name: str = "web") -> list[JSON]:
        """The Deployment's pods that are not being deleted."""
        listed = await self.port.list(port.PODS, self.home, labels=f"app={name}")
        return [pod for pod in listed.items if "deletionTimestamp" not in pod["metadata"]]

    async def replica_sets(self, name: str = "web") -> list[JSON]:
        return (await self.port.list(port.REPLICA_SETS, self.home, labels=f"app={name}")).items

    # -- warrants ---------------------------------------------------------------------------------------------------

    async def deletion(self, pod: JSON, name: str = "web") -> DeletePodPlan:
        metadata = pod["metadata"]
        reference = PodRef(
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            resource_version=metadata["resourceVersion"],
        )
        return DeletePodPlan(target=await self.target(name), pod=reference)

    async def rollback(self, name: str = "web") -> RollbackPlan:
        """Back to the oldest revision, as it is read now."""
        deployment = await self.deployment(name)
        sets = await self.replica_sets(name)
        by_revision = {int(item["metadata"]["annotations"]["deployment.kubernetes.io/revision"]): item for item in sets}
        oldest, newest = min(by_revision), max(by_revision)
        return RollbackPlan(
            target=await self.target(name),
            from_revision=newest,
            from_template_digest=template_digest(template_of(deployment)),
            guard_digest=guard_digest(deployment),
            to_revision=oldest,
            to_replica_set=by_revision[oldest]["metadata"]["name"],
            to_replica_set_uid=by_revision[oldest]["metadata"]["uid"],
            to_template_digest=template_digest(template_to_restore(by_revision[oldest])),
        )

    def warrant(
        self,
        plan: AnyPlan,
        *,
        auto: bool = True,
        by: Sequence[str] = ("ada",),
        answer: Answer = Answer.APPROVE,
        lease: timedelta = timedelta(seconds=77),
        inverse_of: RollbackPlan | RaiseFloorPlan | None = None,
        requester: str = "byteport-agent",
        **grant: object,
    ) -> Warrant:
        """A warrant as the workflow and the ledger would write it now; `grant` overrides fields of the grant's body."""
        failure = FAILURES[plan.act]
        act, policy = act_of(plan), self.policy.read()
        agreed = plan_digest(inverse_of or plan, policy.version)
        incident = ids.incident_id("remediate:x", "first-run", 0)
        self._actions += 1
        body: dict[str, object] = {
            "action_id": ids.action_id("remediate:x", "first-run", 0, self._actions, agreed),
            "act": act.name,
            "arguments_digest": arguments_digest(plan),
            "plan_digest": agreed,
            "cluster_uid": self.uid,
            "record_hash": "0" * 64,
            "seq": 7,
            "lease_until": self.clock() + lease,
            "again": False,
        }
        request = None if auto else self.request(inverse_of or plan, agreed, incident, failure, requester)
        return Warrant(
            tenant="acme",
            incident_id=incident,
            signal=Signal(
                type=TYPES[failure],
                value=5,
                threshold=3,
                target=plan.target,
                observed_at=self.clock(),
                source=Source.WATCH,
                evidence_digest="e" * 64,
            ),
            plan=plan,
            plan_digest=agreed,
            policy_version=policy.version,
            grant=self.ledger.sign(GrantBody.model_validate(body | grant)),
            request=request,
            answers=tuple(self.answer(request, name, answer) for name in by) if request else (),
            auto=auto,
            inverse_of=inverse_of,
        )

    def request(
        self,
        plan: AnyPlan,
        agreed: str,
        incident: str,
        failure: Failure,
        requester: str = "byteport-agent",
    ) -> ApprovalRequest:
        return ApprovalRequest(
            tenant="acme",
            cluster_uid=self.uid,
            cluster_name="production",
            incident_id=incident,
            remediation_id="remediate:x",
            runbook=RUNBOOKS[failure],
            signal_type=TYPES[failure].value,
            signal_value=5,
            target=plan.target.ref,
            plan=plan,
            policy_version=self.policy.read().version,
            plan_digest=agreed,
            command=plan.command,
            inverse_command=None,
            reasons=(),
            evidence=(),
            requester=requester,
            quorum=1,
            approvers=frozenset(),
            expires_at=self.clock() + timedelta(hours=20),
        )

    def answer(
        self, request: ApprovalRequest, name: str, answer: Answer = Answer.APPROVE, answer_id: str = "0" * 32
    ) -> SignedAnswer:
        text = answer_text(request, answer, reason="looks right", now=self.clock(), answer_id=answer_id)
        return sign_answer(text, self.people[name], reason="looks right")

    # -- calls ------------------------------------------------------------------------------------------------------

    async def act(
        self,
        warrant: Warrant,
        *,
        attempt: int = 1,
        workflow_type: str | None = REMEDIATION,
        act: MutatingAct | None = None,
        on: Mutations | None = None,
    ) -> Mutated:
        """Run the mutating activity as a worker does. Raises `ApplicationError` with our code as its type."""
        mutations = on or self.mutations
        methods = {act_of_method(method).name: method for method in activities_of(mutations)}
        method = methods[(act or act_of(warrant.plan)).name]
        environment = environment_of(attempt=attempt, workflow_type=workflow_type)
        return cast("Mutated", await environment.run(method, MutatingCall(warrant=warrant)))


def act_of(plan: AnyPlan) -> MutatingAct:
    return ACTS[plan.act]


def environment_of(**info: Any) -> ActivityEnvironment:
    """An activity's surroundings, with some of what Temporal says of it replaced."""
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, **info)
    return environment
