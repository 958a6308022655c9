"""What is around a target: nodes, neighbours, and whatever would refuse the cure or argue against it.

Models only; `around.py` fills them. Both runbooks ask here before they propose anything: a cause that several targets
share is nobody's own, and a pod whose replacement would be refused is better left as it is.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from byteport.domain.base import Frozen, Instant
from byteport.kubernetes.logs import LogReading
from byteport.kubernetes.messages import Refusal

RESTART_SILENCE = timedelta(minutes=10)
"""After a node restart its pods crash, fail to mount and come back by themselves for about so long."""


class Tri(StrEnum):
    """The status of a condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class NodeReading(Frozen):
    """One node."""

    name: str
    ready: Tri = Tri.UNKNOWN
    ready_changed_at: Instant | None = None
    unschedulable: bool = False
    deleting: bool = False
    memory_pressure: bool = False
    disk_pressure: bool = False
    pid_pressure: bool = False
    no_execute: bool = False
    """A NoExecute taint drives pods away from it."""
    problem: bool = False
    """A condition that names trouble of another kind is True: the network, the kernel, a file system."""
    restarted_at: Instant | None = None
    """When it last rebooted or became Ready again."""
    sick_at: Instant | None = None
    """When its own housekeeping last failed (no disk to free, containers not collected, the system out of memory)."""
    system_oom_at: Instant | None = None
    """When its kernel last killed something because the node itself was out of memory."""
    zone: str = ""

    @property
    def pressed(self) -> bool:
        return self.memory_pressure or self.disk_pressure or self.pid_pressure or self.problem

    def restarted_lately(self, now: datetime) -> bool:
        return self.restarted_at is not None and now - self.restarted_at <= RESTART_SILENCE

    def out_of_memory_lately(self, now: datetime) -> bool:
        return self.system_oom_at is not None and now - self.system_oom_at <= timedelta(hours=1)

    def sick_lately(self, now: datetime) -> bool:
        return self.sick_at is not None and now - self.sick_at <= timedelta(hours=1)


class CommonCause(StrEnum):
    """What several failing targets share."""

    NODE = "node"
    ZONE = "zone"
    REGISTRY = "registry"
    DEPENDENCY = "dependency"


class Suspect(Frozen):
    """A common cause, with how many targets and pods fail by it, of how many pods seen there."""

    kind: CommonCause
    name: str
    targets: int
    pods: int
    seen: int = 0


class Blocker(Frozen):
    """Something that would refuse a replacement pod, or did so lately."""

    kind: Refusal
    name: str
    """Quota, limit range, webhook configuration, ReplicaSet or namespace."""


class Hold(Frozen):
    """`holder` (a Lease, a disruption budget) holds on to `pod`."""

    pod: str
    holder: str


class RunningJob(Frozen):
    """A Job that has not ended."""

    name: str
    same_instance: bool
    """It carries the target's own `app.kubernetes.io/instance`."""
    migration: bool
    """Its name, or a Helm hook annotation, says that it changes data before a release."""


class DependencyState(StrEnum):
    """Whether the dependency that a log names is there."""

    DOWN = "down"
    UP = "up"
    UNKNOWN = "unknown"


class Dependency(Frozen):
    """What a pod of the target could not reach, and the object behind it when one could be found."""

    pod: str
    host: str = ""
    port: int = 0
    culprit: str = ""
    """`Kind/name` of the object a person must look at; `host:port` when no object was found."""
    state: DependencyState = DependencyState.UNKNOWN
    up_since: Instant | None = None


class Surroundings(Frozen):
    """Everything outside the target that may be the cause, or may refuse the cure."""

    terminating: bool = False
    """The namespace is being deleted."""
    not_enabled: bool = False
    """The namespace says in so many words that it is not ours to touch."""
    nodes: tuple[NodeReading, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    registries_failing: tuple[str, ...] = ()
    """Registries that *another* target cannot pull from either (refused, limited, no answer)."""
    blockers: tuple[Blocker, ...] = ()
    leases: tuple[Hold, ...] = ()
    budgets: tuple[Hold, ...] = ()
    """Pods of the target whose deletion a disruption budget refuses."""
    jobs: tuple[RunningJob, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    loose_log: LogReading = LogReading()
    """Log lines of a saved bundle that does not say which container they are from."""

    def node(self, name: str) -> NodeReading | None:
        return next((node for node in self.nodes if node.name == name), None)

    def suspect(self, kind: CommonCause, name: str) -> Suspect | None:
        return next((found for found in self.suspects if found.kind is kind and found.name == name), None)

    def lease_of(self, pod: str) -> str:
        """Name of the Lease that the pod holds; empty when it holds none."""
        return next((hold.holder for hold in self.leases if hold.pod == pod), "")

    def budget_of(self, pod: str) -> str:
        """Name of the disruption budget that refuses the pod's deletion; empty when none does."""
        return next((hold.holder for hold in self.budgets if hold.pod == pod), "")

    def dependency_of(self, pod: str) -> Dependency | None:
        return next((found for found in self.dependencies if found.pod == pod), None)

    @property
    def migrating(self) -> bool:
        """A Job that changes data is running for the target."""
        return any(job.same_instance or job.migration for job in self.jobs)
