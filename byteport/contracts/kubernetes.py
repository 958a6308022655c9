"""The acts on a cluster: evidence, watch, and the two mutations of the pod and rollout runbooks."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from byteport.contracts.acts import Act, Effect, Queue
from byteport.domain.base import Frozen, Instant
from byteport.domain.failures import Failure
from byteport.domain.policy import PolicyConfig, Standing
from byteport.domain.scopes import Rights
from byteport.domain.signals import Signal
from byteport.domain.targets import Target
from byteport.domain.warrants import Warrant
from byteport.kubernetes.scaling import UsageSample
from byteport.kubernetes.situation import Situation

_WORKLOADS = Rights.on("deployments", "get", "list", "watch", group="apps") + Rights.on(
    "replicasets", "get", "list", "watch", group="apps"
)
_SEEN = (
    Rights.on("pods", "get", "list", "watch")
    + Rights.on("events", "get", "list", "watch")
    + Rights.on("nodes", "get", "list", "watch")
    + Rights.on("namespaces", "get", "list", because="the label byteport.io/enabled, and the pod-security level")
    + _WORKLOADS
)
"""What the watch sees, whichever runbooks there are."""
_EVIDENCE = (
    _SEEN
    + Rights.on("resourcequotas", "list", because="whether a replacement would be admitted")
    + Rights.on("limitranges", "list", because="whether a replacement would be admitted")
    + Rights.on("services", "list", because="two Deployments behind one Service, and fail-closed webhooks")
    + Rights.on("jobs", "list", group="batch", because="a migration under way")
    + Rights.on("leases", "list", group="coordination.k8s.io", because="the pod that holds a lease is not deleted")
    + Rights.on("poddisruptionbudgets", "list", group="policy", because="names the budget that refuses")
    + Rights.on("horizontalpodautoscalers", "list", group="autoscaling", because="who else sets replicas")
)


_ADMISSION = "admissionregistration.k8s.io"
_WEBHOOKS = (
    Rights.on("mutatingwebhookconfigurations", "list", group=_ADMISSION, because="who must be asked about a new pod")
    + Rights.on(
        "validatingwebhookconfigurations", "list", group=_ADMISSION, because="who must be asked about a new pod"
    )
    + Rights.on("endpointslices", "list", group="discovery.k8s.io", because="whether they answer")
)


_LOGS = Rights.on("pods/log", "get")


class ReadSituation(Frozen):
    """Read everything that a runbook for `failure` may ask about `target`, in parallel, once."""

    target: Target
    failure: Failure
    logs: bool = True
    """Whether log tails are read and classed; not needed to verify."""
    earlier: tuple[UsageSample, ...] = ()
    """What earlier looks of the same run measured, oldest first, so that a trend can be told. Only of load."""


class Seen(Frozen):
    """Typed facts, the policy as the cluster worker's own mount has it now, and the cluster's part of the standing."""

    situation: Situation
    policy: PolicyConfig
    standing: Standing
    enabled: bool
    """The namespace has `byteport.io/enabled: "true"` and is not being deleted."""
    runbooks_off: tuple[Failure, ...] = ()
    """Failures whose runbook is switched off here. For one of them nothing was read, and `enabled` is False."""


READ_SITUATION = Act(
    "kubernetes.read_situation",
    ReadSituation,
    Seen,
    queue=Queue.CLUSTER,
    effect=Effect.READ,
    deadline=timedelta(seconds=30),
    schedule_to_close=timedelta(minutes=5),
    summary="Read objects, events and log classes",
    needs=_EVIDENCE + _WEBHOOKS + _LOGS,
)
"""The disruption budget is asked, by a dry-run eviction, only where DELETE_POD's rights are granted."""


_MEASURED = Rights.on("pods", "get", "list", group="metrics.k8s.io", because="what containers use now")
_LOAD = (
    _MEASURED
    + Rights.on("nodes", "get", "list", group="metrics.k8s.io", because="whether a node has room")
    + Rights.on("horizontalpodautoscalers", "get", "list", "watch", group="autoscaling")
    + Rights.on("statefulsets", "get", "list", group="apps", because="names what an autoscaler scales")
)

