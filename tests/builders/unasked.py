"""A cluster that nothing is asked of: the base of test ports that answer a few calls, and fail a test that makes another."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NoReturn

from byteport.kubernetes.port import (
    EXEC_SECONDS,
    JSON,
    Attribution,
    ClusterPort,
    Created,
    ExecResult,
    InVain,
    Listed,
    Resource,
    WatchEvent,
)


class Unasked(ClusterPort):
    """Every call is a mistake of the code under test; what a test expects, its port answers."""

    async def get(self, resource: Resource, namespace: str, name: str) -> JSON:
        _fail(f"get {resource.plural}")

    async def list(
        self, resource: Resource, namespace: str, *, labels: str = "", fields: str = "", limit: int = 500
    ) -> Listed:
        _fail(f"list {resource.plural}")

    def watch(
        self, resource: Resource, namespace: str, *, resource_version: str, timeout_seconds: int = 300
    ) -> AsyncIterator[WatchEvent]:
        _fail(f"watch {resource.plural}")

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
        _fail(f"patch {resource.plural}")

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str, by: Attribution
    ) -> None:
        _fail(f"delete {resource.plural}")

    async def create_event(self, namespace: str, event: Mapping[str, Any], *, by: Attribution) -> Created:
        _fail("create an Event")

    async def evict_dry_run(self, namespace: str, pod: str) -> None:
        _fail("evict")

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
        _fail("exec")

    async def logs(
        self, namespace: str, pod: str, container: str, *, previous: bool = False, tail_lines: int = 50
    ) -> str:
        _fail("logs")

    async def review(
        self, verb: str, resource: Resource, namespace: str, *, subresource: str = "", name: str = ""
    ) -> bool:
        _fail("review")

    async def rules(self, namespace: str) -> JSON:
        _fail("rules")

    async def ask_in_vain(self, namespace: str, what: InVain) -> None:
        _fail(f"ask in vain: {what.value}")

    async def identity(self) -> JSON:
        _fail("identity")

    async def server_version(self) -> str:
        _fail("server version")

    async def close(self) -> None:
        """Nothing to give back."""


def _fail(call: str) -> NoReturn:
    raise AssertionError(f"nobody was to ask this cluster: {call}")
