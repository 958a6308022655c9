"""The namespaces that are given to us, as a set that the watch asks for each event.

One list by label selector answers for the whole cluster, so an unlabelled namespace costs nothing and is not looked at.
Refreshed by `watch.py` every few seconds; each act and each reading asks the API server again by itself.
"""

from __future__ import annotations

from activities.kubernetes.policy_source import PolicySource
from byteport.kubernetes import fields, port
from byteport.kubernetes.enrolment import ENABLED_SELECTOR, enrolled
from byteport.kubernetes.port import JSON, ClusterPort


class EnabledNamespaces:
    """Names of the enabled namespaces, as of the last refresh."""

    def __init__(self, cluster: ClusterPort, policy: PolicySource) -> None:
        self._cluster = cluster
        self._policy = policy
        self._names: frozenset[str] = frozenset()

    async def refresh(self) -> frozenset[str]:
        """Ask again. Returns those that were not enabled before: nothing in them has been looked at yet."""
        policy = self._policy.read()
        listed = await self._cluster.list(port.NAMESPACES, "", labels=ENABLED_SELECTOR)
        names = frozenset(_name(item) for item in listed.items if enrolled(item, policy))
        new, self._names = names - self._names, names
        return new

    def __contains__(self, item: JSON) -> bool:
        """Whether `item` lies in one of them; the only thing that is looked at of an object that does not."""
        return fields.name(fields.metadata(item).get("namespace")) in self._names

    @property
    def names(self) -> frozenset[str]:
        return self._names


def _name(namespace: JSON) -> str:
    return fields.name(fields.metadata(namespace).get("name"))
