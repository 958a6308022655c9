"""An API server that stamps rollbacks, or has stopped following ReplicaSets: the boundary of `guarded.py`, with releases.

It answers a dry run as the policy over Deployments does, the first rule that refuses being the one that is told.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from byteport.boundary.choices import Choices
from byteport.boundary.names import ROLLBACK_ALLOWED, ROLLBACK_LABEL
from byteport.boundary.policies.deployments import PROVE
from byteport.domain.ceilings import Ceiling
from byteport.errors import BytePortError, NotPermitted, TargetGone
from byteport.kubernetes.patches import ACTION_ID, ROLLBACK_TO
from byteport.kubernetes.port import DEPLOYMENTS, JSON, REPLICA_SETS, Attribution, Listed, Resource
from byteport.kubernetes.refusals import RollbackRule
from byteport.sandbox.simulated.patching import applied
from tests.builders.guarded import Guarded

INSTALLED, BEFORE, SINCE = "2026-05-01T12:00:00Z", "2026-05-01T11:00:00Z", "2026-05-02T08:00:00Z"


class Proving(Guarded):
    """`known` are the ReplicaSets that it stamps for."""

    def __init__(self, choices: Choices | None = None, given: Mapping[str, Ceiling] | None = None) -> None:
        super().__init__(choices, given)
        self.known: set[str] = set()
        self.learns_after = 0
        """How often it is asked before it knows every ReplicaSet."""
        self.refusals: list[BytePortError] = []
        """What it answers first, whatever it is asked."""
        self.marked: list[list[Mapping[str, Any]]] = []
        self._releases: dict[tuple[str, str], tuple[JSON, JSON]] = {}
        for kind in ("MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"):
            if (kind, "", PROVE) in self.objects:
                self.objects[kind, "", PROVE]["metadata"]["creationTimestamp"] = INSTALLED

    def release(self, namespace: str, name: str, *, known: bool = True, made: str = SINCE, available: int = 2) -> JSON:
        """A Deployment that its owner lets be rolled back, and its ReplicaSet; gives the Deployment, to be changed."""
        template: JSON = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "app"}]}}
        deployment = {
            "metadata": {
                "name": name,
                "namespace": namespace,
                "uid": f"uid-{name}",
                "labels": {ROLLBACK_LABEL: ROLLBACK_ALLOWED},
                "annotations": {"deployment.kubernetes.io/revision": "3"},
            },
            "spec": {"template": template},
        }
        its_own = copy.deepcopy(template)
        its_own["metadata"]["labels"]["pod-template-hash"] = "abc"
        owner = {"kind": "Deployment", "name": name, "uid": f"uid-{name}", "controller": True, "apiVersion": "apps/v1"}
        replica_set = {
            "metadata": {"name": f"{name}-abc", "ownerReferences": [owner], "creationTimestamp": made},
            "spec": {"template": its_own},
            "status": {"availableReplicas": available},
        }
        self._releases[namespace, name] = (deployment, replica_set)
        if known:
            self.known.add(f"{name}-abc")
        return deployment

    async def get(self, resource: Resource, namespace: str, name: str) -> JSON:
        if resource is not DEPLOYMENTS:
            return await super().get(resource, namespace, name)
        if (namespace, name) not in self._releases:
            raise TargetGone(f"{name}: not found")
        return copy.deepcopy(self._releases[namespace, name][0])

    async def list(
        self, resource: Resource, namespace: str, *, labels: str = "", fields: str = "", limit: int = 500
    ) -> Listed:
        if resource not in (DEPLOYMENTS, REPLICA_SETS):
            return await super().list(resource, namespace, labels=labels, fields=fields, limit=limit)
        which = 0 if resource is DEPLOYMENTS else 1
        found = [both[which] for (home, _), both in self._releases.items() if home == namespace]
        key, _, value = labels.partition("=")
        return Listed([one for one in found if not key or one["metadata"]["labels"].get(key) == value], "1")

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
        assert (resource, dry_run) == (DEPLOYMENTS, True)
        before = (await self.get(resource, namespace, name))["metadata"].get("annotations") or {}
        after = applied(await self.get(resource, namespace, name), operations)
        assert after["spec"] == self._releases[namespace, name][0]["spec"], "a question changes no template"
        assert set(after["metadata"]["annotations"]) == {*before, ACTION_ID, ROLLBACK_TO}
        self.marked.append([*operations])
        if not self.enforces:
            return after
        if self.refusals:
            raise self.refusals.pop(0)
        taught = 0 < self.learns_after < len(self.marked)
        stamped = taught or after["metadata"]["annotations"][ROLLBACK_TO] in self.known
        rule = RollbackRule.NO_ROLLBACK if stamped else RollbackRule.NOT_PROVED
        raise NotPermitted(f"patch deployments {namespace}/{name}: the admission policy refuses", rule)
