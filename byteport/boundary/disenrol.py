"""What `byteport disable` changes: everything that was given is taken away, then floors that the agent raised are put back.

Pure. Rights and label go first, whatever the autoscalers look like: nobody who can write to one keeps the namespace with the
agent, and no right of the agent's is needed to put a floor back. The administrator puts it back exactly as the agent's own time
box would, with the same tests in the same patch; one that somebody has changed since is never written over, and is named, so
that it is not left up in silence. The installation need not be there any more.
"""

from __future__ import annotations

from collections.abc import Sequence

from byteport.boundary.cautions import bound_besides, of_a_release
from byteport.boundary.changes import AnyChange, Label, Plan, Restore
from byteport.boundary.installed import Obstacle, Problem
from byteport.boundary.names import ENABLED_LABEL, ROLLBACK_ALLOWED, ROLLBACK_LABEL
from byteport.boundary.standing import BOUND, Standing, deletion, entry, is_ours, label, labelled_by_us, told_ceiling
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

AGENT_MANAGER = "byteport-agent"
"""The field manager by which the agent's own writes are known."""


def plan_disable(name: str, standing: Standing) -> Plan:
    """Everything that takes the namespace from the agent; nothing when it has none of it."""
    key = _key(name, standing.ceilings)
    if standing.namespace is None:
        if not key:
            return Plan(problems=(Problem(kind=Obstacle.NO_SUCH, text=f"there is no namespace {name}"),))
        return Plan(changes=tuple(key))
    changes: list[AnyChange] = []
    why = "the namespace is taken from the agent"
    bound = sorted(BOUND, key=lambda one: one[0] != "RoleBinding")  # a role goes when nothing is bound to it
    found = [standing.of_ours(*one) for one in bound]
    changes += [deletion(have, why, ()) for have in found if have is not None and is_ours(have)]
    changes += key
    if ENABLED_LABEL in fields.labels(standing.namespace):
        changes += label(standing.namespace, ENABLED_LABEL, None, "the policies refuse every write without it")
    floors = [restore(name, one) for one in standing.autoscalers]
    changes += [back for back in floors if isinstance(back, Restore)]
    changes += _labels(name, standing)
    return Plan(
        changes=tuple(changes),
        left=tuple(floor for floor in floors if isinstance(floor, Problem)),
        notes=(*_notes(name, standing), *of_a_release(standing, changes)),
    )


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


def _key(name: str, ceilings: JSON | None) -> list[AnyChange]:
    if ceilings is None or name not in fields.mapping(ceilings.get("data")) or not is_ours(ceilings):
        return []
    told = told_ceiling(name, ceilings)
    lines = (f"- mode: {told.mode.value}",) if told else ()
    return [entry(ceilings, name, None, f"the agent is no longer told of {name}", lines)]


def _labels(name: str, standing: Standing) -> list[Label]:
    told = told_ceiling(name, standing.ceilings)
    earlier = set(told.rollback) if told else set()
    return [
        change
        for one in standing.deployments
        if fields.labels(one).get(ROLLBACK_LABEL) == ROLLBACK_ALLOWED
        and (fields.metadata(one).get("name") in earlier or labelled_by_us(one))
        for change in label(one, ROLLBACK_LABEL, None, "it may not be rolled back any more")
    ]


def _notes(name: str, standing: Standing) -> Sequence[str]:
    ours = {change.name for change in _labels(name, standing)}
    others = [
        str(fields.metadata(one).get("name"))
        for one in standing.deployments
        if ROLLBACK_LABEL in fields.labels(one) and fields.metadata(one).get("name") not in ours
    ]
    left = [f"the label {ROLLBACK_LABEL} of {', '.join(others)} is its owner's, and stays: alone it permits nothing"]
    return [*bound_besides(name, standing), *(left if others else [])]
