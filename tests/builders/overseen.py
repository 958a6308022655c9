"""The same API server as `guarded.py`, reached by an administrator's credential: every object is read and listed."""

from __future__ import annotations

import copy
from typing import Any

from byteport.boundary.changes import PLACES
from byteport.errors import NotPermitted, TargetGone
from byteport.kubernetes.port import Listed, Resource
from tests.builders.guarded import Guarded

JSON = dict[str, Any]
_KINDS = {place.plural: kind for kind, place in PLACES.items()}


class Overseen(Guarded):
    """What is in `forbidden` (plurals) may not even this credential read."""

    forbidden: frozenset[str] = frozenset()

    async def get(self, resource: Resource, namespace: str, name: str) -> JSON:
        self._refuse("get", resource)
        found = self.objects.get((_KINDS[resource.plural], namespace, name))
        if found is None:
            raise TargetGone(f"{resource.plural} {name}")
        return copy.deepcopy(found)

    async def list(
        self, resource: Resource, namespace: str, *, labels: str = "", fields: str = "", limit: int = 500
    ) -> Listed:
        """Its items do not say their kind, as those of a list do not."""
        self._refuse("list", resource)
        found = [item for (kind, _, _), item in self.objects.items() if kind == _KINDS[resource.plural]]
        return Listed([{key: value for key, value in item.items() if key != "kind"} for item in found], "1")

    def _refuse(self, verb: str, resource: Resource) -> None:
        if resource.plural in self.forbidden:
            raise NotPermitted(f"{verb} {resource.plural}: forbidden")
