"""How far the agent may go in a namespace that an administrator gave to it, and how much of the cluster it may see.

The administrator's own `byteport enable` writes both down where the agent can read and not write them; running settings
can only lower them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, field_validator

from byteport.domain.base import Frozen
from byteport.domain.modes import Mode

ALL = "*"
"""In a ceiling: every object of that kind in the namespace, those to come included."""

_NAME = r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?"
ObjectName = Annotated[str, Field(pattern=rf"^(\*|{_NAME})$")]
"""Name of an object, or `*`."""
NamespaceName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]


class Sight(StrEnum):
    """What the agent may read of namespaces."""

    NAMESPACED = "namespaced"
    """Only those that were given to it; another cannot be read at all."""
    CLUSTER = "cluster"
    """All of them, by one watch; what is not labelled is dropped at the first look."""


class Ceiling(Frozen):
    """How far the agent may go in one namespace. The running settings can only lower it."""

    mode: Mode = Mode.DRY_RUN
    rollback: tuple[ObjectName, ...] = ()
    """Deployments that may be rolled back."""
    hpa: tuple[ObjectName, ...] = ()
    """Autoscalers whose floor may be raised."""

    @field_validator("rollback", "hpa")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if ALL in value and len(set(value)) > 1:
            raise ValueError("write * alone, or names")
        return tuple(sorted(set(value)))

    def may_roll_back(self, name: str) -> bool:
        """Whether the administrator named this Deployment, or all of them."""
        return self.mode is not Mode.OBSERVE and not {name, ALL}.isdisjoint(self.rollback)

    def may_raise(self, autoscaler: str) -> bool:
        """Whether the administrator named this autoscaler, or all of them."""
        return self.mode is not Mode.OBSERVE and not {autoscaler, ALL}.isdisjoint(self.hpa)
