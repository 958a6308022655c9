"""What all tests of the boundary share on their control plane, and each must leave as it found it.

One installation serves them all. What a test leaves there fails another, later, that passes alone. `conftest.py` looks
after every test, so that the one that left something is named itself, and the next finds everything as it was.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from byteport.boundary.names import HELPER_NAMESPACE, NAMESPACE
from byteport.sandbox.controlplane.rest import Api, ApiRefused

JSON = dict[str, Any]

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
POLICIES = (
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
    "mutatingadmissionpolicies",
    "mutatingadmissionpolicybindings",
)
RIGHTS = ("clusterroles", "clusterrolebindings", "roles", "rolebindings")
CLUSTER_WIDE = (
    ("/api/v1", "namespaces"),
    (RBAC, "clusterroles"),
    (RBAC, "clusterrolebindings"),
    *((ADMISSION, plural) for plural in POLICIES),
    (ADMISSION, "validatingwebhookconfigurations"),
    (ADMISSION, "mutatingwebhookconfigurations"),
)
IN_NAMESPACES = (
    (RBAC, "roles"),
    (RBAC, "rolebindings"),
    ("/apis/apps/v1", "deployments"),
    ("/api/v1", "configmaps"),
    ("/api/v1", "serviceaccounts"),
    ("/api/v1", "pods"),
)
BY_NAME = ("serviceaccounts", "pods", "deployments")
"""Of these it counts only that they are there: controllers write to them."""
OURS = (NAMESPACE, HELPER_NAMESPACE, "default")
"""Besides roles and Deployments, everything in these counts; in the cluster's own, controllers make the rest."""
NOT_FOUND = 404
MADE_BY_CONTROLLERS = ("kube-root-ca.crt", "default")


class Place(NamedTuple):
    """Where an object lies."""

    root: str
    plural: str
    namespace: str
    name: str

    @property
    def collection(self) -> str:
        within = f"/namespaces/{self.namespace}" if self.namespace else ""
        return f"{self.root}{within}/{self.plural}"

    @property
    def path(self) -> str:
        return f"{self.collection}/{self.name}"

    def __str__(self) -> str:
        return "/".join(part for part in (self.namespace, self.plural, self.name) if part)


Shared = Mapping[Place, JSON]


def shared(api: Api) -> Shared:
    """Everything that tests share, as it is now. What is on its way out is gone."""
    found = {}
    for root, plural in CLUSTER_WIDE:
        found.update(_listed(api, root, plural))
    homes = {place.name for place in found if place.plural == "namespaces"}
    for root, plural in IN_NAMESPACES:
        found.update({place: item for place, item in _listed(api, root, plural).items() if place.namespace in homes})
    return {place: item for place, item in found.items() if _counts(place)}


def differences(before: Shared, now: Shared) -> dict[Place, str]:
    """What was made, what is gone and what is not as it was, each in a word."""
    homes = {place.name for place in before if place.plural == "namespaces"}
    made = {place: "left" for place in now if place not in before and place.namespace in {"", *homes}}
    gone = {place: "gone" for place in before if place not in now}
    both = (place for place in before if place in now)
    return {**made, **gone, **{place: "changed" for place in both if _content(place, before) != _content(place, now)}}


def put_back(api: Api, before: Shared, found: Mapping[Place, str]) -> None:
    """Make it as it was before. A namespace stays the one that it is: with another would go everything in it."""
    for place, word in found.items():
        if word == "changed" and place.plural == "namespaces":
            api.call("PUT", place.path, _again(before[place]))
            continue
        if word != "gone":
            _remove(api, place)
        if word != "left":
            api.call("POST", place.collection, _again(before[place]))


def _remove(api: Api, place: Place) -> None:
    """What went of itself meanwhile is no error."""
    try:
        api.call("DELETE", place.path)
    except ApiRefused as error:
        if error.status != NOT_FOUND:
            raise


def policies_moved(before: Shared, now: Shared) -> bool:
    """Whether a policy or binding was written, though it may read as before: the API server may not have heard yet."""
    return _versions(before, POLICIES) != _versions(now, POLICIES)


def rights_moved(before: Shared, now: Shared) -> bool:
    """The same of roles and their bindings."""
    return _versions(before, RIGHTS) != _versions(now, RIGHTS)


def _versions(found: Shared, plurals: Collection[str]) -> dict[Place, str]:
    return {place: item["metadata"]["resourceVersion"] for place, item in found.items() if place.plural in plurals}


def _listed(api: Api, root: str, plural: str) -> dict[Place, JSON]:
    return {
        Place(root, plural, item["metadata"].get("namespace", ""), item["metadata"]["name"]): item
        for item in api.call("GET", f"{root}/{plural}")["items"]
        if "deletionTimestamp" not in item["metadata"] and not _goes_with_its_owner(plural, item)
    }


def _goes_with_its_owner(plural: str, item: JSON) -> bool:
    return plural == "pods" and "ownerReferences" in item["metadata"]


def _counts(place: Place) -> bool:
    """Whether only people and tests make it: the API server and its controllers make theirs in their own time."""
    if place.name.startswith("system:") or (place.namespace and place.name in MADE_BY_CONTROLLERS):
        return False
    return not place.namespace or place.namespace in OURS or place.plural in ("deployments", "roles", "rolebindings")


def _content(place: Place, of: Shared) -> JSON:
    if place.plural in BY_NAME:
        return {}
    item, metadata = of[place], of[place]["metadata"]
    told = {key: value for key, value in item.items() if key not in ("metadata", "status")}
    if "aggregationRule" in item:
        told.pop("rules", None)  # a controller fills them in
    told |= {key: metadata.get(key) for key in ("labels", "annotations", "finalizers", "ownerReferences")}
    return {key: value for key, value in told.items() if value}


def _again(item: JSON) -> JSON:
    own = ("uid", "resourceVersion", "creationTimestamp", "managedFields", "generation")
    metadata = {key: value for key, value in item["metadata"].items() if key not in own}
    return {**{key: value for key, value in item.items() if key != "status"}, "metadata": metadata}
