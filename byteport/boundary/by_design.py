"""What the agent's account sends to the API server by design, beside its acts: so that everything else stands out.

`byteport/audit/matching` holds the API server's own audit log against the log; here the words come from where they are
used: the self-check's question (`workers/boundary_enforced.py`), the commands that only look, the container for both, and
what the body of each patch and delete may hold (`byteport/kubernetes/patches.py`, `floor_patch.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from byteport.audit.apiserver import Event
from byteport.audit.asking import Design
from byteport.audit.sorting import APART, Rules
from byteport.boundary.names import AGENT, AGENT_MANAGER
from byteport.domain.plans import HELPER_CONTAINER
from byteport.kubernetes import fields
from byteport.kubernetes.floor_patch import raise_arguments, restore_arguments
from byteport.kubernetes.node_commands import host_path, is_read
from byteport.kubernetes.patches import ACTION_ID, ROLLBACK_TO, Operation, patch_arguments, pointer
from byteport.kubernetes.port import NO_POD
from byteport.kubernetes.told_events import NAMED, is_telling

_OF_A_DELETE = frozenset({"apiVersion", "kind", "preconditions", "propagationPolicy"})


def looks(argv: tuple[str, ...]) -> bool:
    """Whether a command only looks: which paths a node's pods declare is not known here, so any that may be one is let by."""
    declared = host_path(argv[-1]) if argv else None
    return is_read(argv, frozenset({declared} if declared is not None else ()))


def carries_out(event: Event, action_id: str, floor: int | None) -> bool:
    """Whether the body of a patch or a delete is one that carries out the act with this id.

    A delete takes its time and leaves nothing behind. A floor is set to what the record says. Of a rollback the record
    names a revision, which is not in the patch: that it is a rollback, of this act, and nothing besides, is compared;
    whether the template is that ReplicaSet's the API server's own policy compares.
    """
    asked = event.asked
    if event.verb == "delete":
        leaves_nothing = isinstance(asked, Mapping) and asked.get("propagationPolicy") in (None, "Background")
        return isinstance(asked, Mapping) and leaves_nothing and asked.keys() <= _OF_A_DELETE
    if not isinstance(asked, list) or not all(isinstance(operation, dict) for operation in asked):
        return False
    try:
        return _rolls_back(asked, event, action_id) if floor is None else _sets_floor(asked, event, action_id, floor)
    except (ValueError, RecursionError):  # a value that cannot be written again, or is too deep to be one
        return False


def tells(event: Event) -> bool:
    """Whether a new Event has our form, by its name and by its body where the log shows that."""
    if re.fullmatch(NAMED, event.name) is None:
        return False
    return event.asked is None or (is_telling(event.asked, event.namespace) and _name_of(event.asked) == event.name)


def _name_of(body: object) -> object:
    return fields.metadata(body).get("name")


def rules(account: str = AGENT, *, apart: timedelta = APART) -> Rules:
    """How requests of `account` are told apart. `apart` is how far the two clocks may differ."""
    design = Design(
        no_pod=NO_POD,
        looks=looks,
        container=HELPER_CONTAINER,
        manager=AGENT_MANAGER,
        carries_out=carries_out,
        tells=tells,
    )
    return Rules(account, design, apart)


def _sets_floor(asked: list[Operation], event: Event, action_id: str, floor: int) -> bool:
    where = {"cluster_uid": "", "namespace": event.namespace, "name": event.name, "action_id": action_id}
    found = raise_arguments(asked, **where, now=event.received) or restore_arguments(asked, **where)
    return found is not None and found["set_floor"] == floor


def _rolls_back(asked: list[Operation], event: Event, action_id: str) -> bool:
    """Whether the operations are a rollback of this act to a ReplicaSet that has the very template which they write."""
    marks, values = _marks(asked), {(one.get("op"), one.get("path")): one.get("value") for one in asked}
    owner = {"controller": True, "kind": "Deployment", "uid": values.get(("test", "/metadata/uid"))}
    replica_set = {
        "metadata": {"name": marks.get(ROLLBACK_TO), "ownerReferences": [owner]},
        "spec": {"template": values.get(("replace", "/spec/template"))},
    }
    found = patch_arguments(asked, replica_set, cluster_uid="", namespace=event.namespace, name=event.name)
    return found is not None and marks.get(ACTION_ID) == action_id


def _marks(asked: list[Operation]) -> dict[str, Any]:
    """The annotations of ours that a patch writes, one by one or as the object's first."""
    written = {one.get("path"): one.get("value") for one in asked if one.get("op") == "add"}
    whole = written.get("/metadata/annotations")
    marks = dict(whole) if isinstance(whole, dict) else {}
    for key in (ACTION_ID, ROLLBACK_TO):
        path = pointer("metadata", "annotations", key)
        if path in written:
            marks[key] = written[path]
    return marks
