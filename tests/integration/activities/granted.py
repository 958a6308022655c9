"""The cluster port with exactly the rights that an installation's roles grant, and what an administrator gives with it.

The roles are those that the chart and `byteport enable` are rendered from, read as the API server reads RBAC: a binding
of a cluster holds everywhere, one of a namespace holds in it, and a namespace's own object lies in itself.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple

from byteport.boundary.choices import Choices
from byteport.boundary.names import CEILINGS, NAMESPACE
from byteport.boundary.roles import installation, of_namespace
from byteport.domain.ceilings import Ceiling
from byteport.domain.modes import Mode
from byteport.errors import NotPermitted, TargetGone
from byteport.kubernetes import port
from byteport.kubernetes.port import Attribution, ClusterPort, ExecResult, Listed, Resource, WatchEvent
from tests.integration.activities.simulated_bench import SimulatedBench

JSON = dict[str, Any]

WIDEST = Ceiling(mode=Mode.AUTO, rollback=("*",), hpa=("*",))


class Asked(NamedTuple):
    """One request, as the API server's authoriser sees it."""

    verb: str
    group: str
    resource: str
    namespace: str
    name: str = ""


class Granted(ClusterPort):
    """The port of `bench` for an account with the roles of `choices`, and of the namespaces that were given."""

    def __init__(self, bench: SimulatedBench, choices: Choices) -> None:
        self._cluster = bench.cluster
        self._choices = choices
        self._objects = installation(choices, [], [])
        self.asked: list[Asked] = []
        self.refused: list[Asked] = []

    def bind(self, namespace: str, ceiling: Ceiling = WIDEST) -> None:
        """The roles that `byteport enable` makes in a namespace."""
        self._objects += of_namespace(namespace, ceiling, self._choices)

    def unbind(self, namespace: str) -> None:
        """As `byteport disable` takes them away."""
        self._objects = [item for item in self._objects if item["metadata"].get("namespace") != namespace]

    def allows(self, asked: Asked) -> bool:
        return any(
            _covers(rule, asked)
            for binding in self._objects
            if binding["kind"].endswith("Binding") and binding["metadata"].get("namespace", "") in ("", asked.namespace)
            for rule in self._rules_of(binding)
        )

    def about(self, namespace: str) -> list[Asked]:
        """Every request that named a namespace, its own object among them."""
        return [asked for asked in self.asked if asked.namespace == namespace]

    def _rules_of(self, binding: JSON) -> list[JSON]:
        ref, home = binding["roleRef"], binding["metadata"].get("namespace", "")
        home = home if ref["kind"] == "Role" else ""
        return next(
            item["rules"]
            for item in self._objects
            if (item["kind"], item["metadata"]["name"], item["metadata"].get("namespace", ""))
            == (ref["kind"], ref["name"], home)
        )

    def _demand(self, verb: str, resource: Resource, namespace: str, name: str = "", subresource: str = "") -> None:
        if resource == port.NAMESPACES and name:
            namespace = name
        plural = "/".join(filter(None, (resource.plural, subresource)))
        asked = Asked(verb, resource.group, plural, namespace, name)
        self.asked.append(asked)
        if not self.allows(asked):
            self.refused.append(asked)
            raise NotPermitted(f"{verb} {plural} in {namespace or 'the cluster'}: forbidden")

    async def get(self, resource: Resource, namespace: str, name: str) -> JSON:
        self._demand("get", resource, namespace, name)
        return await self._cluster.get(resource, namespace, name)

    async def list(
        self, resource: Resource, namespace: str, *, labels: str = "", fields: str = "", limit: int = 500
    ) -> Listed:
        self._demand("list", resource, namespace)
        return await self._cluster.list(resource, namespace, labels=labels, fields=fields, limit=limit)

    async def watch(
        self, resource: Resource, namespace: str, *, resource_version: str, timeout_seconds: int = 300
    ) -> AsyncIterator[WatchEvent]:
        self._demand("watch", resource, namespace)
        events = self._cluster.watch(
            resource, namespace, resource_version=resource_version, timeout_seconds=timeout_seconds
        )
        async for event in events:
            yield event

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
        self._demand("patch", resource, namespace, name)
        return await self._cluster.patch(resource, namespace, name, operations, by=by, dry_run=dry_run)

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str, by: Attribution
    ) -> None:
        self._demand("delete", resource, namespace, name)
        await self._cluster.delete(resource, namespace, name, uid=uid, resource_version=resource_version, by=by)

    async def create_event(self, namespace: str, event: Mapping[str, Any], *, by: Attribution) -> port.Created:
        self._demand("create", port.EVENTS, namespace)
        return await self._cluster.create_event(namespace, event, by=by)

    async def evict_dry_run(self, namespace: str, pod: str) -> None:
        self._demand("create", port.PODS, namespace, pod, "eviction")
        await self._cluster.evict_dry_run(namespace, pod)

    async def ask_in_vain(self, namespace: str, what: port.InVain) -> None:
        self._demand("create", port.PODS, namespace, port.NO_POD, what.value)
        await self._cluster.ask_in_vain(namespace, what)

    async def exec(
        self,
        namespace: str,
        pod: str,
        container: str,
        argv: Sequence[str],
        *,
        by: port.Attribution | None = None,
        seconds: float = port.EXEC_SECONDS,
    ) -> ExecResult:
        for verb in ("get", "create"):
            self._demand(verb, port.PODS, namespace, pod, "exec")
        return await self._cluster.exec(namespace, pod, container, argv, by=by, seconds=seconds)

    async def logs(
        self, namespace: str, pod: str, container: str, *, previous: bool = False, tail_lines: int = 50
    ) -> str:
        self._demand("get", port.PODS, namespace, pod, "log")
        return await self._cluster.logs(namespace, pod, container, previous=previous, tail_lines=tail_lines)

    async def review(
        self, verb: str, resource: Resource, namespace: str, *, subresource: str = "", name: str = ""
    ) -> bool:
        plural = "/".join(filter(None, (resource.plural, subresource)))
        return self.allows(Asked(verb, resource.group, plural, namespace, name))

    async def rules(self, namespace: str) -> JSON:
        return await self._cluster.rules(namespace)

    async def identity(self) -> JSON:
        return await self._cluster.identity()

    async def server_version(self) -> str:
        return await self._cluster.server_version()

    async def close(self) -> None:
        await self._cluster.close()


def _covers(rule: JSON, asked: Asked) -> bool:
    named = rule.get("resourceNames")
    return (
        asked.group in rule["apiGroups"]
        and asked.resource in rule["resources"]
        and asked.verb in rule["verbs"]
        and (not named or asked.name in named)
    )


async def give(bench: SimulatedBench, *names: str, label: bool = True) -> None:
    """`byteport enable` of each: its label, and its key in our ConfigMap."""
    for name in names:
        if label:
            await bench.enable(name)
    await _write(bench, {**await _given(bench), **{name: WIDEST.model_dump_json() for name in names}})


async def take(bench: SimulatedBench, name: str) -> None:
    """`byteport disable`."""
    await _write(bench, {key: value for key, value in (await _given(bench)).items() if key != name})
    await bench.enable(name, enabled=False)


async def _given(bench: SimulatedBench) -> dict[str, str]:
    try:
        config = await bench.cluster.get(port.CONFIG_MAPS, NAMESPACE, CEILINGS)
    except TargetGone:
        return {}
    data: dict[str, str] = json.loads(json.dumps(config.get("data") or {}))
    return data


async def _write(bench: SimulatedBench, data: Mapping[str, str]) -> None:
    metadata = {"name": CEILINGS, "namespace": NAMESPACE}
    await bench.cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data)})
