"""Builds the activities of one process with their real dependencies, and sees that none is missing.

Comes after `processes.py` (what this process serves) and `preflight.py`; its result is what `run.py` serves. The
cluster, the clock and the client are given, so that the sandbox's simulated cluster is wired exactly as a real one.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.client import Client

from activities.approvals.check import Approvals
from activities.audit.acts import LedgerActs
from activities.audit.alarms import Alarms
from activities.audit.erasing import Eraser
from activities.audit.halts import HaltRow
from activities.audit.ledger import Ledger
from activities.audit.policies import PolicyChanges
from activities.audit.removing import Removing
from activities.audit.reserve import Reservations
from activities.audit.retention import Retention
from activities.audit.storms import Storms
from activities.clock import Clock
from activities.kubernetes.admit import Admission
from activities.kubernetes.bounds import Bounds
from activities.kubernetes.client import KubernetesCluster, connect, kube_system_uid
from activities.kubernetes.counting import Counting
from activities.kubernetes.evidence import Evidence
from activities.kubernetes.floors import Floors
from activities.kubernetes.gather_load import Load, LoadReader
from activities.kubernetes.mutations import Mutations
from activities.kubernetes.node_situations import NodeEvidence, NodeReader
from activities.kubernetes.outside import Outside
from activities.kubernetes.policy_source import FilePolicySource
from activities.kubernetes.resolve import Outcomes
from activities.kubernetes.shared_namespaces import Shared
from activities.kubernetes.situations import SituationReader
from activities.kubernetes.telling import Events
from activities.kubernetes.watch import ClusterWatch
from activities.orchestration import IntakeSink, Orchestration
from activities.performs import act_of, activities_of
from byteport.contracts.acts import Queue
from byteport.contracts.kubernetes import READ_LOAD, READ_NODE, READ_SITUATION
from byteport.contracts.workflows import Installation
from byteport.errors import ConfigError, Unavailable
from byteport.kubernetes.port import ClusterPort
from byteport.ledger.opening import open_reader, open_store
from byteport.ledger.store import Store
from byteport.runbooks.catalogue import switched_off
from byteport.settings import Settings
from byteport.trust.files import SignersFiles, read_private_key, read_public_key
from byteport.trust.grants import GrantSigner, GrantVerifier
from workers.clouds import polling, rights
from workers.exporting import shipping
from workers.postmortems import postmortems
from workers.processes import ROLES, Process, Role
from workers.signing import is_signed, signer_acts, witness_acts
from workers.telling import pager

CLUSTER_SECONDS = 8.0
"""A cluster that has not answered its first question by then is said to be unreachable."""


@dataclass(frozen=True)
class Surroundings:
    """What a process is wired to."""

    settings: Settings
    installation: Installation
    client: Client
    cluster: ClusterPort | None
    """None in a process that holds no cluster credentials."""
    clock: Clock


async def connect_cluster(settings: Settings, *, act_as: str = "", of_pod: str = "") -> ClusterPort:
    """The cluster of the settings, by kubeconfig or as the pod that this runs in; `act_as` another user, impersonated,
    and `of_pod` the pod that its token would be bound to."""
    cluster = settings.cluster
    return await connect(
        cluster.kubeconfig,
        cluster.context,
        allow_exec_plugins=cluster.allow_exec_plugins,
        act_as=act_as,
        of_pod=of_pod,
    )


async def uid_of(cluster: ClusterPort) -> str:
    """The cluster's own name. Raises `Unavailable` with one line for a person when it does not answer in time."""
    try:
        async with asyncio.timeout(CLUSTER_SECONDS):
            return await kube_system_uid(cluster)
    except (TimeoutError, Unavailable):
        address = cluster.server if isinstance(cluster, KubernetesCluster) else "of the sandbox"
        raise Unavailable(
            f"the cluster at {address} cannot be reached; is it up, and are `cluster.kubeconfig` and `cluster.context` "
            "right? Try: kubectl get namespace kube-system"
        ) from None


def wire(role: Role, around: Surroundings, bounds: Bounds) -> dict[Queue, list[Callable[..., Any]]]:
    """Every activity of the role's queues, by queue. Raises `ConfigError` for keys and files that cannot be used."""
    parts: list[object] = []
    if Queue.CONTROL in role.queues:
        parts.append(Orchestration(_sink(around)))
    if Queue.CLUSTER in role.queues:
        parts += _cluster(around, bounds)
    if Queue.LEDGER in role.queues:
        parts += _ledger(around)
    if Queue.NOTIFY in role.queues:
        parts.append(pager(around.settings, around.clock))
        parts.append(postmortems(around.settings, around.clock))
    if Queue.EXPORT in role.queues:
        parts.append(witness_acts(around.settings, around.installation, around.clock))
        parts.append(shipping(around.settings, around.installation, _store(around), around.clock))
    if Queue.CLOUD in role.queues:
        parts.append(polling(around.settings, around.installation, policy_of(around.settings), around.clock))
        parts.append(rights(around.settings, around.installation, around.clock))
    if Queue.SIGNER in role.queues and (is_signed(around.settings) or role == ROLES[Process.SIGNER]):
        parts.append(signer_acts(around.settings, around.installation, _store(around, bodies=False)))
    wired: dict[Queue, list[Callable[..., Any]]] = {queue: [] for queue in role.queues}
    for part in parts:
        for method in activities_of(part):
            wired[act_of(method).queue].append(method)
    _complete(role, wired)
    return wired


