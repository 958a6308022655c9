"""A ledger on a real file with a clock that is set by hand, people with keys, and plans to be reserved."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from activities.audit.alarms import Alarms
from activities.audit.halts import Halts
from activities.audit.ledger import Ledger
from activities.audit.policies import PolicyChanges
from activities.audit.reserve import Reservations
from activities.audit.storms import Storms
from byteport.audit.heads import Chain
from byteport.contracts.acts import Act
from byteport.contracts.kubernetes import DELETE_POD, PRUNE_IMAGES, RAISE_FLOOR, RESTORE_FLOOR, ROLL_BACK
from byteport.contracts.ledger import (
    AlreadyDone,
    Decision,
    Event,
    Finish,
    Granted,
    NotGranted,
    ReadStanding,
    RecordDraft,
    Reserve,
    Result,
)
from byteport.contracts.workflows import Installation
from byteport.domain.approvals import Answer, ApprovalRequest, SignedAnswer
from byteport.domain.limits import Limits
from byteport.domain.plans import (
    AnyPlan,
    DeletePodPlan,
    PruneImagesPlan,
    RaiseFloorPlan,
    RollbackPlan,
    Runtime,
    arguments_digest,
    plan_digest,
)
from byteport.domain.policy import Mode, PolicyConfig, Standing
from byteport.domain.reasons import Reason
from byteport.domain.signals import Signal, SignalType, Source
from byteport.domain.targets import PodRef, Target
from byteport.ledger import postgres
from byteport.ledger.keys import BodyKeys
from byteport.ledger.log import AuditLog
from byteport.ledger.postgres import PostgresStore
from byteport.ledger.sqlite import SqliteReader, SqliteStore
from byteport.ledger.store import Clock, Randomness, Store
from byteport.trust.answers import answer_text, sign_answer
from byteport.trust.files import SignersFiles
from byteport.trust.grants import GrantSigner, GrantVerifier
from byteport.trust.key_files import KeyRing, SymmetricKey
from byteport.trust.private_keys import new_private_key
from tests.builders.postgres import Database
from tests.unit.trust.people import Person, person

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
INSTALLATION = Installation(tenant="acme", cluster_uid="uid-1", cluster_name="prod")
AUTO = PolicyConfig(mode=Mode.AUTO, log_store_named=True)
DRY_RUN = PolicyConfig(mode=Mode.DRY_RUN)
CHAIN = Chain(tenant="acme", cluster_uid="uid-1")
GRANT_KEY = new_private_key()
NOBODY = SignersFiles(Path("/nonexistent/allowed_signers"), None)
"""Where nobody has signed anything."""
DATABASE: Database | None = None
"""Where worlds keep their ledger; None: each in a file of its own folder."""
BODY_KEYS = BodyKeys(KeyRing((SymmetricKey(bytes(range(32))),), "ledger.body_key"))
ACTS: dict[str, Act[Any, Any]] = {
    "delete_pod": DELETE_POD,
    "rollback": ROLL_BACK,
    "prune_images": PRUNE_IMAGES,
    "raise_hpa_floor": RAISE_FLOOR,
    "restore_hpa_floor": RESTORE_FLOOR,
}
RUNBOOKS = {
    "delete_pod": "PodCrashloopRunbook",
    "rollback": "FailedDeployAutoRollbackRunbook",
    "prune_images": "DiskSpaceAutoReclaimRunbook",
    "raise_hpa_floor": "CpuSpikeRunbook",
    "restore_hpa_floor": "CpuSpikeRunbook",
}
ADA, BOB = person("ada"), person("bob")

AnyPlan = AnyPlan


@dataclass
class HandClock:
    """A clock that stands still until it is moved."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class CountedChance:
    """Different bytes each time, and the same in each run of a test."""

    calls: int = 0

    def __call__(self, length: int) -> bytes:
        self.calls += 1
        return hashlib.shake_128(self.calls.to_bytes(8, "big")).digest(length)


@dataclass
class GivenPolicy:
    """A policy mount whose content a test exchanges."""

    policy: PolicyConfig

    def read(self) -> PolicyConfig:
        return self.policy


def target(name: str = "web", namespace: str = "shop") -> Target:
    return Target(cluster_uid="uid-1", namespace=namespace, kind="Deployment", name=name, uid=f"uid-{name}")


def pod_plan(name: str = "web", *, namespace: str = "shop", caveats: tuple[Reason, ...] = ()) -> DeletePodPlan:
    pod = PodRef(namespace=namespace, name=f"{name}-1", uid=f"pod-uid-{name}", resource_version="5")
    return DeletePodPlan(target=target(name, namespace), pod=pod, caveats=caveats)


