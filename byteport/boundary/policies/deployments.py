"""Deployments: the template alone, back to that of a serving ReplicaSet of its own, which the API server itself proves.

CEL has no "all but", so each field of a DeploymentSpec is named; a test walks the server's OpenAPI and fails when it
grows another. The proof: a mutating policy with the ReplicaSet as its parameter stamps the Deployment when the new
template is that of the named ReplicaSet, another takes off whatever stamp was sent, and the validating one demands it.
"""

from __future__ import annotations

from byteport.boundary.choices import Choices
from byteport.boundary.names import ADMISSION, ROLLBACK_ALLOWED, ROLLBACK_LABEL
from byteport.boundary.policies.ownership import OWNERSHIP, TEMPLATE_DEPTH, unforged
from byteport.boundary.policies.shape import (
    ANNOTATIONS,
    ENABLED,
    PLAIN_UPDATE,
    SAME_METADATA,
    UNOWNED,
    Rule,
    bounded,
    is_ours,
    metadata,
    not_protected,
    only_annotations,
    resources,
    same,
    validating,
)
from byteport.kubernetes.patches import ACTION_ID, CHANGE_CAUSE, LONGEST_CAUSE, OURS, ROLLBACK_TO, VERIFIED, pointer
from byteport.kubernetes.port import JSON
from byteport.kubernetes.refusals import RollbackRule

NAME = "byteport-deployments"
STRIP = "byteport-deployments-0-strip"
PROVE = "byteport-deployments-1-prove"
"""The API server keeps the two in no order: it asks them as a map of its own yields them, anew whenever a policy changes.
Either order holds, because this one is asked again after the other has taken a stamp off (`reinvocationPolicy`)."""

LONGEST = {ACTION_ID: 64, ROLLBACK_TO: 253, VERIFIED: 253, CHANGE_CAUSE: LONGEST_CAUSE}
"""Of our annotations, in characters: a digest, names of objects, and what a person wrote beside a revision."""
COMPARED_SPEC = (
    "selector",
    "replicas",
    "strategy",
    "minReadySeconds",
    "revisionHistoryLimit",
    "progressDeadlineSeconds",
)
"""Fields that may not change."""
NOT_COMPARED = frozenset({"template", "paused"})
"""The one that may change, and the one that is false before and after."""

OF_REPLICA_SET = "pod-template-hash"
"""The one label of a ReplicaSet's template that a Deployment's has not: its controller puts it on."""

TEMPLATE_METADATA = (
    "name",
    "generateName",
    "namespace",
    "selfLink",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "ownerReferences",
    "finalizers",
    "managedFields",
)
"""What a template's metadata has besides labels and annotations: its finalizers go onto every pod that is made of it."""


def _same_metadata(as_in: str) -> str:
    """That the new template has there what `as_in` has, and nothing where that has nothing."""
    return same(TEMPLATE_METADATA, "object.spec.template.metadata", f"{as_in}.spec.template.metadata")


_ONLY_TEMPLATE = Rule(
    f"{same(COMPARED_SPEC, 'object.spec', 'oldObject.spec')} && !object.spec.?paused.orValue(false) && !oldObject.spec.?paused.orValue(false)",
    "only the template may change, and never while paused",
)
_LABELLED = Rule(
    f"oldObject.metadata.?labels[?'{ROLLBACK_LABEL}'].orValue('') == '{ROLLBACK_ALLOWED}'",
    f"the Deployment has no label {ROLLBACK_LABEL}={ROLLBACK_ALLOWED}",
)
_STAMPED = Rule(
    "object.spec.template != oldObject.spec.template"
    f" && '{ACTION_ID}' in variables.na && variables.na['{ACTION_ID}'].matches('^[0-9a-f]{{64}}$')"
    f" && variables.na[?'{ACTION_ID}'] != variables.oa[?'{ACTION_ID}']"
    f" && '{ROLLBACK_TO}' in variables.na && variables.na['{ROLLBACK_TO}'] != ''",
    RollbackRule.NO_ROLLBACK,
)
_PROVED = Rule(
    f"'{ROLLBACK_TO}' in variables.na && variables.na[?'{VERIFIED}'] == variables.na[?'{ROLLBACK_TO}']",
    RollbackRule.NOT_PROVED,
)
_SAME_TEMPLATE_METADATA = Rule(
    _same_metadata("oldObject"), "of the template's metadata only labels and annotations may change"
)
_OPERATIONS = ["CREATE", "UPDATE", "DELETE"]


