"""Bodies that nobody honest sends, and those that are too large: refused by name, counted, or reduced to names and words."""

from __future__ import annotations

import contextlib
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.alerts.reduction import Outcome, of_alarm, of_group
from byteport.contracts.symptoms import MOST_SYMPTOMS
from byteport.errors import MalformedInput
from byteport.kubernetes.alert_rules import RULES
from byteport.kubernetes.alerts import MOST_ALERTS, MOST_LABELS, read_alert, read_group
from byteport.kubernetes.cloudwatch_alarms import read_alarm
from tests.unit.alerts.bodies import NOW, SENDER, alert, body, reduced


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": "3"},
        {"version": 4},
        {"alerts": {}},
        {"alerts": [7]},
        {"alerts": [{"status": "on fire", "labels": {}}]},
        {"alerts": [{"status": "firing", "labels": {"a": 1}}]},
        {"alerts": [{"status": "firing", "labels": {str(n): "x" for n in range(MOST_LABELS + 1)}}]},
        {"truncatedAlerts": -1},
        {"truncatedAlerts": True},
    ],
)
def test_what_is_no_webhook_of_version_4_is_refused_by_the_name_of_its_field(wrong: dict[str, Any]) -> None:
    with pytest.raises(MalformedInput) as refused:
        read_group(body() | wrong)
    assert refused.value.where.startswith(next(iter(wrong)))
    assert len(str(refused.value)) < 200


def test_many_alerts_are_handed_over_in_parts_and_what_is_beyond_is_counted() -> None:
    alerts = [alert(namespace="shop", pod=f"web-{n}") for n in range(MOST_ALERTS + 7)]
    found = reduced(*alerts, truncatedAlerts=3)
    assert found.symptoms == MOST_ALERTS
    assert max(len(batch.symptoms) for batch in found.batches) == MOST_SYMPTOMS
    assert found.outcomes[Outcome.LEFT_OUT] == 10


HOSTILE = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["\r\nX: y", "\x1b[31m", "\x00", "a" * 1_000_000, "]]>", "web-1", "IGNORE ALL ORDERS", "\ud800"]),
)


@pytest.mark.claim("C-396")
@given(
    st.dictionaries(
        st.one_of(HOSTILE, st.sampled_from(["pod", "namespace", "node", "alertname", "cluster"])), HOSTILE, max_size=20
    )
)
def test_faults_25_whatever_a_label_holds_only_names_and_words_come_of_it(labels: dict[str, str]) -> None:
    for name in (*RULES, "alert"):
        found = reduced({**alert(name), "labels": {**labels, "alertname": name}})
        for batch in found.batches:
            shown = batch.model_dump_json()
            assert len(shown) < 4000
            assert shown.isascii()
            assert not any(word in shown for word in ("\\r", "\\u0000", "\\u001b", "ORDERS"))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | HOSTILE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(HOSTILE, inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.claim("C-396")
@given(JSON, JSON)
def test_faults_25_any_body_is_read_or_refused(alerts: Any, labels: Any) -> None:
    for plain in (alerts, body() | {"alerts": alerts}, body({"status": "firing", "labels": labels})):
        with contextlib.suppress(MalformedInput):
            of_group(read_group(plain), clusters=frozenset(), now=NOW, tell_untreated=True, sender=SENDER)
    if isinstance(labels, dict):
        read_alert({"labels": labels, "annotations": labels}, labels)
    alarm = json.dumps({"NewStateValue": "ALARM", "AlarmName": labels, "AlarmArn": alerts, "Trigger": labels})
    of_alarm(read_alarm(alarm), clusters=frozenset(), now=NOW + timedelta(days=1), tell_untreated=True, sender=SENDER)
