"""What an incident keeps of what it is told: bounded, whoever tells it, and a source's word never in place of the cluster's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from byteport.contracts.metrics import Fate
from byteport.contracts.workflows import Installation, Ladder, Remediate, ToldOver
from byteport.domain.signals import Signal, SignalType, Source
from byteport.domain.targets import Target
from workflows import incident as room
from workflows.alerts_heard import MOST_OVER
from workflows.incident import MOST_NEXT, Incident

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
WEB = Target(cluster_uid="u", namespace="shop", kind="Deployment", name="web")


@pytest.fixture
def incident(monkeypatch: pytest.MonkeyPatch) -> Incident:
    info = SimpleNamespace(workflow_id="remediate:u:shop:Deployment:web:bad_rollout", first_execution_run_id="r")
    monkeypatch.setattr(room, "workflow", SimpleNamespace(info=lambda: info, now=lambda: NOW))
    ours = Installation(tenant="acme", cluster_uid="u", cluster_name="prod")
    return Incident(
        Remediate(installation=ours, target=WEB, ladder=Ladder(rung_seconds=()), reobserve_after_seconds=())
    )


def seen(evidence: str, **more: Any) -> Signal:
    plain = {"type": SignalType.FAILED_DEPLOY, "source": Source.WATCH, "observed_at": NOW, **more}
    return Signal(value=1, threshold=1, target=WEB, evidence_digest=evidence, **plain)


def errors(evidence: str, **more: Any) -> Signal:
    return seen(evidence, type=SignalType.ERROR_RATE, source=Source.ALERTMANAGER, **more)


@pytest.mark.parametrize(
    "known",
    [
        seen("w"),
        seen("p", source=Source.PERSON, reporter="ada"),
        seen("p", type=SignalType.ERROR_RATE, source=Source.PERSON),
    ],
)
def test_an_alert_of_errors_does_not_take_the_place_of_what_the_cluster_shows_or_a_person_asks(
    incident: Incident, known: Signal
) -> None:
    incident.fold(known)
    assert incident.fold(errors("a", observed_at=NOW + timedelta(minutes=5))) is Fate.FOLDED
    assert incident.signal == known
    incident.fold(seen("later", observed_at=NOW + timedelta(minutes=6)))
    assert incident.the_signal.evidence_digest == "later"


def test_what_the_cluster_shows_takes_the_place_of_an_alert_of_errors(incident: Incident) -> None:
    incident.fold(errors("a"))
    incident.fold(seen("w", observed_at=NOW - timedelta(minutes=5)))
    assert incident.the_signal.evidence_digest == "w"


def test_errors_are_over_when_each_alert_of_them_is_over_by_its_own_word(incident: Incident) -> None:
    over = []
    for alert in ("a", "b"):
        incident.fold(errors(alert))
    for evidence in ("a", "another", "b"):
        incident.hear_over(ToldOver(evidence_digest=evidence))
        over.append(incident.alerts.errors_over)
    incident.fold(errors("c"))
    assert [*over, incident.alerts.errors_over] == [False, False, True, False]


def test_words_that_it_is_over_have_the_target_read_so_often_and_no_more(incident: Incident) -> None:
    incident.fold(errors("e"))
    heard = 0
    for number in range(3 * MOST_OVER):
        incident.told_over = False
        incident.hear_over(ToldOver(evidence_digest=f"o{number}"))
        heard += incident.told_over
    assert heard == MOST_OVER
    incident.hear_over(ToldOver(evidence_digest="e"))
    assert incident.alerts.errors_over


def test_what_is_kept_for_the_next_incident_has_an_end(incident: Incident) -> None:
    incident.fold(seen("first"))
    incident.decided = True
    for number in range(3 * MOST_NEXT):
        assert incident.fold(seen(f"n{number}")) is Fate.NEXT
    assert [signal.evidence_digest for signal in incident.next_inbox] == [f"n{number}" for number in range(MOST_NEXT)]
