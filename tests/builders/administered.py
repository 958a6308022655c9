"""A cluster as an administrator's hands have it: objects by place, with uids, versions and field managers, and rights.

It answers as the API server does where `byteport enable`, `disable`, `halt` and `resume` depend on it: a create of what is
there, a stale version or another uid is refused, a merge patch takes keys away, a role reference cannot be changed.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import jsonpatch
import jsonpointer

from byteport.boundary.changes import PLACES
from byteport.boundary.choices import Choices
from byteport.boundary.names import CEILINGS, MAY_ACT, NAMESPACE
from byteport.boundary.policies.catalogue import names_of, policies
from byteport.boundary.roles import installation
from byteport.errors import BytePortError, NotPermitted, PreconditionFailed, TargetGone
from byteport.kubernetes.port import ClusterPort, Resource
from tests.builders.proving import Proving

JSON = dict[str, Any]
Place = tuple[str, str, str]
"""Plural, namespace, name."""
CLUSTER_UID = "11111111-1111-4111-8111-111111111111"
MANAGER = "byteport-enable"


class Administered:
    """One cluster with one credential, which may do everything but what is in `refused`."""

    server = "https://cluster.example:6443"

    def __init__(self, *items: JSON, version: str = "v1.37.2") -> None:
        self.objects: dict[Place, JSON] = {}
        self.refused: set[tuple[str, str]] = set()
        """Verb and plural (with its subresource) that the credential may not."""
        self.writes: list[str] = []
        self.breaks_at: dict[int, BytePortError] = {}
        """By number of the write: an error in its place."""
        self.down: BytePortError | None = None
        self.agent: ClusterPort = Proving()
        """What whoever acts as the agent reaches."""
        self.agent_may_act: bool | None = None
        """What the authoriser says of the agent; None: as the binding has it."""
        self._version = version
        self._numbers = itertools.count(1)
        for item in items:
            self.put(item)

    def put(self, item: JSON) -> JSON:
        """Have an object, however it came to be."""
        stored = copy.deepcopy(item)
        number = next(self._numbers)
        stored["metadata"] = {"uid": f"uid-{number}", "resourceVersion": str(number), **stored["metadata"]}
        self.objects[self._place(item["kind"], item["metadata"])] = stored
        return stored

    def drop(self, kind: str, name: str, namespace: str = "") -> None:
        """Have it no more."""
        del self.objects[PLACES[kind].plural, namespace, name]

    def have(self, kind: str, name: str, namespace: str = "") -> JSON | None:
        return self.objects.get((PLACES[kind].plural, namespace, name))

    def plain(self) -> dict[Place, JSON]:
        """Everything, without what only numbers writes; no labels are no labels."""
        found = copy.deepcopy(self.objects)
        for item in found.values():
            for key in ("uid", "resourceVersion", "managedFields"):
                item["metadata"].pop(key, None)
            if not item["metadata"].get("labels", True):
                del item["metadata"]["labels"]
        return found

    def acting_as(self, user: str, of_pod: str) -> ClusterPort:
        assert user == "system:serviceaccount:byteport-agent:byteport-agent"
        assert of_pod in ("", "byteport-agent-doctor")
        return self.agent

    async def version(self) -> str:
        self._answer()
        return self._version

    async def find(self, resource: Resource, namespace: str, name: str) -> JSON | None:
        self._answer()
        self._demand("get", resource.plural)
        return copy.deepcopy(self.objects.get((resource.plural, namespace, name)))

    async def list(self, resource: Resource, namespace: str) -> list[JSON]:
        self._answer()
        self._demand("list", resource.plural)
        found = []
        for (plural, home, _), item in self.objects.items():
            if plural == resource.plural and namespace in ("", home):
                found.append({key: value for key, value in copy.deepcopy(item).items() if key != "kind"})
        return found

    async def may(
        self, verb: str, resource: Resource, namespace: str, name: str = "", *, subresource: str = ""
    ) -> bool:
        self._answer()
        return (verb, "/".join(filter(None, (resource.plural, subresource)))) not in self.refused

    async def account_may(self, account: str, groups: Sequence[str], attributes: Mapping[str, str]) -> bool:
        self._answer()
        self._demand("create", "subjectaccessreviews")
        return (
            self.have("ClusterRoleBinding", MAY_ACT) is not None if self.agent_may_act is None else self.agent_may_act
        )

    async def create(self, resource: Resource, namespace: str, body: JSON) -> None:
        self._write("create", resource, body["metadata"]["name"])
        if (resource.plural, namespace, body["metadata"]["name"]) in self.objects:
            raise PreconditionFailed("it is there already")
        self.put(body)

    async def apply(self, resource: Resource, namespace: str, name: str, body: JSON) -> None:
        self._write("patch", resource, name)
        have = self._same(resource, namespace, name, body["metadata"])
        if "roleRef" in body and body["roleRef"] != have["roleRef"]:
            raise NotPermitted("a role reference cannot be changed")
        labels = {**have["metadata"].get("labels", {}), **body["metadata"].get("labels", {})}
        metadata = {**have["metadata"], "labels": labels}
        self._moved({**have, **copy.deepcopy(body), "metadata": metadata})

    async def patch(
        self, resource: Resource, namespace: str, name: str, operations: Sequence[Mapping[str, Any]]
    ) -> None:
        self._write("patch", resource, name)
        have = self._same(resource, namespace, name, {})
        try:
            moved = _patched(have, operations)
        except jsonpatch.JsonPatchException:
            raise PreconditionFailed("a test failed") from None
        labels = moved["metadata"].get("labels") or {}
        owned: JSON = {"f:metadata": {"f:labels": {f"f:{key}": {} for key in labels.keys() - _labels(have).keys()}}}
        if owned["f:metadata"]["f:labels"]:
            mine = {"manager": MANAGER, "fieldsV1": owned}
            moved["metadata"]["managedFields"] = [*moved["metadata"].get("managedFields", []), mine]
        self._moved(moved)

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str) -> None:
        self._write("delete", resource, name)
        self._same(resource, namespace, name, {"uid": uid, "resourceVersion": resource_version})
        del self.objects[resource.plural, namespace, name]

    def _answer(self) -> None:
        if self.down is not None:
            raise self.down

    def _demand(self, verb: str, plural: str) -> None:
        if (verb, plural) in self.refused:
            raise NotPermitted(f"{verb} {plural}: forbidden")

    def _write(self, verb: str, resource: Resource, name: str) -> None:
        self._answer()
        if error := self.breaks_at.pop(len(self.writes), None):
            raise error
        self._demand(verb, resource.plural)
        self.writes.append(f"{verb} {resource.plural}/{name}")

    def _same(self, resource: Resource, namespace: str, name: str, seen: Mapping[str, Any]) -> JSON:
        have = self.objects.get((resource.plural, namespace, name))
        if have is None:
            raise TargetGone(f"{resource.plural} {name}: not found")
        if any(seen.get(key) not in (None, "", have["metadata"][key]) for key in ("uid", "resourceVersion")):
            raise PreconditionFailed("it is another, or another version")
        return have

    def _moved(self, item: JSON) -> None:
        item["metadata"]["resourceVersion"] = str(next(self._numbers))
        self.objects[self._place(item["kind"], item["metadata"])] = item

    @staticmethod
    def _place(kind: str, metadata: JSON) -> Place:
        return PLACES[kind].plural, metadata.get("namespace", ""), metadata["name"]


def _labels(item: JSON) -> JSON:
    return item["metadata"].get("labels") or {}


def _patched(have: JSON, operations: Sequence[Mapping[str, Any]]) -> JSON:
    """As the API server does: a test on null holds where nothing is, and an empty map is nothing."""
    lean = copy.deepcopy(have)
    for holder, key in ((lean, "data"), (lean["metadata"], "labels")):
        if not holder.get(key, True):
            del holder[key]
    wanted = [dict(one) for one in operations]
    absent = [one for one in wanted if one["op"] == "test" and one["value"] is None]
    for one in absent:
        if jsonpointer.JsonPointer(one["path"]).resolve(lean, None) is not None:
            raise jsonpatch.JsonPatchTestFailed("something is there")
    patched: JSON = jsonpatch.JsonPatch([one for one in wanted if one not in absent]).apply(lean)
    return patched


def the_installation(choices: Choices | None = None) -> list[JSON]:
    """Every cluster-scoped object of an installation, our own namespace, and kube-system."""
    chosen = choices or Choices()
    made = policies(chosen)
    roles = installation(chosen, names_of(made, "ValidatingAdmissionPolicy"), names_of(made, "MutatingAdmissionPolicy"))
    system = {"kind": "Namespace", "metadata": {"name": "kube-system", "uid": CLUSTER_UID}}
    return [a_namespace(NAMESPACE), system, *made, *roles]


def a_namespace(name: str, **labels: str) -> JSON:
    return {"kind": "Namespace", "metadata": {"name": name, "labels": labels}, "status": {"phase": "Active"}}


def a_deployment(name: str, namespace: str = "shop", **metadata: Any) -> JSON:
    return {"kind": "Deployment", "metadata": {"name": name, "namespace": namespace, **metadata}}


def an_autoscaler(name: str, namespace: str = "shop", floor: int = 2, **metadata: Any) -> JSON:
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    spec = {"minReplicas": floor, "maxReplicas": 10, "scaleTargetRef": scaled}
    return {
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": spec,
    }


def installed_cluster(*more: JSON, choices: Choices | None = None, version: str = "v1.37.2") -> Administered:
    """An installation, and the namespace `shop` with Deployments `api` and `web` and an autoscaler `web`."""
    shop = [a_namespace("shop"), a_deployment("api"), a_deployment("web"), an_autoscaler("web")]
    return Administered(*the_installation(choices), *shop, *more, version=version)


def keys(cluster: Administered) -> Mapping[str, str]:
    """What the agent is told."""
    found = cluster.have("ConfigMap", CEILINGS, NAMESPACE)
    return found["data"] if found else {}