def rollback_plan(name: str = "web", *, back: int = 1, from_revision: int = 2, inverse: bool = False) -> RollbackPlan:
    return RollbackPlan(
        target=target(name),
        from_revision=from_revision,
        from_template_digest=f"template-{from_revision}",
        guard_digest="guard",
        to_revision=back,
        to_replica_set=f"{name}-{back}",
        to_replica_set_uid=f"rs-{back}",
        to_template_digest=f"template-{back}",
        inverse=inverse,
    )


def raise_plan(name: str = "web", *, floor_to: int = 5, before: int = 2, floor_from: int = 2) -> RaiseFloorPlan:
    return RaiseFloorPlan(
        target=target(name),
        autoscaler=name,
        autoscaler_uid=f"hpa-{name}",
        rest_digest="rest",
        floor_before=before,
        floor_from=floor_from,
        floor_to=floor_to,
        box_seconds=3600,
    )


def prune_plan(node: str = "node-1", *, namespace: str = "byteport-node") -> PruneImagesPlan:
    return PruneImagesPlan(
        target=Target(cluster_uid="uid-1", namespace="", kind="Node", name=node, uid=f"uid-{node}"),
        helper=PodRef(namespace=namespace, name=f"helper-{node}", uid=f"helper-{node}", resource_version="3"),
        runtime=Runtime.CONTAINERD,
    )


@dataclass
class World:
    """One ledger and everything around it."""

    folder: Path
    policy: GivenPolicy = field(default_factory=lambda: GivenPolicy(AUTO))
    limits: Limits = field(default_factory=Limits)
    clock: HandClock = field(default_factory=HandClock)
    chance: CountedChance = field(default_factory=CountedChance)

    def __post_init__(self) -> None:
        self.database = DATABASE
        self.allow(ADA, BOB)
        self.revoke()
        self.path = self.folder / "ledger.db"
        self.signers = SignersFiles(self.folder / "allowed_signers", self.folder / "revoked_keys")
        self.verifier = GrantVerifier(GRANT_KEY.public_key)
        self.open()

    def open(self) -> None:
        """As a process that has just started sees it."""
        self.store = open_at(self.address, self.clock, self.chance)
        self.reservations = Reservations(
            self.store,
            INSTALLATION,
            signer=GrantSigner(GRANT_KEY),
            signers=self.signers,
            policy=self.policy,
            limits=self.limits,
        )
        self.ledger = Ledger(self.store, INSTALLATION, limits=self.limits, signers=self.signers)
        self.halts = Halts(self.store, INSTALLATION)
        self.alarms = Alarms(self.store, INSTALLATION)
        self.storms = Storms(self.store, INSTALLATION)
        self.changes = PolicyChanges(self.store, INSTALLATION, self.policy)

    @property
    def log(self) -> AuditLog:
        return AuditLog(self.store)

    @property
    def address(self) -> str:
        """The file, or the database's URL."""
        return str(self.path) if self.database is None else self.database.url()

    def go_away(self) -> None:
        """The ledger is out of reach."""
        if self.database is None:
            self.path.rename(self.folder / "gone.db")
        else:
            self.database.go_away()

    def come_back(self) -> None:
        if self.database is None:
            (self.folder / "gone.db").rename(self.path)
        else:
            self.database.come_back()

    def allow(self, *people: Person) -> None:
        (self.folder / "allowed_signers").write_text("".join(f"{each.line}\n" for each in people))

    def revoke(self, *people: Person) -> None:
        (self.folder / "revoked_keys").write_text("".join(f"{each.key.public_key.line}\n" for each in people))

    def ask(self, plan: AnyPlan, *, action: str = "one", incident: str = "inc-1", **changes: Any) -> Reserve:
        act = ACTS[plan.act]
        forward = changes.get("inverse_of")
        call = Reserve(
            action_id=action_id(action),
            incident_id=incident,
            plan=plan,
            plan_digest=plan_digest(forward or plan, self.policy.policy.version),
            arguments_digest=arguments_digest(plan),
            act=act.name,
            lease_key=plan.target.ref,
            lease_seconds=77,
            auto=True,
            answers=(),
            intent=draft(f"{incident}:{action}:started", plan=plan, incident=incident),
        )
        return call.model_copy(update=changes)

    def request(self, call: Reserve, **changes: Any) -> ApprovalRequest:
        plain = ApprovalRequest(
            tenant="acme",
            cluster_uid="uid-1",
            cluster_name="prod",
            incident_id=call.incident_id,
            remediation_id="remediate:1",
            runbook=call.intent.runbook,
            signal_type="pod_crashloop",
            signal_value=5,
            target=call.plan.target.ref,
            plan=call.plan,
            policy_version=self.policy.policy.version,
            plan_digest=call.plan_digest,
            command=call.plan.command,
            inverse_command=None,
            reasons=(Reason.MODE_DRY_RUN,),
            evidence=(),
            requester="byteport-agent",
            quorum=1,
            approvers=frozenset(),
            expires_at=self.clock.now + timedelta(hours=4),
        )
        return plain.model_copy(update=changes)

    def say(
        self, who: Person, request: ApprovalRequest, answer: Answer = Answer.APPROVE, *, number: int = 1
    ) -> SignedAnswer:
        answer_id = hashlib.sha256(f"{who.name}{number}".encode()).hexdigest()[:32]
        text = answer_text(request, answer, reason="seen", now=self.clock.now, answer_id=answer_id)
        return sign_answer(text, who.key, reason="seen")

    def asked(self, plan: AnyPlan, *people: Person, **changes: Any) -> Reserve:
        """A reservation on the word of `people`."""
        call = self.ask(plan, auto=False, **{k: v for k, v in changes.items() if k in ("action", "incident")})
        request = self.request(call, **changes.get("request", {}))
        return call.model_copy(
            update={"request": request, "answers": tuple(self.say(each, request) for each in people)}
        )

    def reserve(self, call: Reserve) -> Granted | NotGranted | AlreadyDone:
        return self.reservations.reserve(call).answer

    def granted(self, call: Reserve) -> Granted:
        answer = self.reserve(call)
        assert isinstance(answer, Granted), answer
        return answer

    def refusal(self, call: Reserve) -> tuple[Reason, ...]:
        answer = self.reserve(call)
        assert isinstance(answer, NotGranted), answer
        return answer.because

    def finish(self, action: str = "one", outcome: Any = "done", *, verified: bool | None = None) -> str:
        record = draft(f"{action}:finished", event=Event.FINISHED)
        call = Finish(action_id=action_id(action), outcome=outcome, verified=verified, record=record)
        return self.ledger.finish(call).id

    def standing(self, name: str = "web", *, runbook: str = "PodCrashloopRunbook") -> Standing:
        call = ReadStanding(target=target(name), runbook=runbook, signal=signal(name))
        return self.ledger.read_standing(call).standing


