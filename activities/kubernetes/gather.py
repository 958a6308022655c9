"""Everything that a runbook may ask about one target, read from the cluster port in two rounds, each in parallel.

Comes after the namespace's label was looked at (`situations.py`), and before `byteport/kubernetes/reading.py` reduces
the `World` to typed facts. Only rights that READ_SITUATION declares are used: a kind that is not among them is not
read, and a right that is optional there and refused here ends up in `World.denied`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

from byteport.domain.failures import Failure
from byteport.domain.policy import PolicyConfig
from byteport.domain.targets import Target
from byteport.errors import BudgetRefuses, NotPermitted, PermanentError, TargetGone, Unavailable
from byteport.kubernetes import further, port
from byteport.kubernetes.enrolment import enrolled
from byteport.kubernetes.port import JSON, ClusterPort, Resource
from byteport.kubernetes.webhooks import backing_services
from byteport.kubernetes.world import LogKey, World

AT_ONCE = 12
"""Requests in flight for one reading: an API server's fair queueing counts them."""

LOG_LINES = 50

Given = TypeVar("Given")

REQUIRED = {
    "Deployment": port.DEPLOYMENTS,
    "ReplicaSet": port.REPLICA_SETS,
    "Pod": port.PODS,
    "Event": port.EVENTS,
}
OPTIONAL = {
    "ResourceQuota": port.RESOURCE_QUOTAS,
    "LimitRange": port.LIMIT_RANGES,
    "Service": port.SERVICES,
    "Job": port.JOBS,
    "Lease": port.LEASES,
    "PodDisruptionBudget": port.BUDGETS,
    "HorizontalPodAutoscaler": port.AUTOSCALERS,
}
OF_NO_LIST = {
    "Node": port.NODES,
    "Namespace": port.NAMESPACES,
    "StatefulSet": port.STATEFUL_SETS,
    "MutatingWebhookConfiguration": port.MUTATING_WEBHOOKS,
    "ValidatingWebhookConfiguration": port.VALIDATING_WEBHOOKS,
    "EndpointSlice": port.ENDPOINT_SLICES,
    "PodMetrics": port.POD_METRICS,
    "NodeMetrics": port.NODE_METRICS,
}
"""What is read by name, or for some failures only."""
_API_VERSION = {
    kind: f"{resource.group}/{resource.version}".removeprefix("/")
    for kind, resource in (REQUIRED | OPTIONAL | OF_NO_LIST).items()
}


class Gathered(NamedTuple):
    """What was read, and the target's own part of it."""

    world: World
    target: JSON | None
    """The target object; None when there is none, when it has another uid, or when its kind is not read."""
    pods: list[JSON]
    gone: bool


async def gather(
    cluster: ClusterPort,
    target: Target,
    failure: Failure,
    namespace: JSON,
    policy: PolicyConfig,
    *,
    logs: bool,
    now: datetime,
) -> Gathered:
    """Read the cluster around `target`. Raises `NotPermitted` when a required read is refused."""
    reads = Reads(cluster)
    kinds = REQUIRED | OPTIONAL
    listed = await asyncio.gather(
        *(reads.all_of(kind, resource, target.namespace, optional=kind in OPTIONAL) for kind, resource in kinds.items())
    )
    by_kind = dict(zip(kinds, listed, strict=True))
    found = next((item for item in by_kind.get(target.kind, []) if _is(item, target)), None)
    gone = target.kind in kinds and target.kind.lower() + "s" not in reads.denied and found is None
    objects = [kinded("Namespace", namespace), *(item for items in listed for item in items)]
    if gone:
        return Gathered(World(now=now, objects=tuple(objects), denied=frozenset(reads.denied)), None, [], gone=True)
    uid = target.uid or str((found or {}).get("metadata", {}).get("uid", ""))
    own = further.pods_of(target, uid, by_kind["Pod"], by_kind["ReplicaSet"])
    ask_budgets = failure is Failure.CRASHLOOP
    nodes, node_events, beside, tails, refusals, admission = await asyncio.gather(
        reads.nodes(further.nodes_worth_reading(own, by_kind["Pod"])),
        reads.node_events(further.suspects(own)),
        reads.beside(further.suspects(own), target.namespace, policy),
        reads.tails(further.log_reads(own) if logs else []),
        reads.budget_refusals(target.namespace, further.budget_questions(own) if ask_budgets else []),
        reads.webhooks(namespace, target.namespace, now) if ask_budgets else _none(),
    )
    world = World(
        now=now,
        objects=(*objects, *nodes, *node_events, *beside, *admission),
        logs=tails,
        denied=frozenset(reads.denied),
        budget_refusals=refusals,
    )
    return Gathered(world, found, own, gone=False)


