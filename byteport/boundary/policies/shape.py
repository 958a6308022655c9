"""The shape that all our policies have: bound to our accounts, one resource in one version, closed on every error.

Facts that the expressions rest on, each observed on a real API server: on the main resource `request.subResource` is
absent, not empty; a CEL error denies; `reason: Forbidden` answers 403 where 422 would be taken for a failed
precondition; `matchPolicy: Equivalent` (the default) shows every version of a request as the one that is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from byteport.boundary.choices import SYSTEM, Choices
from byteport.boundary.names import ACCOUNTS_GROUP, ADMISSION, ENABLED_LABEL, PART_OF, accounts_of
from byteport.kubernetes.port import JSON
from byteport.kubernetes.refusals import SAID_BY

V1 = f"{ADMISSION}/v1"


class Rule(NamedTuple):
    """What must hold, as CEL, and what is said when it does not. `message` begins with what the agent tried to do."""

    holds: str
    message: str


def cel_list(words: Sequence[str]) -> str:
    """Words as a CEL list of strings. Raises `ValueError` for a word that would need quoting."""
    for word in words:
        if not word.isascii() or not word.isprintable() or "'" in word or "\\" in word:
            raise ValueError(f"{word!r} cannot be a plain CEL string")
    return "[" + ", ".join(f"'{word}'" for word in words) + "]"


def same(fields: Sequence[str], new: str, old: str) -> str:
    """That each of these fields is in both with one value, or in neither: what is absent is never taken for empty."""
    return " && ".join(f"{new}.?{field} == {old}.?{field}" for field in fields)


def is_ours(choices: Choices) -> JSON:
    """The condition by which a policy is about every account of our namespaces, whatever its name.

    While the node helper is not installed, the namespace of its name is somebody else's, if it is there at all.
    """
    groups = (ACCOUNTS_GROUP, *([accounts_of(choices.helper_namespace)] if choices.helper else []))
    return {"name": "is-ours", "expression": " || ".join(f"'{one}' in request.userInfo.groups" for one in groups)}


ENABLED = Rule(
    f"has(namespaceObject.metadata.labels) && namespaceObject.metadata.labels[?'{ENABLED_LABEL}'].orValue('') == 'true'"
    " && !has(namespaceObject.metadata.deletionTimestamp)",
    f"the namespace has no label {ENABLED_LABEL}=true, or is being deleted",
)


def not_protected(choices: Choices) -> Rule:
    """No write in a namespace that is the cluster's, ours, or that settings protect."""
    named = cel_list(choices.untouchable)
    return Rule(
        f"!(request.namespace in {named}) && !request.namespace.startsWith('{SYSTEM}')", "the namespace is protected"
    )


ANNOTATIONS = {
    "na": "has(object.metadata.annotations) ? object.metadata.annotations : {}",
    "oa": "has(oldObject.metadata.annotations) ? oldObject.metadata.annotations : {}",
}
"""CEL variables: the annotations as they will be, and as they were."""


def only_annotations(mine: Sequence[str]) -> Rule:
    """No annotation but these is written, changed or taken away; needs the variables `na` and `oa`."""
    ours = cel_list(mine)
    return Rule(
        f"variables.na.all(k, k in {ours} || (k in variables.oa && variables.oa[k] == variables.na[k]))"
        f" && variables.oa.all(k, k in {ours} || k in variables.na)",
        "only our own annotations may change",
    )


def bounded(longest: Mapping[str, int]) -> Rule:
    """No annotation is written longer than it can be: all of an object's share 256 KiB, so that one of ours that filled
    them would keep its owner from writing any. Needs the variables `na` and `oa`."""
    return Rule(
        " && ".join(
            f"(size(variables.na[?'{key}'].orValue('')) <= {most} || variables.na[?'{key}'] == variables.oa[?'{key}'])"
            for key, most in longest.items()
        ),
        "an annotation of ours is longer than it can be",
    )


UNOWNED = Rule(
    "!has(oldObject.metadata.ownerReferences) || size(oldObject.metadata.ownerReferences) == 0",
    "another object owns it",
)
COMPARED_METADATA = (
    "name",
    "generateName",
    "namespace",
    "selfLink",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "ownerReferences",
    "finalizers",
)
"""Of an object's own metadata, what may not change. Some the API server keeps by itself; not all: a generated name's prefix
has no greatest length, and a long one would leave its owner no room to write anything."""
FREE_METADATA = {
    "annotations": "only ours may change, by `only_annotations`, and no longer than `bounded` has them",
    "managedFields": "the API server's book-keeping, which changes with whatever is written",
    "generation": "counted by the API server, which ignores what is sent",
    "resourceVersion": "the API server's, which answers a conflict to any but the one that stands",
}
"""The rest of it, with why nothing compares it."""
SAME_METADATA = Rule(
    same(COMPARED_METADATA, "object.metadata", "oldObject.metadata"),
    "of its metadata only our annotations may change",
)
PLAIN_UPDATE = Rule("request.operation == 'UPDATE' && !has(request.subResource)", "only an update of the object itself")


def validating(
    name: str, choices: Choices, resource_rule: JSON, rules: Sequence[Rule], variables: dict[str, str] | None = None
) -> list[JSON]:
    """A ValidatingAdmissionPolicy that denies our accounts what breaks a rule, and its binding."""
    named = [{"name": key, "expression": text} for key, text in (variables or {}).items()]
    policy = {
        "apiVersion": V1,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": metadata(name),
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [resource_rule]},
            "matchConditions": [is_ours(choices)],
            **({"variables": named} if named else {}),
            "validations": [
                {"expression": rule.holds, "message": f"{SAID_BY}{rule.message}", "reason": "Forbidden"}
                for rule in rules
            ],
        },
    }
    bound = {
        "apiVersion": V1,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": metadata(name),
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }
    return [policy, bound]


def resources(group: str, version: str, operations: Sequence[str], *names: str) -> JSON:
    """A resource rule of exactly one version."""
    return {
        "apiGroups": [group],
        "apiVersions": [version],
        "operations": list(operations),
        "resources": list(names),
    }


def metadata(name: str) -> JSON:
    return {"name": name, "labels": dict(PART_OF)}
