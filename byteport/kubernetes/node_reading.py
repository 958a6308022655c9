"""A node of a `World` as a `NodeState`: its object, its events, the pods on it, and what the helper's commands printed."""

from __future__ import annotations

from byteport.kubernetes import fields
from byteport.kubernetes.events import read_event
from byteport.kubernetes.node_state import NodeState
from byteport.kubernetes.nodes import read_node
from byteport.kubernetes.world import World

ENABLED = "byteport.io/enabled"


def read_node_state(world: World, name: str) -> NodeState | None:
    """The node `name`; None when it is not in the world. Never raises for what it reads."""
    item = world.named("Node", "", name)
    if item is None:
        return None
    reading = read_node(item, tuple(read_event(event) for event in world.of("Event")))
    if reading is None:
        return None
    return NodeState(
        reading=reading,
        uid=fields.uid(fields.metadata(item).get("uid")),
        enabled=fields.labels(item).get(ENABLED) == "true",
    )
