"""In which order alerts are looked at when one of them cannot be: nothing is lost, and no end is heard before its beginning."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from byteport.contracts.symptoms import OutsideSymptom, Subject
from byteport.domain.signals import SignalType, Source, alert_of
from workflows.alerts import put_off


def symptom(digest: str, over: bool) -> OutsideSymptom:
    return OutsideSymptom(
        type=SignalType.POD_CRASHLOOP,
        subject=Subject(kind="Pod", namespace="shop", name="web-1"),
        value=1,
        threshold=1,
        observed_at=datetime(2026, 3, 10, 9, tzinfo=UTC),
        source=Source.ALERTMANAGER,
        evidence_digest=digest,
        over=over,
    )


WAITING = st.lists(st.builds(symptom, st.sampled_from(["a", "b", "c@1", "c@2", "d"]), st.booleans()), min_size=1)


@given(WAITING)
def test_nothing_is_lost_and_each_alert_keeps_its_own_order(waiting: list[OutsideSymptom]) -> None:
    after = put_off(list(waiting))
    for alert in {alert_of(one.evidence_digest) for one in waiting}:
        mine = [one for one in waiting if alert_of(one.evidence_digest) == alert]
        assert [one for one in after if alert_of(one.evidence_digest) == alert] == mine
    assert len(after) == len(waiting)


@given(WAITING)
def test_what_could_not_be_looked_at_holds_up_no_other(waiting: list[OutsideSymptom]) -> None:
    alert = alert_of(waiting[0].evidence_digest)
    after = put_off(list(waiting))
    others = [one for one in waiting if alert_of(one.evidence_digest) != alert]
    assert after[: len(others)] == others
