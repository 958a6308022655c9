"""From what a body says to what is handed over: symptoms, alerts that nobody treats, and how many came to nothing.

Pure. Comes after `byteport/kubernetes/alerts.py` and `cloudwatch_alarms.py` (the readers); `alertmanager.py` and `sns.py` hand
over what it makes. Alerts that only follow from a node that is down are not reported by themselves: whoever looks after that
node looks after them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from byteport.contracts.alerts import MOST_UNTREATED, AlertBatch, Untreated
from byteport.contracts.symptoms import MOST_SYMPTOMS, OutsideSymptom, Subject
from byteport.domain.signals import Source, alert_of
from byteport.kubernetes.alerts import Alert, Group
from byteport.kubernetes.cloudwatch_alarms import Alarm

LONGEST_AGO = timedelta(days=7)
"""A symptom that began before is one of now: no release is searched for that long."""
Item = TypeVar("Item")
_IN_NO_NAMESPACE = frozenset({"Node"})


class Outcome(StrEnum):
    """What one alert came to; words of the answer, and of the counters."""

    TAKEN = "taken"
    OVER = "over"
    UNTREATED = "untreated"
    """About an object that no runbook treats, or of a kind that none does."""
    ECHO = "echo"
    """It follows from a node of its group that is down."""
    FOREIGN = "foreign"
    """Another cluster's."""
    NOTHING = "nothing"
    """It names no object, or fires to show that alerting works, or ended without having meant anything to us, or fires by the same body."""
    LEFT_OUT = "left_out"
    """The body does not carry it, or carries too many."""


@dataclass(frozen=True)
class Reduced:
    """What one body came to."""

    batches: tuple[AlertBatch, ...]
    outcomes: Counter[Outcome]

    @property
    def symptoms(self) -> int:
        return sum(len(batch.symptoms) for batch in self.batches)

    @property
    def handed_on(self) -> int:
        """Everything that is a message to somebody: what nobody treats as well as symptoms."""
        return self.symptoms + sum(len(batch.untreated) for batch in self.batches)


def of_group(group: Group, *, clusters: frozenset[str], now: datetime, tell_untreated: bool, sender: str) -> Reduced:
    """Of an Alertmanager's body. `clusters`: what this cluster may be called; `sender`: who sent it. Of what the same body says that it
    fires, an end in it is none."""
    outcomes: Counter[Outcome] = Counter({Outcome.LEFT_OUT: group.left_out} if group.left_out else {})
    echoes = echoes_of(group.alerts)
    symptoms: dict[tuple[str, bool], OutsideSymptom] = {}
    untreated: dict[str, Untreated] = {}
    fires = {alert_of(one.evidence_digest) for one in group.alerts if _outcome(one, clusters) is Outcome.TAKEN}
    for alert in group.alerts:
        outcome = Outcome.ECHO if alert in echoes else _outcome(alert, clusters)
        if outcome is Outcome.OVER and alert_of(alert.evidence_digest) in fires:
            outcome = Outcome.NOTHING
        outcomes[outcome] += 1
        if outcome in (Outcome.TAKEN, Outcome.OVER):
            symptom = _symptom(alert, now, sender)
            symptoms[symptom.evidence_digest, symptom.over] = symptom
        elif outcome is Outcome.UNTREATED and tell_untreated:
            follow = len(echoes) if alert.node_is_down else 0
            untreated[alert.notice_digest] = Untreated(
                alert=alert.name, subject=_subject(alert), echoes=follow, evidence_digest=alert.notice_digest
            )
    return Reduced(_batches(tuple(symptoms.values()), tuple(untreated.values())), outcomes)


