"""The acts by which one workflow reaches another: signal-with-start, so that it matters not whether the other runs yet."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from byteport.contracts.acts import Act, Effect, Queue
from byteport.contracts.workflows import Box, Trouble
from byteport.domain.base import Frozen


class StartTimebox(Frozen):
    """Start the time box of the autoscaler, or extend the one that runs."""

    box: Box


class Started(Frozen):
    workflow_id: str


START_TIMEBOX = Act(
    "orchestration.start_timebox",
    StartTimebox,
    Started,
    queue=Queue.CONTROL,
    effect=Effect.READ,
    deadline=timedelta(seconds=10),
    schedule_to_close=timedelta(seconds=20),
    summary="Start the clock that takes the floor back",
)


class ReportTrouble(Frozen):
    """Tell the storm watch of a target in trouble, or no longer in it."""

    trouble: Trouble


class TroubleHeard(Frozen):
    """The storm watch has been told."""

    workflow_id: str
    many: Annotated[bool, Field(exclude_if=lambda many: not many)] = False
    """As many remediations as make a storm have begun within its window and are open: the watch may be about to call it one."""
    undiagnosed: Annotated[bool, Field(exclude_if=lambda undiagnosed: not undiagnosed)] = False
    """As many of them have not come to people yet. Most have no diagnosis, so that the watch cannot have heard of them and may call it
    one later; those that are being repaired alone are not told apart from these."""


REPORT_TROUBLE = Act(
    "orchestration.report_trouble",
    ReportTrouble,
    TroubleHeard,
    queue=Queue.CONTROL,
    effect=Effect.READ,
    deadline=timedelta(seconds=10),
    schedule_to_close=timedelta(minutes=2),
    summary="Tell the storm watch",
)
