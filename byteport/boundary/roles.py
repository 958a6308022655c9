"""Rights as Kubernetes' own RBAC objects: the roles of the installation, and what is written into one namespace.

Rules hold one resource each, with its verbs in order, so that two renderings can be compared and a reviewer can read
them beside the matrix. Nothing here has a wildcard.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from byteport.boundary.choices import Choices
from byteport.boundary.names import (
    ACT_ROLE,
    ADMISSION,
    CEILINGS,
    CLUSTER_ROLE,
    EVENTS_ROLE,
    HELPER_ROLE,
    MAY_ACT,
    NAMED_ROLE,
    NAMESPACE,
    OWN_ROLE,
    PART_OF,
    RBAC,
    RUNBOOKS_NOTE,
    SIGHT_ROLE,
    role_ref,
    subject,
)
from byteport.boundary.needs import Place, Placed, in_place, placed_rights
from byteport.domain.ceilings import ALL, Ceiling, Sight
from byteport.domain.policy import Mode
from byteport.kubernetes.port import JSON

V1 = f"{RBAC}/v1"
_NODE_EVENTS = ("get", "list", "watch")


def rules(rights: Iterable[Placed]) -> list[JSON]:
    """The rules that grant exactly these, one a resource."""
    verbs: dict[tuple[str, str], set[str]] = {}
    for placed in rights:
        verbs.setdefault((placed.right.group, placed.right.resource), set()).add(placed.right.verb)
    return [rule(group, resource, sorted(which)) for (group, resource), which in sorted(verbs.items())]


def rule(group: str, resource: str, verbs: Sequence[str], names: Sequence[str] = ()) -> JSON:
    """One rule; without names it is of every object."""
    named = {"resourceNames": list(names)} if names else {}
    return {"apiGroups": [group], "resources": [resource], "verbs": list(verbs), **named}


def standing_rules(policies: Sequence[str], mutators: Sequence[str]) -> list[JSON]:
    """Besides what the acts need: which cluster this is, and whether our own policies and their bindings stand."""
    validating, mutating = "validatingadmissionpolicies", "mutatingadmissionpolicies"
    own = [rule(ADMISSION, f"{kind}", ["get"], names) for kind, names in ((validating, policies), (mutating, mutators))]
    bound = [
        rule(ADMISSION, f"{kind.removesuffix('policies')}policybindings", ["get"], names)
        for kind, names in ((validating, policies), (mutating, mutators))
    ]
    return [
        rule("", "namespaces", ["get"], ["kube-system"]),
        *(one for one in (*own, *bound) if one.get("resourceNames")),
    ]


def role(
    kind: str, name: str, its_rules: Sequence[JSON], namespace: str = "", notes: Mapping[str, str] | None = None
) -> JSON:
    """A Role or ClusterRole; `notes` are its annotations."""
    metadata = _metadata(name, namespace) | ({"annotations": dict(notes)} if notes else {})
    return {"apiVersion": V1, "kind": kind, "metadata": metadata, "rules": list(its_rules)}


def binding(kind: str, name: str, ref: JSON, namespace: str = "") -> JSON:
    """A RoleBinding or ClusterRoleBinding of the agent's account."""
    metadata = _metadata(name, namespace)
    return {"apiVersion": V1, "kind": kind, "metadata": metadata, "roleRef": ref, "subjects": subject()}


def installation(choices: Choices, policies: Sequence[str], mutators: Sequence[str]) -> list[JSON]:
    """Every RBAC object of an installation before any namespace is given to it. Names none but our own namespaces."""
    rights = placed_rights(choices)
    sight, act = in_place(rights, Place.SIGHT), in_place(rights, Place.ACT)
    cluster = [*rules(in_place(rights, Place.CLUSTER)), *standing_rules(policies, mutators)]
    found = [
        role("ClusterRole", CLUSTER_ROLE, cluster),
        binding("ClusterRoleBinding", CLUSTER_ROLE, role_ref("ClusterRole", CLUSTER_ROLE)),
        role("ClusterRole", SIGHT_ROLE, rules(sight)),
        role("ClusterRole", ACT_ROLE, rules(act), notes={RUNBOOKS_NOTE: noted(choices)}),
        role("ClusterRole", MAY_ACT, [rule("byteport.io", "acts", ["perform"])]),
        binding("ClusterRoleBinding", MAY_ACT, role_ref("ClusterRole", MAY_ACT)),
        role("Role", EVENTS_ROLE, [rule("", "events", _NODE_EVENTS)], "default"),
        binding("RoleBinding", EVENTS_ROLE, role_ref("Role", EVENTS_ROLE), "default"),
        role("Role", OWN_ROLE, [rule("", "configmaps", ["get"], [CEILINGS])], NAMESPACE),
        binding("RoleBinding", OWN_ROLE, role_ref("Role", OWN_ROLE), NAMESPACE),
    ]
    if choices.sight is Sight.CLUSTER:
        found.append(binding("ClusterRoleBinding", SIGHT_ROLE, role_ref("ClusterRole", SIGHT_ROLE)))
    if choices.helper:
        where = choices.helper_namespace
        commands = rules(in_place(rights, Place.HELPER))
        found.append(role("Role", HELPER_ROLE, [*commands, rule("", "pods", ["get", "list"])], where))
        found.append(binding("RoleBinding", HELPER_ROLE, role_ref("Role", HELPER_ROLE), where))
    return found


def noted(choices: Choices) -> str:
    """The runbooks that are on, as the role says them to whoever gives rights under it."""
    return ",".join(sorted(choices.runbooks))


def of_namespace(namespace: str, ceiling: Ceiling, choices: Choices) -> list[JSON]:
    """Every RBAC object in a namespace that is given to us with that ceiling; in order of application."""
    found: list[JSON] = []
    if choices.sight is Sight.NAMESPACED:
        found.append(binding("RoleBinding", SIGHT_ROLE, role_ref("ClusterRole", SIGHT_ROLE), namespace))
    if ceiling.mode is Mode.OBSERVE:
        return found
    found.append(binding("RoleBinding", ACT_ROLE, role_ref("ClusterRole", ACT_ROLE), namespace))
    named = named_rules(ceiling, choices)
    if named:
        found.append(role("Role", NAMED_ROLE, named, namespace))
        found.append(binding("RoleBinding", NAMED_ROLE, role_ref("Role", NAMED_ROLE), namespace))
    return found


def named_rules(ceiling: Ceiling, choices: Choices) -> list[JSON]:
    """`patch`, by name, as far as the runbooks that are on want it at all."""
    wanted = {placed.right.resource for placed in in_place(placed_rights(choices), Place.NAMED)}
    pairs = (("apps", "deployments", ceiling.rollback), ("autoscaling", "horizontalpodautoscalers", ceiling.hpa))
    return [
        rule(group, resource, ["patch"], () if ALL in names else names)
        for group, resource, names in pairs
        if resource in wanted and names
    ]


def _metadata(name: str, namespace: str) -> JSON:
    return {"name": name, **({"namespace": namespace} if namespace else {}), "labels": dict(PART_OF)}
