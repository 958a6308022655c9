"""The port of an administrator: what a person's own credential does to a cluster, next to `port.py`, which is the agent's.

`activities/kubernetes/administer.py` is the real one. `byteport enable`, `disable`, `halt` and `resume` are written
against it, and so is the sandbox, which is its own administrator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from byteport.kubernetes.port import JSON, ClusterPort, Resource


class Hands(Protocol):
    """One cluster with a person's own credential. Every verb raises the errors of `byteport.errors` and nothing else."""

    @property
    def server(self) -> str: ...

    def acting_as(self, user: str, of_pod: str) -> ClusterPort: ...

    async def version(self) -> str: ...

    async def find(self, resource: Resource, namespace: str, name: str) -> JSON | None: ...

    async def list(self, resource: Resource, namespace: str) -> list[JSON]: ...

    async def may(
        self, verb: str, resource: Resource, namespace: str, name: str = "", *, subresource: str = ""
    ) -> bool: ...

    async def account_may(self, account: str, groups: Sequence[str], attributes: Mapping[str, str]) -> bool: ...

    async def create(self, resource: Resource, namespace: str, body: JSON) -> None: ...

    async def apply(self, resource: Resource, namespace: str, name: str, body: JSON) -> None: ...

    async def patch(
        self, resource: Resource, namespace: str, name: str, operations: Sequence[Mapping[str, Any]]
    ) -> None: ...

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str
    ) -> None: ...
