"""The act that ships a part of the log to one receiver, and the run that performs it for ever.

Numbers and classes cross into Temporal, and the names of settings and objects; never a record, nor a word of what a
receiver answered.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from byteport.contracts.acts import Act, Effect, Queue
from byteport.contracts.receivers import TargetKind
from byteport.contracts.workflows import Installation
from byteport.domain.base import Frozen, Instant

EXPORT = "ExportWorkflow"
WAKE = "wake"
"""Message to the run: a worker has started, so that what kept it may be mended."""
LATE = timedelta(minutes=5)
"""How long after its end an hour is closed for receivers that take whole hours, unless a later record closes it before.

What comes for it after that begins a new object."""


class Ship(Frozen):
    """Ship what the receiver does not hold yet, as much as one call may."""

    cluster_uid: str
    target: TargetKind
    run: str
    """First run of the export that asks: what it began, and ended, is recorded once for it."""
    begun: bool
    """Whether the log says already that it began."""
    cursor: str = ""
    """Name of the cursor of the receiver that it began to, with where that lies."""
    turn: int = 0
    """How often the receiver was begun, ended or moved in this run: each is recorded once."""


class Trouble(StrEnum):
    """Why nothing more was shipped, by what is to be done about it."""

    THROTTLED = "throttled"
    """The receiver asks to be left alone for a while."""
    UNAVAILABLE = "unavailable"
    """It cannot be reached, or is at fault itself."""
    NOT_PERMITTED = "not_permitted"
    """It refuses us, or lies where nothing is sent."""
    MISCONFIGURED = "misconfigured"
    """A setting is wrong; `named` is which."""
    OCCUPIED = "occupied"
    """Somebody else has written where we write; `named` is the object."""
    LOG_FAULTY = "log_faulty"
    """The log itself has no record where there must be one, or one that cannot be read; `byteport verify-log`."""
    UNKNOWN = "unknown"
    """A mistake of ours; the worker's log has it."""

    @property
    def passes(self) -> bool:
        """Whether it may well end by itself."""
        return self in (Trouble.THROTTLED, Trouble.UNAVAILABLE)


class Obstacle(Frozen):
    """What stood in the way at the end of a call."""

    trouble: Trouble
    named: Annotated[str, Field(max_length=1024)] = ""
    """The setting or the object at fault."""
    delay_seconds: Annotated[float, Field(ge=0)] | None = None
    """How long the receiver asks us to wait."""


class Shipment(Frozen):
    """Where a receiver stands at the end of a call."""

    wanted: bool = True
    """Whether the settings name the receiver at all; where they do not, nothing was shipped, and the log says that it ended."""
    begun: bool = False
    """Whether the log says that the export began, and not that it ended."""
    cursor: str = ""
    """Name of its cursor: its kind, and a digest of where it lies."""
    seq: int = 0
    """It holds everything up to this record."""
    head: int = 0
    """The log's last record."""
    shipped: int = 0
    """Records that this call has brought."""
    more: bool = False
    """Whether there is more to ship at once."""
    oldest: Instant | None = None
    """When the first record was made that it does not hold; None where it holds all."""
    due: Instant | None = None
    """When the hour of that record is closed at the latest, where the receiver takes whole hours."""
    obstacle: Obstacle | None = None


SHIP = Act(
    "audit.ship",
    Ship,
    Shipment,
    queue=Queue.EXPORT,
    effect=Effect.READ,
    deadline=timedelta(minutes=5),
    schedule_to_close=timedelta(minutes=15),
    heartbeat=timedelta(minutes=1),
    summary="Ship a part of the log",
)


class Export(Frozen):
    """Input of the endless export to one receiver; the rest is what continue-as-new carries."""

    installation: Installation
    target: TargetKind
    begun: bool = False
    """Whether the log says that the export began."""
    failures: int = 0
    """Calls in a row that ended with an obstacle."""
    failing_since: Instant | None = None
    told: bool = False
    """Whether people were paged for this."""
    last: Shipment | None = None
    turn: int = 0
    """How often the receiver was begun, ended or moved."""


class ExportState(Frozen):
    """Answer to the `state` query."""

    target: TargetKind
    seq: int
    head: int
    lag_records: int
    lag_seconds: float
    """Age of the oldest record that the receiver does not hold."""
    obstacle: Obstacle | None
    failing_since: Instant | None
    again_at: Instant | None
    """When it is tried again, where that is not at once."""


class ExportClosed(Frozen):
    """The settings named the receiver no more."""

    seq: int
    """It holds everything up to this record."""
