"""An API server over a dictionary, with the boundary on it: roles are evaluated, policies lie there to be weakened.

It grants what the RBAC objects in it say, to the agent's one account, and counts what it is asked. Real API servers are
asked the same by `tests/cluster/boundary`.
"""

from __future__ import annotations

import asyncio
import copy
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from byteport.boundary.choices import Choices
from byteport.boundary.names import ACCOUNTS_GROUP, CEILINGS, NAMESPACE, role_ref
from byteport.boundary.policies import commands, pods
from byteport.boundary.policies.catalogue import names_of, policies
from byteport.boundary.roles import binding, installation, of_namespace, role
from byteport.boundary.selfcheck import RESOURCES
from byteport.boundary.whole import BASELINE, Granted, Right, covered, rights_of
from byteport.domain.ceilings import Ceiling
from byteport.errors import BytePortError, NotPermitted, PermanentError, TargetGone, Unavailable
from byteport.kubernetes.enrolment import ENABLED_LABEL
from byteport.kubernetes.port import JSON, NO_POD, Attribution, InVain, Listed, Resource
from tests.builders.unasked import Unasked

Key = tuple[str, str, str]
_KINDS = {resource.plural: kind for kind, resource in RESOURCES.items()} | {
    "configmaps": "ConfigMap",
    "namespaces": "Namespace",
}
_POLICY_OF = {InVain.EVICTION: pods.EVICTION, InVain.EXEC: commands.NAME}
_SHORT = {"deployments": "deployments", "horizontalpodautoscalers": "autoscalers"}


