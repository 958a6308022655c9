"""What an administrator chooses for the whole installation, by which the boundary is wider or narrower.

For one namespace it is a `byteport.domain.ceilings.Ceiling`.
"""

from __future__ import annotations

from pydantic import field_validator

from byteport.boundary.names import HELPER_NAMESPACE
from byteport.domain.base import Frozen
from byteport.domain.ceilings import NamespaceName, Sight
from byteport.domain.policy import PROTECTED_NAMESPACES
from byteport.runbooks.catalogue import RUNBOOKS

SYSTEM = "kube-"
"""Namespaces that begin so are Kubernetes' own."""
EVERY_RUNBOOK = frozenset(runbook.name for runbook in RUNBOOKS)


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
    events: bool = False
    """Whether it may write Kubernetes Events about what it did, in the namespaces where it may act."""
    proves_rollbacks: bool = True
    """Whether the API server can prove that a rollback restores a revision's own template (Kubernetes 1.36)."""

    @field_validator("runbooks")
    @classmethod
    def _known(cls, value: frozenset[str]) -> frozenset[str]:
        unknown = sorted(value - EVERY_RUNBOOK)
        if unknown:
            raise ValueError(f"{unknown[0]} is no runbook; there are {', '.join(sorted(EVERY_RUNBOOK))}")
        return value

    def protects(self, namespace: str) -> bool:
        """Whether nothing is ever written there; the policies say the same in CEL."""
        return namespace in self.untouchable or namespace.startswith(SYSTEM)

    @property
    def untouchable(self) -> tuple[str, ...]:
        """Every namespace in which nothing is ever written: the fixed ones, then those of the settings, each in order."""
        return (*sorted(PROTECTED_NAMESPACES), *sorted({*self.protected} - PROTECTED_NAMESPACES))
