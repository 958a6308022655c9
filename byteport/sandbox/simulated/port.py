"""The simulated cluster behind the cluster port: the nine verbs, with the errors that a real API server's become.

Comes after `simulation.py` and `reviews.py`; `cluster.py` adds what an administrator and a test do to it. Every call first lets
happen what the clock says is due. Of its writes through the port it keeps who made them, for those who check that
nothing was written without a reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from byteport.domain.plans import HELPER_CONTAINER
from byteport.errors import BudgetRefuses, Moved, PermanentError, PreconditionFailed, TargetGone
from byteport.kubernetes.node_commands import is_helper
from byteport.kubernetes.port import (
    EVENTS,
    EXEC_SECONDS,
    NAMESPACES,
    NO_POD,
    PODS,
    Attribution,
    Created,
    ExecResult,
    InVain,
    Listed,
    Resource,
    WatchEvent,
)
from byteport.sandbox.simulated import budgets, metrics, ownership
from byteport.sandbox.simulated.access import Access, Right
from byteport.sandbox.simulated.clocks import machine_clock, stamp
from byteport.sandbox.simulated.copies import copied
from byteport.sandbox.simulated.interruptions import Interruptions
from byteport.sandbox.simulated.kinds import kind_of
from byteport.sandbox.simulated.patching import patched
from byteport.sandbox.simulated.reviews import Reviews
from byteport.sandbox.simulated.scripts import Reply, Scripts, not_found
from byteport.sandbox.simulated.selectors import fields_match, labels_match
from byteport.sandbox.simulated.simulation import Simulation

JSON = dict[str, Any]

BOOKMARK_SECONDS = 60
OUTPUT_LIMIT = 64 * 1024


class Mutation(NamedTuple):
    """One write, or dry run of one, that came through the port and took effect."""

    at: datetime
    verb: str
    resource: Resource
    namespace: str
    name: str
    uid: str
    by: Attribution
    operations: tuple[Mapping[str, Any], ...] = ()
    dry_run: bool = False


class Command(NamedTuple):
    """One command that was run through the port in a container."""

    at: datetime
    namespace: str
    pod: str
    container: str
    argv: tuple[str, ...]
    by: Attribution | None = None
    """None for a command that only asks."""


class SimulatedPort(Reviews):
    """The port over one `Simulation`. It takes its time from `clock`."""

    def __init__(self, clock: Callable[[], datetime] = machine_clock) -> None:
        self.access = Access()
        self.interruptions = Interruptions()
        self.scripts = Scripts()
        self._clock = clock
        self._simulation = Simulation(clock)
        self._mutations: list[Mutation] = []
        self._commands: list[Command] = []

    def tick(self) -> None:
        """Let happen what is due by now."""
        self._simulation.catch_up()

    async def get(self, resource: Resource, namespace: str, name: str) -> JSON:
        def effect() -> JSON:
            self.access.demand(Right("get", resource, namespace=namespace))
            if metrics.serves(resource):
                self.tick()
                return copied(self._simulation.metrics.get(resource, namespace, name, self._simulation.now))
            return copied(self._existing(resource, namespace, name))

        return await self.interruptions.call("get", effect)

    async def list(
        self,
        resource: Resource,
        namespace: str,
        *,
        labels: str = "",
        fields: str = "",
        limit: int = 500,  # noqa: ARG002  pages are a matter of the wire
    ) -> Listed:
        def effect() -> Listed:
            self.access.demand(Right("list", resource, namespace=namespace))
            self.tick()
            items = [
                _listed(item)
                for item in self._all(resource, namespace)
                if labels_match(labels, item["metadata"].get("labels") or {}) and fields_match(resource, fields, item)
            ]
            return Listed(items, str(self._simulation.store.revision))

        return await self.interruptions.call("list", effect)

    async def watch(
        self, resource: Resource, namespace: str, *, resource_version: str, timeout_seconds: int = 300
    ) -> AsyncIterator[WatchEvent]:
        await self.interruptions.call(
            "watch", lambda: self.access.demand(Right("watch", resource, namespace=namespace))
        )
        if metrics.serves(resource):
            self._simulation.metrics.refuse_watch(resource)
        kind = kind_of(resource)
        store, seen = self._simulation.store, int(resource_version)
        loop = asyncio.get_running_loop()
        ends, ends_here = loop.time() + timeout_seconds, self._clock().timestamp() + timeout_seconds
        marks = loop.time() + BOOKMARK_SECONDS
        with store.notices() as notice:
            while True:
                notice.clear()
                self.tick()
                changes = store.since(seen, resource, namespace)
                if changes is None:
                    yield WatchEvent("GONE", {})
                    return
                for change in changes:
                    seen = change.revision
                    yield WatchEvent(change.type, copied(change.object))
                if changes or notice.is_set():
                    continue
                over = loop.time() >= ends or self._clock().timestamp() >= ends_here
                if over or loop.time() >= marks:
                    seen, marks = store.revision, loop.time() + BOOKMARK_SECONDS
                    metadata = {"resourceVersion": str(seen)}
                    yield WatchEvent(
                        "BOOKMARK", {"kind": kind.name, "apiVersion": kind.api_version, "metadata": metadata}
                    )
                if over:
                    return
                await _set_within(notice, min(ends, marks) - loop.time())

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
        def effect() -> JSON:
            self.access.demand(Right("patch", resource, namespace=namespace))
            before = self._existing(resource, namespace, name)
            after = patched(resource, before, operations)
            ownership.note(before, after, manager=by.field_manager, operation="Update", now=self._simulation.now)
            if not dry_run:
                after = self._simulation.store.replace(after)
            self._note("patch", resource, before, by, operations=tuple(operations), dry_run=dry_run)
            answer = copied(after)
            self.tick()
            return answer

        return await self.interruptions.call("patch", effect)

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str, by: Attribution
    ) -> None:
        def effect() -> None:
            self.access.demand(Right("delete", resource, namespace=namespace))
            metadata = self._existing(resource, namespace, name)["metadata"]
            if uid != metadata["uid"]:
                raise PreconditionFailed(f"{resource.plural} {namespace}/{name} has another uid")
            if resource_version != metadata["resourceVersion"]:
                raise Moved(f"{resource.plural} {namespace}/{name} has changed since it was read")
            self._note("delete", resource, self._existing(resource, namespace, name), by)
            self._delete(resource, namespace, name)
            self.tick()

        await self.interruptions.call("delete", effect)

    async def create_event(self, namespace: str, event: Mapping[str, Any], *, by: Attribution) -> Created:
        def effect() -> Created:
            self.access.demand(Right("create", EVENTS, namespace=namespace))
            self._existing(NAMESPACES, "", namespace)
            name = str(event["metadata"]["name"])
            if self._simulation.store.find(EVENTS, namespace, name) is not None:
                return Created.BEFORE
            item = self._simulation.store.create(copied(dict(event)))
            self._note("create", EVENTS, item, by)
            return Created.NOW

        return await self.interruptions.call("create", effect)

    async def evict_dry_run(self, namespace: str, pod: str) -> None:
        def effect() -> None:
            self.access.demand(Right("create", PODS, "eviction", namespace))
            budget = budgets.refusing(self._simulation.store, self._existing(PODS, namespace, pod))
            if budget is not None:
                name = budget["metadata"]["name"]
                raise BudgetRefuses(f"the disruption budget {namespace}/{name} refuses", budget=name)

        await self.interruptions.call("evict", effect)

    async def ask_in_vain(self, namespace: str, what: InVain) -> None:
        self.access.demand(Right("create", PODS, what.value, namespace))
        self._existing(PODS, namespace, NO_POD)

    async def exec(
        self,
        namespace: str,
        pod: str,
        container: str,
        argv: Sequence[str],
        *,
        by: Attribution | None = None,
        seconds: float = EXEC_SECONDS,  # noqa: ARG002  a scripted command takes no time
    ) -> ExecResult:
        def effect() -> ExecResult:
            for verb in ("get", "create"):
                self.access.demand(Right(verb, PODS, "exec", namespace))
            if not self._existing_container(namespace, pod, container).get("nodeName"):
                raise PermanentError(f"pods {namespace}/{pod} is on no node yet")
            self._commands.append(Command(self._simulation.now, namespace, pod, container, tuple(argv), by))
            reply = self._reply(namespace, pod, container, argv)
            return ExecResult(reply.stdout[:OUTPUT_LIMIT], reply.stderr[:OUTPUT_LIMIT], reply.exit_code)

        return await self.interruptions.call("exec", effect)

    async def logs(
        self, namespace: str, pod: str, container: str, *, previous: bool = False, tail_lines: int = 50
    ) -> str:
        def effect() -> str:
            self.access.demand(Right("get", PODS, "log", namespace))
            if not self._existing_container(namespace, pod, container).get("nodeName"):
                return ""
            text = self.scripts.log(namespace, pod, container, previous=previous)
            return "".join(text.splitlines(keepends=True)[-tail_lines:])[:OUTPUT_LIMIT]

        return await self.interruptions.call("logs", effect)

    async def close(self) -> None:
        """Nothing to give back: the cluster lives as long as its object."""

    def _reply(self, namespace: str, pod: str, container: str, argv: Sequence[str]) -> Reply:
        """What was set for the command; else what the node's helper answers, in its own pods; else it is not found."""
        reply = self.scripts.reply(namespace, pod, container, argv)
        item = self._existing(PODS, namespace, pod)
        if reply is None and container == HELPER_CONTAINER and is_helper(item, namespace):
            reply = self._simulation.nodes.run(item["spec"]["nodeName"], argv, self._simulation.now)
            self.tick()
        return reply or not_found(argv)

    def _all(self, resource: Resource, namespace: str) -> Sequence[JSON]:
        if metrics.serves(resource):
            return self._simulation.metrics.measured(resource, namespace, self._simulation.now)
        return self._simulation.store.all(resource, namespace)

    def _existing(self, resource: Resource, namespace: str, name: str) -> JSON:
        self.tick()
        item = self._simulation.store.find(kind_of(resource).resource, namespace, name)
        if item is None:
            raise TargetGone(f"{resource.plural} {'/'.join(filter(None, [namespace, name]))}")
        return item

    def _existing_container(self, namespace: str, pod: str, container: str) -> JSON:
        """The spec of the pod that has the container."""
        spec: JSON = self._existing(PODS, namespace, pod)["spec"]
        names = [item["name"] for part in ("initContainers", "containers") for item in spec.get(part) or []]
        if container not in names:
            raise PermanentError(f"pods {namespace}/{pod} has no container {container}")
        return spec

    def _delete(self, resource: Resource, namespace: str, name: str) -> None:
        """As the API server deletes: a pod in its grace period, an object with finalizers when they are gone."""
        store = self._simulation.store
        item = self._existing(resource, namespace, name)
        if resource == PODS or item["metadata"].get("finalizers"):
            with store.edited(item) as draft:
                draft["metadata"].setdefault("deletionTimestamp", stamp(self._simulation.now))
                draft["metadata"].setdefault("deletionGracePeriodSeconds", 30 if resource == PODS else 0)
        else:
            store.remove(resource, namespace, name)

    def _note(
        self,
        verb: str,
        resource: Resource,
        item: JSON,
        by: Attribution,
        *,
        operations: tuple[Mapping[str, Any], ...] = (),
        dry_run: bool = False,
    ) -> None:
        metadata = item["metadata"]
        self._mutations.append(
            Mutation(
                at=self._simulation.now,
                verb=verb,
                resource=resource,
                namespace=metadata.get("namespace", ""),
                name=metadata["name"],
                uid=metadata["uid"],
                by=by,
                operations=operations,
                dry_run=dry_run,
            )
        )


def _listed(item: JSON) -> JSON:
    """As it stands in a list: without its kind, which the list has."""
    return {key: copied(value) for key, value in item.items() if key not in ("apiVersion", "kind")}


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), max(0.0, seconds))
    except TimeoutError:
        return
