"""An administrator's hands on a cluster, as `enable`, `disable`, `halt` and `resume` use them.

`activities/kubernetes/administer.py` has them; here stands only what the commands need of it, since loading it takes a
moment that `--help` does not have.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

if TYPE_CHECKING:
    from byteport.kubernetes.port import JSON, Resource

Kubeconfig = Annotated[
    Path | None, typer.Option("--kubeconfig", help="Your own credentials; default: where kubectl looks.")
]
Context = Annotated[str | None, typer.Option("--context", help="Context in it; default: its current one.")]


class Hands(Protocol):
    """One cluster with a person's own credential. Every verb raises the errors of `byteport.errors` and nothing else."""

    @property
    def server(self) -> str: ...

    async def version(self) -> str: ...

    async def find(self, resource: Resource, namespace: str, name: str) -> JSON | None: ...

    async def list(self, resource: Resource, namespace: str) -> list[JSON]: ...

    async def may(
        self, verb: str, resource: Resource, namespace: str, name: str = "", *, subresource: str = ""
    ) -> bool: ...

    async def account_may(self, account: str, groups: Sequence[str], attributes: Mapping[str, str]) -> bool: ...

    async def create(self, resource: Resource, namespace: str, body: JSON) -> None: ...

    async def apply(self, resource: Resource, namespace: str, name: str, body: JSON) -> None: ...

    async def merge(self, resource: Resource, namespace: str, name: str, body: JSON) -> None: ...

    async def patch(
        self, resource: Resource, namespace: str, name: str, operations: Sequence[Mapping[str, Any]]
    ) -> None: ...

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str
    ) -> None: ...


@asynccontextmanager
async def hands_of(kubeconfig: Path | None, context: str | None, *, call_seconds: float = 10.0) -> AsyncIterator[Hands]:
    """The hands of whoever runs the command. Nothing is sent yet."""
    from activities.kubernetes.administer import administrator

    async with await administrator(kubeconfig, context, call_seconds=call_seconds) as hands:
        yield hands
