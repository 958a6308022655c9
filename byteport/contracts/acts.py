"""An act is one record: one call to the outside, declared once, in which the workflow and the activity meet.

Name, input, output, queue, effect, deadline and rights follow from it on both sides: `workflows/perform.py` calls it,
`@performs(ACT)` in `activities/` implements it, `workers/processes.py` routes it, the boundary renders its rights.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from byteport.domain.scopes import Rights

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)


class Queue(StrEnum):
    """Task queues route; processes and their credentials are the boundary."""

    CONTROL = "control"
    CLUSTER = "cluster"
    LEDGER = "ledger"
    NOTIFY = "notify"
    EXPORT = "export"
    SIGNER = "signer"
    CLOUD = "cloud"


class Effect(StrEnum):
    """Whether an act changes anything outside our own ledger. A mutating one takes a warrant."""

    READ = "read"
    TELL = "tell"
    """Writes a note beside what is treated, and changes nothing of it: a Kubernetes Event, which is the only one."""
    MUTATE = "mutate"


@dataclass(frozen=True)
class Act(Generic[In, Out]):
    """`client_timeout` < `deadline` (start to close) < `schedule_to_close`; a lease outlasts the last of them."""

    name: str
    takes: type[In]
    gives: type[Out]
    queue: Queue
    effect: Effect
    deadline: timedelta
    summary: str
    """What Temporal UI shows beside the activity."""
    needs: Rights = field(default_factory=Rights)
    schedule_to_close: timedelta | None = None
    """Always set on a mutating act: retries would otherwise outlive any lease."""
    heartbeat: timedelta | None = None
    max_attempts: int = 0
    """0 is as often as `schedule_to_close` allows."""

    def __post_init__(self) -> None:
        if self.effect is Effect.MUTATE and self.schedule_to_close is None:
            raise ValueError(f"{self.name}: a mutating act needs schedule_to_close")

    @property
    def client_timeout(self) -> timedelta:
        """How long the call itself may take: less than the activity's deadline, so that the activity hears of it."""
        return self.deadline * 0.6


AnyAct = Act[Any, Any]
"""An act whose input and output do not matter where it is named."""


def task_queue_name(queue: Queue, cluster_uid: str) -> str:
    """The cluster queue is one per cluster, since each cluster's worker holds another credential."""
    return f"cluster-{cluster_uid}" if queue is Queue.CLUSTER else queue.value
