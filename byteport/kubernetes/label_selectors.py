"""Which labels a selector takes in, as the API defines selectors. Used by the readings of what is around a target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from byteport.kubernetes import fields


def selects(selector: object, labels: Mapping[str, Any]) -> bool:
    """Whether a label selector takes in an object with `labels`. An empty selector takes everything, a missing one nothing."""
    if not isinstance(selector, Mapping):
        return False
    exact = fields.mapping(selector.get("matchLabels"))
    if any(labels.get(key) != value for key, value in exact.items()):
        return False
    return all(_holds(rule, labels) for rule in fields.entries(selector.get("matchExpressions")))


def _holds(rule: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    key, values = rule.get("key"), fields.strings(rule.get("values"))
    present = isinstance(key, str) and key in labels
    value = labels.get(key) if isinstance(key, str) else None
    operator = rule.get("operator")
    if operator == "In":
        return present and value in values
    if operator == "NotIn":
        return not present or value not in values
    if operator == "Exists":
        return present
    return operator == "DoesNotExist" and not present
