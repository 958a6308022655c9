"""A workload's load and autoscaler from a `World`, as a `ScalingReading`."""

from __future__ import annotations

from byteport.domain.targets import Target
from byteport.kubernetes.measurements import with_measurements
from byteport.kubernetes.scaling import ScalingReading
from byteport.kubernetes.world import World


def read_scaling(world: World, target: Target) -> ScalingReading:
    """What is known of `target`'s load. Never raises for what it reads."""
    return with_measurements(ScalingReading(), world, target)
