"""What waits for a person and passes meanwhile, by the cluster's own showing; or is seen there, where only others had told of it.

`escalate.py` waits here. The word of an alert, that it is over, makes the run look, and ends nothing: the symptom must be gone, and
still be gone after the settle time. What a person has taken over is theirs, and so is what a call of ours has touched or what a
person reported. The other way round, what was escalated by an alert of failing requests alone is worked on afresh once the cluster
shows trouble by itself: an alert must not keep the agent from what it would do without it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from byteport.domain.reasons import Reason
from byteport.errors import BytePortError
from byteport.runbooks.error_rate import called_over, measured_by_others
from temporalio import workflow

from workflows.incident import Incident
from workflows.phases.asking import answer_of
from workflows.phases.diagnose import look
from workflows.phases.outcomes import Afresh, Passed, Taken

PATCH = "passes-by-itself"
"""Runs from before it wait for a person whatever they are told."""
AGAIN = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 4, 8, 16))
"""A source may call over what the cluster shows a little longer. After these the run waits for a person, or for the next word."""


async def until_it_ends(incident: Incident) -> Taken | Passed | Afresh:
    """Wait until somebody takes it over, or nobody has to any more."""

    def shown() -> bool:
        return incident.by_others and not incident.touched and not measured_by_others(incident.the_signal)

    pauses = iter(AGAIN)
    pause: timedelta | None = None
    while True:
        if await _taken(incident, pause, lambda: incident.told_over or shown()):
            return Taken()
        if not workflow.patched(PATCH):
            await workflow.wait_condition(lambda: _somebodys(incident))
            return Taken()
        if shown():
            return Afresh()
        if incident.told_over:
            incident.told_over, pauses = False, iter(AGAIN)
        if not _may_pass(incident):
            pause = None
            continue
        passed = await _passed(incident)
        if passed is not None:
            return passed
        pause = next(pauses, None)


def _somebodys(incident: Incident) -> bool:
    return incident.acknowledged is not None or incident.passed


async def _taken(incident: Incident, within: timedelta | None, news: Callable[[], bool]) -> bool:
    """Whether somebody takes it over (or the storm it was part of took it along) before there is news, or time is up."""
    with contextlib.suppress(TimeoutError):
        await workflow.wait_condition(
            lambda: _somebodys(incident) or news(),
            timeout=within,
            timeout_summary="its alerts are over; does the cluster show it?",
        )
    return _somebodys(incident)


def _may_pass(incident: Incident) -> bool:
    return incident.alerts.all_over and not incident.touched and not incident.the_signal.reporter


async def _passed(incident: Incident) -> Passed | None:
    """Whether the symptom is gone, and still is after the settle time without anything new."""
    reports = incident.reports
    if await _gone(incident) is None:
        return None
    settle = timedelta(seconds=incident.the_policy.settle_seconds)
    if await _taken(incident, settle, lambda: incident.reports > reports) or incident.reports > reports:
        return None
    reason = await _gone(incident)
    if reason is None or _somebodys(incident) or incident.reports > reports or not _may_pass(incident):
        return None
    return Passed(reason)


async def _gone(incident: Incident) -> Reason | None:
    """Why there is nothing left, as the cluster shows it; None where it shows the symptom, or cannot be looked at."""
    runbook = incident.runbook
    if runbook is None:
        return None
    try:
        seen = await look(incident, logs=False)
    except BytePortError:
        return None
    incident.policy = seen.policy
    if not seen.enabled:
        return None
    if seen.situation.gone:
        return Reason.TARGET_GONE
    recovered = partial(runbook.recovered, called_over(incident.the_signal), seen.situation)
    return Reason.RECOVERED if answer_of(runbook.name, recovered, otherwise=False) else None
