"""However much there is to say of an escalation, an Event about it can be asked for: an error here would hold up the whole run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from byteport.domain.reasons import Reason
from byteport.kubernetes.told_events import MOST_REASONS
from tests.builders.rollouts import shop
from workflows.phases import events


def test_all_reasons_at_once_can_be_told() -> None:
    asked: list[Any] = []
    signal = shop().signal()
    incident: Any = SimpleNamespace(
        start=SimpleNamespace(events=True),
        target=signal.target,
        events_told=set(),
        incident_id="inc-" + "0" * 24,
        diagnosis=None,
        the_signal=signal,
        cluster_uid=signal.target.cluster_uid,
        events=SimpleNamespace(do_in_turn=asked.append),
    )
    events.handed_over(incident, tuple(Reason))
    (call,) = asked
    assert call.args[1].telling.because == tuple(Reason)[:MOST_REASONS]
