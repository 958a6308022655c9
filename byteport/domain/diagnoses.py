"""A cause, with the numbers and names that led to it: never raw text."""

from __future__ import annotations

from byteport.domain.base import Frozen
from byteport.domain.failures import Failure
from byteport.domain.reasons import Cause, Reason
from byteport.domain.targets import PodRef, Target


class Fact(Frozen):
    """One piece of evidence: what was read, where, and its value."""

    name: str
    value: str | int | float | bool
    about: str
    """The object it was read from, as `Kind/namespace/name`."""


class Diagnosis(Frozen):
    """What is wrong with `target`. A change needs at least two independent facts."""

    failure: Failure
    target: Target
    cause: Cause
    facts: tuple[Fact, ...]
    reasons: tuple[Reason, ...] = ()
    """Why nothing may be done, or why it may not be done alone; empty when the way is clear."""
    subject: PodRef | None = None
    """The pod that a pod-level act would be about."""
    culprit: str | None = None
    """What a person must look at when the target is only a victim: `Node/x`, `Service/db`, `Secret/y`, a manager."""
    hand_over: Failure | None = None
    """The failure whose runbook should look instead (a crash loop that began with a release)."""
    silent: bool = False
    """Nothing is wrong, or nothing is anybody's to do: one `skipped` record, no page."""
    look_again_seconds: int | None = None
    """Too early to tell: read again after so many seconds (kubelet's own back-off, a slow start, a second observation)."""
