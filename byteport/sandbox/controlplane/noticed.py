"""When an API server acts on its admission policies as they stand, after one was made, changed or taken away.

It hears of the objects of a kind in the order of their changes, and takes all that it heard of into use at once. A policy
and a binding that are made last and are in force therefore tell that it has heard of everything before them. Used by
`agent.py`, and by tests that take a policy away; no length of sleep says as much.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from activities.kubernetes.paths import object_path
from byteport.boundary.installed import RESOURCES
from byteport.sandbox.controlplane.rest import Api, ApiRefused

JSON = dict[str, Any]

VERSION = "admissionregistration.k8s.io/v1"
WHERE = "/api/v1/namespaces/default/configmaps?dryRun=All"
REFUSED = 422
WITHIN_SECONDS = 15.0
POLL_SECONDS = 0.05


def await_noticed(api: Api) -> None:
    """Until the API server acts on every admission policy and binding as they stand now; asked as an administrator.

    Raises `TimeoutError` when it does not within fifteen seconds.
    """
    refusing, adding = (f"marks-{secrets.token_hex(4)}" for _ in range(2))
    made = [*_refusing(refusing), *_adding(adding)]
    try:
        for item in made:
            api.apply(_path(item), item)
        _await(lambda: _is_refused(api, _config(refusing)))
        _await(lambda: api.call("POST", WHERE, _config(adding)).get("data") == {"noticed": "yes"})
    finally:
        for item in reversed(made):
            with suppress(ApiRefused):
                api.call("DELETE", _path(item))


def _await(noticed: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    while not noticed():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the API server does not act on its admission policies after {WITHIN_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)


def _is_refused(api: Api, config: JSON) -> bool:
    try:
        api.call("POST", WHERE, config)
    except ApiRefused as error:
        if error.status != REFUSED:
            raise
        return True
    return False


def _path(item: JSON) -> str:
    return object_path(RESOURCES[item["kind"]], "", item["metadata"]["name"])


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
