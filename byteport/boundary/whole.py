"""Whether the boundary that stands on a cluster is the one that these choices ask for: needed against granted, text
against text. Pure. Comes before `expected.py` (what must be granted where) and `selfcheck.py`, which puts the answers together;
`workers/boundary_check.py` fetches what is compared, at start and on a timer.

Anything that is not exactly as rendered refuses `auto`: everywhere where it holds everywhere, in one namespace where it
is only there, since whoever administers a namespace can bind rights to our account and must not thereby switch off all
the others. Roles are written by tenants, so that no word of one is repeated which is not plain.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from byteport.boundary.names import ADMISSION, RBAC
from byteport.boundary.remedies import UPGRADE, unbinding, waiting_for
from byteport.domain.base import Frozen
from byteport.kubernetes import fields
from byteport.kubernetes.port import JSON

Right = tuple[str, str, str, str]
"""Group, resource, verb and object name (empty: every object); a path beside objects is a name without a resource."""
Granted = frozenset[Right]
TOO_MANY: Right = ("", "more-than-can-be-listed", "*", "")
MOST_RIGHTS = 5000
"""Of one review; the widest installation holds some seventy."""
MOST_NAMED = 10
"""Rights too many that are named one by one, in one place."""


class Need(NamedTuple):
    """A right that is to be granted; with a `because` it is optional, and that is what cannot be told without it."""

    right: Right
    because: str = ""


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
"""What every account of a cluster has: system:basic-user and the discovery of trust bundles."""

BASELINE_URLS = frozenset(
    {
        *("/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", "/version", "/version/"),
        *("/healthz", "/livez", "/readyz"),
        *("/.well-known/openid-configuration", "/.well-known/openid-configuration/"),
        *("/openid/v1/jwks", "/openid/v1/jwks/"),
    }
)
"""What every ServiceAccount may `get` beside objects: system:discovery, system:public-info-viewer, and who issues tokens."""

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
    (RBAC, "clusterroles", "bind"),
    (RBAC, "clusterroles", "escalate"),
    (RBAC, "rolebindings", "create"),
    (RBAC, "clusterrolebindings", "create"),
    (ADMISSION, "validatingadmissionpolicies", "delete"),
    (ADMISSION, "validatingadmissionpolicybindings", "patch"),
)
"""Asked one by one where an authoriser cannot list what it grants; then absence of others cannot be proved."""


IN_A_NAMESPACE = (("", "secrets", "get"), (RBAC, "rolebindings", "create"))
"""Of these, what is asked in each namespace as well: who has one of the two has the others soon."""


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
    UNKNOWN_ACCOUNT = "unknown_account"
    """The credential is of an account that no policy binds."""
    UNREADABLE = "unreadable"
    """Nobody can tell how far a namespace was given: what stands in the ConfigMap is no ceiling."""
    UNLISTED = "unlisted"
    """What is held in one namespace could not be taken from the API server."""
    NOT_ENFORCED = "not_enforced"
    """The policies stand as rendered, and the API server let through what they refuse."""
    NOT_HEARD = "not_heard"
    """Something else refused that, so that nobody can tell."""
    CANNOT_PROVE = "cannot_prove"
    """The authoriser cannot list what it grants; none of the dangerous ones was found."""


class Finding(Frozen):
    """One thing that is not whole; `namespace` empty when it holds everywhere."""

    kind: Kind
    what: str
    remedy: str
    """What to run: an exact command first."""
    namespace: str = ""

    @property
    def refuses_auto(self) -> bool:
        """Whether nothing is done without a person while it stands."""
        return self.kind is not Kind.CANNOT_PROVE

    @property
    def said(self) -> str:
        """What it is, and where."""
        return f"{_SAID[self.kind]}{self.what}" + (f" in {self.namespace}" if self.namespace else "")

    @property
    def text(self) -> str:
        """On one line: what it is, where, and what to run."""
        return f"{self.said}; {self.remedy}"


_SAID: Mapping[Kind, str] = {
    Kind.MISSING: "not granted: ",
    Kind.EXCESS: "granted and needed by nothing: ",
    Kind.POLICY_ABSENT: "",
    Kind.POLICY_CHANGED: "",
    Kind.UNBOUND: "",
    Kind.UNKNOWN_ACCOUNT: "",
    Kind.UNREADABLE: "",
    Kind.UNLISTED: "",
    Kind.NOT_ENFORCED: "",
    Kind.NOT_HEARD: "",
    Kind.CANNOT_PROVE: "",
}


def granted(review: JSON) -> tuple[Granted, bool]:
    """What a SelfSubjectRulesReview's status lists, and whether it is complete. Wildcards stay as `*`.

    Of paths beside objects those are left out that every ServiceAccount may get.
    """
    paths = {
        ("", "", verb, path)
        for one in fields.entries(review.get("nonResourceRules"))
        for path in fields.strings(one.get("nonResourceURLs"))
        for verb in fields.strings(one.get("verbs"))
        if not (verb == "get" and path in BASELINE_URLS)
    }
    return rights_of(fields.entries(review.get("resourceRules"))) | paths, review.get("incomplete") is not True


def rights_of(its_rules: Iterable[Mapping[str, object]]) -> Granted:
    """What RBAC's rules grant, however they are put together.

    A tenant writes roles too, and one rule of a thousand words in each list would be a billion rights: of more than
    `MOST_RIGHTS` the rest is `TOO_MANY`, which nothing needs.
    """
    found: set[Right] = set()
    for one in its_rules:
        lists = [fields.strings(one.get(name)) for name in ("apiGroups", "resources", "verbs")]
        lists.append(fields.strings(one.get("resourceNames")) or [""])
        if len(found) + math.prod(map(len, lists)) > MOST_RIGHTS:
            found.add(TOO_MANY)
            continue
        found.update((group, resource, verb, name) for group, resource, verb, name in itertools.product(*lists))
    return frozenset(found)


def excess(has: Granted, may: Iterable[Right], namespace: str) -> list[Finding]:
    """Rights beyond `may`. A right for every object covers that for one; a wildcard is never covered."""
    allowed = set(may)
    beyond = sorted(
        {
            written(*right)
            for right in has
            if right not in allowed and (*right[:3], "") not in allowed and right[:3] not in BASELINE
        }
    )
    if len(beyond) > MOST_NAMED:
        beyond[MOST_NAMED:] = [f"{len(beyond) - MOST_NAMED} more rights"]
    remedy = unbinding(namespace)
    return [Finding(kind=Kind.EXCESS, what=what, namespace=namespace, remedy=remedy) for what in beyond]


def missing(needed: Iterable[Need], has: Granted, namespace: str, *, remedy: str = UPGRADE) -> list[Finding]:
    """Rights that an act must have and that are not granted; what is optional is `blind`'s to tell.

    `remedy` is what gives them: the chart, but in a namespace of applications `byteport enable`.
    """
    lacking = {written(*need.right) for need in needed if not need.because and not covered(need.right, has)}
    return [Finding(kind=Kind.MISSING, what=what, namespace=namespace, remedy=remedy) for what in sorted(lacking)]


def blind(needed: Iterable[Need], has: Granted) -> list[tuple[str, str]]:
    """Optional rights that are not granted, each with what cannot be told without it."""
    lacking = [need for need in needed if need.because and not covered(need.right, has)]
    return sorted({(written(*need.right), need.because) for need in lacking})


def covered(right: Right, has: Granted) -> bool:
    """Whether `has` holds it, by a wildcard too, as RBAC reads one."""
    if right in has:
        return True
    group, resource, verb, name = right
    _, _, subresource = resource.partition("/")
    resources = {resource, "*", *([f"*/{subresource}"] if subresource else [])}
    return any(
        one[0] in (group, "*") and one[1] in resources and one[2] in (verb, "*") and one[3] in (name, "") for one in has
    )


def written(group: str, resource: str, verb: str, name: str = "") -> str:
    """A right as a person says it: `patch deployments.apps/api`. A word that is not plain is not repeated."""
    group, resource, verb, name = (
        word if _PLAIN.fullmatch(word) else "(a strange word)" for word in (group, resource, verb, name)
    )
    if not resource:
        return f"{verb} {name}"
    where = f"{resource}.{group}" if group else resource
    return f"{verb} {where}" + (f"/{name}" if name else "")


_PLAIN = re.compile(r"[A-Za-z0-9._:/*-]{0,253}")


def policies(wanted: Sequence[JSON], live: Mapping[tuple[str, str], JSON | None]) -> list[Finding]:
    """Every rendered policy and binding against what stands, by kind and name; None where there is none."""
    found = []
    for item in wanted:
        kind, name = str(item["kind"]), str(item["metadata"]["name"])
        standing = live.get((kind, name))
        bound = kind.endswith("Binding")
        if standing is None:
            gone = Kind.UNBOUND if bound else Kind.POLICY_ABSENT
            found.append(Finding(kind=gone, what=f"{kind} {name} is not there", remedy=UPGRADE))
            continue
        differs = difference(item["spec"], fields.mapping(standing.get("spec")))
        if differs:
            changed = Kind.UNBOUND if bound else Kind.POLICY_CHANGED
            found.append(Finding(kind=changed, what=f"{kind} {name} differs at {differs}", remedy=UPGRADE))
        elif fields.metadata(standing).get("deletionTimestamp") is not None:
            going = f"{kind} {name} is being deleted"
            found.append(Finding(kind=Kind.POLICY_ABSENT, what=going, remedy=waiting_for(kind, name)))
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
