"""REPORT_SYMPTOMS: whose the symptoms are that an alert, an alarm or a metric tells of, reported as the watch's own are.

An alert may name anything. So nothing is asked about a namespace before it is known to be enabled; a node is told by its
machine's id or its own name, and is ours only by its label; and what is named has to be there now. After it comes the one door
(`activities/orchestration.py`). What a source calls over is told to the run that it opened, which looks for itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Protocol

from temporalio import activity

from activities.kubernetes.enabled import Namespaces
from activities.kubernetes.owners import OwnerResolver
from activities.kubernetes.policy_source import PolicySource
from activities.orchestration import SymptomSink
from activities.performs import performs
from byteport.contracts.symptoms import (
    REPORT_SYMPTOMS,
    Fate,
    OutsideSymptom,
    ReportSymptoms,
    Subject,
    SymptomsReported,
)
from byteport.contracts.workflows import ToldOver
from byteport.domain.ceilings import Sight
from byteport.domain.failures import Failure
from byteport.domain.signals import FAILURE_OF, Signal, SignalType
from byteport.domain.targets import Target
from byteport.errors import MalformedInput, NotPermitted, TargetGone
from byteport.kubernetes import fields, port
from byteport.kubernetes.enrolment import ENABLED_LABEL, ENABLED_SELECTOR, enrolled
from byteport.kubernetes.node_symptoms import node_target
from byteport.kubernetes.port import JSON, ClusterPort
from byteport.kubernetes.provider_ids import runs_on
from byteport.kubernetes.remains import could_have_been

OF_NODES = frozenset({SignalType.DISK_PRESSURE, SignalType.MEMORY_PRESSURE})
OF_WORKLOADS = frozenset(SignalType) - {SignalType.DISK_PRESSURE}
KINDS = {
    "Pod": port.PODS,
    "ReplicaSet": port.REPLICA_SETS,
    "Deployment": port.DEPLOYMENTS,
    "HorizontalPodAutoscaler": port.AUTOSCALERS,
}
"""What may be named in a namespace. An autoscaler only where the rights of a runbook for load let it be read."""
NOBODYS = frozenset({"Job", "CronJob"})
"""Owners that no runbook treats: their pods are meant to end."""

HANDED_ON: dict[Failure, tuple[Failure, ...]] = {
    Failure.CRASHLOOP: (Failure.BAD_ROLLOUT, Failure.MEMORY),
    Failure.BAD_ROLLOUT: (Failure.CRASHLOOP, Failure.MEMORY),
    Failure.CPU: (Failure.BAD_ROLLOUT,),
    Failure.MEMORY: (),
    Failure.DISK: (),
}
"""Whose runbooks find that it is another's trouble, and which; what that one hands on itself is among them."""


class OutsideSink(SymptomSink, Protocol):
    """Where a symptom goes, and word that one is over."""

    async def told_over(self, target: Target, failure: Failure, told: ToldOver) -> None:
        """Raises `TargetGone` when no run of it is open, `Unavailable` for later."""


class Outside:
    """Of one cluster."""

    def __init__(
        self,
        cluster: ClusterPort,
        *,
        cluster_uid: str,
        sink: OutsideSink,
        policy: PolicySource,
        sight: Sight = Sight.CLUSTER,
        off: frozenset[Failure] = frozenset(),
    ) -> None:
        """`off`: failures whose runbook is switched off."""
        self._cluster = cluster
        self._cluster_uid = cluster_uid
        self._sink = sink
        self._policy = policy
        self._sight = sight
        self._off = off

    @performs(REPORT_SYMPTOMS)
    async def report_symptoms(self, call: ReportSymptoms) -> SymptomsReported:
        """Raises `Unavailable` when cluster or Temporal do not answer: those that were reported are folded next time."""
        if call.cluster_uid != self._cluster_uid:
            raise NotPermitted("this worker is another cluster's")
        look = _Look(self._cluster, self._cluster_uid, Namespaces(self._cluster, self._sight), self._policy)
        fates = []
        for symptom in call.symptoms:
            activity.heartbeat()
            fates.append(await self._report(look, symptom))
        return SymptomsReported(fates=tuple(fates))

    async def _report(self, look: _Look, symptom: OutsideSymptom) -> Fate:
        failure = FAILURE_OF[symptom.type]
        if failure in self._off:
            return Fate.REFUSED
        subject = symptom.subject
        if symptom.type not in (OF_NODES if subject.kind == "Node" else OF_WORKLOADS):
            return Fate.AMBIGUOUS
        target = await (look.node(subject) if subject.kind == "Node" else look.workload(subject))
        try:
            if symptom.over and (isinstance(target, Target) or target is Fate.NOT_FOUND):
                targets = (target,) if isinstance(target, Target) else self._remains(subject)
                return await self._told_over(targets, failure, _word(symptom))
            if not isinstance(target, Target):
                return target
            await self._sink.report(_signal(symptom, target))
        except (MalformedInput, NotPermitted):
            return Fate.REFUSED
        return Fate.REPORTED

    async def _told_over(self, targets: Sequence[Target], failure: Failure, told: ToldOver) -> Fate:
        """To the run that the symptom opened, and to those to which it may have been handed over: which of them has heard that
        alert only they know, and the others heed nothing. What has no sender they would heed: it is told to the first."""
        fate = Fate.NOT_FOUND
        for target in targets:
            for opened in (failure, *HANDED_ON[failure]):
                with contextlib.suppress(TargetGone):
                    await self._sink.told_over(target, opened, told)
                    fate = Fate.TOLD_OVER
                    if not told.sender:
                        return fate
        return fate

    def _remains(self, subject: Subject) -> list[Target]:
        """Whose it may have been, now that it is gone. Only a run that is open hears of it, and looks for itself."""
        if subject.name is None:
            return []
        return [
            Target(cluster_uid=self._cluster_uid, namespace=subject.namespace or "", kind=kind, name=name)
            for kind, name in could_have_been(subject.kind, subject.name)
        ]


