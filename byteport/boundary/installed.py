"""What an installation says of itself: the choices that it was rendered with, read back from the objects that stand.

`byteport enable` must bind what this cluster's installation holds, not what a settings file on somebody's laptop says. The
roles say which runbooks are on, and must then hold exactly what these runbooks want. Comes after whoever fetched the
objects (`workers/administration.py`), before `enrol.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from pydantic import ValidationError

from byteport.boundary import whole
from byteport.boundary.choices import EVERY_RUNBOOK, Choices
from byteport.boundary.names import (
    ACT_ROLE,
    ADMISSION,
    CLUSTER_ROLE,
    MAY_ACT,
    NAMESPACE,
    RBAC,
    RUNBOOKS_NOTE,
    SIGHT_ROLE,
    accounts_of,
)
from byteport.boundary.needs import TELLS, Place, in_place, placed_rights
from byteport.boundary.policies import commands, deployments, events, everything
from byteport.boundary.policies.catalogue import names_of, policies
from byteport.boundary.roles import rules, standing_rules
from byteport.domain.base import Frozen
from byteport.domain.ceilings import Sight
from byteport.domain.policy import PROTECTED_NAMESPACES
from byteport.kubernetes import fields
from byteport.kubernetes.port import CONFIG_MAPS, JSON, NAMESPACES, Resource

RESOURCES: Mapping[str, Resource] = {
    "Namespace": NAMESPACES,
    "ConfigMap": CONFIG_MAPS,
    "Role": Resource(RBAC, "v1", "roles"),
    "RoleBinding": Resource(RBAC, "v1", "rolebindings"),
    "ClusterRole": Resource(RBAC, "v1", "clusterroles"),
    "ClusterRoleBinding": Resource(RBAC, "v1", "clusterrolebindings"),
    "ValidatingAdmissionPolicy": Resource(ADMISSION, "v1", "validatingadmissionpolicies"),
    "ValidatingAdmissionPolicyBinding": Resource(ADMISSION, "v1", "validatingadmissionpolicybindings"),
    "MutatingAdmissionPolicy": Resource(ADMISSION, "v1", "mutatingadmissionpolicies"),
    "MutatingAdmissionPolicyBinding": Resource(ADMISSION, "v1", "mutatingadmissionpolicybindings"),
}
"""Where the kinds of an installation lie."""

OLDEST = (1, 30)
"""Kubernetes in which a ValidatingAdmissionPolicy is generally available."""

ROLES = (CLUSTER_ROLE, SIGHT_ROLE, ACT_ROLE, MAY_ACT)
"""ClusterRoles without which nothing is installed."""

_EVERY_POLICY = policies(Choices(proves_rollbacks=True, events=True))
"""Every policy that some choice has."""

Key = tuple[str, str]
"""Kind and name."""


class Obstacle(StrEnum):
    """Why nothing is applied."""

    NO_SUCH = "no_such"
    """The namespace, or an object that was named, is not there."""
    NOT_INSTALLED = "not_installed"
    OTHER_VERSION = "other_version"
    """The installation's roles are none that this version renders."""
    POLICIES = "policies"
    """An admission policy is missing or was changed: rights come after the policies that bound them."""
    TOO_OLD = "too_old"
    PROTECTED = "protected"
    BEING_DELETED = "being_deleted"
    FOREIGN = "foreign"
    """An object of our name that is not ours."""
    TAKEN_OVER = "taken_over"
    """A floor that we raised was changed by somebody since."""
    MAY_NOT = "may_not"
    """The caller's own credential does not suffice."""


class Problem(Frozen):
    """One reason why nothing is applied, and what to do."""

    kind: Obstacle
    text: str


class Installed(NamedTuple):
    """What was found of an installation; None where there is nothing."""

    version: str
    """As the API server says it: `v1.37.2`."""
    home: JSON | None
    """Our own namespace."""
    objects: Mapping[Key, JSON | None]
    """ClusterRoles, the binding of cluster-wide sight, policies and their bindings."""


def wanted_keys() -> list[Key]:
    """What must be fetched to tell: every object that some rendering has."""
    bound = [(str(item["kind"]), str(item["metadata"]["name"])) for item in _EVERY_POLICY]
    return [*(("ClusterRole", name) for name in ROLES), ("ClusterRoleBinding", SIGHT_ROLE), *bound]


def too_old(version: str) -> Problem | None:
    """Whether the API server cannot enforce the boundary."""
    found = re.match(r"v?(\d{1,4})\.(\d{1,4})", version)
    if found and (int(found[1]), int(found[2])) >= OLDEST:
        return None
    said = found[0] if found else "of a version that it does not tell"
    needed = ".".join(map(str, OLDEST))
    return Problem(
        kind=Obstacle.TOO_OLD,
        text=f"the API server is {said}; the policies that bound the agent need Kubernetes {needed} or newer",
    )


