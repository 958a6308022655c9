"""Where objects of the API lie, as paths and as words for errors.

Used by `client.py`. Names are checked before they become part of a path: a name with a slash in it is another object.
"""

from __future__ import annotations

import re
from typing import Any

from byteport.errors import PermanentError
from byteport.kubernetes.port import Resource

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_WORD = re.compile(r"[a-z0-9][-a-z0-9.]*")


def collection_path(resource: Resource, namespace: str) -> str:
    """Of one namespace, or of all when `namespace` is empty."""
    root = f"/apis/{_word(resource.group)}" if resource.group else "/api"
    home = f"/namespaces/{_name(namespace)}" if namespace else ""
    return f"{root}/{_word(resource.version)}{home}/{_word(resource.plural)}"


def object_path(resource: Resource, namespace: str, name: str, subresource: str = "") -> str:
    path = f"{collection_path(resource, namespace)}/{_name(name)}"
    return f"{path}/{_word(subresource)}" if subresource else path


def what(resource: Resource, namespace: str, name: str = "") -> str:
    """For an error: `deployments shop/web`, `pods in shop`, `nodes`."""
    if name:
        return f"{resource.plural} {'/'.join(filter(None, [namespace, name]))}"
    return f"{resource.plural} in {namespace}" if namespace else resource.plural


def review_body(verb: str, resource: Resource, namespace: str, subresource: str, name: str) -> dict[str, Any]:
    """A SelfSubjectAccessReview."""
    attributes = {
        "verb": verb,
        "group": resource.group,
        "version": resource.version,
        "resource": resource.plural,
        "subresource": subresource,
        "namespace": namespace,
        "name": name,
    }
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {key: value for key, value in attributes.items() if value}},
    }


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise PermanentError("that is no name of a Kubernetes object")
    return name


def _word(word: str) -> str:
    if not _WORD.fullmatch(word):
        raise PermanentError("that is no resource of the Kubernetes API")
    return word
