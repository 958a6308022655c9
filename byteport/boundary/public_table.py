"""What the public security page promises of the agent's rights, as data, and why each right beyond it is asked for.

`matrix.py` lays this beside what the runbooks declare: a right is in the public table, or has a reason here, or is optional
and has its own `because`. A test fails when one has neither, when a reason is about a right that nobody
asks for any more, and when one of `NEVER` is asked for at all.
"""

from __future__ import annotations

from typing import NamedTuple

from byteport.boundary.names import (
    ADMISSION,
    CLUSTER_ROLE,
    EVENTS_ROLE,
    HELPER_ROLE,
    MAY_ACT,
    OWN_ROLE,
    RBAC,
)

_CRASH, _DEPLOY = "PodCrashloopRunbook", "FailedDeployAutoRollbackRunbook"
_DISK, _MEMORY, _CPU = "DiskSpaceAutoReclaimRunbook", "MemoryPressureRunbook", "CpuSpikeRunbook"

Key = tuple[str, str, str]
"""API group, resource, verb."""


class PublicRow(NamedTuple):
    """One row of the public page's table."""

    resources: tuple[str, ...]
    group: str
    verbs: tuple[str, ...]
    purpose: str
    runbooks: frozenset[str]
    """Whom the page gives it to; empty for all of them."""
    guard: str
    """The page's own words."""

    @property
    def keys(self) -> frozenset[Key]:
        return frozenset((self.group, resource, verb) for resource in self.resources for verb in self.verbs)


PUBLIC_TABLE: tuple[PublicRow, ...] = (
    PublicRow(
        ("pods", "nodes", "events"),
        "",
        ("get", "list", "watch"),
        "signal collection",
        frozenset(),
        "All runbooks (signal phase)",
    ),
    PublicRow(
        ("deployments", "replicasets"),
        "apps",
        ("get", "list", "watch"),
        "desired against actual state",
        frozenset(),
        "All runbooks (diagnose phase)",
    ),
    PublicRow(
        ("deployments",),
        "apps",
        ("patch",),
        "annotated rollback",
        frozenset({_DEPLOY}),
        "FailedDeployAutoRollbackRunbook only; allowlisted deployments; dry_run gate",
    ),
    PublicRow(
        ("pods/exec",),
        "",
        ("create",),
        "df -h, free -m, du -sh",
        frozenset({_DISK, _MEMORY}),
        "DiskSpaceAutoReclaimRunbook, MemoryPressureRunbook",
    ),
    PublicRow(("pods/log",), "", ("get",), "the last 50 lines", frozenset({_CRASH}), _CRASH),
    PublicRow(
        ("horizontalpodautoscalers",),
        "autoscaling",
        ("get", "patch"),
        "a higher floor within the bounds",
        frozenset({_MEMORY, _CPU}),
        "MemoryPressureRunbook, CpuSpikeRunbook only",
    ),
)

ADDED: dict[Key, str] = {
    ("", "namespaces", "list"): "finds the namespaces with the label; asked for in `cluster` sight only",
    (
        "",
        "namespaces",
        "get",
    ): "whether a namespace has the label and is not being deleted, before each look and each act",
    (
        "",
        "pods",
        "delete",
    ): "the repair of a crash loop: `kubectl delete pod` stands in the page's list of what is done "
    "alone, and in no row of its table",
    (
        "",
        "pods/eviction",
        "create",
    ): "asks the disruption budgets by a dry run before a pod is deleted; nothing is evicted",
    (
        "",
        "events",
        "create",
    ): "so that `kubectl describe` tells what was planned, done or handed over; only where `events.enabled` was chosen, and an "
    "admission policy fixes who reports, about what, and in which form",
    ("", "pods/exec", "get"): "a command over a websocket is authorised as `get` and as `create`",
    (
        "autoscaling",
        "horizontalpodautoscalers",
        "list",
    ): "which autoscalers scale a workload, and who else sets replicas",
    ("autoscaling", "horizontalpodautoscalers", "watch"): "sees an autoscaler that is short of replicas as it happens",
}
"""Rights that the public table lacks. One that is optional may say why where it is declared instead."""

WIDENED: dict[Key, str] = {
    (
        "",
        "pods/log",
        "get",
    ): "the page gives it to PodCrashloopRunbook alone; a rollback must also know whether the new "
    "release died of a migration or of a dependency, which only its log says",
}
"""Rights of the public table that a runbook wants to which the page does not give them."""

