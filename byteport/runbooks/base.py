"""What a runbook is: the knowledge for one failure. Pure: it sees typed facts, chooses, and does nothing.

`workflows/phases` ask it in this order: `diagnose`, `plan`, then (after the gate and the act) `health`, and when the
act did not help, `inverse`. `byteport explain` asks the first two on saved objects.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime
from enum import StrEnum

from byteport.contracts.acts import Act, AnyAct
from byteport.contracts.kubernetes import READ_SITUATION, ReadSituation, Seen
from byteport.domain.base import Frozen
from byteport.domain.diagnoses import Diagnosis
from byteport.domain.failures import Failure
from byteport.domain.plans import AnyPlan, Refused
from byteport.domain.policy import PolicyConfig
from byteport.domain.reasons import Reason
from byteport.domain.scopes import Rights, union
from byteport.domain.signals import Signal, SignalType
from byteport.kubernetes.situation import Situation


class Health(StrEnum):
    """What one look after the act shows."""

    HEALTHY = "healthy"
    """All that the runbook asks, at this moment; verified once it holds for the settle time."""
    NOT_YET = "not_yet"
    FAILED = "failed"
    """It cannot become healthy any more (deleted, scaled to zero, failing again): do not wait for the deadline."""


class Checked(Frozen):
    """A look after the act, with its reasons."""

    health: Health
    reasons: tuple[Reason, ...] = ()
    available: int = 0
    """Available pods of the target, for the inverse's guard and the record."""


class Runbook(ABC):
    """One failure, one file. Everything it may do is in `acts`; their rights are its scope."""

    name: str
    """The class name, as the audit's public schema has it."""
    failure: Failure
    signals: frozenset[SignalType]
    acts: tuple[AnyAct, ...]
    reads: Act[ReadSituation, Seen] = READ_SITUATION
    """The one act by which its situation is read."""

    @property
    def scope(self) -> Rights:
        """The union of the rights of its acts; nothing else is ever granted."""
        return union(act.needs for act in self.acts)

    @abstractmethod
    def diagnose(self, signal: Signal, situation: Situation) -> Diagnosis:
        """What is wrong, from at least two independent facts before anything may be changed."""

    @abstractmethod
    def plan(self, diagnosis: Diagnosis, situation: Situation, config: PolicyConfig) -> AnyPlan | Refused:
        """The exact act, with the caveats that keep it from being taken alone, or why there is none."""

    def propose(self, diagnosis: Diagnosis, situation: Situation, config: PolicyConfig) -> AnyPlan | Refused:
        """`plan`, with what keeps any act whatever from being taken alone.

        An object of the target's own that holds what cannot be may be read wrongly, and of more pods than fit into one payload
        not all were seen: a person decides.
        """
        plan = self.plan(diagnosis, situation, config)
        strange = (Reason.STRANGE_OBJECT,) if situation.strange else ()
        unseen = (Reason.CANNOT_TELL,) if situation.left_out else ()
        if isinstance(plan, Refused) or not (strange or unseen):
            return plan
        return plan.model_copy(update={"caveats": (*plan.caveats, *strange, *unseen)})

    @abstractmethod
    def health(self, plan: AnyPlan, situation: Situation, *, acted_at: datetime, now: datetime) -> Checked:
        """Whether the target is healthy now, given what was done at `acted_at`."""

    @abstractmethod
    def inverse(self, plan: AnyPlan, situation: Situation, *, now: datetime) -> AnyPlan | Refused:
        """The act that undoes `plan`, only if the object is still exactly what we left and the guard holds."""

    def recovered(self, signal: Signal, situation: Situation) -> bool:
        """Whether the symptom is gone by itself (asked while an approval waits)."""
        return self.diagnose(signal, situation).silent
