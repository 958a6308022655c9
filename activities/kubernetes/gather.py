"""Everything that a runbook may ask about one target, beside the lists of its namespace that all looks share.

Comes after the namespace's label was looked at (`situations.py`) and its lists were read (`shared_namespaces.py`), and before
`byteport/kubernetes/reading.py` reduces the `World` to typed facts. What is refused is told in `World.denied` (`reads.py`).
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from activities.kubernetes.reads import OPTIONAL, REQUIRED, Reads, kinded
from activities.kubernetes.shared_namespaces import Common
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
    common: Common,
    target: Target,
    failure: Failure,
    namespace: JSON,
    policy: PolicyConfig,
    *,
    logs: bool,
) -> Gathered:
    """Read the cluster around `target`, whose namespace is in `common`."""
    shared, now = common.world, common.world.now
    reads.denied |= common.denied
    found = next((item for item in shared.of(target.kind) if _is(item, target)), None)
    gone = target.kind in REQUIRED | OPTIONAL and target.kind.lower() + "s" not in reads.denied and found is None
    objects = (kinded("Namespace", namespace),)
    if gone:
        return Gathered(World(now=now, objects=objects, denied=common.denied, shared=shared), None, [], gone=True)
    uid = target.uid or str((found or {}).get("metadata", {}).get("uid", ""))
    own = further.pods_of(target, uid, shared)
    ask_budgets = failure is Failure.CRASHLOOP
    nodes, node_events, beside, tails, refusals, admission = await asyncio.gather(
        reads.nodes(further.nodes_worth_reading(own, further.unwell_pods(shared))),
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
        shared=shared,
    )
    return Gathered(world, found, own, gone=False)


async def _none() -> list[JSON]:
    return []


def _is(item: JSON, target: Target) -> bool:
    metadata = item.get("metadata") or {}
    return metadata.get("name") == target.name and target.uid in ("", metadata.get("uid"))
