"""What looks wrong with a workload's CPU or memory at first sight: its use, its autoscaler. It does not judge."""

from __future__ import annotations

from byteport.domain.signals import Signal
from byteport.kubernetes.world import World


def load_symptoms(world: World, cluster_uid: str) -> list[Signal]:  # noqa: ARG001
    """One signal per workload and failure."""
    return []
