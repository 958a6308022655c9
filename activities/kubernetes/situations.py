"""One look at a target, as typed facts with the policy of this moment: for READ_SITUATION, and again just before an act.

`evidence.py` returns what it sees to the workflow, where it is advice; `admit.py` looks for itself with the same eyes,
where it is a boundary. A namespace that is not enabled is not inspected: nothing in it is read. For a failure whose
runbook is switched off nothing is read at all.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from activities.clock import Clock
from activities.kubernetes.bounds import UNBOUNDED, Bounds
from activities.kubernetes.enabled import Namespaces
from activities.kubernetes.gather import Gathered, gather
from activities.kubernetes.policy_source import PolicySource
from activities.kubernetes.reads import Reads
from activities.kubernetes.shared_namespaces import Common, Shared
from byteport.contracts.kubernetes import ReadSituation, Seen
from byteport.domain.ceilings import Sight
from byteport.domain.failures import Failure
from byteport.domain.policy import PolicyConfig, Standing
from byteport.domain.targets import Target
from byteport.errors import NotPermitted, TargetGone
from byteport.kubernetes import fields, port
from byteport.kubernetes.chaos import experiment_seen, experiments_pods
from byteport.kubernetes.enrolment import ENABLED_LABEL, enrolled, labelled
from byteport.kubernetes.port import JSON, ClusterPort
from byteport.kubernetes.situation import Situation


class Looker(Protocol):
    """Whatever a runbook's situation is read by."""

    async def look(self, call: ReadSituation) -> Seen:
        """One look at a target."""


class SituationReader:
    """Reads one cluster with one credential, under the policy of its own mount."""

    def __init__(
        self,
        cluster: ClusterPort,
        *,
        cluster_uid: str,
        policy: PolicySource,
        clock: Clock,
        sight: Sight = Sight.CLUSTER,
        off: frozenset[Failure] = frozenset(),
        bounds: Bounds = UNBOUNDED,
        shared: Shared | None = None,
    ) -> None:
        """`off`: failures whose runbook is switched off. `shared` with the other readers of the port."""
        self._shared = shared or Shared.of(cluster, clock)
        self._bounds = bounds
        self._cluster = cluster
        self._namespaces = Namespaces(cluster, sight)
        self._sight = sight
        self._off = off
        self._cluster_uid = cluster_uid
        self._policy = policy
        self._clock = clock

    async def look(self, call: ReadSituation) -> Seen:
        """Raises `NotPermitted` for a target of another cluster, of no namespace, or when a required read is refused."""
        target, policy = call.target, self._policy.read()
        if target.cluster_uid != self._cluster_uid:
            raise NotPermitted("the target is in another cluster than this worker's")
        if not target.namespace:
            raise NotPermitted("no runbook here reads cluster-scoped objects")
        off = told(self._off)
        treated = call.failure not in self._off
        namespace = await self.enabled_namespace(target.namespace, policy) if treated else None
        if namespace is None:
            nothing = Situation(target=target, now=self._clock())
            return Seen(situation=nothing, policy=policy, standing=Standing(), enabled=False, runbooks_off=off)
        common, standing = await asyncio.gather(
            self._shared.namespaces.read(target.namespace), self._bounds.standing(target.namespace)
        )
        gathered = await self._gather(call, common, namespace, policy)
        if gathered.gone:
            situation = Situation(target=target, now=gathered.world.now, gone=True, denied=gathered.world.denied)
            return Seen(situation=situation, policy=policy, standing=Standing(), enabled=True, runbooks_off=off)
        known = _with_uid(target, gathered.target)
        own = [*([gathered.target] if gathered.target else []), *gathered.pods]
        chaos = experiment_seen(own, experiments_pods(gathered.world, target.namespace))
        return Seen(
            situation=await self._shared.reducer.situation(gathered.world, known, call.failure),
            policy=policy,
            standing=standing.model_copy(update={"chaos": chaos}),
            enabled=True,
            runbooks_off=off,
        )

    async def _gather(self, call: ReadSituation, common: Common, namespace: JSON, policy: PolicyConfig) -> Gathered:
        return await gather(self._reads(), common, call.target, call.failure, namespace, policy, logs=call.logs)

    def _reads(self) -> Reads:
        return Reads(self._cluster, self._shared.lists, self._sight)

    async def enabled_namespace(self, name: str, policy: PolicyConfig) -> JSON | None:
        """The namespace as it is now, or None when it is protected, not enabled, being deleted or gone."""
        if policy.protects(name):
            return None
        namespace = await self._namespaces.named(name)
        return namespace if namespace is not None and enrolled(namespace, policy) else None

    async def is_applications(self, name: str) -> bool:
        """Whether a namespace is labelled as one of applications; one that may not be read cannot be given to us."""
        namespace = await self._namespaces.named(name)
        return namespace is not None and labelled(namespace)

    async def enabled_node(self, name: str) -> JSON | None:
        """The node as it is now, or None when it has no label of its own, is being deleted or is gone."""
        try:
            node = await self._cluster.get(port.NODES, "", name)
        except (TargetGone, NotPermitted):
            return None
        going = fields.metadata(node).get("deletionTimestamp") is not None
        return node if fields.labels(node).get(ENABLED_LABEL) == "true" and not going else None


def told(off: frozenset[Failure]) -> tuple[Failure, ...]:
    """In an order of its own, so that equal settings are equal answers."""
    return tuple(failure for failure in Failure if failure in off)


def _with_uid(target: Target, found: JSON | None) -> Target:
    """A source may name a target without having read it; from here on the uid is known."""
    if target.uid or found is None:
        return target
    return target.model_copy(update={"uid": str(found["metadata"].get("uid", ""))})
