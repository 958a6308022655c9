"""The one change that a rollback makes, as a JSON Patch, and the plan read back from its bytes.

`activities/kubernetes` builds the patch from the Deployment and the ReplicaSet that it has just read, and then asks
`patch_matches` whether these very bytes are what the plan (and so the grant, and the approval) speaks of. The API
server's own policy checks it once more: only `spec.template` and our annotations may differ, never the replica count.

`test` on the uid refuses an object that was made again under the same name; `test` on the whole template refuses when
anybody has deployed meanwhile, and lets an autoscaler's change of `replicas` pass, which a test on the generation or
the resourceVersion would not.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any

from byteport.domain.plans import RollbackPlan
from byteport.kubernetes import fields
from byteport.kubernetes.owners import owned_by
from byteport.kubernetes.templates import annotations_of, template_digest, template_of, template_to_restore
from byteport.kubernetes.world import JSON

ACTION_ID = "byteport.io/action-id"
"""64 hex digits: which action wrote the template. Resolves an unknown outcome; never proves who did it, since a
Deployment's annotations are copied to its ReplicaSets, and `kubectl rollout undo` brings them back."""
ROLLBACK_TO = "byteport.io/rollback-to"
"""Name of the ReplicaSet whose template was restored; the API server's own policy compares the two."""
VERIFIED = "byteport.io/verified-template"
"""The API server's stamp. Never written by us, and an old one is taken off."""
CHANGE_CAUSE = "kubernetes.io/change-cause"
"""`kubectl rollout history` prints it beside a revision, so it goes with the template, as `kubectl rollout undo` has it."""
LONGEST_CAUSE = 4096
"""Characters: a longer one is left out, and the API server's own policy refuses it."""
OURS = frozenset({ACTION_ID, ROLLBACK_TO, VERIFIED, CHANGE_CAUSE})

Operation = dict[str, Any]


