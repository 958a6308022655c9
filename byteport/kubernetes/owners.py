"""Who controls an object, by controller reference and nothing else; names alone prove nothing.

`pods.py` asks it for each pod. A pod may be deleted by us only under exactly Pod → ReplicaSet → Deployment (apps/v1)
with no owner above the Deployment: anything else either does not recreate the pod, or fights whoever does.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any

from byteport.domain.base import Frozen
from byteport.kubernetes import fields
from byteport.kubernetes.world import JSON, World, place_of


class OwnerKind(StrEnum):
    """What the end of the controller chain is."""

    DEPLOYMENT = "Deployment"
    REPLICA_SET = "ReplicaSet"
    STATEFUL_SET = "StatefulSet"
    DAEMON_SET = "DaemonSet"
    JOB = "Job"
    POD = "Pod"
    """The pod itself: nothing controls it."""
    FOREIGN = "Foreign"
    """A controller of some other API: an Argo Rollout, a Canary, any custom resource."""


class Proof(StrEnum):
    """How sure the chain is."""

    READ = "read"
    """Every object of it was read, and the uids agree."""
    NAMED = "named"
    """Inferred from names and the template hash; an object of it is not in what was read. Never enough for an act."""
    BROKEN = "broken"
    """An object of it is being deleted, is gone, or has another uid than the reference says."""


class Owner(Frozen):
    """The end of a pod's controller chain, and the ReplicaSet in between, if any."""

    kind: OwnerKind
    name: str
    uid: str = ""
    replica_set: str = ""
    replica_set_uid: str = ""
    api_kind: str = ""
    """The kind of a `FOREIGN` owner, as its reference says it."""
    proof: Proof = Proof.NAMED
    owned: bool = False
    """Something owns the end of the chain in turn (an operator, a custom resource)."""


_KIND = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}\Z")
_APPS = {
    "StatefulSet": OwnerKind.STATEFUL_SET,
    "DaemonSet": OwnerKind.DAEMON_SET,
    "Deployment": OwnerKind.DEPLOYMENT,
}


def controller(item: JSON) -> dict[str, str] | None:
    """The one reference with `controller: true`, as kind, name, uid and group; None when there is none."""
    for reference in fields.entries(fields.metadata(item).get("ownerReferences")):
        if reference.get("controller") is True:
            api = reference.get("apiVersion")
            kind = reference.get("kind")
            return {
                "group": api.partition("/")[0] if isinstance(api, str) and "/" in api else "",
                "kind": kind if isinstance(kind, str) and _KIND.match(kind) else "",
                "name": fields.name(reference.get("name")),
                "uid": fields.uid(reference.get("uid")),
            }
    return None


def owned_by(item: JSON, uid: str) -> bool:
    """Whether the object with `uid` controls `item`."""
    reference = controller(item)
    return bool(uid) and reference is not None and reference["uid"] == uid


def controlled(world: World, kind: str, uid: str, namespace: str | None = None) -> list[JSON]:
    """Objects of `kind` (`ReplicaSet` or `Pod`), of one namespace if given, that the object with `uid` controls, as they were read."""
    found = world.found(_by_controller, (kind, uid)) if uid else []
    return [item for item in found if namespace is None or place_of(item)[0] == namespace]


def _by_controller(world: World) -> dict[tuple[str, str], list[JSON]]:
    found: dict[tuple[str, str], list[JSON]] = {}
    for kind in ("ReplicaSet", "Pod"):
        for item in world.of(kind):
            reference = controller(item)
            if reference is not None:
                found.setdefault((kind, reference["uid"]), []).append(item)
    return found


def pod_owner(pod: JSON, world: World) -> Owner:
    """The controlling owner of a pod, followed through what was read."""
    meta = fields.metadata(pod)
    reference = controller(pod)
    if reference is None:
        return Owner(
            kind=OwnerKind.POD, name=fields.name(meta.get("name")), uid=fields.uid(meta.get("uid")), proof=Proof.READ
        )
    if reference["group"] == "apps" and reference["kind"] == "ReplicaSet":
        return _through_replica_set(pod, reference, world)
    if reference["group"] == "apps" and reference["kind"] in _APPS:
        kind = _APPS[reference["kind"]]
    elif reference["group"] == "batch" and reference["kind"] == "Job":
        kind = OwnerKind.JOB
    else:
        kind = OwnerKind.FOREIGN
    return Owner(kind=kind, name=reference["name"], uid=reference["uid"], api_kind=reference["kind"])


def _through_replica_set(pod: JSON, reference: dict[str, str], world: World) -> Owner:
    namespace = fields.name(fields.metadata(pod).get("namespace"))
    between: dict[str, Any] = {"replica_set": reference["name"], "replica_set_uid": reference["uid"]}
    found = world.named("ReplicaSet", namespace, reference["name"])
    if found is None:
        guess = deployment_of(pod, reference["name"])
        proof = Proof.BROKEN if world.complete else Proof.NAMED
        kind = OwnerKind.DEPLOYMENT if guess else OwnerKind.REPLICA_SET
        return Owner(kind=kind, name=guess or reference["name"], proof=proof, **between)
    if not _same(found, reference["uid"]):
        # Another object under that name: what the pod belonged to is gone, or never was.
        return Owner(
            kind=OwnerKind.REPLICA_SET, name=reference["name"], uid=reference["uid"], proof=Proof.BROKEN, **between
        )
    above = controller(found)
    whole = not deleted(found)
    if above is None:
        proof = Proof.READ if whole else Proof.BROKEN
        owned = bool(fields.entries(fields.metadata(found).get("ownerReferences")))
        return Owner(
            kind=OwnerKind.REPLICA_SET,
            name=reference["name"],
            uid=reference["uid"],
            proof=proof,
            owned=owned,
            **between,
        )
    if above["group"] != "apps" or above["kind"] != "Deployment":
        return Owner(kind=OwnerKind.FOREIGN, name=above["name"], uid=above["uid"], api_kind=above["kind"], **between)
    top = world.named("Deployment", namespace, above["name"])
    if top is None:
        proof = Proof.BROKEN if world.complete else Proof.NAMED
        return Owner(kind=OwnerKind.DEPLOYMENT, name=above["name"], uid=above["uid"], proof=proof, **between)
    whole = whole and _same(top, above["uid"]) and not deleted(top)
    return Owner(
        kind=OwnerKind.DEPLOYMENT,
        name=above["name"],
        uid=above["uid"],
        proof=Proof.READ if whole else Proof.BROKEN,
        owned=bool(fields.entries(fields.metadata(top).get("ownerReferences"))),
        **between,
    )


def deployment_of(pod: JSON, replica_set: str) -> str:
    """The Deployment that a ReplicaSet's name speaks of: `name-hash`, where hash is the pod's own template hash."""
    template_hash = fields.labels(pod).get("pod-template-hash")
    if not isinstance(template_hash, str) or not template_hash or not replica_set.endswith(f"-{template_hash}"):
        return ""
    return fields.name(replica_set[: -len(template_hash) - 1])


def deleted(item: JSON) -> bool:
    """Being terminated."""
    return fields.metadata(item).get("deletionTimestamp") is not None


def _same(item: JSON, uid: str) -> bool:
    return bool(uid) and fields.metadata(item).get("uid") == uid