READ_LOAD = Act(
    "kubernetes.read_load",
    ReadSituation,
    Seen,
    queue=Queue.CLUSTER,
    effect=Effect.READ,
    deadline=timedelta(seconds=30),
    schedule_to_close=timedelta(minutes=5),
    summary="Read load, limits and autoscaler",
    needs=_EVIDENCE + _LOAD,
)
"""For memory and CPU: READ_SITUATION's facts without logs, and `Situation.scaling`.

Of a Node it is READ_NODE by another name: a runbook that looks at nodes by it declares that act, and its rights, as well.
"""

_HELPER = Rights.on("pods/exec", "get", "create", because="df, du and free in the node helper's own pods")

READ_NODE = Act(
    "kubernetes.read_node",
    ReadSituation,
    Seen,
    queue=Queue.CLUSTER,
    effect=Effect.READ,
    deadline=timedelta(seconds=60),
    schedule_to_close=timedelta(minutes=5),
    summary="Read the node, its pods and its disk",
    needs=Rights.on("nodes", "get", "list", "watch")
    + Rights.on("events", "get", "list", "watch")
    + Rights.on("pods", "get", "list", "watch")
    + Rights.on("namespaces", "get", "list")
    + Rights.on("nodes", "get", group="metrics.k8s.io", because="what a node uses where no helper answers")
    + _HELPER,
)
"""For a Node: `Situation.node`. `Seen.enabled` is then the node's own label."""


class Mutated(Frozen):
    """What a mutating act did. `already` when the effect of this very action was found in place."""

    action_id: str
    already: bool
    at: Instant
    object_uid: str
    resource_version: str = ""
    available_before: int | None = None
    """Available pods of a Deployment just before the call; None where they were not counted, or the act was found done."""


class MutatingCall(Frozen):
    """Input of every mutating act: a warrant and nothing else."""

    warrant: Warrant


DELETE_POD = Act(
    "kubernetes.delete_pod",
    MutatingCall,
    Mutated,
    queue=Queue.CLUSTER,
    effect=Effect.MUTATE,
    deadline=timedelta(seconds=30),
    schedule_to_close=timedelta(seconds=90),
    summary="Delete one pod",
    needs=_EVIDENCE + _WEBHOOKS + _LOGS + Rights.on("pods", "get", "delete") + Rights.on("pods/eviction", "create"),
)

ROLL_BACK = Act(
    "kubernetes.roll_back",
    MutatingCall,
    Mutated,
    queue=Queue.CLUSTER,
    effect=Effect.MUTATE,
    deadline=timedelta(seconds=30),
    schedule_to_close=timedelta(seconds=90),
    summary="Restore a revision's template",
    needs=_EVIDENCE + _LOGS + Rights.on("deployments", "get", "patch", group="apps"),
)


PRUNE_IMAGES = Act(
    "kubernetes.prune_images",
    MutatingCall,
    Mutated,
    queue=Queue.CLUSTER,
    effect=Effect.MUTATE,
    deadline=timedelta(seconds=60),
    schedule_to_close=timedelta(seconds=150),
    summary="Remove unused images",
    needs=READ_NODE.needs,
)

RAISE_FLOOR = Act(
    "kubernetes.raise_floor",
    MutatingCall,
    Mutated,
    queue=Queue.CLUSTER,
    effect=Effect.MUTATE,
    deadline=timedelta(seconds=30),
    schedule_to_close=timedelta(seconds=90),
    summary="Raise an autoscaler's floor",
    needs=_EVIDENCE + _LOAD + Rights.on("horizontalpodautoscalers", "get", "patch", group="autoscaling"),
)

RESTORE_FLOOR = Act(
    "kubernetes.restore_floor",
    MutatingCall,
    Mutated,
    queue=Queue.CLUSTER,
    effect=Effect.MUTATE,
    deadline=timedelta(seconds=30),
    schedule_to_close=timedelta(seconds=90),
    summary="Put an autoscaler's floor back",
    needs=Rights.on("namespaces", "get") + Rights.on("horizontalpodautoscalers", "get", "patch", group="autoscaling"),
)


class ReadFloor(Frozen):
    """Read one autoscaler's floor, and who set it."""

    target: Target
    """The workload that it scales."""
    autoscaler: str


class Floor(Frozen):
    """An autoscaler's floor as it is now; `found` False when there is none of that name."""

    found: bool
    enabled: bool = False
    """Its namespace is enabled; of any other nothing else is read."""
    uid: str = ""
    rest_digest: str = ""
    """Digest of `/spec` without `minReplicas`."""
    floor: int = 0
    floor_before: int | None = None
    floor_until: Instant | None = None
    action_id: str = ""
    manager: str = ""
    """Field manager that last set `minReplicas`."""
    managed_at: Instant | None = None
    rest_manager: str = ""
    """Field manager that last set anything else in `/spec`."""
    rest_managed_at: Instant | None = None


