"""What a server of lists and watches holds: a few real objects by name, which a test writes and deletes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

JSON = dict[str, Any]


class Holdings(Protocol):
    """Objects by resource (its plural) and namespace, in the order in which a list has them."""

    version: int
    """The newest resourceVersion."""

    def count(self, resource: str, namespace: str) -> int | None:
        """How many there are there; None when there is no such resource."""

    def items(self, resource: str, namespace: str, start: int, end: int) -> Sequence[bytes]:
        """Those of a page, as text."""

    def one(self, resource: str, namespace: str, name: str) -> bytes | None:
        """One of them."""


class Objects:
    """Objects that were written."""

    RESOURCES = (
        "pods",
        "deployments",
        "replicasets",
        "horizontalpodautoscalers",
        "nodes",
        "events",
        "namespaces",
        "configmaps",
    )

    def __init__(self) -> None:
        self.version = 1
        self._held: dict[tuple[str, str, str], JSON] = {}

    def put(self, resource: str, item: JSON) -> bytes:
        """The object as it is from now on, with its new version."""
        self.version += 1
        item["metadata"]["resourceVersion"] = str(self.version)
        self._held[self._key(resource, item)] = item
        return json.dumps(item).encode()

    def remove(self, resource: str, item: JSON) -> bytes:
        """The object as it was, with the version of its end."""
        self.version += 1
        del self._held[self._key(resource, item)]
        item["metadata"]["resourceVersion"] = str(self.version)
        return json.dumps(item).encode()

    def count(self, resource: str, namespace: str) -> int | None:
        return len(self._of(resource, namespace)) if resource in self.RESOURCES else None

    def items(self, resource: str, namespace: str, start: int, end: int) -> Sequence[bytes]:
        return [json.dumps(item).encode() for item in self._of(resource, namespace)[start:end]]

    def one(self, resource: str, namespace: str, name: str) -> bytes | None:
        found = self._held.get((resource, namespace, name))
        return json.dumps(found).encode() if found is not None else None

    def _of(self, resource: str, namespace: str) -> list[JSON]:
        return [self._held[key] for key in sorted(self._held) if key[0] == resource and namespace in ("", key[1])]

    @staticmethod
    def _key(resource: str, item: JSON) -> tuple[str, str, str]:
        return resource, item["metadata"].get("namespace", ""), item["metadata"]["name"]