def pointer(*keys: str) -> str:
    """A JSON pointer (RFC 6901) to `keys`."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)


def rollback_patch(deployment: JSON, replica_set: JSON, action_id: str) -> list[Operation]:
    """Operations that put the template of `replica_set` into `deployment`, if both are still what was read.

    Everything else stays: replicas, strategy, labels, and all annotations that are not ours (kubectl's last-applied
    configuration, the controller's revision and replica annotations).
    """
    annotations = annotations_of(deployment)
    operations: list[Operation] = [
        {"op": "test", "path": "/metadata/uid", "value": fields.metadata(deployment).get("uid")},
        {"op": "test", "path": "/spec/template", "value": copy.deepcopy(template_of(deployment))},
        {"op": "replace", "path": "/spec/template", "value": template_to_restore(replica_set)},
    ]
    wanted = {ACTION_ID: action_id, ROLLBACK_TO: fields.metadata(replica_set).get("name")}
    cause = annotations_of(replica_set).get(CHANGE_CAUSE)
    if isinstance(cause, str) and len(cause) <= LONGEST_CAUSE:
        wanted[CHANGE_CAUSE] = cause
    if not annotations:
        return [*operations, *first_annotations(wanted)]
    stale = [key for key in (VERIFIED, CHANGE_CAUSE) if key in annotations and key not in wanted]
    operations += [{"op": "remove", "path": pointer("metadata", "annotations", key)} for key in stale]
    operations += [
        {"op": "add", "path": pointer("metadata", "annotations", key), "value": value} for key, value in wanted.items()
    ]
    return operations


def asking_patch(deployment: JSON, replica_set: JSON, action_id: str) -> list[Operation]:
    """Operations that only mark the Deployment as rolled back to `replica_set`, whose template it has already.

    Our policy refuses them whatever else holds, since they change no template; by which rule tells whether the API server
    knows that ReplicaSet as one that serves. Sent as a dry run all the same.
    """
    marks = {ACTION_ID: action_id, ROLLBACK_TO: fields.metadata(replica_set).get("name")}
    same: list[Operation] = [{"op": "test", "path": "/metadata/uid", "value": fields.metadata(deployment).get("uid")}]
    if not annotations_of(deployment):
        return [*same, *first_annotations(marks)]
    return [
        *same,
        *(
            {"op": "add", "path": pointer("metadata", "annotations", key), "value": value}
            for key, value in marks.items()
        ),
    ]


def first_annotations(wanted: Mapping[str, Any]) -> list[Operation]:
    """Operations that give an object its first annotations, and fail when it has got any since it was read.

    `add` alone would replace a map that somebody wrote meanwhile. The API server serves no empty map, and takes a
    `test` for null to mean that the member is missing (evanphx/json-patch, `Patch.test`). A test on the resourceVersion
    would fail at every status that a controller writes.
    """
    return [
        {"op": "test", "path": _ANNOTATIONS, "value": None},
        {"op": "add", "path": _ANNOTATIONS, "value": dict(wanted)},
    ]


def patch_arguments(
    operations: Sequence[Mapping[str, Any]], replica_set: JSON, *, cluster_uid: str, namespace: str, name: str
) -> dict[str, Any] | None:
    """What a plan would have to say for exactly these operations, sent to that object, to be its own.

    The form of `RollbackPlan.arguments()`, so that a grant's argument digest can be compared with the bytes themselves.
    None when they are no rollback: an operation too many, in another order, on another path, annotations that are not
    ours, or a template that is not that of `replica_set`, an object as read now and controlled by the Deployment tested
    for.
    """
    paths = [_path(operation) for operation in operations]
    if tuple(paths[:3]) != _REQUIRED or len(set(paths)) != len(paths) or not set(paths) <= _ALLOWED:
        return None
    values = {path: operation.get("value") for path, operation in zip(paths, operations, strict=True)}
    uid, tested, written = (values[path] for path in _REQUIRED)
    ours = _annotations(values)
    called = fields.metadata(replica_set).get("name")
    action = ours.get(ACTION_ID)
    if not isinstance(uid, str) or not written or not owned_by(replica_set, uid):
        return None
    if written != template_to_restore(replica_set) or ours.get(ROLLBACK_TO) != called:
        return None
    if not isinstance(action, str) or not _ACTION_ID.fullmatch(action):
        return None
    return {
        "act": "rollback",
        "cluster_uid": cluster_uid,
        "namespace": namespace,
        "name": name,
        "uid": uid,
        "test_template": template_digest(tested),
        "set_template": template_digest(written),
        "replica_set": {"name": called, "uid": fields.metadata(replica_set).get("uid")},
    }


def patch_matches(
    plan: RollbackPlan,
    operations: Sequence[Mapping[str, Any]],
    replica_set: JSON,
    *,
    cluster_uid: str,
    namespace: str,
    name: str,
    action_id: str,
) -> bool:
    """Whether exactly these operations, sent to that object, are what `plan` describes under `action_id`.

    No value of the plan is taken on trust: its arguments are computed again from the operations.
    """
    found = patch_arguments(operations, replica_set, cluster_uid=cluster_uid, namespace=namespace, name=name)
    stamped = action_id in [_stamp(operation) for operation in operations]
    return found is not None and stamped and found == plan.arguments()


_ACTION_ID = re.compile(r"[0-9a-f]{64}")
_Path = tuple[str, str]
_REQUIRED: tuple[_Path, ...] = (("test", "/metadata/uid"), ("test", "/spec/template"), ("replace", "/spec/template"))
_ANNOTATIONS = "/metadata/annotations"
NO_ANNOTATIONS: _Path = ("test", _ANNOTATIONS)
"""Operation and path of the test in `first_annotations`; its value must be null."""
_STAMPS = {("add", pointer("metadata", "annotations", key)): key for key in (ACTION_ID, ROLLBACK_TO, CHANGE_CAUSE)}
_ALLOWED = frozenset(
    {
        *_REQUIRED,
        *_STAMPS,
        NO_ANNOTATIONS,
        ("add", _ANNOTATIONS),
        ("remove", pointer("metadata", "annotations", VERIFIED)),
        ("remove", pointer("metadata", "annotations", CHANGE_CAUSE)),
    }
)


def _stamp(operation: Mapping[str, Any]) -> object:
    """The action id that an operation writes, alone or in a whole map of annotations."""
    value = operation.get("value")
    return value.get(ACTION_ID) if isinstance(value, Mapping) and operation.get("path") == _ANNOTATIONS else value


def _path(operation: Mapping[str, Any]) -> _Path:
    return str(operation.get("op")), str(operation.get("path"))


def _annotations(values: Mapping[_Path, Any]) -> dict[str, Any]:
    """What the patch writes into annotations; nothing when it writes any that are not ours."""
    whole = values.get(("add", _ANNOTATIONS))
    if whole is not None:
        guarded = values.get(NO_ANNOTATIONS, whole) is None
        mine = isinstance(whole, Mapping) and set(whole) <= OURS - {VERIFIED}
        return dict(whole) if guarded and mine and not values.keys() & _STAMPS.keys() else {}
    if NO_ANNOTATIONS in values:
        return {}
    return {key: values[path] for path, key in _STAMPS.items() if path in values}
