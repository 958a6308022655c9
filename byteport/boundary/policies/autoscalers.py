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
    bounded,
    not_protected,
    only_annotations,
    resources,
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
    "nraised": f"variables.na[?'{FLOOR_RAISED}'].orValue('')",
    "oraised": f"variables.oa[?'{FLOOR_RAISED}'].orValue('')",
    "nuntil": f"variables.na[?'{FLOOR_UNTIL}'].orValue('')",
    "obefore": f"variables.oa[?'{FLOOR_BEFORE}'].orValue('')",
}
_UNTIL_A_TIME = "variables.nuntil.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$')"
_RAISE = (
    "variables.nmin > variables.omin && variables.nbefore == string(variables.omin)"
    f" && variables.nraised == string(variables.nmin) && {_UNTIL_A_TIME}"
)
_STILL_OURS = "variables.oraised == string(variables.omin)"
"""Whoever has set another floor since has set their own: nothing of ours goes below it, or takes it for ours."""
_RAISE_AGAIN = (
    f"{_STILL_OURS} && variables.nbefore == variables.obefore && variables.nmin >= variables.omin"
    f" && variables.nraised == string(variables.nmin) && {_UNTIL_A_TIME}"
)
_RESTORE = (
    f"{_STILL_OURS} && variables.nbefore == '' && variables.nraised == '' && variables.nuntil == ''"
    " && variables.nmin == int(variables.obefore)"
)
_WITHIN_BOUNDS = Rule(
    "variables.omin >= 1 && variables.nmin >= 1 && variables.nmin <= oldObject.spec.maxReplicas",
    "a floor stays between 1 and maxReplicas, and one of 0 is not raised",
)
_UP_AND_EXACTLY_BACK = Rule(
    f"variables.obefore == '' ? ({_RAISE}) : (({_RESTORE}) || ({_RAISE_AGAIN}))",
    "a raise writes down the owner's floor, its own and until when; the only way down is from its own exactly to the owner's",
)


def floors(choices: Choices) -> list[JSON]:
    """The validating policy of autoscalers."""
    rules = [PLAIN_UPDATE, ENABLED, not_protected(choices), UNOWNED, _ONLY_FLOOR, SAME_METADATA]
    rules += [only_annotations(sorted(_MARKS)), bounded(dict.fromkeys(sorted(_MARKS), LONGEST_MARK))]
    rules += [_WITHIN_BOUNDS, _UP_AND_EXACTLY_BACK]
    plural = "horizontalpodautoscalers"
    matched = resources("autoscaling", "v2", ["CREATE", "UPDATE", "DELETE"], plural, f"{plural}/*")
    return validating(NAME, choices, matched, rules, _VARIABLES)