def choices_of(installed: Installed) -> Choices | Problem:
    """The choices that these objects were rendered with."""
    parts = {f"ClusterRole {name}": installed.objects.get(("ClusterRole", name)) for name in ROLES}
    for what, found in {**parts, f"the namespace {NAMESPACE}": installed.home}.items():
        if found is None:
            return Problem(kind=Obstacle.NOT_INSTALLED, text=f"{what} is not there; install the chart first")
        if fields.metadata(found).get("deletionTimestamp") is not None:
            text = f"{what} is being deleted; install the chart again when it is gone"
            return Problem(kind=Obstacle.NOT_INSTALLED, text=text)
    told = _told(installed)
    unlike = [ACT_ROLE] if told is None else _unlike(told, installed)
    if told is None or unlike:
        differing = f"{', '.join(unlike)} {'differs' if len(unlike) == 1 else 'differ'}"
        return Problem(
            kind=Obstacle.OTHER_VERSION,
            text="the installation's roles are not ones that this version renders; "
            f"use the version that it was installed with, or upgrade the chart ({differing})",
        )
    return told


def policy_problems(choices: Choices, installed: Installed) -> list[Problem]:
    """What of the policies is missing, or not as rendered."""
    found = whole.policies(policies(choices), installed.objects)
    return [Problem(kind=Obstacle.POLICIES, text=f"{one.what}; {_AGAIN}") for one in found]


_AGAIN = "upgrade the chart first: rights are given only under whole policies"


def _told(installed: Installed) -> Choices | None:
    """What the objects say; None when the role names no runbooks, or one that this version does not know."""
    note = fields.annotated(installed.objects.get(("ClusterRole", ACT_ROLE))).get(RUNBOOKS_NOTE)
    runbooks = frozenset(filter(None, note.split(","))) if isinstance(note, str) else None
    if runbooks is None or not runbooks <= EVERY_RUNBOOK:
        return None
    everywhere = installed.objects.get(("ClusterRoleBinding", SIGHT_ROLE)) is not None
    stamped = _expressions(installed, deployments.NAME, "serving ReplicaSet")
    proves = bool(stamped) or installed.objects.get(("MutatingAdmissionPolicy", deployments.PROVE)) is not None
    return Choices.model_validate(
        {
            "runbooks": runbooks,
            "sight": Sight.CLUSTER if everywhere else Sight.NAMESPACED,
            "proves_rollbacks": proves,
            "events": _tells(installed),
            **_namespaces(installed),
        }
    )


def _tells(installed: Installed) -> bool:
    """Whether Events may be written: by the role where a runbook is on, whose rights they are; else by their policy."""
    held = rights_in(installed.objects.get(("ClusterRole", ACT_ROLE))) or frozenset()
    return (*TELLS, "") in held or _policy(installed, events.NAME) is not None


def _namespaces(installed: Installed) -> dict[str, object]:
    """The protected namespaces, whether the helper is installed, and then its own, from the text of the policies; what
    cannot be read is the default, and then the policies differ from what is rendered."""
    protected = re.findall(
        r"request\.namespace in \[([^\]]*)\]", _expressions(installed, everything.NAME, "the namespace is protected")
    )
    helper = re.findall(r"request\.namespace == '([^']*)'", _expressions(installed, commands.NAME, "container"))
    more = {name for text in protected for name in re.findall(r"'([^']*)'", text)} - PROTECTED_NAMESPACES
    read: dict[str, object] = {"protected": tuple(sorted(more)), **({"helper_namespace": helper[0]} if helper else {})}
    bound = fields.entries(fields.at(_policy(installed, everything.NAME), "spec", "matchConditions"))
    read["helper"] = any(f"'{accounts_of(one)}'" in str(each.get("expression")) for one in helper[:1] for each in bound)
    try:
        Choices.model_validate(read)
    except ValidationError:
        return {}
    return read


def _expressions(installed: Installed, policy: str, about: str) -> str:
    """The CEL of one policy's rules whose message says `about`."""
    found = fields.entries(fields.at(_policy(installed, policy), "spec", "validations"))
    return "\n".join(str(one.get("expression")) for one in found if about in str(one.get("message")))


def _policy(installed: Installed, name: str) -> JSON | None:
    return installed.objects.get(("ValidatingAdmissionPolicy", name))


def _unlike(choices: Choices, installed: Installed) -> list[str]:
    """Names of the ClusterRoles that these choices do not render as they stand."""
    return [
        name
        for name, wanted in _rendered(choices).items()
        if rights_in(installed.objects.get(("ClusterRole", name))) not in wanted
    ]


def _rendered(choices: Choices) -> dict[str, list[whole.Granted | None]]:
    """By name, what each ClusterRole may hold: an older API server's may or may not name the policies that it lacks."""
    rights = placed_rights(choices)
    made = policies(choices.model_copy(update={"proves_rollbacks": True}))
    validating, mutating = (names_of(made, f"{kind}AdmissionPolicy") for kind in ("Validating", "Mutating"))
    cluster = rules(in_place(rights, Place.CLUSTER))
    written = {
        CLUSTER_ROLE: [[*cluster, *standing_rules(validating, which)] for which in (mutating, [])],
        SIGHT_ROLE: [rules(in_place(rights, Place.SIGHT))],
        ACT_ROLE: [rules(in_place(rights, Place.ACT))],
    }
    return {name: [rights_in({"rules": one}) for one in every] for name, every in written.items()}


def rights_in(item: JSON | None) -> whole.Granted | None:
    """The rights of a role, however they are spread over rules; None for what cannot be told by them alone."""
    found = fields.entries((item or {}).get("rules"))
    beyond = any(one.get("nonResourceURLs") for one in found) or bool((item or {}).get("aggregationRule"))
    return None if beyond else whole.granted({"resourceRules": found})[0]
