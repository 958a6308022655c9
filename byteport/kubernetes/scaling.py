"""A workload's load and what scales it, as typed facts: usage against requests and limits, and its autoscaler.

Models only; `scaling_reading.py` fills them from a `World`. Asked by the CPU and memory runbooks.
"""

from __future__ import annotations

import math
from datetime import timedelta
from enum import StrEnum

from byteport.domain.base import Frozen, Instant

TOLERANCE = 0.1
"""So far above or below its target the controller does nothing (its default)."""
RATE_STANDS = timedelta(seconds=60)
"""A rate that is met for less is passed by itself: by default an autoscaler doubles its replicas every 15 seconds."""


class Measure(StrEnum):
    """What is measured."""

    CPU = "cpu"
    MEMORY = "memory"


class MetricReading(Frozen):
    """One metric of an autoscaler: what it should be and what it is."""

    kind: str
    """`Resource`, `ContainerResource`, `Pods`, `Object` or `External`."""
    name: str
    target_percent: float | None = None
    current_percent: float | None = None
    target_value: float | None = None
    """For targets that are no percentage, in the metric's own unit."""
    current_value: float | None = None

    @property
    def ratio(self) -> float | None:
        """Current over target; None where one of them is not known."""
        pairs = ((self.current_percent, self.target_percent), (self.current_value, self.target_value))
        return next((now / wanted for now, wanted in pairs if now is not None and wanted), None)

    def measures(self, measure: Measure) -> bool:
        """Whether it is about the pods' own use of `measure`."""
        return self.kind in ("Resource", "ContainerResource") and self.name == measure.value


class Brake(StrEnum):
    """Why an autoscaler does not have as many replicas as its arithmetic asks."""

    NONE = "none"
    AT_MAX = "at_max"
    RATE = "rate"
    """Its own scale-up policy lets it add only so many in a period."""
    BLIND = "blind"
    """It has no metric to go by."""
    UNABLE = "unable"
    """It cannot read or write the workload's scale."""
    OFF = "off"
    """Scaled to zero, or scaling disabled."""


class Blindness(StrEnum):
    """Why an autoscaler has no metric to go by."""

    NO_REQUEST = "no_request"
    """A container does not say what it requests, so there is nothing that a percentage could be of."""
    STRAY_POD = "stray_pod"
    """Its selector takes in a pod that is no replica: a finished one, or one of something else."""
    NO_API = "no_api"
    """The metrics API does not answer."""
    NO_SAMPLES = "no_samples"
    """The metrics API has nothing of these pods."""
    OTHER_METRIC = "other_metric"
    """A metric that is not of the pods' own use cannot be read."""
    UNKNOWN = "unknown"


class Misfit(StrEnum):
    """How an autoscaler's own configuration keeps it from doing its work."""

    MIN_OVER_MAX = "min_over_max"
    """Its bounds cross, or the object that makes it says so."""
    SEVERAL_WRITERS = "several_writers"
    """Something else sets the replicas, or another autoscaler scales the same pods."""
    NO_TARGET = "no_target"
    """What it is to scale is not there, or cannot be scaled by it."""


