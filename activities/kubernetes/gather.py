"""Everything that a runbook may ask about one target, read from the cluster port in two rounds, each in parallel.

Comes after the namespace's label was looked at (`situations.py`), and before `byteport/kubernetes/reading.py` reduces
the `World` to typed facts. What is refused is told in `World.denied` (`reads.py`).
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import NamedTuple

from activities.kubernetes.reads import OPTIONAL, REQUIRED, Reads, kinded
from byteport.domain.failures import Failure
from byteport.domain.policy import PolicyConfig
from byteport.domain.targets import Target
from byteport.kubernetes import further
from byteport.kubernetes.port import JSON
from byteport.kubernetes.world import World


class Gathered(NamedTuple):
    """What was read, and the target's own part of it."""

    world: World
    target: JSON | None
    """The target object; None when there is none, when it has another uid, or when its kind is not read."""
    pods: list[JSON]
    gone: bool


async def gather(
    reads: Reads,
    target: Target,
    failure: Failure,
    namespace: JSON,
    policy: PolicyConfig,
    *,
    logs: bool,
    now: datetime,
) -> Gathered:
    """Read the cluster around `target`. Raises `NotPermitted` when a required read is refused."""
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


async def _none() -> list[JSON]:
    return []


def _is(item: JSON, target: Target) -> bool:
    metadata = item.get("metadata") or {}
    return metadata.get("name") == target.name and target.uid in ("", metadata.get("uid"))
