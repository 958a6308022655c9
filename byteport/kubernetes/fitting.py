"""What of a situation fits into one payload of Temporal, which takes two million bytes: of very many pods some are left out.

Comes after `reading.py` has put everything together. What is left out is counted, and is a reason to do nothing alone
(`byteport/runbooks/base.py`). Pods that fail stay before those that are well: what is missing makes a target look worse, not better.
"""

from __future__ import annotations

from byteport.kubernetes.pods import PodReading
from byteport.kubernetes.situation import Situation

MOST_BYTES = 1_200_000
"""Of the pods' own readings as JSON; of 1,500 healthy replicas or 900 that fail. Nodes and what else is told of these pods take half as
much again at the most."""


def fitted(situation: Situation, most: int = MOST_BYTES) -> Situation:
    """The same where it fits; else without some pods, and without what is told of these alone."""
    sizes = [len(pod.model_dump_json().encode()) for pod in situation.pods]
    if sum(sizes) <= most:
        return situation
    order = sorted(range(len(sizes)), key=lambda index: _is_well(situation.pods[index]))
    left, kept = most, set[int]()
    for index in order:
        if sizes[index] > left:
            break
        left -= sizes[index]
        kept.add(index)
    pods = tuple(pod for index, pod in enumerate(situation.pods) if index in kept)
    return situation.model_copy(update={"pods": pods, "left_out": len(sizes) - len(pods), **_around(situation, pods)})


def _is_well(pod: PodReading) -> bool:
    return pod.ready and pod.cause is None


def _around(situation: Situation, pods: tuple[PodReading, ...]) -> dict[str, object]:
    around, names = situation.surroundings, {pod.name for pod in pods}
    nodes = {pod.node for pod in pods}
    only_theirs = {
        "nodes": tuple(node for node in around.nodes if node.name in nodes),
        "leases": tuple(hold for hold in around.leases if hold.pod in names),
        "budgets": tuple(hold for hold in around.budgets if hold.pod in names),
        "dependencies": tuple(found for found in around.dependencies if found.pod in names),
    }
    return {"surroundings": around.model_copy(update=only_theirs)}
