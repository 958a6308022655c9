"""What an administrator chooses, by which the boundary is wider or narrower: for the installation, and for a namespace."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, field_validator

from byteport.boundary.names import HELPER_NAMESPACE
from byteport.domain.base import Frozen
from byteport.domain.policy import PROTECTED_NAMESPACES, Mode
from byteport.runbooks.catalogue import RUNBOOKS

EVERY_RUNBOOK = frozenset(runbook.name for runbook in RUNBOOKS)
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


class Choices(Frozen):
    """For the whole installation; the chart's values and the agent's settings say the same."""

    runbooks: frozenset[str] = EVERY_RUNBOOK
    """Runbook names that are switched on. One that is off takes its rights with it."""
    sight: Sight = Sight.NAMESPACED
    helper: bool = False
    """Whether the node helper is installed: without it no command is run anywhere."""
    helper_namespace: NamespaceName = HELPER_NAMESPACE
    protected: tuple[NamespaceName, ...] = ()
    """Beside the fixed ones: the namespaces of our Temporal and our database."""
    proves_rollbacks: bool = True
    """Whether the API server can prove that a rollback restores a revision's own template (Kubernetes 1.36)."""

    @field_validator("runbooks")
    @classmethod
    def _known(cls, value: frozenset[str]) -> frozenset[str]:
        unknown = sorted(value - EVERY_RUNBOOK)
        if unknown:
            raise ValueError(f"{unknown[0]} is no runbook; there are {', '.join(sorted(EVERY_RUNBOOK))}")
        return value

    @property
    def untouchable(self) -> tuple[str, ...]:
        """Every namespace in which nothing is ever written: the fixed ones, then those of the settings, each in order."""
        return (*sorted(PROTECTED_NAMESPACES), *sorted({*self.protected} - PROTECTED_NAMESPACES))


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