def rollbacks(choices: Choices) -> list[JSON]:
    """The validating policy. Without the server's proof it still lets nothing but the template change.

    The proof is asked for before the marks of a rollback: of a change that is none, the answer then tells whether the API
    server stamped (`RollbackRule`, `workers/boundary_proof.py`).
    """
    rules = [PLAIN_UPDATE, ENABLED, not_protected(choices), _LABELLED, UNOWNED, _ONLY_TEMPLATE, SAME_METADATA]
    rules += [
        only_annotations(sorted(OURS)),
        bounded(LONGEST),
        _PROVED if choices.proves_rollbacks else _SAME_TEMPLATE_METADATA,
        _STAMPED,
    ]
    matched = resources("apps", "v1", _OPERATIONS, "deployments", "deployments/*")
    rules += unforged("template", sorted(OURS), ["apps/v1"], depth=TEMPLATE_DEPTH)
    return validating(NAME, choices, matched, rules, ANNOTATIONS | OWNERSHIP)


def proof(choices: Choices) -> list[JSON]:
    """The two mutating policies and their bindings; none where the API server has no such thing.

    There whatever runbook is on: when no binding names ReplicaSets as parameters for a second, the API server stops
    following them and never begins again until it is restarted (kubernetes/kubernetes issue 130887).
    """
    return [*_strip(choices), *_prove(choices)] if choices.proves_rollbacks else []


_STAMP = pointer("metadata", "annotations", VERIFIED)


def _strip(choices: Choices) -> list[JSON]:
    has = f"has(object.metadata.annotations) && '{VERIFIED}' in object.metadata.annotations"
    spec = {
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "matchConstraints": {"resourceRules": [resources("apps", "v1", ["CREATE", "UPDATE"], "deployments")]},
        "matchConditions": [is_ours(choices), {"name": "has-a-stamp", "expression": has}],
        "mutations": [_json_patch(f"JSONPatch{{op: 'remove', path: '{_STAMP}'}}")],
    }
    return _mutating(STRIP, spec, {"policyName": STRIP})


def _prove(choices: Choices) -> list[JSON]:
    names_it = (
        f"has(object.metadata.annotations) && '{ROLLBACK_TO}' in object.metadata.annotations"
        f" && object.metadata.annotations['{ROLLBACK_TO}'] == params.metadata.name"
    )
    owned = (
        "has(params.metadata.ownerReferences) && params.metadata.ownerReferences.exists(o,"
        " o.uid == oldObject.metadata.uid && has(o.controller) && o.controller)"
    )
    template = "spec.template"
    conditions = {
        "names-it": names_it,
        "owned": owned,
        "serving-now": "has(params.status) && params.status.?availableReplicas.orValue(0) > 0",
        "same-spec": f"object.{template}.spec == params.{template}.spec",
        "same-annotations": f"object.{template}.metadata.?annotations == params.{template}.metadata.?annotations",
        "same-metadata": _same_metadata("params"),
        "same-labels": f"object.{template}.metadata.labels.all(k,"
        f" k != '{OF_REPLICA_SET}' && k in params.{template}.metadata.labels"
        f" && params.{template}.metadata.labels[k] == object.{template}.metadata.labels[k])"
        f" && params.{template}.metadata.labels.all(k,"
        f" k == '{OF_REPLICA_SET}' || k in object.{template}.metadata.labels)",
    }
    spec = {
        "failurePolicy": "Fail",
        "reinvocationPolicy": "IfNeeded",
        "paramKind": {"apiVersion": "apps/v1", "kind": "ReplicaSet"},
        "matchConstraints": {
            "objectSelector": {"matchLabels": {ROLLBACK_LABEL: ROLLBACK_ALLOWED}},
            "resourceRules": [resources("apps", "v1", ["UPDATE"], "deployments")],
        },
        "matchConditions": [
            is_ours(choices),
            *({"name": name, "expression": text} for name, text in conditions.items()),
        ],
        "mutations": [_json_patch(f"JSONPatch{{op: 'add', path: '{_STAMP}', value: params.metadata.name}}")],
    }
    # Allow, never Deny: a parameter that is not found would otherwise deny everybody, whom conditions exclude included.
    return _mutating(
        PROVE, spec, {"policyName": PROVE, "paramRef": {"selector": {}, "parameterNotFoundAction": "Allow"}}
    )


def _json_patch(operation: str) -> JSON:
    return {"patchType": "JSONPatch", "jsonPatch": {"expression": f"[{operation}]"}}


def _mutating(name: str, spec: JSON, bound: JSON) -> list[JSON]:
    version = f"{ADMISSION}/v1"
    return [
        {"apiVersion": version, "kind": "MutatingAdmissionPolicy", "metadata": metadata(name), "spec": spec},
        {"apiVersion": version, "kind": "MutatingAdmissionPolicyBinding", "metadata": metadata(name), "spec": bound},
    ]