STANDING: dict[tuple[str, str], str] = {
    (CLUSTER_ROLE, "namespaces"): "the uid of `kube-system`, by which the cluster is told from every other",
    (CLUSTER_ROLE, "validatingadmissionpolicies"): "whether our own policies stand as they were installed",
    (CLUSTER_ROLE, "validatingadmissionpolicybindings"): "whether they are bound, and deny",
    (CLUSTER_ROLE, "mutatingadmissionpolicies"): "whether the proof of a rollback stands as it was installed",
    (CLUSTER_ROLE, "mutatingadmissionpolicybindings"): "whether it is bound",
    (
        MAY_ACT,
        "acts",
    ): "the switch: the API server asks for it at every write of ours, and `byteport halt` takes it away",
    (EVENTS_ROLE, "events"): "events about nodes lie in the namespace `default`",
    (OWN_ROLE, "configmaps"): "which namespaces were given to us and how far, as the administrator wrote it down",
    (HELPER_ROLE, "pods"): "finds the helper's pod on a node",
}
"""Rights that no act declares, by role and resource: with them the agent looks after itself."""


class Never(NamedTuple):
    """What is not asked for, whatever is switched on."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    """`*` for every verb."""
    why: str

    def covers(self, key: Key) -> bool:
        """Whether that right is one of these; a right with a wildcard is one of everybody's."""
        group, resource, verb = key
        return (
            group in (self.group, "*")
            and resource in (self.resource, "*")
            and (verb == "*" or "*" in self.verbs or verb in self.verbs)
        )


_WRITES = ("create", "update", "patch", "delete", "deletecollection")

NEVER: tuple[Never, ...] = (
    Never("", "secrets", ("*",), "nothing that the agent does needs a secret of the cluster, its name included"),
    Never("", "serviceaccounts/token", ("*",), "would make credentials of other accounts"),
    Never("", "nodes/proxy", ("*",), "is the kubelet's own API: any command in any container of the node"),
    Never("", "pods/proxy", ("*",), "would reach into applications"),
    Never("", "services/proxy", ("*",), "would reach into applications"),
    Never("", "pods/attach", ("*",), "would hold a terminal of an application"),
    Never("", "pods/portforward", ("*",), "would reach into applications"),
    Never("", "pods/ephemeralcontainers", ("*",), "would put a container of ours into a pod of somebody else"),
    Never("", "pods", ("create", "update", "patch", "deletecollection"), "would run what nobody released"),
    Never("", "users", ("impersonate",), "would act as somebody else"),
    Never("", "groups", ("impersonate",), "would act as somebody else"),
    Never("", "serviceaccounts", (*_WRITES, "impersonate"), "would act as somebody else"),
    Never("", "namespaces", _WRITES, "only the administrator gives a namespace to us, or takes it away"),
    Never("", "nodes", _WRITES, "no node is cordoned, drained, labelled or removed"),
    Never("", "configmaps", (*_WRITES, "list", "watch"), "of settings only our own ceilings are read, by name"),
    Never("", "persistentvolumeclaims", ("*",), "no volume is touched"),
    Never("", "persistentvolumes", ("*",), "no volume is touched"),
    Never("apps", "deployments", ("create", "update", "delete", "deletecollection"), "a rollback is a patch, by name"),
    Never("apps", "deployments/scale", ("*",), "replicas are the owner's and the autoscaler's"),
    Never("apps", "replicasets", _WRITES, "the Deployment's controller makes them"),
    Never("apps", "statefulsets", _WRITES, "workloads with state are a person's"),
    Never("apps", "daemonsets", _WRITES, "would run something on every node"),
    Never("batch", "jobs", _WRITES, "would run what nobody released"),
    Never("batch", "cronjobs", _WRITES, "would run what nobody released"),
    Never(
        "autoscaling",
        "horizontalpodautoscalers",
        ("create", "update", "delete", "deletecollection"),
        "a raised floor is a patch, by name",
    ),
    *(
        Never(RBAC, kind, (*_WRITES, "bind", "escalate"), "would widen its own rights")
        for kind in ("roles", "rolebindings", "clusterroles", "clusterrolebindings")
    ),
    *(
        Never(ADMISSION, kind, _WRITES, "would take its own bounds away")
        for kind in (
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
            "mutatingadmissionpolicies",
            "mutatingadmissionpolicybindings",
            "validatingwebhookconfigurations",
            "mutatingwebhookconfigurations",
        )
    ),
    Never("certificates.k8s.io", "certificatesigningrequests", ("*",), "would make credentials"),
    Never("apiextensions.k8s.io", "customresourcedefinitions", _WRITES, "no kind of our own is needed"),
)
"""What a reviewer looks for first. That it is absent is tested against every right there is."""