class Guarded(Unasked):
    """One cluster with one installation; `given` are the namespaces that `byteport enable` was run for."""

    def __init__(
        self, choices: Choices | None = None, given: Mapping[str, Ceiling] | None = None, *, version: str = "v1.37.2"
    ) -> None:
        self.choices = choices or Choices()
        self.version = version
        self.groups = ["system:serviceaccounts", ACCOUNTS_GROUP, "system:authenticated"]
        self.incomplete = False
        """Whether an authoriser stands beside RBAC that cannot list what it grants."""
        self.elsewhere: set[tuple[str, Right]] = set()
        """What that one grants: namespace (empty: everywhere) and right."""
        self.enforces = True
        """Whether it evaluates admission policies at all."""
        self.others: BytePortError | None = None
        """What somebody else's admission answers to every write, before ours."""
        self.broken = False
        self.unlisted: set[str] = set()
        """Namespaces of which the list of our rights is too long to be taken."""
        self.asked: Counter[str] = Counter()
        self.at_once = self.most_at_once = 0
        self.objects: dict[Key, JSON] = {}
        newest = policies(self.choices.model_copy(update={"proves_rollbacks": True}))
        mutating = names_of(newest, "MutatingAdmissionPolicy")
        self.apply(*installation(self.choices, names_of(newest, "ValidatingAdmissionPolicy"), mutating))
        self.apply(*policies(self.choices))
        for name in ("default", "kube-system", NAMESPACE):
            self.apply({"kind": "Namespace", "metadata": {"name": name}})
        for name, ceiling in (given or {}).items():
            self.enable(name, ceiling)

    # -- an administrator's hands -----------------------------------------------------------------------------------

    def apply(self, *items: JSON) -> None:
        for item in copy.deepcopy(items):
            metadata = item["metadata"]
            self.objects[item["kind"], metadata.get("namespace", ""), metadata["name"]] = item

    def remove(self, kind: str, name: str, namespace: str = "") -> JSON:
        return self.objects.pop((kind, namespace, name))

    def edit(self, kind: str, name: str, namespace: str = "") -> Any:
        """The spec (of a ConfigMap the data), to be changed in place."""
        item = self.objects[kind, namespace, name]
        return item["data"] if kind == "ConfigMap" else item["spec"]

    def enable(self, name: str, ceiling: Ceiling) -> None:
        """As `byteport enable` leaves it."""
        self.apply({"kind": "Namespace", "metadata": {"name": name, "labels": {ENABLED_LABEL: "true"}}})
        for key in [key for key in self.objects if key[1] == name and key[0] in ("Role", "RoleBinding")]:
            del self.objects[key]
        self.apply(*of_namespace(name, ceiling, self.choices))
        self.write_down(name, ceiling.model_dump_json())

    def write_down(self, name: str, text: str) -> None:
        key = ("ConfigMap", NAMESPACE, CEILINGS)
        empty = {"kind": "ConfigMap", "metadata": {"name": CEILINGS, "namespace": NAMESPACE}, "data": {}}
        self.objects.setdefault(key, empty)["data"][name] = text

    def bind(self, its_rules: Sequence[JSON], namespace: str = "") -> None:
        """Give our account more, in one namespace or everywhere."""
        scope = "" if namespace else "Cluster"
        self.apply(
            role(f"{scope}Role", "more", its_rules, namespace),
            binding(f"{scope}RoleBinding", "more", role_ref(f"{scope}Role", "more"), namespace),
        )

    # -- the port ---------------------------------------------------------------------------------------------------

    async def get(self, resource: Resource, namespace: str, name: str) -> JSON:
        await self._ask(f"get {resource.plural}")
        if not covered((resource.group, resource.plural, "get", name), self._held(namespace)):
            raise NotPermitted(f"get {resource.plural}: forbidden")
        found = self.objects.get((_KINDS[resource.plural], namespace, name))
        if found is None:
            raise TargetGone(f"{resource.plural} {name}")
        return copy.deepcopy(found)

    async def list(
        self, resource: Resource, namespace: str, *, labels: str = "", fields: str = "", limit: int = 500
    ) -> Listed:
        await self._ask(f"list {resource.plural}")
        if not covered((resource.group, resource.plural, "list", ""), self._held(namespace)):
            raise NotPermitted(f"list {resource.plural}: forbidden")
        key, _, value = labels.partition("=")
        every = [item for (kind, _, _), item in self.objects.items() if kind == _KINDS.get(resource.plural)]
        chosen = [item for item in every if not key or (item["metadata"].get("labels") or {}).get(key) == value]
        return Listed(chosen, "1")

    async def review(
        self, verb: str, resource: Resource, namespace: str, *, subresource: str = "", name: str = ""
    ) -> bool:
        await self._ask("review")
        plural = "/".join(filter(None, (resource.plural, subresource)))
        return covered((resource.group, plural, verb, name), self._held(namespace) | self._granted_elsewhere(namespace))

    async def rules(self, namespace: str) -> JSON:
        await self._ask("rules")
        if namespace in self.unlisted:
            raise PermanentError("review of all rules: the answer is larger than 4 MiB")
        listed = [
            {
                "apiGroups": [group],
                "resources": [plural],
                "verbs": [verb],
                **({"resourceNames": [name]} if name else {}),
            }
            for group, plural, verb, name in sorted(self._held(namespace))
        ]
        every = [{"apiGroups": [group], "resources": [plural], "verbs": [verb]} for group, plural, verb in BASELINE]
        return {"resourceRules": [*listed, *every], "nonResourceRules": [], "incomplete": self.incomplete}

    async def ask_in_vain(self, namespace: str, what: InVain) -> None:
        await self._ask(f"in vain {what.value}")
        self._admit(("", f"pods/{what.value}", "create", ""), namespace, _POLICY_OF[what])
        raise TargetGone(f"pods {namespace}/{NO_POD}: not found")

    async def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        operations: Sequence[Mapping[str, Any]],
        *,
        by: Attribution,
        dry_run: bool = False,
    ) -> JSON:
        assert (operations, dry_run) == ((), True), "nothing of ours may change here"
        await self._ask(f"patch {resource.plural}")
        self._admit((resource.group, resource.plural, "patch", name), namespace, f"byteport-{_SHORT[resource.plural]}")
        return {}

    def _admit(self, right: Right, namespace: str, name: str) -> None:
        """By right first, then by the policy over that kind, if it is bound and the API server evaluates any."""
        if not covered(right, self._held(namespace)):
            raise NotPermitted(f"{right[2]} {right[1]}: forbidden")
        if self.others is not None:
            raise self.others
        bound = self.objects.get(("ValidatingAdmissionPolicyBinding", "", name))
        if self.enforces and bound is not None and ("ValidatingAdmissionPolicy", "", name) in self.objects:
            raise NotPermitted(f"{right[2]} {right[1]}: the admission policy {name} refuses", policy=name)

    async def identity(self) -> JSON:
        await self._ask("identity")
        return {"username": "whoever", "groups": self.groups}

    async def server_version(self) -> str:
        await self._ask("version")
        return self.version

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # -- its authoriser ---------------------------------------------------------------------------------------------

    async def _ask(self, what: str) -> None:
        self.asked[what] += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if self.broken:
            raise Unavailable("the API server does not answer")

    def _held(self, namespace: str) -> Granted:
        return frozenset(right for rights in self._bound(namespace) for right in rights)

    def _bound(self, namespace: str) -> Iterator[Granted]:
        for (kind, where, _), item in self.objects.items():
            if kind == "ClusterRoleBinding" or (kind == "RoleBinding" and where == namespace):
                ref = item["roleRef"]
                found = self.objects.get((ref["kind"], where if ref["kind"] == "Role" else "", ref["name"]))
                yield rights_of((found or {}).get("rules", []))

    def _granted_elsewhere(self, namespace: str) -> Granted:
        return frozenset(right for where, right in self.elsewhere if where in ("", namespace))