def _cluster(around: Surroundings, bounds: Bounds) -> list[object]:
    settings, cluster, clock = around.settings, around.cluster, around.clock
    if cluster is None:
        raise ConfigError("cluster", "this process serves the cluster queue and needs the cluster's credentials")
    uid = around.installation.cluster_uid
    policy = policy_of(settings)
    public_key = _set(settings.cluster.grant_public_key, "cluster.grant_public_key")
    grants = GrantVerifier(read_public_key(public_key, "cluster.grant_public_key"))
    sight, off = settings.boundary.sight, switched_off(settings.boundary.runbooks)
    shared = Shared.of(cluster, clock)
    reader = SituationReader(
        cluster, cluster_uid=uid, policy=policy, clock=clock, sight=sight, off=off, bounds=bounds, shared=shared
    )
    nodes = NodeReader(
        cluster, cluster_uid=uid, policy=policy, clock=clock, sight=sight, off=off, bounds=bounds, shared=shared
    )
    load = LoadReader(
        cluster,
        cluster_uid=uid,
        policy=policy,
        clock=clock,
        nodes=nodes,
        sight=sight,
        off=off,
        bounds=bounds,
        shared=shared,
    )
    halt = HaltRow(open_reader(settings.ledger, settings.tenant), around.installation)
    admission = Admission(
        tenant=settings.tenant,
        cluster_uid=uid,
        reader=reader,
        looks={READ_SITUATION.name: reader, READ_LOAD.name: load, READ_NODE.name: nodes},
        policy=policy,
        grants=grants,
        signers=_signers(settings),
        halt=halt,
        clock=clock,
        off=off,
        bounds=bounds,
    )
    return [
        Evidence(reader),
        Load(load),
        NodeEvidence(nodes),
        Floors(cluster, reader, policy, cluster_uid=uid),
        Counting(cluster, policy, cluster_uid=uid, sight=sight),
        Mutations(cluster, admission, cluster_uid=uid, clock=clock),
        Events(
            cluster,
            reader,
            cluster_uid=uid,
            policy=policy,
            halt=halt,
            clock=clock,
            on=settings.boundary.events,
            off=off,
            bounds=bounds,
        ),
        Outcomes(cluster, grants, cluster_uid=uid, clock=clock),
        Outside(cluster, cluster_uid=uid, sink=_sink(around), policy=policy, sight=sight, off=off),
        ClusterWatch(
            cluster,
            cluster_uid=uid,
            sink=_sink(around),
            policy=policy,
            clock=clock,
            sight=sight,
            off=off,
            bounds=bounds,
        ),
    ]


def _ledger(around: Surroundings) -> list[object]:
    settings, installation = around.settings, around.installation
    key = read_private_key(_set(settings.ledger.grant_key, "ledger.grant_key"), "ledger.grant_key")
    store, policy, signers = _store(around), policy_of(settings), _signers(settings)
    reservations = Reservations(
        store,
        installation,
        signer=GrantSigner(key),
        signers=signers,
        policy=policy,
        limits=settings.limits,
    )
    ledger = Ledger(store, installation, limits=settings.limits, signers=signers)
    storms, changes = Storms(store, installation), PolicyChanges(store, installation, policy)
    acts = LedgerActs(ledger, reservations, storms, changes, Alarms(store, installation))
    return [
        acts,
        _removing(settings, store, installation),
        Approvals(signers=signers, policy=policy, clock=around.clock),
    ]


def _removing(settings: Settings, store: Store, installation: Installation) -> Removing:
    audit, limits = settings.audit, settings.limits
    targets = audit.export.cursors(installation.cluster_uid)
    return Removing(
        Retention(store, installation, config=audit, limits=limits, targets=targets),
        Eraser(store, installation, config=audit, limits=limits, targets=targets),
    )


def policy_changes(around: Surroundings) -> PolicyChanges:
    """What notices changes of the policy, in a process that holds the ledger."""
    return PolicyChanges(_store(around), around.installation, policy_of(around.settings))


def _sink(around: Surroundings) -> IntakeSink:
    settings = around.settings
    return IntakeSink(
        around.client,
        around.installation,
        ladder=settings.ladder,
        storm=settings.storm,
        reobserve_after_seconds=settings.reobserve_after_seconds,
        postmortem=settings.postmortem.target is not None,
        events=settings.boundary.events,
    )


def _store(around: Surroundings, *, bodies: bool = True) -> Store:
    settings = around.settings
    return open_store(
        settings.ledger, settings.tenant, clock=around.clock, randomness=secrets.token_bytes, bodies=bodies
    )


def policy_of(settings: Settings) -> FilePolicySource:
    return FilePolicySource(_set(settings.policy_file, "policy_file"))


def _signers(settings: Settings) -> SignersFiles:
    allowed = _set(settings.approvals.allowed_signers, "approvals.allowed_signers")
    return SignersFiles(allowed, settings.approvals.revoked_keys, settings.approvals.issuers)


def _set(path: Path | None, key: str) -> Path:
    if path is None:
        raise ConfigError(key, "must be set")
    return path


def _complete(role: Role, wired: dict[Queue, list[Callable[..., Any]]]) -> None:
    """A queue that is polled without one of its acts would let that act wait for ever. One where nobody signs is not polled."""
    unsigned = Queue.SIGNER in wired and not wired[Queue.SIGNER]
    wanted = {act.name for act in role.acts if not (unsigned and act.queue is Queue.SIGNER)}
    have = [act_of(method).name for methods in wired.values() for method in methods]
    if sorted(have) != sorted(wanted):
        raise AssertionError(f"wired {sorted(have)}, but the role has {sorted(wanted)}")
