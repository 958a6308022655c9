"""Why a namespace cannot be given to the agent as it stands, each reason with its object; and what a narrowing cannot take away.

Pure. Comes beside the plan of `enrol.py`. An object that was deleted, and that a finalizer holds, is neither there (its
rights go when whoever holds it lets go) nor gone (none can be made in its place).
"""

from __future__ import annotations

from collections.abc import Mapping

from byteport.boundary.choices import Choices
from byteport.boundary.installed import Obstacle, Problem
from byteport.boundary.standing import BOUND, Standing, foreign, going, held, is_ours
from byteport.domain.ceilings import ALL, Ceiling
from byteport.kubernetes import fields
from byteport.kubernetes.port import JSON

Wanted = Mapping[tuple[str, str], JSON]
"""By kind and name, what is to stand in the namespace."""


def in_the_way(name: str, ceiling: Ceiling, choices: Choices, wanted: Wanted, standing: Standing) -> list[Problem]:
    """Everything for which nothing is given, all of it at once."""
    namespace = [] if standing.namespace is None else _of_the_namespace(name, choices, standing.namespace)
    found = [*(standing.of_ours(*key) for key in BOUND if key in wanted), standing.ceilings]
    objects = [
        foreign(one) if not is_ours(one) else held(one) for one in found if one and (not is_ours(one) or going(one))
    ]
    return [*namespace, *_unknown(name, ceiling, standing), *objects]


def left_behind(wanted: Wanted, standing: Standing) -> list[Problem]:
    """Objects of ours that are to go, that were deleted already, and that somebody holds."""
    found = (standing.of_ours(*key) for key in BOUND if key not in wanted)
    return [held(one) for one in found if one is not None and is_ours(one) and going(one)]


def _of_the_namespace(name: str, choices: Choices, namespace: JSON) -> list[Problem]:
    found = []
    if choices.protects(name) or name == choices.helper_namespace:
        text = f"the namespace {name} is protected: nothing of ours is ever given rights in it"
        found.append(Problem(kind=Obstacle.PROTECTED, text=text))
    if going(namespace) or fields.at(namespace, "status", "phase") == "Terminating":
        found.append(Problem(kind=Obstacle.BEING_DELETED, text=f"the namespace {name} is being deleted"))
    return found


def _unknown(name: str, ceiling: Ceiling, standing: Standing) -> list[Problem]:
    """Objects that were named and that are not there, or not for long."""
    pairs = (
        ("Deployment", ceiling.rollback, standing.deployments),
        ("HorizontalPodAutoscaler", ceiling.hpa, standing.autoscalers),
    )
    found = []
    for kind, named, items in pairs:
        there = {fields.metadata(item).get("name"): item for item in items}
        for one in named:
            if one != ALL and one not in there:
                text = f"there is no {kind} {one} in the namespace {name}"
                found.append(Problem(kind=Obstacle.NO_SUCH, text=text))
            elif one != ALL and going(there[one]):
                text = f"{kind} {one} in the namespace {name} is being deleted"
                found.append(Problem(kind=Obstacle.BEING_DELETED, text=text))
    return found