class AutoscalerReading(Frozen):
    """One HorizontalPodAutoscaler and its own word on what it does."""

    name: str
    uid: str
    rest_digest: str
    """Digest of `/spec` without `minReplicas`; what a `RaiseFloorPlan` tests."""
    floor: int
    ceiling: int
    current: int
    desired: int
    brake: Brake
    brake_reason: str = ""
    """The condition's reason, a word of the controller's own."""
    metrics: tuple[MetricReading, ...] = ()
    scaled_at: Instant | None = None
    owned_by: str = ""
    """`Kind/name` of a controller, or the tool, that sets it (KEDA, GitOps, an ownerReference); empty for nobody."""
    floor_before: int | None = None
    """`byteport.io/floor-before`: the owner's floor, while one of ours stands."""
    floor_until: Instant | None = None
    floor_action: str = ""
    """`byteport.io/action-id`: which action set the floor that stands."""
    floor_manager: str = ""
    """Field manager that last set `minReplicas`."""
    deleting: bool = False
    several: bool = False
    """More than one autoscaler names this workload."""
    braked_since: Instant | None = None
    """Since when the condition behind `brake` stands."""
    stabilising: bool = False
    """It waits, by its owner's own setting, whether the load stays."""
    observed: bool = True
    """False where its status speaks of an earlier spec."""
    gitops: bool = False
    """`owned_by` is a tool that re-applies Git."""
    applied_by: str = ""
    """A manager that applied `minReplicas` server-side: its next apply would meet ours as a conflict."""
    blindness: Blindness | None = None
    misfit: Misfit | None = None
    culprit: str = ""
    """`Kind/name`, or `container x of Kind/name`, that a person must look at for its blindness or misfit."""
    wanted: int | None = None
    """`spec.replicas` of the workload; None where that was not read."""
    ready: int | None = None
    """Replicas of the workload that are Ready; None where that was not read."""

    @property
    def binding(self) -> MetricReading | None:
        """The metric that asks for most replicas; None where none is known."""
        known = [metric for metric in self.metrics if metric.ratio is not None]
        return max(known, key=lambda metric: metric.ratio or 0.0, default=None)

    @property
    def asks(self) -> int | None:
        """Replicas by the controller's own arithmetic, its bounds left aside; None where no metric is known.

        ⌈replicas × usage ÷ target⌉, and what there is within the tolerance. A replica that is not Ready yet was not
        measured: the controller takes it for idle, so that it does not ask twice for those that are coming.
        """
        binding = self.binding
        if binding is None or binding.ratio is None:
            return None
        if abs(binding.ratio - 1) <= TOLERANCE:
            return self.current
        measured = self.current if self.ready is None else min(self.current, self.ready)
        asked = math.ceil(round(min(measured * binding.ratio, 1e9), 6))
        return max(self.current, asked) if binding.ratio > 1 else asked

    @property
    def hot(self) -> bool:
        """A metric is above what the controller tolerates; where it calls itself limited, above its target at all."""
        ratio = self.binding.ratio if self.binding is not None else None
        limited = self.brake in (Brake.AT_MAX, Brake.RATE)
        if ratio is None:
            return limited
        return ratio > (1.0 if limited else 1.0 + TOLERANCE)

    @property
    def stands(self) -> bool:
        """A floor of ours stands, by the mark on the object."""
        return self.floor_before is not None and self.floor > self.floor_before


class ContainerUsage(Frozen):
    """One container's use against what it may have, in cores and bytes."""

    pod: str
    container: str
    measured_at: Instant | None
    window_seconds: float = 0.0
    cpu: float | None = None
    cpu_request: float | None = None
    cpu_limit: float | None = None
    memory: int | None = None
    memory_request: int | None = None
    memory_limit: int | None = None
    started_at: Instant | None = None
    revision: str = ""
    """`pod-template-hash` of its pod: only containers of one revision are compared by age."""


class UsageSample(Frozen):
    """The workload's use at one moment: what an earlier look saw, so that a trend can be told."""

    at: Instant
    pods: int
    cpu: float
    """Cores, all pods together."""
    memory: int
    """Bytes of working set, all pods together."""
    worst_memory_share: float = 0.0
    """The largest container's share of its limit; 0 where none has one."""


class ScalingReading(Frozen):
    """What is known of a workload's load and its autoscaler."""

    autoscaler: AutoscalerReading | None = None
    usage: tuple[ContainerUsage, ...] = ()
    unmeasured: tuple[ContainerUsage, ...] = ()
    """Containers of live pods that nobody measured: their requests and limits."""
    metrics_missing: bool = False
    """The metrics API gave nothing for pods that run."""
    usage_absurd: bool = False
    """A measurement that cannot be (less than nothing, more than a node has) was left out of `usage`."""
    sample: UsageSample | None = None
    """All that was measured now, added up; `usage` keeps no more than some of a large workload's containers."""
    earlier: tuple[UsageSample, ...] = ()
    """Oldest first."""
    requests_missing: tuple[str, ...] = ()
    """Containers without the request that a percentage is of."""
    throttled: bool | None = None
    """CPU is at its limit though usage looks low; None where nobody measured it."""
    priority: int = 0
    """How far the pods' priority is above the cluster's default."""
    owner_tools: tuple[str, ...] = ()
    """GitOps tools and controllers that keep the workload or its autoscaler."""
    limits_set_by: str = ""
    """Field manager that last set the containers' resources."""
    limits_changed_at: tuple[Instant, ...] = ()
    """When they were changed lately, newest last: a period tells who sets them again and again."""
    limits_differ: bool = False
    """The live pods' limits are not their template's: something between sets them."""
    requests_set: tuple[str, ...] = ()
    """Resources whose requests a vertical autoscaler sets: a percentage of them is not load alone."""
    room: int | None = None
    """How many more of these pods quota, limit ranges and free allocatable let in; None where that cannot be told.

    Of the nodes it counts what pods that may be seen request: an upper bound, which is why what then waits for a node
    is put back at once.
    """
    quota_room: int | None = None
    """How many more the namespace's quotas alone let in, which no new node can change; None where there is none."""
    pending: int = 0
    """Pods that no node has taken."""
    pending_since: Instant | None = None
    scale_up_worked_at: Instant | None = None
    """A cluster autoscaler last added a node that pods waited for."""
