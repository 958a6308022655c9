"""JSON Patch as the API server applies it: all operations or none, server-owned fields kept, immutable ones refused.

Comes after `templates.py` (defaults), before `port.py`. Which part failed is not told: nor does the API server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jsonpatch
import jsonpointer

from byteport.errors import PermanentError, PreconditionFailed
from byteport.kubernetes.port import AUTOSCALERS, DEPLOYMENTS, PODS, Resource
from byteport.sandbox.simulated.copies import copied
from byteport.sandbox.simulated.objects import checked
from byteport.sandbox.simulated.refusals import NotModelled

JSON = dict[str, Any]

OPERATIONS = {"add", "remove", "replace", "test"}
PATCHABLE = {DEPLOYMENTS, AUTOSCALERS, PODS}
KEPT = ("uid", "creationTimestamp", "generation", "managedFields")


def patched(resource: Resource, before: JSON, operations: Sequence[Mapping[str, Any]]) -> JSON:
    """The object as the operations leave it.

    Raises `PreconditionFailed` when one of them does not apply or the object is another version than they say
    (the API's 422 and 409), and `PermanentError` when the result is not valid (422 with causes).
    """
    if resource not in PATCHABLE:
        raise NotModelled(f"a patch of {resource.plural}")
    after = applied(before, operations)
    metadata, was = after.get("metadata") or {}, before["metadata"]
    if metadata.get("uid") != was["uid"]:
        raise PermanentError("the uid of an object is immutable")
    if metadata.get("resourceVersion") != was["resourceVersion"]:
        raise PreconditionFailed("the object is another version than the patch was made for")
    if (metadata.get("name"), metadata.get("namespace")) != (was["name"], was.get("namespace")):
        raise PermanentError("a patch cannot rename an object")
    for field in KEPT:
        metadata.pop(field, None)
        if field in was:
            metadata[field] = was[field]
    after.pop("status", None)
    if "status" in before:
        after["status"] = before["status"]
    if resource == PODS and after.get("spec") != before["spec"]:
        raise NotModelled("a patch of a pod's spec")
    after = checked(after)
    if resource == DEPLOYMENTS and after["spec"]["selector"] != before["spec"]["selector"]:
        raise PermanentError("the selector of a Deployment is immutable")
    return after


def applied(before: JSON, operations: Sequence[Mapping[str, Any]]) -> JSON:
    """What the operations make of `before`, which stays as it is: the API server's JSON Patch and nothing else.

    A `test` for null holds where the member is missing, as in evanphx/json-patch; RFC 6902 has it fail.
    Raises `PreconditionFailed` when one of them does not apply.
    """
    for operation in operations:
        if operation.get("op") not in OPERATIONS:
            raise NotModelled(f"the JSON Patch operation {operation.get('op')!r}")
    after = copied(before)
    try:
        for operation in operations:
            if not _tests_for_a_missing_member(after, operation):
                after = jsonpatch.JsonPatch([dict(operation)]).apply(after, in_place=True)
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException):
        raise PreconditionFailed("a test or an operation of the patch did not apply") from None
    return after


def _tests_for_a_missing_member(document: JSON, operation: Mapping[str, Any]) -> bool:
    if operation["op"] != "test" or "value" not in operation or operation["value"] is not None:
        return False
    holder, member = jsonpointer.JsonPointer(operation["path"]).to_last(document)
    return isinstance(holder, dict) and holder.get(member) is None
