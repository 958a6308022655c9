"""What a signal is about, reduced to its controlling owner."""

from __future__ import annotations

from byteport.domain.base import Frozen


class Target(Frozen):
    """An object of one cluster. `uid` is empty only where a source names an object that has not been read yet."""

    cluster_uid: str
    """uid of the kube-system namespace: two clusters may share a name, never this."""
    namespace: str
    """Empty for cluster-scoped kinds."""
    kind: str
    name: str
    uid: str = ""

    @property
    def ref(self) -> str:
        """`namespace/Kind/name`, for people."""
        return "/".join(part for part in (self.namespace, self.kind, self.name) if part)


class PodRef(Frozen):
    """One pod as it was read; uid and resourceVersion are the preconditions of a delete."""

    namespace: str
    name: str
    uid: str
    resource_version: str
