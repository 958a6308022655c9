"""Whose chain it is, how far it goes, and the name under which it is signed. Comes before everything that checks one."""

from __future__ import annotations

from typing import Self
from urllib.parse import quote, unquote

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

    @classmethod
    def of_origin(cls, origin: str) -> Self | None:
        """The log that has this origin; None where it is not one of ours."""
        parts = origin.removeprefix(f"{_ORIGIN}/").split("/")
        if len(parts) != 2:
            return None
        found = cls(tenant=unquote(parts[0]), cluster_uid=unquote(parts[1]))
        return found if found.origin == origin else None


class Head(Frozen):
    """The last record of a chain, as somebody remembers it or as its own bytes say."""

    seq: int
    hash: str
