"""How alerts from outside are handed over: what the door says to the run that always stands, and what that run carries.

`byteport/alerts` (the door) reduces bodies to this, `byteport/temporal/alerts_intake.py` hands it over, `workflows/alerts.py`
has it looked at. Names, numbers and digests cross; no prose of a body does.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from byteport.contracts.people import Notice
from byteport.contracts.symptoms import MOST_SYMPTOMS, OutsideSymptom, Subject
from byteport.contracts.workflows import Installation
from byteport.domain.base import Frozen, Instant

ALERTS = "AlertsWorkflow"
HAND_IN = "hand_in"
"""Message to the run: a batch."""
MOST_UNTREATED = 20
"""In one batch."""


class Untreated(Frozen):
    """An alert about an object that no runbook treats: people are told once."""

    alert: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_:-]{0,99}$")]
    """Its name where that is a plain word, else `alert`."""
    subject: Subject
    echoes: Annotated[int, Field(ge=0)] = 0
    """Alerts of the same group that follow from this one, and are not looked at by themselves."""
    evidence_digest: Annotated[str, Field(max_length=200)]


class AlertBatch(Frozen):
    """What one request came to."""

    symptoms: Annotated[tuple[OutsideSymptom, ...], Field(max_length=MOST_SYMPTOMS)] = ()
    untreated: Annotated[tuple[Untreated, ...], Field(max_length=MOST_UNTREATED)] = ()


class Remembered(Frozen):
    """One thing that was looked at or told, and when: it is not again within its time."""

    key: str
    at: Instant
    namespace: str = ""
    """Of the object that people were told about, where it is in one."""


class Alerts(Frozen):
    """Input of the run; all but the installation is what continue-as-new carries."""

    installation: Installation
    waiting: tuple[OutsideSymptom, ...] = ()
    untreated: tuple[Untreated, ...] = ()
    seen: tuple[Remembered, ...] = ()
    told: tuple[Remembered, ...] = ()
    telling: tuple[Notice, ...] = ()
    """Notices that were not told yet: each is told to a channel once, by its key."""
    left_out: int = 0
    """What did not fit and nobody was told of yet."""
    left_out_told_at: Instant | None = None


class AlertsState(Frozen):
    """Answer to the `state` query."""

    waiting: int
    fates: dict[str, int]
    """What became of symptoms since the run began, by `Fate`."""
    left_out: int
