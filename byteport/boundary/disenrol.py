"""What `byteport disable` changes: everything that was given is taken away, then floors that the agent raised are put back.

Pure. Rights and label go first, whatever the autoscalers look like: nobody who can write to one keeps the namespace with the
agent, and no right of the agent's is needed to put a floor back (`floors.py`). What does not go, because somebody holds it, is
named, so that nothing is left in silence. The installation need not be there any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from byteport.boundary.cautions import bound_besides, of_a_release
from byteport.boundary.changes import AnyChange, Label, Plan
from byteport.boundary.floors import put_back
from byteport.boundary.installed import Obstacle, Problem
from byteport.boundary.names import ENABLED_LABEL, ROLLBACK_ALLOWED, ROLLBACK_LABEL
from byteport.boundary.standing import (
    BOUND,
    Standing,
    deletion,
    entry,
    going,
    held,
    is_ours,
    label,
    labelled_by_us,
    told_ceiling,
)
from byteport.kubernetes import fields
from byteport.kubernetes.enrolment import given_in
from byteport.kubernetes.port import JSON


def plan_disable_all(ceilings: JSON | None, every: Mapping[str, Standing]) -> Plan:
    """The same for every namespace that has anything of ours, and for the keys of those that are gone; one after another."""
    gone = [name for name in given_in(ceilings or {}) if name not in every]
    standing = {**every, **{name: Standing(None, (), None, ceilings, (), ()) for name in gone}}
    plans = [
        planned
        for name, one in sorted(standing.items())
        if (planned := plan_disable(name, one)).changes or planned.left or bound_besides(name, one)
    ]
    return Plan(
        changes=tuple(change for one in plans for change in one.changes),
        left=tuple(problem for one in plans for problem in one.left),
        notes=tuple(note for one in plans for note in one.notes),
    )


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
    found = [have for one in bound if (have := standing.of_ours(*one)) is not None and is_ours(have)]
    changes += [deletion(have, why, ()) for have in found if not going(have)]
    changes += key
    if ENABLED_LABEL in fields.labels(standing.namespace):
        changes += label(standing.namespace, ENABLED_LABEL, None, "the policies refuse every write without it")
    back, stay = put_back(name, standing.autoscalers)
    changes += [*back, *_labels(name, standing)]
    return Plan(
        changes=tuple(changes),
        left=(*(held(have) for have in found if going(have)), *stay),
        notes=(*_notes(name, standing), *of_a_release(standing, changes)),
    )


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
