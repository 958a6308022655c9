"""Whether the boundary that stands on a cluster is the one that these choices ask for: needed against granted, text
against text. Pure; `workers/preflight.py` fetches what is compared, at start and on a timer.

Anything that is not exactly as rendered refuses `auto`: cluster-wide where it holds cluster-wide, in one namespace where
it is only there, since whoever administers a namespace can bind rights to our account and must not thereby switch off
all the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from byteport.boundary.names import ADMISSION
from byteport.boundary.needs import Place, Placed
from byteport.domain.base import Frozen
from byteport.kubernetes import fields
from byteport.kubernetes.port import JSON

BASELINE = frozenset(
    {
        ("authorization.k8s.io", "selfsubjectaccessreviews", "create"),
        ("authorization.k8s.io", "selfsubjectrulesreviews", "create"),
        ("authentication.k8s.io", "selfsubjectreviews", "create"),
        ("certificates.k8s.io", "clustertrustbundles", "get"),
        ("certificates.k8s.io", "clustertrustbundles", "list"),
        ("certificates.k8s.io", "clustertrustbundles", "watch"),
    }
)
"""What every account of a cluster has: system:basic-user, system:discovery, system:public-info-viewer."""

DANGEROUS: tuple[tuple[str, str, str], ...] = (
    ("", "secrets", "get"),
    ("", "secrets", "list"),
    ("", "nodes/proxy", "get"),
    ("", "pods", "create"),
    ("", "pods/ephemeralcontainers", "patch"),
    ("", "serviceaccounts/token", "create"),
    ("", "serviceaccounts", "impersonate"),
    ("", "users", "impersonate"),
    ("", "namespaces", "patch"),
    ("apps", "statefulsets", "patch"),
    ("apps", "daemonsets", "create"),
    ("rbac.authorization.k8s.io", "clusterroles", "bind"),
    ("rbac.authorization.k8s.io", "clusterroles", "escalate"),
    ("rbac.authorization.k8s.io", "rolebindings", "create"),
    ("rbac.authorization.k8s.io", "clusterrolebindings", "create"),
    (ADMISSION, "validatingadmissionpolicies", "delete"),
    (ADMISSION, "validatingadmissionpolicybindings", "patch"),
)
"""Asked one by one where an authoriser cannot list what it grants; then absence of others cannot be proved."""


class Kind(StrEnum):
    """What is not as it must be."""

    MISSING = "missing"
    """A right that an act needs is not granted."""
    EXCESS = "excess"
    """A right is granted that no act needs."""
    POLICY_ABSENT = "policy_absent"
    POLICY_CHANGED = "policy_changed"
    UNBOUND = "unbound"
    """A policy has no binding, or one that does not deny."""
    CANNOT_PROVE = "cannot_prove"
    """The authoriser cannot list what it grants; none of the dangerous ones was found."""


class Finding(Frozen):
    """One thing that is not whole; `namespace` empty when it holds everywhere."""

    kind: Kind
    what: str
    namespace: str = ""
    remedy: str = ""

    @property
    def refuses_auto(self) -> bool:
        """Whether nothing is done without a person while it stands."""
        return self.kind is not Kind.CANNOT_PROVE


Granted = frozenset[tuple[str, str, str, str]]
"""Group, resource, verb and object name (empty: every object)."""


def granted(review: JSON) -> tuple[Granted, bool]:
    """What a SelfSubjectRulesReview's status lists, and whether it is complete. Wildcards stay as `*`."""
    found = {
        (group, resource, verb, name)
        for one in fields.entries(review.get("resourceRules"))
        for group in _words(one.get("apiGroups"))
        for resource in _words(one.get("resources"))
        for verb in _words(one.get("verbs"))
        for name in _words(one.get("resourceNames")) or ("",)
    }
    return frozenset(found), review.get("incomplete") is not True


