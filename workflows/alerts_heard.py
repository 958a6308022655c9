"""What alerts have told one incident, and which of them are over by their own source's word.

`workflows/incident.py` owns one. A word is for its own alert alone and proves nothing: whoever acts on it looks at the target
first (`phases/gate.py`, `phases/diagnose.py`, `phases/passing.py`).
"""

from __future__ import annotations

from byteport.domain.signals import Signal, Source, alert_of
from byteport.runbooks.error_rate import measured_by_others

MOST_OVER = 50
"""Words that something is over for which the target is read at once; after that it is read by the run's own clock, where it has one:
what was escalated waits for a person then."""
MOST_ALERTS = 256
"""Alerts that are told apart; with more of them, they are never all over."""
TELL_ENDS = frozenset({Source.ALERTMANAGER, Source.CLOUDWATCH})
"""Sources that say when what they told of is over."""


class AlertsHeard:
    """Of one incident."""

    def __init__(self) -> None:
        self._firing: set[str] = set()
        self._errors: set[str] = set()
        """Alerts of failing requests, which nothing but their own source's word ends."""
        self._ended: set[str] = set()
        self.words = 0
        """How many were heard that something is over."""
        self.any = False
        """Whether one of what it heard was told by a source that says when it is over."""

    def hear(self, signal: Signal) -> None:
        """A symptom. Of what no alert told it says nothing here."""
        alert = alert_of(signal.evidence_digest)
        if measured_by_others(signal) and len(self._errors) < MOST_ALERTS:
            self._errors.add(alert)
        if signal.source in TELL_ENDS:
            self.any = True
            if len(self._firing) < MOST_ALERTS:
                self._firing.add(alert)

    def hear_again(self, signal: Signal) -> None:
        """A symptom that was heard before: its alert fires, whatever was heard of its end."""
        self._ended.discard(signal.evidence_digest)
        self.hear(signal)

    def counts_as_over(self, signal: Signal) -> bool:
        """Whether its alert is over as far as was heard here, or was not heard of here at all."""
        known = self._errors if measured_by_others(signal) else self._firing
        return signal.source in TELL_ENDS and alert_of(signal.evidence_digest) not in known

    def hear_over(self, evidence_digest: str) -> None:
        """The same word once, and not for ever: each leads to a reading, which is a part of the run's history."""
        alert = alert_of(evidence_digest)
        for known in (self._errors, self._firing):
            if len(known) < MOST_ALERTS:
                known.discard(alert)
        if evidence_digest not in self._ended and self.words < MOST_OVER:
            self._ended.add(evidence_digest)
            self.words += 1

    @property
    def errors_over(self) -> bool:
        """Whether every alert of failing requests that was heard is over by the same alert's own word."""
        return not self._errors

    @property
    def all_over(self) -> bool:
        """Whether a source has called something over, and no alert that was heard still fires."""
        return bool(self.words) and not self._firing and not self._errors
