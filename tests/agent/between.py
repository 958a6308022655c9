"""The simulated cluster, whose calls through the port a test can hold or lose.

Comes after `stops.py`; `places.py` has one in each simulated place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from activities.clock import Clock
from byteport.errors import BytePortError, Unavailable, UnknownOutcome
from byteport.kubernetes.port import (
    EVENTS,
    EXEC_SECONDS,
    JSON,
    PODS,
    Attribution,
    Created,
    ExecResult,
    Listed,
    Resource,
)
from byteport.sandbox.simulated import SimulatedCluster
from tests.agent.stops import Fate, Moment, Stops

Answer = TypeVar("Answer")


class HeldCluster(SimulatedCluster):
    """The agent's port is the object itself; the administrator's commands are never held."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.stops = Stops()
        self.execs: list[tuple[str, str, tuple[str, ...]]] = []
        """Namespace, pod and command of everything that was run in a container, reads and all."""

    async def get(self, resource: Resource, namespace: str, name: str) -> JSON:
        return await self._held("get", resource, partial(super().get, resource, namespace, name))

    async def list(
        self, resource: Resource, namespace: str, *, labels: str = "", fields: str = "", limit: int = 500
    ) -> Listed:
        call = partial(super().list, resource, namespace, labels=labels, fields=fields, limit=limit)
        return await self._held("list", resource, call)

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
        call = partial(super().patch, resource, namespace, name, operations, by=by, dry_run=dry_run)
        return await self._held("patch", resource, call, writes=True)

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str, by: Attribution
    ) -> None:
        call = partial(super().delete, resource, namespace, name, uid=uid, resource_version=resource_version, by=by)
        await self._held("delete", resource, call, writes=True)

    async def exec(
        self,
        namespace: str,
        pod: str,
        container: str,
        argv: Sequence[str],
        *,
        by: Attribution | None = None,
        seconds: float = EXEC_SECONDS,
    ) -> ExecResult:
        self.execs.append((namespace, pod, tuple(argv)))
        return await super().exec(namespace, pod, container, argv, by=by, seconds=seconds)

    async def create_event(self, namespace: str, event: Mapping[str, Any], *, by: Attribution) -> Created:
        return await self._held("create", EVENTS, partial(super().create_event, namespace, event, by=by))

    async def evict_dry_run(self, namespace: str, pod: str) -> None:
        await self._held("evict", PODS, partial(super().evict_dry_run, namespace, pod))

    async def _held(
        self, verb: str, resource: Resource, call: Callable[[], Awaitable[Answer]], *, writes: bool = False
    ) -> Answer:
        lost: BytePortError = UnknownOutcome("no answer") if writes else Unavailable("no answer")
        if await self.stops.pass_by(verb, resource.plural, Moment.BEFORE) is Fate.LOSE:
            raise lost
        answer = await call()
        if await self.stops.pass_by(verb, resource.plural, Moment.AFTER) is Fate.LOSE:
            raise lost
        return answer
