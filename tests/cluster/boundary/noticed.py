"""When an API server acts on its admission policies as they stand, after one was made, changed or taken away.

It hears of the objects of a kind in the order of their changes, and takes all that it heard of into use at once. A policy
and a binding that are made last and are in force therefore tell that it has heard of everything before them. Used by
`conftest.py` and by tests that take a policy away; no length of sleep says as much.
"""

from __future__ import annotations

import secrets
from typing import Any

from byteport.sandbox.controlplane.rest import Api
from tests.cluster.boundary.installed import asked, once, path_of

JSON = dict[str, Any]

VERSION = "admissionregistration.k8s.io/v1"
WHERE = "/api/v1/namespaces/default/configmaps?dryRun=All"
REFUSED = 422


def await_noticed(api: Api) -> None:
    """Until the API server acts on every admission policy and binding as they stand now; asked as an administrator."""
    refusing, adding = (f"marks-{secrets.token_hex(4)}" for _ in range(2))
    made = [*_refusing(refusing), *_adding(adding)]
    try:
        for item in made:
            api.apply(path_of(item), item)
        once(lambda said: said.status == REFUSED, lambda: asked(api, "POST", WHERE, _config(refusing)))
        once(
            lambda said: said.body.get("data") == {"noticed": "yes"}, lambda: asked(api, "POST", WHERE, _config(adding))
        )
    finally:
        for item in reversed(made):
            asked(api, "DELETE", path_of(item))


def _config(name: str) -> JSON:
    """Never made: it is only asked what would become of it."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}


def _refusing(name: str) -> list[JSON]:
    """A policy that refuses the ConfigMap of its own name, and its binding."""
    spec = {**_about(name), "validations": [{"expression": "false", "message": "noticed"}]}
    bound = {"policyName": name, "validationActions": ["Deny"]}
    return [
        {"apiVersion": VERSION, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": spec},
        {"apiVersion": VERSION, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name}, "spec": bound},
    ]


def _adding(name: str) -> list[JSON]:
    """A policy that writes into the ConfigMap of its own name, and its binding."""
    added = "[JSONPatch{op: 'add', path: '/data', value: {'noticed': 'yes'}}]"
    mutations = [{"patchType": "JSONPatch", "jsonPatch": {"expression": added}}]
    spec = {**_about(name), "reinvocationPolicy": "Never", "mutations": mutations}
    return [
        {"apiVersion": VERSION, "kind": "MutatingAdmissionPolicy", "metadata": {"name": name}, "spec": spec},
        {
            "apiVersion": VERSION,
            "kind": "MutatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {"policyName": name},
        },
    ]


def _about(name: str) -> JSON:
    """Of everybody else's ConfigMaps none is met, those without a name included."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    named = f"has(object.metadata.name) && object.metadata.name == '{name}'"
    return {
        "failurePolicy": "Ignore",
        "matchConstraints": {"resourceRules": [rule]},
        "matchConditions": [{"name": "is-it", "expression": named}],
    }