class _Look:
    """What one call has found out; each namespace is asked for once in it."""

    def __init__(self, cluster: ClusterPort, cluster_uid: str, namespaces: Namespaces, policy: PolicySource) -> None:
        self._cluster = cluster
        self._cluster_uid = cluster_uid
        self._namespaces = namespaces
        self._owners = OwnerResolver(cluster, cluster_uid)
        self._policy = policy.read()
        self._enabled: dict[str, bool] = {}
        self._nodes: list[JSON] | None = None

    async def workload(self, subject: Subject) -> Target | Fate:
        """The controlling owner of what is named, if its namespace is enabled."""
        resource = KINDS.get(subject.kind)
        if resource is None or not subject.namespace or not subject.name:
            return Fate.AMBIGUOUS
        if not await self._is_enabled(subject.namespace):
            return Fate.NOT_OURS
        try:
            item = await self._cluster.get(resource, subject.namespace, subject.name)
        except TargetGone:
            return Fate.NOT_FOUND
        except NotPermitted:
            return Fate.NOT_OURS
        if resource is port.REPLICA_SETS:
            target = await self._above(item)
        else:
            target = await self._owners.target_of(subject.kind, item)
        if target is None:
            return Fate.NOT_FOUND
        return Fate.AMBIGUOUS if target.kind in NOBODYS else target

    async def node(self, subject: Subject) -> Target | Fate:
        """The enabled node of that name, or on that machine."""
        if subject.name is not None:
            found = await self._node_named(subject.name)
            if found is None:
                return Fate.NOT_FOUND
            if fields.labels(found).get(ENABLED_LABEL) != "true":
                return Fate.NOT_OURS
            return node_target(self._cluster_uid, subject.name, found)
        on_it = [node for node in await self._enabled_nodes() if runs_on(node, subject.provider_id or "")]
        if len(on_it) != 1:
            return Fate.AMBIGUOUS if on_it else Fate.NOT_FOUND
        name = fields.name(fields.metadata(on_it[0]).get("name"))
        return node_target(self._cluster_uid, name, on_it[0]) if name else Fate.NOT_FOUND

    async def _above(self, replica_set: JSON) -> Target | None:
        """A ReplicaSet's own target is its Deployment: asked for as the owner of a pod of it would be."""
        metadata = fields.metadata(replica_set)
        reference = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "name": metadata.get("name"),
            "uid": metadata.get("uid"),
            "controller": True,
        }
        return await self._owners.target_of("Pod", {"metadata": {**metadata, "ownerReferences": [reference]}})

    async def _is_enabled(self, name: str) -> bool:
        if name not in self._enabled:
            namespace = None
            if not self._policy.protects(name):
                with contextlib.suppress(NotPermitted):
                    namespace = await self._namespaces.named(name)
            self._enabled[name] = namespace is not None and enrolled(namespace, self._policy)
        return self._enabled[name]

    async def _node_named(self, name: str) -> JSON | None:
        try:
            return await self._cluster.get(port.NODES, "", name)
        except (TargetGone, NotPermitted):
            return None

    async def _enabled_nodes(self) -> list[JSON]:
        if self._nodes is None:
            self._nodes = (await self._cluster.list(port.NODES, "", labels=ENABLED_SELECTOR)).items
        return self._nodes


def _word(symptom: OutsideSymptom) -> ToldOver:
    return ToldOver(
        evidence_digest=symptom.evidence_digest,
        sender=symptom.sender,
        source=symptom.source,
        ended_at=symptom.ended_at,
    )


def _signal(symptom: OutsideSymptom, target: Target) -> Signal:
    return Signal(
        type=symptom.type,
        value=symptom.value,
        threshold=symptom.threshold,
        target=target,
        observed_at=symptom.observed_at,
        source=symptom.source,
        evidence_digest=symptom.evidence_digest,
        sender=symptom.sender,
    )
