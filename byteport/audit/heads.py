"""Whose chain it is, how far it goes, and the name under which it is signed. Comes before everything that checks one."""

from __future__ import annotations

from urllib.parse import quote

from byteport.domain.base import Frozen

_ORIGIN = "byteport.io/log"


class Chain(Frozen):
    """One log: that of a tenant's cluster."""

    tenant: str
    cluster_uid: str

    @property
    def origin(self) -> str:
        """First line of its checkpoints, and the name of the key that signs them. Plain names stand in it as they are;
        whatever else is percent-encoded, so that no two logs have one origin."""
        return f"{_ORIGIN}/{quote(self.tenant, safe='')}/{quote(self.cluster_uid, safe='')}"


class Head(Frozen):
    """The last record of a chain, as somebody remembers it or as its own bytes say."""

    seq: int
    hash: str
