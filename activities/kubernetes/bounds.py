"""What the API server holds us to, as the readers of a target ask it: the boundary's part of the standing.

`workers/boundary_watch.py` is the real one, since only there is known what was rendered. Asked at every look, for the
gate as advice and just before an act as a boundary.
"""

from __future__ import annotations

from typing import Protocol

from byteport.domain.policy import Standing


class Bounds(Protocol):
    """Where it stands how far a namespace was given to us, and whether what holds us is whole."""

    async def standing(self, namespace: str) -> Standing:
        """Of a target there; a node has the empty namespace. Raises `TemporaryError` when it cannot be told now."""

    def not_whole(self) -> tuple[str, ...] | None:
        """What refused `auto` at the last look, a line each, sorted; None where nobody looks."""


class Unbounded:
    """Where settings say that no boundary is enforced, as in a sandbox: the policy alone decides."""

    async def standing(self, namespace: str) -> Standing:  # noqa: ARG002  it is the same everywhere
        return Standing()

    def not_whole(self) -> None:
        return None


UNBOUNDED = Unbounded()
