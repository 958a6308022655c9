"""The acts and messages of retention and of erasure on request.

None of the acts takes from Temporal what may be destroyed: that is in the ledger's own rows and in its process's settings,
and is judged there by its own clock. Temporal can put a removal off; it cannot cause one.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from byteport.contracts.acts import Act, Effect, Queue
from byteport.contracts.ledger import Recorded
from byteport.contracts.orchestration import Started
from byteport.contracts.workflows import Installation, Ladder
from byteport.domain.base import Frozen, Instant
from byteport.domain.retention import Holdup, Times

RETENTION = "RetentionWorkflow"
ERASURE = "ErasureWorkflow"

LOOK = "look"
"""To an erasure: something about it has changed in the ledger."""


class Obstacle(Frozen):
    """One thing that keeps bodies from being destroyed now."""

    kind: Holdup
    what: str
    """Its name: of a hold, or of a receiver; the rest of the sentence is the kind's."""
    records: Annotated[int, Field(ge=1)]
    """How many bodies it keeps."""

    def says(self) -> str:
        """One line for a person."""
        match self.kind:
            case Holdup.LEGAL_HOLD:
                return f"legal hold {self.what} keeps {self.records} record(s)"
            case Holdup.EXPORT_UNFINISHED:
                return f"{self.what} has not taken {self.records} record(s) yet"
            case Holdup.INTENT_OPEN:
                return f"{self.records} record(s) of acts whose outcome is not known yet"


class Prune(Frozen):
    """Destroy the next portion of bodies that are older than the settings let them be."""

    cluster_uid: str
    now: Instant
    """Temporal's clock. The earlier of it and the ledger's own counts, so that neither alone makes anything old."""


class Pruned(Frozen):
    """One portion: nothing, if nothing was old enough and free."""

    records: int
    """Bodies that were destroyed by this call."""
    record: Recorded | None
    """The record that says so; None when there was nothing to destroy."""
    more: bool
    """Whether to ask again at once."""
    before: Instant
    """What is older was old enough."""
    obstacles: tuple[Obstacle, ...] = ()
    """What keeps older bodies."""
    names: int = 0
    """Operational rows whose names were blanked."""


PRUNE = Act(
    "audit.prune",
    Prune,
    Pruned,
    queue=Queue.LEDGER,
    effect=Effect.READ,
    deadline=timedelta(seconds=60),
    schedule_to_close=timedelta(minutes=10),
    summary="Destroy bodies that are old enough",
)


class ListErasures(Frozen):
    """Which requests for erasure are neither done nor taken back."""

    cluster_uid: str
    after: str = ""
    """The last one of the page before."""


class OpenErasure(Frozen):
    request_id: str
    times: Times


class OpenErasures(Frozen):
    requests: tuple[OpenErasure, ...]
    """In the order of their ids, at most a hundred."""
    more: bool = False
    """Whether there are others behind the last of them."""


LIST_ERASURES = Act(
    "audit.list_erasures",
    ListErasures,
    OpenErasures,
    queue=Queue.LEDGER,
    effect=Effect.READ,
    deadline=timedelta(seconds=10),
    schedule_to_close=timedelta(minutes=10),
    summary="Look for requests that nobody carries out",
)


class StartErasure(Frozen):
    """Start the run that carries a request out, unless it runs."""

    request: OpenErasure


START_ERASURE = Act(
    "orchestration.start_erasure",
    StartErasure,
    Started,
    queue=Queue.CONTROL,
    effect=Effect.READ,
    deadline=timedelta(seconds=10),
    schedule_to_close=timedelta(minutes=2),
    summary="See to a request for erasure",
)


class Erase(Frozen):
    """Carry out one request, as far as its time has come and nothing stands in its way."""

    cluster_uid: str
    request_id: str
    now: Instant
    """Temporal's clock; as with `Prune`, the earlier of the two counts."""


class ErasureState(StrEnum):
    """Where a request for erasure is."""

    WAITING = "waiting"
    """It can still be taken back."""
    HELD = "held"
    """Its time has come, and something stands in its way."""
    CANCELLED = "cancelled"
    ERASED = "erased"
    LOST = "lost"
    """The ledger does not know the request any more: its database was put back from a backup of before. Of a run only."""


class Exported(Frozen):
    """A receiver that has some of it already, where we cannot erase."""

    target: str
    seq: int
    """Up to which record it has everything."""


class Erasing(Frozen):
    """How a request stands after the act."""

    state: ErasureState
    times: Times
    records: int
    """How many bodies it names."""
    erased: int = 0
    """How many of them are gone by it."""
    more: bool = False
    """Whether to ask again at once: it is done in portions."""
    record: Recorded | None = None
    """The last record that says so."""
    obstacles: tuple[Obstacle, ...] = ()
    exported: tuple[Exported, ...] = ()
    scrubbed: bool = True
    """Whether the store's own files hold nothing of it any more, as far as that is for the store to see to."""
    names_until: Instant | None = None
    """Until then rows by which limits are counted keep the target's name; None when none does any more."""


ERASE = Act(
    "audit.erase",
    Erase,
    Erasing,
    queue=Queue.LEDGER,
    effect=Effect.READ,
    deadline=timedelta(seconds=60),
    schedule_to_close=timedelta(minutes=10),
    summary="Erase what a request names",
)


class Retain(Frozen):
    """Input of the endless retention of one cluster's log; the rest is what continue-as-new carries."""

    installation: Installation
    ladder: Ladder = Ladder()
    failing_since: Instant | None = None
    """Since when the ledger has refused or not answered."""
    told_at: Instant | None = None
    """When people were last told so."""
    next_at: Instant | None = None
    """When it is due again."""
    seen_to: str = ""
    """The last request for erasure that this round has seen to; empty when it has seen to all."""


class RetentionState(Frozen):
    """Answer to the `state` query."""

    pruned: int
    """Bodies destroyed since this run began."""
    last: Pruned | None
    next_at: Instant | None
    failing: str


class EraseOnRequest(Frozen):
    """Input of the run that carries one request out."""

    installation: Installation
    request: OpenErasure
    told_at: Instant | None = None
    """When people were last paged; carried by continue-as-new."""


class ErasureClosed(Frozen):
    """How a request ended."""

    state: ErasureState
    records: int
    late: bool
