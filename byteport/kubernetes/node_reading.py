"""A node of a `World` as a `NodeState`: its object, its events, the pods on it, and what the helper's commands printed.

Puts together what `node_pods.py`, `node_events.py`, `node_helper.py`, `node_disk.py` and `node_memory.py` read, and
decides nothing. Asked by `reading.py`; the text ends with the `World`.
"""

from __future__ import annotations

from byteport.kubernetes import fields
from byteport.kubernetes.disk_output import lines_of, read_disk_output
from byteport.kubernetes.enrolment import ENABLED_LABEL
from byteport.kubernetes.events import read_events
from byteport.kubernetes.node_disk import filesystems, read_images, users
from byteport.kubernetes.node_events import read_node_events
from byteport.kubernetes.node_helper import EXEC, helper_on, runtime_of
from byteport.kubernetes.node_memory import read_node_memory
from byteport.kubernetes.node_pods import name_of, pods_on, read_pods_on
from byteport.kubernetes.node_state import HelperAbsence, NodeState
from byteport.kubernetes.nodes import read_node
from byteport.kubernetes.surroundings import Tri
from byteport.kubernetes.world import World

PRUNE_LABEL = "byteport.io/prune"
"""`false` on a node says that its images are not to be removed; what is not understood says so too."""
OTHER_PODS = "pods of other namespaces"
"""In `World.denied` when the pods of a node cannot all be listed."""
PULL_EVENTS = "events of pulls"
"""In `World.denied` when it cannot be told what was pulled, or could not be, in every namespace."""
_SHORT = ("DiskPressure", "MemoryPressure")


def read_node_state(world: World, name: str) -> NodeState | None:
    """The node `name`; None when it is not in the world. Never raises for what it reads."""
    item = world.named("Node", "", name)
    if item is None:
        return None
    reading = read_node(item, read_events(world))
    if reading is None:
        return None
    beside = pods_on(world.of("Pod"), name)
    pods = read_pods_on(beside, world.now)
    events = read_node_events(world.of("Event"), name, frozenset(name_of(pod) for pod in beside))
    lines = lines_of(world.node_output) + (lines_of(world.log_tail) if _loose_lines_are_of(world, name) else [])
    output = read_disk_output(lines)
    found = helper_on(world, item)
    absence = found if isinstance(found, HelperAbsence) else None
    if absence is None and world.complete and not output.told:
        absence = HelperAbsence.NOT_PERMITTED if EXEC in world.denied else HelperAbsence.SILENT
    unseen = OTHER_PODS in world.denied
    runtime = runtime_of(item) or output.runtime
    images = read_images(item, pods, output, all_pods=not unseen and (world.complete or pods.seen > 0))
    memory = read_node_memory(world, item, lines)
    label, disk = fields.labels(item).get(ENABLED_LABEL), fields.condition(item, "DiskPressure")
    return NodeState(
        reading=reading,
        uid=fields.uid(fields.metadata(item).get("uid")),
        enabled=label == "true",
        not_enabled=label is not None and label != "true",
        prune_forbidden=any(
            told.get(PRUNE_LABEL, "true") != "true" for told in (fields.labels(item), fields.annotated(item))
        ),
        disk_condition=_tri(disk.get("status")),
        disk_condition_since=fields.instant(disk.get("lastTransitionTime")),
        memory_condition=memory.memory_condition,
        memory_condition_since=memory.memory_condition_since,
        runtime=runtime,
        helper=None if found is None or isinstance(found, HelperAbsence) else found,
        helper_absence=absence,
        filesystems=filesystems(output, runtime),
        users=users(output, pods, images),
        images=images.known,
        images_unused=images.unused,
        images_unused_bytes=images.unused_bytes,
        free_failed_at=events.free_failed_at,
        free_eligible_bytes=events.free_eligible_bytes,
        threshold_met_at=events.threshold_met_at,
        reclaims_inodes=events.reclaims_inodes,
        runtime_failed_at=events.runtime_failed_at,
        collected_at=events.collected_at,
        pulled_at=events.pulled_at,
        creating_since=pods.creating_since,
        never_pulls=pods.never_pulls,
        pull_errors_at=world.now if pods.pull_fails else events.pull_errors_at,
        exited_of_live_pods=None if unseen or not (world.complete or pods.seen) else pods.exited_of_live,
        unseen_pods=unseen or PULL_EVENTS in world.denied,
        memory_bytes=memory.memory_bytes,
        memory_available_bytes=memory.memory_available_bytes,
        system_oom_at=memory.system_oom_at,
        absurd_reading=memory.absurd,
    )


def _loose_lines_are_of(world: World, name: str) -> bool:
    """Lines of a saved bundle name no node: they are the only one's, or the only one's that is short of anything."""
    if world.complete:
        return False
    nodes = world.of("Node")
    short = [node for node in nodes if any(fields.condition(node, kind).get("status") == "True" for kind in _SHORT)]
    named = [fields.metadata(node).get("name") for node in (short if len(nodes) > 1 else nodes)]
    return named == [name]


def _tri(value: object) -> Tri:
    return {"True": Tri.TRUE, "False": Tri.FALSE}.get(value, Tri.UNKNOWN) if isinstance(value, str) else Tri.UNKNOWN
