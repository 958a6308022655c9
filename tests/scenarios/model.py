"""What a scenario is: how it is broken, what is right, where it can be shown. Plain data; nothing here runs anything.

Comes before `steps.py` (the ways to break things), `rows/` (the scenarios) and `judge.py`, which compares.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from byteport.domain.reasons import Cause, Reason

if TYPE_CHECKING:
    from tests.scenarios.ground import Ground


class Cluster(StrEnum):
    """The kinds of cluster on which a scenario can be shown."""

    SIMULATED = "simulated"
    CONTROL_PLANE = "control-plane"


BOTH = frozenset(Cluster)
SIMULATED_ONLY = frozenset({Cluster.SIMULATED})
CONTROL_PLANE_ONLY = frozenset({Cluster.CONTROL_PLANE})


class Row(StrEnum):
    """The kinds of trouble that the suite has to cover, in the order of the README's table."""

    BAD_RELEASE = "bad image tag; wrong-architecture image; bad command; malformed probe"
    ENV_CRASHES = "environment variable changed, pods crash"
    ENV_ERRORS = "environment variable changed, pods stay Ready, error rate up since the newest revision"
    INIT_FAILS = "init container hangs or crashes in the new revision"
    FLAPS = "new revision flaps: Ready for a moment between crashes"
    UNSCHEDULABLE = "unschedulable in the new revision (node selector, anti-affinity, claim, requests)"
    TWO_DEPLOYMENTS = "two Deployments broken at once"
    TWO_REVISIONS = "two bad revisions in a row"
    NO_HISTORY = "first revision never worked; history limit 0; deleted and re-applied"
    NOT_THE_RELEASE = "paused; templates equal; only ConfigMap or Secret changed; strategy broken; scaled to zero"
    DATABASE = "incompatible database upgrade; migration under way"
    OWNED = "Helm release; GitOps-managed Deployment; server-side applied; operator's"
    STATEFUL_SET = "StatefulSet bad image"
    TRANSIENT = "crash loop, transient"
    WEDGED = "one wedged replica of five"
    DEPENDENCY = "dependency down, cascading, in another namespace, misleading log text"
    MEMORY = "out-of-memory leak; limit too small; something re-squeezes the limit every few minutes"
    WEBHOOK_REWRITES = "a webhook rewrites limits or image"
    REPLACEMENT_REFUSED = "pod-security level, quota or a dead webhook would refuse the replacement"
    DISK_FREE = "DiskPressure while the disk is free (kubelet threshold)"
    DISK_IMAGES = "disk full of unused images"
    DISK_OTHER = "emptyDir, log, hostPath, volume or inodes fill it; images on the other filesystem"
    LOAD_SURGE = "load surge, autoscaler below its maximum"
    AUTOSCALER = "autoscaler at its maximum; no CPU request; metrics missing; owned by KEDA; min above max"
    THROTTLED = "throttled while usage looks low; retry storm"
    NODE = "node NotReady, kubelet stopped, cordon, reboot, clock drift"
    NETWORK = "NetworkPolicy, Service selector or port, DNS, certificate, mesh"
    CHAOS = "chaos experiment running on the target"
    ORDERS = "instructions to the agent inside a log line, event or ConfigMap"
    STORM = "duplicate alerts ×5; storm of signals on many targets"
    NOTHING = "nothing wrong ×3; healthy rollout; pod deleted by hand; container killed once"


class Act(NamedTuple):
    """A write as the cluster tells it: verb and plural."""

    verb: str
    plural: str


DELETES_POD = Act("delete", "pods")
PATCHES_DEPLOYMENT = Act("patch", "deployments")
PATCHES_AUTOSCALER = Act("patch", "horizontalpodautoscalers")
EXECS = Act("exec", "pods")


class Step(NamedTuple):
    """One thing that an administrator, a user or fate does to the cluster."""

    says: str
    do: Callable[[Ground], Awaitable[None]]


class Once(StrEnum):
    """How an act is let through."""

    ALONE = "alone"
    """In `auto`, nobody is asked."""
    APPROVED = "approved"
    """The plan waits with its reasons; a person reads it and says yes."""


@dataclass(frozen=True)
class Fixed:
    """Repaired and verified, by exactly these writes."""

    act: Act
    on: tuple[str, ...] = ("web",)
    """Names of the objects, one write each; `victim` is the pod that the steps have chosen."""
    by: Once = Once.ALONE
    at_most: int | None = None
    """How many writes are tolerated in all; one for each object by default."""
    notes: frozenset[Reason] = frozenset()
    """What a person must be told beside: in the request or in the plan."""
    restores: bool = True
    """After a rollback: the pods' template is again the one that was good."""
    repairs: tuple[str, ...] = ("web",)
    """Names of the targets whose repair is verified."""
    proof: Callable[[Ground], Awaitable[str]] | None = None
    """Asks the cluster itself whether it is so: what is still wrong, or nothing."""


@dataclass(frozen=True)
class Escalated:
    """Stopped, with a named cause; nothing is written."""

    causes: frozenset[Cause]
    names: tuple[str, ...] = ()
    """All of these must be named to the person: objects, keys, managers. `{namespace}` is the scenario's own."""
    reasons: frozenset[Reason] = frozenset()
    """At least one of these is among the reasons."""
    planned: bool = False
    """A plan is shown with it that a person may still approve."""


@dataclass(frozen=True)
class Silent:
    """No plan, no page, no write."""


@dataclass(frozen=True)
class Stormed:
    """Many at once: one page for all, nothing more alone; what was right before it was a storm may have been done."""

    act: Act
    on: tuple[str, ...]
    acts_at_most: int
    """How many of these acts are tolerated in all."""
    pages_at_most: int
    """How many targets may be paged one by one, before there were enough of them to be a storm."""


Right = Fixed | Escalated | Silent | Stormed


@dataclass(frozen=True)
class Scenario:
    """One failure. `before` is done first and stands for an hour where time can be turned; then `broken` happens."""

    name: str
    row: Row
    says: str
    """How it is broken, in a sentence."""
    broken: tuple[Step, ...]
    right: Right
    before: tuple[Step, ...] = ()
    shown_on: frozenset[Cluster] = BOTH
    why_not: str = ""
    """Why it cannot be shown on the other kind of cluster."""
    replicas: int = 3
    alone: bool = False
    """It touches nodes or many targets, so nothing else may run beside it on one cluster."""
    deadline_seconds: int = 2
    """`progressDeadlineSeconds` of its Deployments: short, so that a rollout is soon said to have failed."""
    backoff_seconds: int = 1
    """The first back-off of its failing containers; a kubelet's own is ten seconds."""
    probed: bool = True
    """Whether its containers have a readiness probe; without one they are Ready from each start to the next crash."""
    seconds: float = 180.0
    """How long the agent has at most, on a cluster whose time is real and a machine that does much else beside it."""
    skips_time: bool = True
    """On the simulated cluster: whether Temporal skips the time in which nothing is in flight."""
    hurry_seconds: float = 0.0
    """Where time can be turned: by how much at each look, so that what has to last for a while is not waited for."""
    quiet_seconds: float = 5.0
    """How long nothing more may happen once the outcome is there, or at all when silence is right."""
    deployed: bool = True
    """A healthy `web` is there before; False where its first release is part of the scenario."""

    def __post_init__(self) -> None:
        if self.shown_on != BOTH and not self.why_not:
            raise ValueError(f"{self.name}: say why it is not shown on every kind of cluster")
