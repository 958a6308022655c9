"""What the credential may do and who it is, as the simulated API server answers. Comes between `access.py` and `port.py`.

It knows no names of objects in a right, no roles and no admission policies: nothing is enforced here, so that settings
for it say that no boundary is.
"""

from __future__ import annotations

from typing import Any

from byteport.kubernetes.port import ClusterPort, Resource
from byteport.sandbox.simulated.access import Access, Right
from byteport.sandbox.simulated.interruptions import Interruptions

JSON = dict[str, Any]

VERSION = "v1.37.2+byteport-simulated"


class Reviews(ClusterPort):
    """The part of the port that asks about ourselves."""

    access: Access
    interruptions: Interruptions

    async def review(
        self,
        verb: str,
        resource: Resource,
        namespace: str,
        *,
        subresource: str = "",
        name: str = "",  # noqa: ARG002  a right is one to every object here
    ) -> bool:
        right = Right(verb, resource, subresource, namespace)
        return await self.interruptions.call("review", lambda: self.access.allows(right))

    async def rules(self, namespace: str) -> JSON:
        return await self.interruptions.call(
            "review", lambda: {"resourceRules": self.access.rules(namespace), "nonResourceRules": []}
        )

    async def identity(self) -> JSON:
        return {"username": "simulated", "groups": ["system:authenticated"]}

    async def server_version(self) -> str:
        return VERSION
