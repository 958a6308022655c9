"""Floors that the agent raised, put back by an administrator where the agent has no right to any more.

Pure. A floor goes back exactly as the agent's own time box would put it back, with the same tests in the same patch; one that
somebody has changed since is never written over, and is named with what to type, so that it is not left up in silence. Used
by `disenrol.py` for a namespace that is taken back, and by `enrol.py` for the autoscalers that a narrower ceiling leaves out.
"""

from __future__ import annotations

from collections.abc import Iterable

from byteport.boundary.changes import Restore
from byteport.boundary.installed import Obstacle, Problem
from byteport.boundary.names import AGENT_MANAGER
from byteport.domain.canonical import digest
from byteport.domain.plans import RestoreFloorPlan
from byteport.domain.targets import Target
from byteport.kubernetes import fields
from byteport.kubernetes.autoscalers import (
    FLOOR_BEFORE,
    FLOOR_RAISED,
    FLOOR_UNTIL,
    floor_of,
    floor_setter,
    rest_digest,
    rest_setter,
)
from byteport.kubernetes.floor_patch import restore_arguments, restore_patch
from byteport.kubernetes.patches import ACTION_ID, pointer
from byteport.kubernetes.port import JSON
from byteport.kubernetes.templates import annotations_of


def put_back(namespace: str, autoscalers: Iterable[JSON]) -> tuple[list[Restore], list[Problem]]:
    """The changes that put every floor of ours back, and what is a person's to do."""
    found = [restore(namespace, one) for one in autoscalers]
    return [one for one in found if isinstance(one, Restore)], [one for one in found if isinstance(one, Problem)]


def raised(autoscaler: JSON) -> bool:
    """Whether a floor of ours stands on it, or our mark of one."""
    return FLOOR_BEFORE in annotations_of(autoscaler)


def restore(namespace: str, autoscaler: JSON) -> Restore | Problem | None:
    """The change that puts the owner's floor back; a problem when it is not what we left, None when none of ours stands."""
    if not raised(autoscaler):
        return None
    metadata, marks = fields.metadata(autoscaler), annotations_of(autoscaler)
    name = fields.name(metadata.get("name"))
    before, floor = _floor(marks.get(FLOOR_BEFORE)), floor_of(autoscaler)
    if before is None:
        return _taken_over(namespace, name, "its mark of the owner's floor cannot be read")
    if floor == before:
        return Restore(
            kind="HorizontalPodAutoscaler",
            name=name,
            namespace=namespace,
            why="its floor is back where its owner had it: only our marks come off",
            operations=tuple(_marks_off(autoscaler)),
        )
    setter, other = floor_setter(autoscaler), rest_setter(autoscaler)
    if setter.manager not in ("", AGENT_MANAGER):
        return _taken_over(namespace, name, f"{setter.manager} has set its floor since")
    if setter.at is not None and other.at is not None and other.at > setter.at:
        return _taken_over(namespace, name, f"{other.manager} has changed it since")
    if marks.get(FLOOR_RAISED) != str(floor):
        return _taken_over(namespace, name, "its marks do not say that this floor is the one that was raised")
    operations = _operations(namespace, autoscaler, floor, before)
    if operations is None:
        return _taken_over(namespace, name, "its marks are not those that we left")
    return Restore(
        kind="HorizontalPodAutoscaler",
        name=name,
        namespace=namespace,
        why="a floor that the agent raised goes back to what its owner had set",
        lines=(f"~ minReplicas: {floor} -> {before}",),
        operations=tuple(operations),
    )


def _operations(namespace: str, autoscaler: JSON, floor: int, before: int) -> list[JSON] | None:
    """The agent's own restore, under an action id that says whose it is; None when it would not be one."""
    metadata = fields.metadata(autoscaler)
    name, uid = fields.name(metadata.get("name")), fields.uid(metadata.get("uid"))
    scaled = fields.mapping(fields.at(autoscaler, "spec", "scaleTargetRef"))
    target = Target(
        cluster_uid="", namespace=namespace, kind=str(scaled.get("kind", "")), name=fields.name(scaled.get("name"))
    )
    try:
        rest = rest_digest(autoscaler)
    except (ValueError, TypeError, RecursionError):
        return None
    plan = RestoreFloorPlan(
        target=target, autoscaler=name, autoscaler_uid=uid, rest_digest=rest, floor_from=floor, floor_to=before
    )
    action = digest(
        {"command": "byteport disable", "uid": uid, "raised": str(annotations_of(autoscaler).get(ACTION_ID))}
    )
    operations = restore_patch(autoscaler, plan, action)
    found = restore_arguments(operations, cluster_uid="", namespace=namespace, name=name, action_id=action)
    return operations if found == plan.arguments() else None


def _marks_off(autoscaler: JSON) -> list[JSON]:
    marks = annotations_of(autoscaler)
    ours = (FLOOR_BEFORE, FLOOR_RAISED, FLOOR_UNTIL)
    paths = {key: pointer("metadata", "annotations", key) for key in ours if key in marks}
    return [
        {"op": "test", "path": "/metadata/uid", "value": fields.metadata(autoscaler).get("uid")},
        {"op": "test", "path": "/spec", "value": autoscaler.get("spec")},
        *({"op": "test", "path": path, "value": marks[key]} for key, path in paths.items()),
        *({"op": "remove", "path": path} for path in paths.values()),
    ]


def _floor(value: object) -> int | None:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10 else None


def _taken_over(namespace: str, name: str, why: str) -> Problem:
    text = (
        f"the agent raised the floor of HorizontalPodAutoscaler {namespace}/{name} and {why}: set minReplicas to what it "
        f"should be, then: kubectl annotate hpa {name} -n {namespace} {FLOOR_BEFORE}- {FLOOR_RAISED}- "
        f"{FLOOR_UNTIL}-"
    )
    return Problem(kind=Obstacle.TAKEN_OVER, text=text)
