"""Rights, and their union: the single source of every Role, policy and matrix."""

from __future__ import annotations

from collections.abc import Iterable

from byteport.domain.base import Frozen


class Right(Frozen):
    """One verb on one resource; `group` is empty for core, `resource` may name a subresource (`pods/log`)."""

    group: str
    resource: str
    verb: str
    because: str = ""
    """For an optional read: what cannot be told without it."""


class Rights(Frozen):
    """A set of rights in a fixed order."""

    rights: tuple[Right, ...] = ()

    @staticmethod
    def on(resource: str, *verbs: str, group: str = "", because: str = "") -> Rights:
        return Rights(rights=tuple(Right(group=group, resource=resource, verb=verb, because=because) for verb in verbs))

    def __add__(self, other: Rights) -> Rights:
        seen: dict[tuple[str, str, str], Right] = {}
        for right in (*self.rights, *other.rights):
            seen.setdefault((right.group, right.resource, right.verb), right)
        return Rights(rights=tuple(seen[key] for key in sorted(seen)))


def union(scopes: Iterable[Rights]) -> Rights:
    """Everything any of `scopes` needs, each right once."""
    total = Rights()
    for scope in scopes:
        total = total + scope
    return total
