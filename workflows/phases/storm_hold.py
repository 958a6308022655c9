"""In a storm one page goes out for all: whoever would page for one target alone waits until the storm is over.

`escalate.py` asks here before the first rung. The pause before the first question lets the storm watch hear of the
others first; whatever cannot be asked is no reason not to page. What the agent has done itself is paged at once, storm
or not: an act that did not help is news that no storm's page holds.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from byteport.contracts.workflows import Phase
from byteport.errors import BytePortError
from temporalio import workflow

from workflows.incident import Incident
from workflows.phases.asking import answer_of
from workflows.phases.diagnose import look, told_standing
from workflows.phases.trouble import hear_again

PATCH = "storm-hold"
TOLD_WITHIN = timedelta(seconds=30)
"""The storm watch is told beside all else, and on a busy machine that takes a while."""
HEAR_FIRST = timedelta(seconds=3)
"""From then on: for the others to be told, and for the ledger to be told of the storm."""
GATHERING = timedelta(minutes=1)
"""So long a page waits where as many as make a storm have begun at once: each is diagnosed before it counts, and a share of
all targets is only reached when a share of all is diagnosed."""
LONGEST_GATHERING = timedelta(minutes=5)
"""And so long while as many of them are still to be diagnosed, or are being repaired alone, which looks the same from here: five
hundred at once are not diagnosed within a minute."""
SLOWEST = timedelta(seconds=20)
"""Hundreds that ask every few seconds would keep the worker from diagnosing the others."""
PATIENT = "waits-for-the-undiagnosed"
"""Runs from before it ask every `HEAR_FIRST`, for `GATHERING` and no longer, and take an answer that does not come within their
own time for the end of the storm."""
ANSWER_WITHIN = timedelta(seconds=10)
"""A ledger or a storm watch that is down must not keep people from hearing."""
FIRST_LOOK = timedelta(minutes=1)
RAREST_LOOK = timedelta(minutes=10)
LONGEST_HOLD = timedelta(hours=4)
"""A storm that has lasted so long is not one trouble any more, or its watch counts what nobody will ever end: from here
on silence is worse than a second page."""
OUTLASTS = "pages-in-a-long-storm"
"""Runs from before it hold their page for as long as the storm lasts."""
MOST_UNHEARD = 3
"""So many looks in a row to which the ledger gave no answer, and people hear of it: one is no end of the storm, since hundreds ask."""
LOOKS_WELL = 2
"""So many looks in a row without the symptom, and it has passed."""


async def sit_out(incident: Incident) -> None:
    """Return when people are to be paged: at once without a storm, else when it is over or somebody has taken it, and
    in any case after `LONGEST_HOLD`."""
    if incident.deeds or not workflow.patched(PATCH):
        return
    patient = workflow.patched(PATIENT)
    if incident.telling is not None and not incident.telling.done():
        await workflow.wait([incident.telling], timeout=TOLD_WITHIN.total_seconds())
    if await _taken(incident, HEAR_FIRST, "the storm watch hears of it first") or not await _called(
        incident, patient=patient
    ):
        return
    incident.storm = True
    incident.note("part of a storm: one page for all")
    pause, well, unheard, held_since = FIRST_LOOK, 0, 0, workflow.now()
    while not await _taken(incident, pause, "a storm is on; look again"):
        pause = min(2 * pause, RAREST_LOOK)
        well = well + 1 if await _recovered(incident) else 0
        if well >= LOOKS_WELL:
            incident.note("it has passed by itself")
            incident.passed = True
            return
        on = await _storm(incident, patient=patient)
        unheard = unheard + 1 if on is None else 0
        if not on and not (patient and 0 < unheard < MOST_UNHEARD):
            incident.note("the storm is over" if on is False else "nobody can tell whether the storm is over")
            return
        if workflow.now() - held_since >= LONGEST_HOLD and workflow.patched(OUTLASTS):
            incident.note("the storm goes on, and this has waited long enough")
            return


async def _called(incident: Incident, *, patient: bool) -> bool:
    """Whether there is a storm; where many are in trouble at once it may take a while to be called one."""
    began, pause = workflow.now(), HEAR_FIRST
    while not await _storm(incident, patient=patient):
        if not incident.among_many:
            return False
        held = workflow.now() - began
        if held >= GATHERING and not (patient and held < LONGEST_GATHERING and await _are_undiagnosed(incident)):
            return False
        if await _taken(incident, pause, "many are in trouble; is it a storm?"):
            return False
        pause = min(2 * pause, SLOWEST) if patient else pause
    return True


async def _are_undiagnosed(incident: Incident) -> bool:
    """Whether as many as make a storm are still to be diagnosed: one worker looks at a few at a time."""
    await hear_again(incident, TOLD_WITHIN)
    return incident.among_undiagnosed


async def _taken(incident: Incident, within: timedelta, why: str) -> bool:
    """Whether somebody takes it over meanwhile."""
    try:
        await workflow.wait_condition(lambda: incident.acknowledged is not None, timeout=within, timeout_summary=why)
    except TimeoutError:
        return False
    return True


async def _storm(incident: Incident, *, patient: bool) -> bool | None:
    """Whether the ledger says that a storm is on; None when it does not answer."""
    asked = told_standing(incident, ANSWER_WITHIN if patient else None)
    try:
        standing = await (asked if patient else asyncio.wait_for(asked, ANSWER_WITHIN.total_seconds()))
    except (TimeoutError, BytePortError):
        return None
    return standing.storm


async def _recovered(incident: Incident) -> bool:
    """Whether the symptom is gone. While a plan waits for its yes, the gate looks for itself."""
    runbook = incident.runbook
    if incident.phase is not Phase.ESCALATED or runbook is None:
        return False
    try:
        seen = await look(incident, logs=False)
    except BytePortError:
        return False
    if seen.situation.gone or not seen.enabled:
        return True
    return answer_of(runbook.name, lambda: runbook.recovered(incident.the_signal, seen.situation), otherwise=False)