READ_FLOOR = Act(
    "kubernetes.read_floor",
    ReadFloor,
    Floor,
    queue=Queue.CLUSTER,
    effect=Effect.READ,
    deadline=timedelta(seconds=20),
    schedule_to_close=timedelta(minutes=5),
    summary="Read an autoscaler's floor",
    needs=Rights.on("namespaces", "get") + Rights.on("horizontalpodautoscalers", "get", group="autoscaling"),
)


class CountTargets(Frozen):
    """How many workloads and nodes there are to be in trouble."""

    cluster_uid: str


class Targets(Frozen):
    workloads: int
    """Deployments of the enabled namespaces."""
    nodes: int


COUNT_TARGETS = Act(
    "kubernetes.count_targets",
    CountTargets,
    Targets,
    queue=Queue.CLUSTER,
    effect=Effect.READ,
    deadline=timedelta(seconds=12),
    schedule_to_close=timedelta(seconds=15),  # who does not know in time pauses, and counts again a minute later
    summary="Count what could be in trouble",
    needs=Rights.on("deployments", "list", group="apps")
    + Rights.on("nodes", "list")
    + Rights.on("namespaces", "get", "list"),
)


class ResolveOutcome(Frozen):
    """Read the target again to learn whether an act whose answer was lost has taken effect."""

    warrant: Warrant


class Outcome(Frozen):
    """`applied` None means that it still cannot be told."""

    applied: bool | None
    at: Instant


RESOLVE_OUTCOME = Act(
    "kubernetes.resolve_outcome",
    ResolveOutcome,
    Outcome,
    queue=Queue.CLUSTER,
    effect=Effect.READ,
    deadline=timedelta(seconds=20),
    schedule_to_close=timedelta(minutes=5),
    summary="Read the target again after an unknown outcome",
    needs=_SEEN + Rights.on("horizontalpodautoscalers", "get", group="autoscaling"),
)
"""The last only after an act on an autoscaler, whose runbook has it."""


class WatchCluster(Frozen):
    """Watch one cluster for at most `seconds`, from `bookmarks` (resourceVersion by plural kind, or `kind/namespace`).

    What an earlier version does not know is left out while it says nothing: it refuses unknown fields, and is still there
    for a while in an upgrade. So in `Watched`.
    """

    cluster_uid: str
    bookmarks: dict[str, str] = {}
    seconds: int = 3600
    told: Annotated[str, Field(exclude_if=lambda digest: not digest)] = ""
    """Digest of what people know is not whole of the boundary; empty when they know of nothing."""
    tell_after: Annotated[Instant | None, Field(exclude_if=lambda at: at is None)] = None
    """Before then nothing new of the boundary ends the watch."""


class BoundaryNews(Frozen):
    """What of the boundary refuses `auto`, as of the last look, when it is something else than people were told."""

    digest: str
    """Of all of it; empty when it is whole again."""
    findings: tuple[str, ...]
    """A line each, with what to run; the last one counts the rest."""


class Watched(Frozen):
    """Where the next activity goes on, and how many symptoms were reported."""

    bookmarks: dict[str, str]
    reported: int
    boundary: Annotated[BoundaryNews | None, Field(exclude_if=lambda news: news is None)] = None
    """Why the watch ended, if it was for that."""


WATCH_CLUSTER = Act(
    "kubernetes.watch_cluster",
    WatchCluster,
    Watched,
    queue=Queue.CLUSTER,
    effect=Effect.READ,
    deadline=timedelta(hours=2),
    heartbeat=timedelta(seconds=10),
    summary="Watch the cluster for symptoms",
    needs=_SEEN,
)
"""What the runbooks for load want seen beside it (autoscalers, metrics) is theirs; where it is refused, the rest is."""


class Report(Frozen):
    """A symptom to be reported through intake (a re-observation's, or a hand-over to another runbook)."""

    signal: Signal


class Reported(Frozen):
    workflow_id: str


REPORT_SIGNAL = Act(
    "orchestration.report_signal",
    Report,
    Reported,
    queue=Queue.CONTROL,
    effect=Effect.READ,
    deadline=timedelta(seconds=15),
    schedule_to_close=timedelta(minutes=10),
    summary="Report a symptom",
)