def excess(has: Granted, may: Iterable[tuple[str, str, str, str]], namespace: str) -> list[Finding]:
    """Rights beyond `may`. A right for every object covers that for one; a wildcard is never covered."""
    allowed = set(may)
    beyond = sorted(
        right for right in has if right not in allowed and (*right[:3], "") not in allowed and right[:3] not in BASELINE
    )
    return [
        Finding(
            kind=Kind.EXCESS,
            what=written(*right),
            namespace=namespace,
            remedy="kubectl get rolebindings,clusterrolebindings -A -o wide | grep byteport-agent",
        )
        for right in beyond
    ]


def written(group: str, resource: str, verb: str, name: str = "") -> str:
    """A right as a person says it: `patch deployments.apps/api`."""
    where = f"{resource}.{group}" if group else resource
    return f"{verb} {where}" + (f"/{name}" if name else "")


def missing(needed: Sequence[Placed], answers: Mapping[tuple[str, str, str], bool], namespace: str) -> list[Finding]:
    """Rights that an act must have and that the cluster did not grant; optional ones are `doctor`'s to warn of."""
    return [
        Finding(
            kind=Kind.MISSING,
            what=written(*placed.key),
            namespace=namespace if placed.place is not Place.CLUSTER else "",
            remedy=f"byteport enable {namespace}" if namespace else "helm upgrade the chart",
        )
        for placed in needed
        if not placed.right.because and not answers.get(placed.key, False)
    ]


def policies(wanted: Sequence[JSON], live: Mapping[tuple[str, str], JSON | None]) -> list[Finding]:
    """Every rendered policy and binding against what stands, by kind and name; None where there is none."""
    found = []
    for item in wanted:
        kind, name = str(item["kind"]), str(item["metadata"]["name"])
        standing = live.get((kind, name))
        bound = kind.endswith("Binding")
        if standing is None:
            gone = Kind.UNBOUND if bound else Kind.POLICY_ABSENT
            found.append(Finding(kind=gone, what=f"{kind} {name} is not there", remedy=_AGAIN))
            continue
        differs = difference(item["spec"], fields.mapping(standing.get("spec")))
        if differs:
            changed = Kind.UNBOUND if bound else Kind.POLICY_CHANGED
            found.append(Finding(kind=changed, what=f"{kind} {name} differs at {differs}", remedy=_AGAIN))
        elif fields.metadata(standing).get("deletionTimestamp") is not None:
            found.append(Finding(kind=Kind.POLICY_ABSENT, what=f"{kind} {name} is being deleted", remedy=_AGAIN))
    return found


def difference(wanted: object, live: object, path: str = "spec") -> str:
    """Where `live` is not what was rendered, as a path; empty when it is. What the API server fills in is known."""
    if isinstance(wanted, dict) and isinstance(live, dict):
        for key in [*wanted, *(key for key in live if key not in wanted)]:
            here = f"{path}.{key}"
            if key not in wanted:
                if live[key] != FILLED_IN.get(key):
                    return here
            elif key not in live:
                return here
            elif found := difference(wanted[key], live[key], here):
                return found
        return ""
    if isinstance(wanted, list) and isinstance(live, list):
        if len(wanted) != len(live):
            return path
        for index, (one, other) in enumerate(zip(wanted, live, strict=True)):
            if found := difference(one, other, f"{path}[{index}]"):
                return found
        return ""
    return "" if wanted == live and type(wanted) is type(live) else path


FILLED_IN: Mapping[str, object] = {
    "matchPolicy": "Equivalent",
    "namespaceSelector": {},
    "objectSelector": {},
    "scope": "*",
}
"""Defaults that the API server writes into a policy."""
_AGAIN = "helm upgrade the chart; nothing is done without a person until it stands again"


def ceilings_key(config: JSON | None) -> Mapping[str, str]:
    """The data of the ConfigMap `byteport-enabled`; empty where there is none."""
    data = fields.mapping((config or {}).get("data"))
    return {str(key): str(value) for key, value in data.items() if isinstance(value, str)}


def _words(value: object) -> tuple[str, ...]:
    return tuple(str(one) for one in value) if isinstance(value, list) else ()
