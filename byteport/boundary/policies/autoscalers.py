"""Autoscalers: the floor alone, up with the owner's floor written down beside it, and down to exactly that.

Version v2 only: CEL written for v2 does not see what a v1 request carries in other fields unless the server converts it
first, which `matchPolicy: Equivalent` does for exactly the version that is named.
"""

from __future__ import annotations

from byteport.boundary.choices import Choices
from byteport.boundary.policies.ownership import OWNERSHIP, unforged
from byteport.boundary.policies.shape import (
    ANNOTATIONS,
    ENABLED,
    PLAIN_UPDATE,
    SAME_METADATA,
    UNOWNED,
    Rule,
    bounded,
    not_protected,
    only_annotations,
    resources,
    same,
    validating,
)
from byteport.kubernetes.autoscalers import DEFAULT_FLOOR, FLOOR_BEFORE, FLOOR_RAISED, FLOOR_UNTIL
from byteport.kubernetes.floor_patch import FLOOR_RESTORED
from byteport.kubernetes.patches import ACTION_ID
from byteport.kubernetes.port import JSON

NAME = "byteport-autoscalers"
LONGEST_MARK = 64
"""Characters: an action id, the longest of them."""
_MARKS = {ACTION_ID, FLOOR_BEFORE, FLOOR_RAISED, FLOOR_UNTIL, FLOOR_RESTORED}

COMPARED_SPEC = ("maxReplicas", "scaleTargetRef", "metrics", "behavior")
"""Fields that may not change; `minReplicas` is the one that may."""

_ONLY_FLOOR = Rule(
    same(COMPARED_SPEC, "object.spec", "oldObject.spec"),
    "only minReplicas may change",
)
_VARIABLES = (
    ANNOTATIONS
    | OWNERSHIP
    | {
        "nmin": f"has(object.spec.minReplicas) ? object.spec.minReplicas : {DEFAULT_FLOOR}",
        "omin": f"has(oldObject.spec.minReplicas) ? oldObject.spec.minReplicas : {DEFAULT_FLOOR}",
    }
)


def _says(annotations: str, key: str, floor: str) -> str:
    """That this annotation is there and says this floor."""
    return f"variables.{annotations}[?'{key}'] == optional.of(string(variables.{floor}))"


_UNTIL_A_TIME = (
    f"'{FLOOR_UNTIL}' in variables.na && variables.na['{FLOOR_UNTIL}']"
    ".matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$')"
)
_RAISED = f"{_says('na', FLOOR_RAISED, 'nmin')} && {_UNTIL_A_TIME}"
_RAISE = f"variables.nmin > variables.omin && {_says('na', FLOOR_BEFORE, 'omin')} && {_RAISED}"
_STILL_OURS = _says("oa", FLOOR_RAISED, "omin")
"""Whoever has set another floor since has set their own: nothing of ours goes below it, or takes it for ours."""
_RAISE_AGAIN = (
    f"{_STILL_OURS} && variables.na[?'{FLOOR_BEFORE}'] == variables.oa[?'{FLOOR_BEFORE}']"
    f" && variables.nmin >= variables.omin && {_RAISED}"
)
_RESTORE = (
    f"{_STILL_OURS} && !('{FLOOR_BEFORE}' in variables.na) && !('{FLOOR_RAISED}' in variables.na)"
    f" && !('{FLOOR_UNTIL}' in variables.na) && variables.nmin == int(variables.oa['{FLOOR_BEFORE}'])"
)
_WITHIN_BOUNDS = Rule(
    "variables.omin >= 1 && variables.nmin >= 1 && variables.nmin <= oldObject.spec.maxReplicas",
    "a floor stays between 1 and maxReplicas, and one of 0 is not raised",
)
_UP_AND_EXACTLY_BACK = Rule(
    f"'{FLOOR_BEFORE}' in variables.oa ? (({_RESTORE}) || ({_RAISE_AGAIN})) : ({_RAISE})",
    "a raise writes down the owner's floor, its own and until when; the only way down is from its own exactly to the owner's",
)


def floors(choices: Choices) -> list[JSON]:
    """The validating policy of autoscalers."""
    rules = [PLAIN_UPDATE, ENABLED, not_protected(choices), UNOWNED, _ONLY_FLOOR, SAME_METADATA]
    rules += [only_annotations(sorted(_MARKS)), bounded(dict.fromkeys(sorted(_MARKS), LONGEST_MARK))]
    rules += [_WITHIN_BOUNDS, _UP_AND_EXACTLY_BACK]
    rules += unforged("minReplicas", sorted(_MARKS), ["autoscaling/v1", "autoscaling/v2"])
    plural = "horizontalpodautoscalers"
    matched = resources("autoscaling", "v2", ["CREATE", "UPDATE", "DELETE"], plural, f"{plural}/*")
    return validating(NAME, choices, matched, rules, _VARIABLES)
