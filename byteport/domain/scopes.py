"""Rights, and their union: the single source of every Role, policy and matrix."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import field_validator

from byteport.domain.base import Frozen


class Right(Frozen):
    """One verb on one resource; `group` is empty for core, `resource` may name a subresource (`pods/log`)."""

    group: str
    resource: str
    verb: str
    because: tuple[str, ...] = ()
    """For an optional read: what cannot be told without it, each reason once and in order. None: it is required."""

    @field_validator("because")
    @classmethod
    def _in_order(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted({*value}))

    @property
    def key(self) -> tuple[str, str, str]:
        """Group, resource and verb: what RBAC knows of it."""
        return self.group, self.resource, self.verb

    @property
    def optional(self) -> bool:
        """Whether everything but some answers goes on without it."""
        return bool(self.because)

    @property
    def why(self) -> str:
        """Every reason of an optional one; empty for one that is required."""
        return "; ".join(self.because)

    def also(self, other: Right) -> Right:
        """The same right, as both want it: required if either must have it, else for the reasons of both."""
        because = (*self.because, *other.because) if self.optional and other.optional else ()
        return Right(group=self.group, resource=self.resource, verb=self.verb, because=because)


class Rights(Frozen):
    """A set of rights, each once and in a fixed order, whatever it was put together from."""

    rights: tuple[Right, ...] = ()

    @field_validator("rights")
    @classmethod
    def _each_once(cls, value: tuple[Right, ...]) -> tuple[Right, ...]:
        seen: dict[tuple[str, str, str], Right] = {}
        for right in value:
            seen[right.key] = seen[right.key].also(right) if right.key in seen else right
        return tuple(seen[key] for key in sorted(seen))

    @staticmethod
    def on(resource: str, *verbs: str, group: str = "", because: str = "") -> Rights:
        why = (because,) if because else ()
        return Rights(rights=tuple(Right(group=group, resource=resource, verb=verb, because=why) for verb in verbs))

    def __add__(self, other: Rights) -> Rights:
        return Rights(rights=(*self.rights, *other.rights))


def union(scopes: Iterable[Rights]) -> Rights:
    """Everything any of `scopes` needs, each right once."""
    return Rights(rights=tuple(right for scope in scopes for right in scope.rights))