class Reads:
    """The reads of one gathering: at most `AT_ONCE` in flight, and what was refused remembered."""

    def __init__(self, cluster: ClusterPort) -> None:
        self._cluster = cluster
        self._slots = asyncio.Semaphore(AT_ONCE)
        self.denied: set[str] = set()

    async def all_of(
        self, kind: str, resource: Resource, namespace: str, *, fields: str = "", optional: bool, name: str = ""
    ) -> list[JSON]:
        try:
            listed = await self._one(self._cluster.list(resource, namespace, fields=fields))
        except NotPermitted:
            if not optional:
                raise
            self.denied.add(name or resource.plural)
            return []
        return [kinded(kind, item) for item in listed.items]

    async def named(self, kind: str, resource: Resource, namespace: str, name: str) -> JSON | None:
        """One optional object; None when there is none or it may not be read."""
        try:
            return kinded(kind, await self._one(self._cluster.get(resource, namespace, name)))
        except TargetGone:
            return None
        except NotPermitted:
            self.denied.add(resource.plural)
            return None

    async def measured(self, kind: str, resource: Resource, namespace: str) -> list[JSON]:
        """What the metrics API measured. Not installed, out of order or refused, it is `denied`: nobody measured."""
        try:
            listed = await self._one(self._cluster.list(resource, namespace))
        except (TargetGone, NotPermitted, Unavailable):
            self.denied.add(kind.lower())
            return []
        return [kinded(kind, item) for item in listed.items]

    async def nodes(self, names: Sequence[str]) -> list[JSON]:
        return present(await asyncio.gather(*(self.named("Node", port.NODES, "", name) for name in names)))

    async def node_events(self, names: Sequence[str]) -> list[JSON]:
        """A node's events lie in the namespace `default`; only those about nodes that matter here are kept."""
        if not names:
            return []
        events = await self.all_of(
            "Event",
            port.EVENTS,
            "default",
            fields="involvedObject.kind=Node",
            optional=True,
            name="events of nodes",
        )
        return [event for event in events if (event.get("involvedObject") or {}).get("name") in names]

    async def beside(self, nodes: Sequence[str], namespace: str, policy: PolicyConfig) -> list[JSON]:
        """Pods of other enabled namespaces on the same nodes. Those of any other namespace are dropped unread."""
        listed = await asyncio.gather(
            *(
                self.all_of(
                    "Pod",
                    port.PODS,
                    "",
                    fields=f"spec.nodeName={node}",
                    optional=True,
                    name="pods of other namespaces",
                )
                for node in nodes
            )
        )
        pods = [pod for pods in listed for pod in pods if pod["metadata"].get("namespace") != namespace]
        names = sorted({str(pod["metadata"].get("namespace", "")) for pod in pods})
        ours = dict(zip(names, await asyncio.gather(*(self._enabled(name, policy) for name in names)), strict=True))
        return [pod for pod in pods if ours[str(pod["metadata"].get("namespace", ""))]]

    async def _enabled(self, name: str, policy: PolicyConfig) -> bool:
        try:
            return enrolled(await self._one(self._cluster.get(port.NAMESPACES, "", name)), policy)
        except (TargetGone, NotPermitted):
            return False

    async def tails(self, wanted: Sequence[further.LogRead]) -> dict[LogKey, str]:
        tails = await asyncio.gather(*(self._tail(read) for read in wanted))
        return {read.key: tail for read, tail in zip(wanted, tails, strict=True) if tail}

    async def _tail(self, read: further.LogRead) -> str:
        """The former instance's last lines, then the present one's. An unreachable kubelet is itself evidence."""
        parts: list[str] = []
        for previous in (True, False) if read.previous else (False,):
            try:
                part = await self._one(
                    self._cluster.logs(*read.key, previous=previous, tail_lines=LOG_LINES),
                )
            except (NotPermitted, Unavailable):
                self.denied.add("pods/log")
                continue
            except PermanentError:
                continue  # the pod is gone, or that container has no log
            if part and part not in parts:
                parts.append(part)
        return "\n".join(parts)

    async def budget_refusals(self, namespace: str, pods: Sequence[str]) -> dict[str, str]:
        answers = await asyncio.gather(*(self._refusal(namespace, pod) for pod in pods))
        return {pod: answer for pod, answer in zip(pods, answers, strict=True) if answer}

    async def _refusal(self, namespace: str, pod: str) -> str:
        try:
            await self._one(self._cluster.evict_dry_run(namespace, pod))
        except BudgetRefuses as refusal:
            return refusal.budget or refusal.message
        except TargetGone:
            return ""
        except NotPermitted:
            self.denied.add("pods/eviction")
        return ""

    async def webhooks(self, namespace: JSON, name: str, now: datetime) -> list[JSON]:
        """The webhooks of the cluster, and who answers those that must be asked before a pod is made here."""
        kinds = {
            "MutatingWebhookConfiguration": port.MUTATING_WEBHOOKS,
            "ValidatingWebhookConfiguration": port.VALIDATING_WEBHOOKS,
        }
        listed = await asyncio.gather(*(self.all_of(kind, what, "", optional=True) for kind, what in kinds.items()))
        found = [item for items in listed for item in items]
        seen = World(now=now, objects=(kinded("Namespace", namespace), *found))
        homes = sorted({backing.namespace for backing in backing_services(seen, name)})
        slices = await asyncio.gather(
            *(self.all_of("EndpointSlice", port.ENDPOINT_SLICES, home, optional=True) for home in homes)
        )
        return [*found, *(item for items in slices for item in items)]

    async def _one(self, request: Awaitable[Given]) -> Given:
        async with self._slots:
            return await request


async def _none() -> list[JSON]:
    return []


def _is(item: JSON, target: Target) -> bool:
    metadata = item.get("metadata") or {}
    return metadata.get("name") == target.name and target.uid in ("", metadata.get("uid"))


def kinded(kind: str, item: JSON) -> JSON:
    """Items of a list come without their kind; a `World` is sorted by it."""
    return {"apiVersion": _API_VERSION[kind], "kind": kind} | item


def present(items: Iterable[JSON | None]) -> list[JSON]:
    return [item for item in items if item is not None]
