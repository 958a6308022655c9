"""A node that is short of memory, or is said to be: a person's, always, because more pods on it make it worse.

The kubelet's condition and the figures are two witnesses. A SystemOOM needs no third: the kernel has killed something,
though the condition was green at every sample. A condition whose figures say the opposite is told as a reading that
cannot be right. Asked by `memory_pressure.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from byteport.domain.diagnoses import Fact
from byteport.domain.reasons import Cause, Reason
from byteport.kubernetes.node_state import NodeState
from byteport.kubernetes.situation import Situation
from byteport.kubernetes.surroundings import Tri
from byteport.runbooks.memory_pressure_words import Finding

NODE_SHARE = 0.95
"""From so much of its memory used on, the node itself is the cause."""
PLENTY = 0.30
"""With so much of its memory available a node is under no pressure, whatever its condition says."""
OOM_MEMORY = timedelta(hours=1)
"""How long a SystemOOM speaks for the present."""


def node_finding(situation: Situation) -> Finding:
    """What is wrong with the memory of the Node that is the target."""
    node, culprit = situation.node, f"Node/{situation.target.name}"
    if node is None:
        return Finding(cause=Cause.NODE_MEMORY, reasons=(Reason.CANNOT_TELL,), culprit=culprit)
    pressed, killed, share = node.memory_condition is Tri.TRUE, oom_lately(node, situation.now), used_share(node)
    if killed or (share is not None and share >= NODE_SHARE):
        return Finding(cause=Cause.NODE_MEMORY, reasons=(Reason.NODE_UNDER_PRESSURE,), culprit=culprit)
    if pressed and (memory_absurd(node) or (share is not None and 1 - share >= PLENTY)):
        return Finding(cause=Cause.MEMORY_READING, reasons=(Reason.ABSURD_READING,), culprit=culprit)
    if pressed:
        return Finding(cause=Cause.NODE_MEMORY, reasons=(Reason.NODE_UNDER_PRESSURE,), culprit=culprit)
    if share is None and node.memory_condition is not Tri.FALSE:
        return _unknown(node, culprit)
    return Finding(cause=Cause.RECOVERED, reasons=(Reason.RECOVERED,), silent=True)


def _unknown(node: NodeState, culprit: str) -> Finding:
    """Nothing says how it is, and nothing says that it is well: a kubelet that has stopped leaves its conditions so."""
    if node.reading.ready is not Tri.TRUE:
        return Finding(cause=Cause.NODE_NOT_READY, reasons=(Reason.NODE_NOT_READY,), culprit=culprit)
    return Finding(cause=Cause.UNKNOWN, reasons=(Reason.CANNOT_TELL,), culprit=culprit)


def oom_lately(node: NodeState, now: datetime) -> bool:
    return node.system_oom_at is not None and now - node.system_oom_at <= OOM_MEMORY


def memory_absurd(node: NodeState) -> bool:
    """Its memory was measured, and what was measured cannot be."""
    return node.absurd_reading and node.memory_available_bytes is None


def used_share(node: NodeState) -> float | None:
    """Of all its memory, what cannot be had; None where nobody measured it."""
    total, available = node.memory_bytes, node.memory_available_bytes
    return None if not total or available is None or node.absurd_reading else 1 - available / total


def node_facts(situation: Situation) -> Iterator[Fact]:
    """The condition, the kernel's kills, the figures, and who was killed on it, each with its object."""
    about, node = f"Node/{situation.target.name}", situation.node
    if node is None:
        return
    yield Fact(name="memory_condition", value=node.memory_condition.value, about=about)
    if node.system_oom_at is not None:
        age = max(timedelta(0), situation.now - node.system_oom_at)
        yield Fact(name="system_oom_seconds_ago", value=int(age.total_seconds()), about=about)
    if node.memory_bytes:
        yield Fact(name="memory_bytes", value=node.memory_bytes, about=about)
    share = used_share(node)
    if share is not None and node.memory_available_bytes is not None:
        yield Fact(name="memory_available_bytes", value=node.memory_available_bytes, about=about)
        yield Fact(name="memory_percent", value=round(100 * share, 1), about=about)
    if memory_absurd(node):
        yield Fact(name="reading_absurd", value=True, about=about)
    yield Fact(name="node_ready", value=node.reading.ready.value, about=about)
