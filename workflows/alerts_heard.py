"""What alerts have told one incident, and which of them are over by their own sender's word.

`workflows/incident.py` owns one. A word is for its own alert alone, from whoever sent that, and proves nothing: whoever acts on it
looks at the target first (`phases/gate.py`, `phases/diagnose.py`, `phases/passing.py`). What was told without a sender is from
before senders were told apart, or from what the agent reads itself: its end is taken from anybody, and it ends nobody else's.
"""

from __future__ import annotations

from datetime import datetime

from byteport.contracts.metrics import Fate
from byteport.contracts.workflows import ToldOver
from byteport.domain.signals import MOST_HANDED_ON, AlertOf, Firing, Signal, Source, alert_of
from byteport.runbooks.error_rate import measured_by_others

MOST_OVER = 50
"""Words that something is over for which the target is read at once; after that it is read by the run's own clock, where it has one:
what was escalated waits for a person then."""
MOST_ALERTS = 256
"""Alerts that are told apart; with more of them, they are never all over."""
MOST_KNOWN = 512
"""Of which it is known since when they fire, or that they did."""
TELL_ENDS = frozenset({Source.ALERTMANAGER, Source.CLOUDWATCH})
"""Sources that say when what they told of is over."""
Alert = tuple[str, str]
"""Which, and by whom."""


class AlertsHeard:
    """Of one incident."""

    def __init__(self, before: Firing | None = None) -> None:
        """`before`: what fired when the incident before it was closed."""
        self._firing: dict[Alert, None] = {}
        self._errors: dict[Alert, None] = {}
        """Alerts of failing requests, which nothing but their own sender's word ends."""
        self._since: dict[Alert, datetime] = {}
        """Of what fires, and of what did."""
        self._ended: set[Alert] = set()
        """By the digest of each word."""
        self._more = False
        self._anybodys = False
        """It was handed over by a run that did not know whose the alerts were."""
        self.words = 0
        """How many were heard that something is over."""
        self.any = False
        """Whether one of what it heard was told by a source that says when it is over."""
        self._take_on(before)

    def hear(self, signal: Signal) -> None:
        """A symptom. Of what no alert told it says nothing here."""
        alert = _alert(signal)
        if measured_by_others(signal) and len(self._errors) < MOST_ALERTS:
            self._errors[alert] = None
            self._note(alert, signal.observed_at)
        if signal.source in TELL_ENDS:
            self.any = True
            self._fires(alert, signal.observed_at)
        if signal.source is Source.HANDOVER:
            self._anybodys = self._anybodys or signal.fires is None
            self._take_on(signal.fires)

    def hear_again(self, signal: Signal) -> None:
        """A symptom that was heard before: its alert fires, whatever was heard of its end."""
        self._ended.discard((signal.evidence_digest, signal.sender))
        self.hear(signal)

    def counts_as_over(self, signal: Signal) -> bool:
        """Whether its alert is over as far as was heard here, or was not heard of here at all."""
        known = self._errors if measured_by_others(signal) else self._firing
        return signal.source in TELL_ENDS and _alert(signal) not in known

    def hear_over(self, told: ToldOver) -> Fate:
        """Whether it counts. The same word once, and not for ever: each leads to a reading, which is a part of the run's history."""
        alert = alert_of(told.evidence_digest)
        ends = [one for one in dict.fromkeys(((alert, told.sender), (alert, ""))) if self._knows(one)]
        if told.sender and not ends and not self._anybodys:
            by_others = any(name == alert for name, _ in (*self._firing, *self._errors, *self._since))
            return Fate.NOT_ITS_SENDERS if by_others else Fate.NOT_HEARD
        if any(self._began_after(one, told.ended_at) for one in ends):
            return Fate.TOO_OLD
        for known in (self._errors, self._firing):
            if len(known) < MOST_ALERTS:
                for one in ends:
                    known.pop(one, None)
        word = (told.evidence_digest, told.sender)
        if word in self._ended:
            return Fate.REPEATED
        if self.words < MOST_OVER:
            self._ended.add(word)
            self.words += 1
        return Fate.OVER

    def handed_on(self) -> Firing | None:
        """What fires, for whoever takes the incident on; None where it is not known whose it is."""
        if self._anybodys or any(not sender for _, sender in self._firing):
            return None
        alerts = tuple(
            AlertOf(alert=alert, sender=sender, since=self._since[alert, sender])
            for alert, sender in self._firing
            if (alert, sender) in self._since
        )
        more = self._more or len(self._firing) > MOST_HANDED_ON or len(alerts) < len(self._firing)
        return Firing(alerts=alerts[:MOST_HANDED_ON], more=more)

    def carried(self) -> Firing | None:
        """What fires, for the next incident of the same run; None where that is nothing."""
        found = self.handed_on()
        return found if found is not None and (found.alerts or found.more) else None

    @property
    def errors_over(self) -> bool:
        """Whether every alert of failing requests that was heard is over by the same alert's own word."""
        return not self._errors

    @property
    def all_over(self) -> bool:
        """Whether a source has called something over, and no alert that was heard still fires."""
        return bool(self.words) and not self._firing and not self._errors and not self._more

    def _take_on(self, before: Firing | None) -> None:
        if before is None:
            return
        self._more = self._more or before.more
        self.any = self.any or bool(before.alerts)
        for one in before.alerts:
            self._fires((one.alert, one.sender), one.since)

    def _fires(self, alert: Alert, since: datetime) -> None:
        if len(self._firing) < MOST_ALERTS:
            self._firing[alert] = None
            self._note(alert, since)

    def _note(self, alert: Alert, since: datetime) -> None:
        if alert in self._since or len(self._since) < MOST_KNOWN:
            self._since[alert] = max(since, self._since.get(alert, since))

    def _knows(self, alert: Alert) -> bool:
        return alert in self._firing or alert in self._errors or alert in self._since

    def _began_after(self, alert: Alert, ended_at: datetime | None) -> bool:
        since = self._since.get(alert)
        return ended_at is not None and since is not None and since > ended_at


def _alert(signal: Signal) -> Alert:
    return alert_of(signal.evidence_digest), signal.sender