def open_at(address: str, clock: Clock, randomness: Randomness) -> Store:
    """The ledger at a file or a URL, under the keys of these tests."""
    if address.startswith("postgresql:"):
        return PostgresStore(
            postgres.Database(address, None), INSTALLATION.tenant, keys=BODY_KEYS, clock=clock, randomness=randomness
        )
    return SqliteStore(Path(address), keys=BODY_KEYS, clock=clock, randomness=randomness)


def log_at(path: Path) -> AuditLog:
    """The log in a file, under the keys of these tests."""
    return AuditLog(SqliteReader(path, BODY_KEYS))


def action_id(name: str) -> str:
    """An action id by a short name; a real one stays what it is."""
    return name if len(name) == 64 else hashlib.sha256(name.encode()).hexdigest()


def signal(name: str = "web", *, recurrence_of: str | None = None) -> Signal:
    return Signal(
        type=SignalType.POD_CRASHLOOP,
        value=5,
        threshold=3,
        target=target(name),
        observed_at=NOW,
        source=Source.WATCH,
        evidence_digest="e" * 64,
        recurrence_of=recurrence_of,
    )


def draft(
    key: str,
    *,
    event: Event = Event.SKIPPED,
    incident: str = "inc-1",
    plan: AnyPlan | None = None,
    **changes: Any,
) -> RecordDraft:
    plain = RecordDraft(
        key=key,
        cluster="prod",
        cluster_uid="uid-1",
        tenant="acme",
        event=event,
        decision=Decision.ACTED,
        result=Result.SUCCESS if event is Event.FINISHED else None,
        incident_id=incident,
        workflow_id="remediate:1",
        runbook=RUNBOOKS[plan.act] if plan is not None else "PodCrashloopRunbook",
        signal_type="pod_crashloop",
        signal_value=5,
        target="shop/Deployment/web",
        command=plan.command if plan is not None else None,
    )
    return plain.model_copy(update=changes)
