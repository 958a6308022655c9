"""Autoscalers: the floor alone, up with the owner's floor written down beside it, and down to exactly that.

Version v2 only: CEL written for v2 does not see what a v1 request carries in other fields unless the server converts it
first, which `matchPolicy: Equivalent` does for exactly the version that is named.
"""

from __future__ import annotations

from byteport.boundary.choices import Choices
from byteport.boundary.policies.shape import (
    ANNOTATIONS,
    ENABLED,
    PLAIN_UPDATE,
    SAME_METADATA,
    UNOWNED,
    Rule,
    not_protected,
    only_annotations,
    resources,
    validating,
)
from byteport.kubernetes.autoscalers import DEFAULT_FLOOR, FLOOR_BEFORE, FLOOR_UNTIL
from byteport.kubernetes.floor_patch import FLOOR_RESTORED
from byteport.kubernetes.patches import ACTION_ID
from byteport.kubernetes.port import JSON

NAME = "byteport-autoscalers"

COMPARED_SPEC = ("maxReplicas", "scaleTargetRef", "metrics", "behavior")
"""Fields that may not change; `minReplicas` is the one that may."""

_ONLY_FLOOR = Rule(
    "object.spec.maxReplicas == oldObject.spec.maxReplicas"
    " && object.spec.scaleTargetRef == oldObject.spec.scaleTargetRef"
    " && object.spec.?metrics.orValue([]) == oldObject.spec.?metrics.orValue([])"
    " && has(object.spec.behavior) == has(oldObject.spec.behavior)"
    " && (!has(object.spec.behavior) || object.spec.behavior == oldObject.spec.behavior)",
    "only minReplicas may change",
)
_VARIABLES = ANNOTATIONS | {
    "nmin": f"has(object.spec.minReplicas) ? object.spec.minReplicas : {DEFAULT_FLOOR}",
    "omin": f"has(oldObject.spec.minReplicas) ? oldObject.spec.minReplicas : {DEFAULT_FLOOR}",
    "nbefore": f"variables.na[?'{FLOOR_BEFORE}'].orValue('')",
    "obefore": f"variables.oa[?'{FLOOR_BEFORE}'].orValue('')",
}
_RAISE = (
    "variables.nmin > variables.omin && variables.nbefore == string(variables.omin)"
    f" && variables.na[?'{FLOOR_UNTIL}'].orValue('') != ''"
)
_RAISE_AGAIN = "variables.nbefore == variables.obefore && variables.nmin >= variables.omin"
_RESTORE = "variables.nbefore == '' && variables.nmin == int(variables.obefore)"
_WITHIN_BOUNDS = Rule(
    "variables.omin >= 1 && variables.nmin >= 1 && variables.nmin <= oldObject.spec.maxReplicas",
    "a floor stays between 1 and maxReplicas, and one of 0 is not raised",
)
_UP_AND_EXACTLY_BACK = Rule(
    f"variables.obefore == '' ? ({_RAISE}) : (({_RESTORE}) || ({_RAISE_AGAIN}))",
    "a raise writes down the owner's floor, and the only way down is exactly to it",
)


def floors(choices: Choices) -> list[JSON]:
    """The validating policy of autoscalers."""
    rules = [PLAIN_UPDATE, ENABLED, not_protected(choices), UNOWNED, _ONLY_FLOOR, SAME_METADATA]
    rules.append(only_annotations(sorted({ACTION_ID, FLOOR_BEFORE, FLOOR_UNTIL, FLOOR_RESTORED})))
    rules += [_WITHIN_BOUNDS, _UP_AND_EXACTLY_BACK]
    plural = "horizontalpodautoscalers"
    matched = resources("autoscaling", "v2", ["CREATE", "UPDATE", "DELETE"], plural, f"{plural}/*")
    return validating(NAME, choices, matched, rules, _VARIABLES)
