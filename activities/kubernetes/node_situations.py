"""One look at a node, as typed facts with the policy of this moment: for READ_NODE, and again just before a prune.

A node is cluster-scoped: what gives it to us is a label of its own. Without it nothing but the label is looked at, and
for a failure whose runbook is switched off not even that.
"""

from __future__ import annotations

from activities.clock import Clock
from activities.kubernetes.bounds import UNBOUNDED, Bounds
from activities.kubernetes.gather_node import gather_node
from activities.kubernetes.policy_source import PolicySource
from activities.kubernetes.reads import Reads
from activities.kubernetes.shared_namespaces import Shared
from activities.kubernetes.situations import told
from activities.performs import performs
from byteport.contracts.kubernetes import READ_NODE, ReadSituation, Seen
from byteport.domain.ceilings import Sight
from byteport.domain.failures import Failure
from byteport.domain.policy import PolicyConfig, Standing
from byteport.errors import NotPermitted, TargetGone
from byteport.kubernetes import fields, port
from byteport.kubernetes.chaos import experiment_seen
from byteport.kubernetes.enrolment import ENABLED_LABEL
from byteport.kubernetes.port import ClusterPort
from byteport.kubernetes.situation import Situation


class NodeReader:
    """Reads the nodes of one cluster with one credential, under the policy of its own mount."""

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
        self._sight = sight
        self._off = off
        self._cluster_uid = cluster_uid
        self._policy = policy
        self._clock = clock

    async def look(self, call: ReadSituation) -> Seen:
        """`Seen.enabled` is the node's own label; one that is being deleted is still looked at, and told so.

        Raises `NotPermitted` for a target of another cluster, for anything but a node, or when nodes may not be read.
        """
        target, policy = call.target, self._policy.read()
        if target.cluster_uid != self._cluster_uid:
            raise NotPermitted("the target is in another cluster than this worker's")
        if target.kind != "Node" or target.namespace:
            raise NotPermitted("only a node is read here")
        if call.failure in self._off:
            return self._empty(call, policy, gone=False)
        try:
            node = await self._cluster.get(port.NODES, "", target.name)
        except TargetGone:
            return self._empty(call, policy, gone=True)
        uid = fields.uid(fields.metadata(node).get("uid"))
        if target.uid not in ("", uid):
            return self._empty(call, policy, gone=True)
        if fields.labels(node).get(ENABLED_LABEL) != "true":
            return self._empty(call, policy, gone=False)
        reads = Reads(self._cluster, self._shared.lists, self._sight)
        world = await gather_node(reads, node, policy, closer=call.logs, now=self._clock())
        standing = await self._bounds.standing(target.namespace)
        known = target if target.uid else target.model_copy(update={"uid": uid})
        return Seen(
            situation=await self._shared.reducer.situation(world, known, call.failure),
            policy=policy,
            standing=standing.model_copy(update={"chaos": experiment_seen([node], [])}),
            enabled=True,
            runbooks_off=told(self._off),
        )

    def _empty(self, call: ReadSituation, policy: PolicyConfig, *, gone: bool) -> Seen:
        situation = Situation(target=call.target, now=self._clock(), gone=gone)
        return Seen(situation=situation, policy=policy, standing=Standing(), enabled=gone, runbooks_off=told(self._off))


class NodeEvidence:
    """READ_NODE. It does not decide; a runbook does, from what this returns."""

    def __init__(self, reader: NodeReader) -> None:
        self._reader = reader

    @performs(READ_NODE)
    async def read_node(self, call: ReadSituation) -> Seen:
        return await self._reader.look(call)