def of_alarm(alarm: Alarm, *, clusters: frozenset[str], now: datetime, tell_untreated: bool, sender: str) -> Reduced:
    """Of one CloudWatch alarm."""
    at = _began(alarm.at, now)
    evidence = f"{alarm.identity}@{alarm.at.isoformat() if alarm.at is not None else ''}"
    if alarm.cluster and alarm.cluster not in clusters:
        return Reduced((), Counter({Outcome.FOREIGN: 1}))
    subject = _alarmed(alarm)
    if subject is None or alarm.state == "INSUFFICIENT_DATA":
        return Reduced((), Counter({Outcome.NOTHING: 1}))
    if alarm.signal is None:
        if alarm.state != "ALARM":
            return Reduced((), Counter({Outcome.NOTHING: 1}))
        told = (Untreated(alert=alarm.name, subject=subject, evidence_digest=evidence),) if tell_untreated else ()
        return Reduced(_batches((), told), Counter({Outcome.UNTREATED: 1}))
    over = alarm.state == "OK"
    symptom = OutsideSymptom(
        type=alarm.signal,
        subject=subject,
        value=1,
        threshold=1,
        observed_at=at,
        source=Source.CLOUDWATCH,
        evidence_digest=evidence,
        over=over,
        sender=sender,
        ended_at=alarm.at if over else None,
    )
    return Reduced(_batches((symptom,), ()), Counter({Outcome.OVER if over else Outcome.TAKEN: 1}))


def nothing() -> Counter[Outcome]:
    """Of a body that is no alert."""
    return Counter({Outcome.NOTHING: 1})


def echoes_of(alerts: Sequence[Alert]) -> frozenset[Alert]:
    """Those that follow from a node of the same group that is down: pods on it, the Deployments that these belong to by
    their names, and DaemonSets, which have a pod on every node."""
    down = {alert.about for alert in alerts if alert.node_is_down}
    if not down:
        return frozenset()
    pods = {alert for alert in alerts if alert.firing and alert.kind == "Pod" and alert.node in down}
    found = set(pods)
    for alert in alerts:
        if not alert.firing or alert.kind not in ("Deployment", "DaemonSet"):
            continue
        its_pods = any(pod.namespace == alert.namespace and pod.about.startswith(f"{alert.about}-") for pod in pods)
        if alert.kind == "DaemonSet" or its_pods:
            found.add(alert)
    return frozenset(found)


def _outcome(alert: Alert, clusters: frozenset[str]) -> Outcome:
    if alert.cluster and alert.cluster not in clusters:
        return Outcome.FOREIGN
    if alert.informs or not alert.about or (not alert.namespace and alert.kind not in _IN_NO_NAMESPACE):
        return Outcome.NOTHING
    if alert.signal is not None:
        return Outcome.TAKEN if alert.firing else Outcome.OVER
    return Outcome.UNTREATED if alert.firing else Outcome.NOTHING


def _symptom(alert: Alert, now: datetime, sender: str) -> OutsideSymptom:
    assert alert.signal is not None
    return OutsideSymptom(
        type=alert.signal,
        subject=_subject(alert),
        value=alert.value,
        threshold=alert.threshold,
        observed_at=_began(alert.starts_at, now),
        source=Source.ALERTMANAGER,
        evidence_digest=alert.evidence_digest,
        over=not alert.firing,
        sender=sender,
        ended_at=alert.ends_at,
    )


def _subject(alert: Alert) -> Subject:
    return Subject(kind=alert.kind, namespace=alert.namespace or None, name=alert.about)


def _alarmed(alarm: Alarm) -> Subject | None:
    """The machine by its id, or the workload where it is said of which cluster."""
    if alarm.machine:
        return Subject(kind="Node", provider_id=alarm.machine)
    if alarm.workload and alarm.namespace and alarm.cluster:
        return Subject(kind="Deployment", namespace=alarm.namespace, name=alarm.workload)
    return None


def _began(at: datetime | None, now: datetime) -> datetime:
    """When its source says that it began, if that can be: not in the future, and not long ago."""
    return at if at is not None and now - LONGEST_AGO <= at <= now else now


def _batches(symptoms: Sequence[OutsideSymptom], untreated: Sequence[Untreated]) -> tuple[AlertBatch, ...]:
    parts = [*_cut(symptoms, MOST_SYMPTOMS)]
    told = [*_cut(untreated, MOST_UNTREATED)]
    most = max(len(parts), len(told))
    return tuple(
        AlertBatch(
            symptoms=tuple(parts[number]) if number < len(parts) else (),
            untreated=tuple(told[number]) if number < len(told) else (),
        )
        for number in range(most)
    )


def _cut(items: Sequence[Item], most: int) -> Iterable[Sequence[Item]]:
    return (items[first : first + most] for first in range(0, len(items), most))
