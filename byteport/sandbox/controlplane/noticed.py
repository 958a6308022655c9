"""When an API server acts on its admission policies and its roles as they stand, after one was made, changed or taken away.

It hears of the objects of a kind in the order of their changes, and takes all that it heard of into use at once. A policy
and a binding that are made last and are in force therefore tell that it has heard of everything before them; so do roles.
Used by `agent.py`, and by tests that take a policy or a right away; no length of sleep says as much.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from activities.kubernetes.paths import object_path
from byteport.boundary.installed import RESOURCES
from byteport.sandbox.controlplane.rest import Api, ApiRefused

JSON = dict[str, Any]

VERSION = "admissionregistration.k8s.io/v1"
WHERE = "/api/v1/namespaces/default/configmaps?dryRun=All"
REFUSED = 422
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
RBAC = "rbac.authorization.k8s.io"
HOME = "default"
WITHIN_SECONDS = 60.0
POLL_SECONDS = 0.05


def await_noticed(api: Api) -> None:
    """Until the API server acts on every admission policy and binding as they stand now; asked as an administrator.

    Raises `TimeoutError` when it does not within a minute.
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


def await_rights_noticed(api: Api) -> None:
    """Until the API server acts on every role and binding as they stand now; asked as an administrator.

    Raises `TimeoutError` when it does not within a minute.
    """
    name = f"marks-{secrets.token_hex(4)}"
    made = [*_giving("", name), *_giving(HOME, name)]
    try:
        for item in made:
            api.apply(_path(item), item)
        for namespace in ("", HOME):
            _await(partial(_is_given, api, namespace, name))
    finally:
        for item in reversed(made):
            with suppress(ApiRefused):
                api.call("DELETE", _path(item))


def _giving(namespace: str, name: str) -> list[JSON]:
    """A role and its binding to somebody who is nobody, everywhere or in a namespace, for a resource that nothing has."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    kind = "Role" if namespace else "ClusterRole"
    rule = {"apiGroups": [f"{name}.example"], "resources": [kind.lower()], "verbs": ["get"]}
    head = {"apiVersion": f"{RBAC}/v1", "metadata": metadata}
    to = [{"kind": "User", "apiGroup": RBAC, "name": name}]
    ref = {"apiGroup": RBAC, "kind": kind, "name": name}
    return [{**head, "kind": kind, "rules": [rule]}, {**head, "kind": f"{kind}Binding", "roleRef": ref, "subjects": to}]


def _is_given(api: Api, namespace: str, name: str) -> bool:
    asked = {"verb": "get", "group": f"{name}.example", "namespace": namespace}
    asked["resource"] = "role" if namespace else "clusterrole"
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}
    answer = api.call("POST", REVIEWS, {**review, "spec": {"user": name, "resourceAttributes": asked}})
    return bool(answer["status"]["allowed"])


def _await(noticed: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    while not noticed():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the API server does not act on what was written {WITHIN_SECONDS:.0f} s ago")
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
    return object_path(RESOURCES[item["kind"]], item["metadata"].get("namespace", ""), item["metadata"]["name"])


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
