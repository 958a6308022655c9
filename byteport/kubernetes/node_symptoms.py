"""What looks wrong with a node's disk or memory at first sight. It does not judge; a runbook reads more."""

from __future__ import annotations

from byteport.domain.signals import Signal
from byteport.kubernetes.world import World


def node_symptoms(world: World, cluster_uid: str) -> list[Signal]:  # noqa: ARG001
    """One signal per node and failure."""
    return []
