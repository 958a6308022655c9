"""Objects with uid, resourceVersion and generation, and the history that watches read: the API server's storage.

Comes after `kinds.py`; every controller and the port write through it. What lies in it is never changed in place:
whoever writes takes a copy (`edited`), changes that, and gives it back to `replace`.
"""

from __future__ import annotations

import asyncio
import uuid
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice, takewhile
from typing import Any, Literal, NamedTuple

from byteport.kubernetes.port import EVENTS, Resource
from byteport.sandbox.simulated.clocks import stamp
from byteport.sandbox.simulated.copies import copied
from byteport.sandbox.simulated.kinds import Kind, kind_of, kind_of_object

JSON = dict[str, Any]

HISTORY = 5000
"""Changes kept for watches; a watch from before the oldest gets 410."""

_SERVER_OWNED = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")


class Change(NamedTuple):
    """One step of the history. `object` is the object after it, or as it was last for a deletion."""

    revision: int
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    resource: Resource
    object: JSON


class Store:
    """All objects of one cluster. `revision` is the resourceVersion of the newest change, as a number."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._objects: dict[Resource, dict[tuple[str, str], JSON]] = {}
        self._order: dict[Resource, list[tuple[str, str]]] = {}
        """The names of a kind, sorted; forgotten when one is added or removed."""
        self._controlled: dict[tuple[Resource, str], dict[tuple[str, str], JSON]] = {}
        """By the uid of their controller, so that a cluster of hundreds of Deployments is no quadratic search."""
        self._history: deque[Change] = deque(maxlen=HISTORY)
        self._forgotten = 0
        self._waiting: set[asyncio.Event] = set()
        self.revision = 1000
        self.changes = 0
        """Changes of anything but events: what controllers act on."""
        self.removals = 0
        """Those of them that removed an object."""

    def find(self, resource: Resource, namespace: str, name: str) -> JSON | None:
        return self._objects.get(resource, {}).get((namespace, name))

    def all(self, resource: Resource, namespace: str = "") -> list[JSON]:
        """Sorted by namespace and name, as the API lists them; `namespace=""` is every one."""
        resource = kind_of(resource).resource
        kept = self._objects.get(resource, {})
        order = self._order.get(resource)
        if order is None:
            order = self._order[resource] = sorted(kept)
        if not namespace:
            return [kept[key] for key in order]
        begin = bisect_left(order, (namespace, ""))
        return [kept[key] for key in takewhile(lambda key: key[0] == namespace, islice(order, begin, None))]

    def owned(self, resource: Resource, owner: JSON) -> list[JSON]:
        """Objects of `resource` whose controller is `owner`, oldest first."""
        home, uid = owner["metadata"].get("namespace", ""), owner["metadata"]["uid"]
        kept = self._controlled.get((resource, uid), {})
        mine = [item for (namespace, _), item in kept.items() if namespace == home]
        return sorted(mine, key=lambda item: (item["metadata"]["creationTimestamp"], item["metadata"]["name"]))

    def create(self, item: JSON) -> JSON:
        """Keep a new object, with what the server gives it. Raises `KeyError` when the name is taken."""
        kind = kind_of_object(item)
        item = copied(item)
        metadata = item["metadata"]
        if kind.namespaced:
            metadata.setdefault("namespace", "default")
        else:
            metadata.pop("namespace", None)
        key = self._key(item)
        if key in self._objects.setdefault(kind.resource, {}):
            raise KeyError(f"{kind.resource.plural} {'/'.join(filter(None, key))} already exists")
        for field in _SERVER_OWNED:
            metadata.pop(field, None)
        metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": stamp(self._now())}
        if kind.generation:
            metadata["generation"] = 1
        return self._keep(kind, item, "ADDED")

    def replace(self, item: JSON, *, through_status: bool = False) -> JSON:
        """Keep `item` in place of the object of its name; the same content again is no change. It is the store's now.

        The generation counts changes of the spec, and of a Deployment's annotations too, unless they are written
        `through_status` as its controller does.
        """
        kind = kind_of_object(item)
        before = self._objects[kind.resource][self._key(item)]
        metadata = item["metadata"]
        metadata["resourceVersion"] = before["metadata"]["resourceVersion"]
        if kind.generation:
            changed = item.get("spec") != before.get("spec")
            if kind.name == "Deployment" and not through_status:
                changed |= metadata.get("annotations") != before["metadata"].get("annotations")
            metadata["generation"] = before["metadata"]["generation"] + changed
        if item == before:
            return before
        if (
            metadata.get("deletionTimestamp")
            and not metadata.get("finalizers")
            and before["metadata"].get("finalizers")
        ):
            self.remove(kind.resource, *self._key(item))
            return item
        return self._keep(kind, item, "MODIFIED")

    @contextmanager
    def edited(self, item: JSON) -> Iterator[JSON]:
        """A copy to change; it is given back to `replace` at the end of the block."""
        draft = copied(item)
        yield draft
        self.replace(draft)

    def remove(self, resource: Resource, namespace: str, name: str) -> None:
        """Forget an object at once, whatever its finalizers."""
        item = copied(self._objects[resource].pop((namespace, name)))
        self._order.pop(resource, None)
        self._control(resource, item, None)
        self.revision += 1
        item["metadata"]["resourceVersion"] = str(self.revision)
        self._append(Change(self.revision, "DELETED", resource, item))

    def compact(self) -> None:
        """Forget the history, as etcd does every five minutes: watches from before now get 410."""
        self._history.clear()
        self._forgotten = self.revision

    def since(self, revision: int, resource: Resource, namespace: str) -> list[Change] | None:
        """What has happened after `revision`; None when that is no longer known."""
        if revision < self._forgotten:
            return None
        return [
            change
            for change in self._history
            if change.revision > revision
            and change.resource == resource
            and namespace in ("", change.object["metadata"].get("namespace", ""))
        ]

    @contextmanager
    def notices(self) -> Iterator[asyncio.Event]:
        """An event that is set by every change, for as long as the block lasts."""
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            yield event
        finally:
            self._waiting.discard(event)

    def _keep(self, kind: Kind, item: JSON, type_: Literal["ADDED", "MODIFIED"]) -> JSON:
        self.revision += 1
        item["metadata"]["resourceVersion"] = str(self.revision)
        before = self._objects[kind.resource].get(self._key(item))
        if before is None:
            self._order.pop(kind.resource, None)
        self._control(kind.resource, before, item)
        self._objects[kind.resource][self._key(item)] = item
        self._append(Change(self.revision, type_, kind.resource, item))
        return item

    def _control(self, resource: Resource, before: JSON | None, after: JSON | None) -> None:
        """Keep in mind who controls an object, and no longer who did."""
        was = controller_uid(before) if before is not None else None
        if before is not None and was is not None:
            kept = self._controlled[resource, was]
            del kept[self._key(before)]
            if not kept:
                del self._controlled[resource, was]
        owner = controller_uid(after) if after is not None else None
        if after is not None and owner is not None:
            self._controlled.setdefault((resource, owner), {})[self._key(after)] = after

    def _append(self, change: Change) -> None:
        if len(self._history) == HISTORY:
            self._forgotten = self._history[0].revision
        self._history.append(change)
        if change.resource != EVENTS:
            self.changes += 1
            self.removals += change.type == "DELETED"
        for event in self._waiting:
            event.set()

    @staticmethod
    def _key(item: JSON) -> tuple[str, str]:
        metadata = item["metadata"]
        return metadata.get("namespace", ""), metadata["name"]


def controller_uid(item: JSON) -> str | None:
    """The uid of the owner that controls an object, if one does."""
    for owner in item["metadata"].get("ownerReferences") or []:
        if owner.get("controller"):
            uid: str = owner["uid"]
            return uid
    return None


def owner_reference(owner: JSON) -> JSON:
    """The reference that a controller writes into what it makes."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
