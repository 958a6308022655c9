"""Under whose name a write is made: what a field manager is to the API server."""

from __future__ import annotations

from byteport.boundary.names import AGENT_MANAGER


def as_agent(path: str) -> str:
    """The same request under the agent's own field manager, as it sends each, unless it names another."""
    return path if "fieldManager=" in path else f"{path}{'&' if '?' in path else '?'}fieldManager={AGENT_MANAGER}"
