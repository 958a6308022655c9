"""Every name that the boundary has on a cluster, once. The chart, `byteport enable` and the self-check speak of these."""

from __future__ import annotations

from byteport.kubernetes.port import JSON

NAMESPACE = "byteport-agent"
"""The agent's own. Fixed: the policies bind every account in it, whatever it is called."""
HELPER_NAMESPACE = "byteport-node"
"""The node helper's, when it is installed and the policy says nothing else."""
ACCOUNT = "byteport-agent"
"""The ServiceAccount of the process that holds the cluster's credentials."""
AGENT_MANAGER = "byteport-agent"
"""The field manager under which the agent writes: the policies let its account write under no other."""
AGENT = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
"""That account, as the API server calls it: whom a person's credential acts as to see what the agent may."""


def accounts_of(namespace: str) -> str:
    """The group of every ServiceAccount of a namespace."""
    return f"system:serviceaccounts:{namespace}"


ACCOUNTS_GROUP = accounts_of(NAMESPACE)
AGENT_PODS = "byteport-agent-"
"""Names of the agent's pods begin with it; a token that is bound to no such pod writes nothing."""

CLUSTER_ROLE = "byteport-agent-cluster"
"""Cluster-wide reads that have no namespace: nodes, webhook configurations, and our own policies."""
SIGHT_ROLE = "byteport-agent-sight"
"""Reads in a namespace."""
ACT_ROLE = "byteport-agent-act"
"""Writes in a namespace that need no name: unready pods of a ReplicaSet."""
NAMED_ROLE = "byteport-agent-named"
"""Writes in one namespace, by the names that its administrator gave."""
EVENTS_ROLE = "byteport-agent-node-events"
"""Events of nodes, which lie in the namespace `default`."""
HELPER_ROLE = "byteport-agent-node-helper"
"""Commands in the node helper's pods."""
OWN_ROLE = "byteport-agent-own"
"""What it may read in its own namespace: which namespaces were given to it, and how far."""
MAY_ACT = "byteport-may-act"
"""The switch: while this binding is gone, nothing of ours writes anywhere."""
MAY_ACT_NOTE = "byteport.io/may-act"
"""What the chart's value `mayAct` was when that binding's role was rendered: whether the binding is a part of the release."""
RUNBOOKS_NOTE = "byteport.io/runbooks"
"""Which runbooks were on when the role `byteport-agent-act` was rendered: its rights alone do not tell every one."""

CEILINGS = "byteport-enabled"
"""ConfigMap in our own namespace: one key for each namespace that was given to us, its value the ceiling."""

PART_OF = {"app.kubernetes.io/part-of": "byteport"}
"""Label of every object of the boundary; Helm adds who manages it."""

ENABLED_LABEL = "byteport.io/enabled"
ROLLBACK_LABEL = "byteport.io/rollback"
ROLLBACK_ALLOWED = "allowed"
"""What a Deployment must say of itself to be rolled back; it keeps the policies' cost off all others."""

RBAC = "rbac.authorization.k8s.io"
ADMISSION = "admissionregistration.k8s.io"


def role_ref(kind: str, name: str) -> JSON:
    """The `roleRef` of a binding."""
    return {"apiGroup": RBAC, "kind": kind, "name": name}


def subject() -> list[JSON]:
    """The agent's account, as the subjects of a binding."""
    return [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}]
