"""All typed facts about one target at one moment: what the evidence activity returns and every runbook is given.

Numbers, classes, names and digests only. It crosses Temporal, so nothing in it may be text from outside. Its parts are
made from a `World` by `byteport/kubernetes/{pods,surroundings,rollouts}.py`, and put together by `reading.py`.
"""

from __future__ import annotations

from byteport.domain.base import Frozen, Instant
from byteport.domain.targets import Target
from byteport.kubernetes.node_state import NodeState
from byteport.kubernetes.pods import PodReading
from byteport.kubernetes.rollouts import RolloutReading
from byteport.kubernetes.scaling import ScalingReading
from byteport.kubernetes.surroundings import Surroundings


class Situation(Frozen):
    """What is known about `target`. An optional read that was refused is in `denied`: its questions are `cannot_tell`."""

    target: Target
    now: Instant
    gone: bool = False
    """The target is not there any more, or has another uid."""
    pods: tuple[PodReading, ...] = ()
    """Pods that the target controls (through any of its ReplicaSets), oldest first."""
    left_out: int = 0
    """Pods that are not among them, since all together would not fit into one payload (`byteport/kubernetes/fitting.py`)."""
    rollout: RolloutReading | None = None
    """The Deployment with its revisions; None when the target is not a Deployment."""
    surroundings: Surroundings = Surroundings()
    """Nodes, neighbours failing for the same cause, budgets, quota, leases: what is around the target."""
    node: NodeState | None = None
    """The node that the target is; read for disk and memory."""
    scaling: ScalingReading | None = None
    """Load and autoscaler of the workload that the target is; read for memory and CPU."""
    denied: frozenset[str] = frozenset()
    strange: frozenset[str] = frozenset()
    """Objects of the target's own, as `Kind/name`, that hold what cannot be (`byteport/kubernetes/strange.py`)."""
    partial: bool = False
    """Read from saved objects: what is not among them may exist all the same."""
