"""How long it takes: crash loops and bad images on the real control plane, with the product's own settle time of 60 s.

Nothing is shortened here: back-offs are the kubelet's, and a rollout has both a short and the usual progress deadline.
Measured is from the moment of breaking it, and from the first signal, to the record that says *verified*. Comes after
`suite.py`; `python -m tests.scenarios --timing` runs it by itself, so that nothing else uses the machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from byteport.sandbox.controlplane import Fault
from tests.scenarios.model import CONTROL_PLANE_ONLY, DELETES_POD, PATCHES_DEPLOYMENT, Fixed, Row, Scenario
from tests.scenarios.steps import VICTIM, one_pod, released
from tests.scenarios.suite import Played

INJECTION_AT_MOST = 120.0
SIGNAL_AT_MOST = 75.0
"""Seconds until verified that are required."""
BACKOFF_SECONDS = 10
WHY = "only there is time real"

CRASH_LOOP = Scenario(
    name="crash-loop",
    row=Row.TRANSIENT,
    says="One pod of three crashes again and again.",
    broken=(one_pod(Fault.TRANSIENT),),
    right=Fixed(DELETES_POD, on=(VICTIM,)),
    shown_on=CONTROL_PLANE_ONLY,
    why_not=WHY,
    backoff_seconds=BACKOFF_SECONDS,
    seconds=300,
)
BAD_IMAGE = Scenario(
    name="bad-image-deadline-10-s",
    row=Row.BAD_RELEASE,
    says="A release names an image that is not there; its progress deadline is ten seconds.",
    broken=(released(2, fault=Fault.IMAGE),),
    right=Fixed(PATCHES_DEPLOYMENT),
    shown_on=CONTROL_PLANE_ONLY,
    why_not=WHY,
    deadline_seconds=10,
    backoff_seconds=BACKOFF_SECONDS,
    seconds=300,
)
TIMED: tuple[Scenario, ...] = (
    CRASH_LOOP,
    BAD_IMAGE,
    replace(
        BAD_IMAGE,
        name="bad-image-deadline-600-s",
        says="The same with the usual progress deadline: the release is condemned by its failures, before it.",
        deadline_seconds=600,
    ),
)


def times(played: Sequence[Played]) -> list[tuple[str, float | None, float | None]]:
    """Name, seconds from injection and from the first signal; None where nothing was verified."""
    found = []
    for one in sorted(played, key=lambda one: one.judgement.scenario.name):
        judgement = one.judgement
        end = judgement.verified_at
        since = (judgement.injected_at, judgement.signal_at)
        injected, signalled = ((end - at).total_seconds() if end and at else None for at in since)
        found.append((judgement.scenario.name, injected, signalled))
    return found


def fast_enough(played: Sequence[Played]) -> bool:
    """Whether every one was verified in the time that is required."""
    return all(
        injected is not None and signalled is not None and injected <= INJECTION_AT_MOST and signalled <= SIGNAL_AT_MOST
        for _, injected, signalled in times(played)
    )
