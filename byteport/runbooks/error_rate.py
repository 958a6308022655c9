"""Errors that somebody else measures, as evidence against a release: only where they began with it, and never alone.

Nothing in the cluster shows that requests fail, so the runbook takes an alert's word for what was measured and asks the
cluster one thing itself: whether the newest release went out shortly before. A release whose pods answer has served by
then, so that undoing it is a person's decision in any case (`Reason.REVISION_HAS_SERVED`).
Comes before `rollback_findings.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from byteport.domain.diagnoses import Fact
from byteport.domain.reasons import Reason
from byteport.domain.signals import Signal, SignalType, Source
from byteport.kubernetes.rollouts import RolloutReading
from byteport.runbooks.rollback_guards import Guard

SKEW = timedelta(minutes=1)
"""How far the clock of whoever measures may lag behind the API server's."""
SOON_AFTER = timedelta(hours=1)
"""What begins later than this after a release is not said to have begun with it: traffic, data and dependencies change too."""


def measured_by_others(signal: Signal) -> bool:
    """Whether it is a source's word for failing requests, and no person's: a person may ask for any release to be undone."""
    return signal.type is SignalType.ERROR_RATE and signal.source is not Source.PERSON


def asked_for(signal: Signal) -> bool:
    """Whether the release is in question though its pods are well."""
    return signal.source is Source.PERSON or measured_by_others(signal)


def laid_at_its_door(signal: Signal, rollout: RolloutReading) -> bool:
    """Whether the release is in question, and nothing speaks against its having begun what was measured. Otherwise what the
    cluster shows by itself is judged as without the alert, which must never make it less than that."""
    return asked_for(signal) and not any(error_rate_guards(signal, rollout))


def called_over(signal: Signal) -> Signal:
    """What is left of it to ask of the cluster once its own source calls the errors over: whether the rollout is well."""
    return signal.model_copy(update={"type": SignalType.FAILED_DEPLOY}) if measured_by_others(signal) else signal


def error_rate_guards(signal: Signal, rollout: RolloutReading) -> Iterator[Guard]:
    """Why the errors are not laid at the newest release's door. They count only where the errors are what speaks against it."""
    if not measured_by_others(signal):
        return
    newest = rollout.newest
    if newest is not None and newest.name == rollout.ownership.rolled_back_to:
        yield Guard(Reason.NOT_WITH_RELEASE, f"ReplicaSet/{newest.name}, to which a rollback of ours went back")
    elif rollout.began_at is None:
        yield Guard(Reason.CANNOT_TELL, "when the newest release began")
    elif not -SKEW <= signal.observed_at - rollout.began_at <= SOON_AFTER:
        yield Guard(Reason.NOT_WITH_RELEASE)


def error_rate_facts(signal: Signal, rollout: RolloutReading) -> Iterator[Fact]:
    """What was measured, and when it and the release began."""
    if signal.type is not SignalType.ERROR_RATE:
        return
    about = f"Deployment/{signal.target.namespace}/{signal.target.name}"
    yield Fact(name="error_rate", value=signal.value, about=about)
    yield Fact(name="error_rate_threshold", value=signal.threshold, about=about)
    yield Fact(name="errors_began_at", value=signal.observed_at.isoformat(), about=about)
    if rollout.began_at is not None:
        yield Fact(name="release_began_at", value=rollout.began_at.isoformat(), about=about)
