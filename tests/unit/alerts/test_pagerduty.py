"""PagerDuty's webhooks: believed by their signature alone, and of an acknowledgement nothing follows but that nobody else is paged."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.alerts.pagerduty import LARGEST_BODY, SIGNATURE, Nothing, TakenOver, read
from byteport.alerts.signed import secrets_of
from byteport.contracts.paging import Paged, dedup_key, paged
from byteport.contracts.workflows import Acknowledge
from byteport.errors import BytePortError, MalformedInput, NotPermitted
from tests.builders.noticed import RUN

OLD, NEW = "an old secret of PagerDuty", "a new secret of PagerDuty"
INCIDENT = "inc-0123456789abcdef01234567"


def event(**changes: Any) -> dict[str, Any]:
    """As PagerDuty's reference of webhooks v3 shows `incident.acknowledged`."""
    plain: dict[str, Any] = {
        "id": "01DEN1HNLBC1VITK192ETJ8MP6",
        "event_type": "incident.acknowledged",
        "resource_type": "incident",
        "occurred_at": "2026-03-10T03:14:22.169Z",
        "agent": {"id": "PLH1HKV", "summary": "Ada", "type": "user_reference"},
        "client": None,
        "data": {
            "id": "PGR0VU2",
            "type": "incident",
            "status": "acknowledged",
            "incident_key": dedup_key(RUN, INCIDENT),
        },
    }
    return plain | changes


def sent(plain: Any, *secrets: str) -> tuple[dict[str, str], bytes]:
    body = json.dumps(plain).encode()
    signatures = [hmac.new(secret.encode(), body, hashlib.sha256).hexdigest() for secret in secrets]
    return {SIGNATURE: ",".join(f"v1={one}" for one in signatures)}, body


@pytest.mark.claim("C-434")
def test_a_person_who_acknowledges_there_takes_the_incident_over_here_by_their_name_there() -> None:
    assert read(*sent({"event": event()}, OLD), (OLD,)) == TakenOver(
        RUN, Acknowledge(by="pagerduty:PLH1HKV (Ada)", note="acknowledged in PagerDuty", of_incident=INCIDENT)
    )


@pytest.mark.parametrize("signed_by", [(OLD,), (NEW,), (OLD, NEW), ("somebody's", NEW)])
def test_a_secret_can_be_changed_while_both_stand(signed_by: tuple[str, ...]) -> None:
    assert isinstance(read(*sent({"event": event()}, *signed_by), secrets_of(f"# two\n{OLD}\n\n{NEW}\n")), TakenOver)


@pytest.mark.claim("C-434")
@pytest.mark.parametrize(
    "header",
    [None, "", "v1=", "v1=00", "v0={hex}", "{hex}", "v1={hex}0", "V1={hex}", "v1=" + "é" * 64, "v1=x," * 5000],
)
def test_what_is_not_signed_is_not_believed(header: str | None) -> None:
    headers, body = sent({"event": event()}, OLD)
    hexed = headers[SIGNATURE].removeprefix("v1=")
    given = {} if header is None else {SIGNATURE: header.replace("{hex}", hexed)}
    with pytest.raises(NotPermitted):
        read(given, body, (OLD,))


@pytest.mark.claim("C-434")
def test_a_body_that_was_changed_or_signed_by_another_or_by_nothing_is_not_believed() -> None:
    headers, body = sent({"event": event()}, OLD)
    for secrets, text in (((OLD,), body + b" "), ((NEW,), body), ((), body), (("",), body)):
        with pytest.raises(NotPermitted):
            read(headers, text, secrets)
    with pytest.raises(NotPermitted):
        read(*sent({"event": event()}, ""), ("",))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"event_type": "incident.resolved"}, Nothing.ANOTHER_EVENT),
        ({"event_type": "pagey.ping", "data": {"message": "Hello"}}, Nothing.ANOTHER_EVENT),
        ({"event_type": None}, Nothing.ANOTHER_EVENT),
        ({"data": {"incident_key": "another-system/42"}}, Nothing.NOT_OURS),
        ({"data": {"incident_key": None}}, Nothing.NOT_OURS),
        ({"data": []}, Nothing.NOT_OURS),
        ({"data": {"incident_key": "byteport#watch:uid#boundary-1"}}, Nothing.NOT_OURS),
        ({"data": {"incident_key": "byteport#approval:sha256:00#inc-1"}}, Nothing.NOT_OURS),
        ({"agent": None}, Nothing.BY_NOBODY),
        ({"agent": {"type": "service_reference", "id": "P1", "summary": "BytePort"}}, Nothing.BY_NOBODY),
        ({"agent": {"type": "user_reference", "id": "../x", "summary": "Ada"}}, Nothing.BY_NOBODY),
    ],
)
def test_of_what_is_no_persons_acknowledgement_of_ours_nothing_follows(changes: dict[str, Any], why: Nothing) -> None:
    assert read(*sent({"event": event(**changes)}, OLD), (OLD,)) is why


@pytest.mark.claim("C-432")
def test_a_name_from_there_is_one_bounded_line() -> None:
    agent = {"type": "user_reference", "id": "PLH1HKV", "summary": "Ada\r\n\x1b[2J\u202e" + "a" * 900}
    found = read(*sent({"event": event(agent=agent)}, OLD), (OLD,))
    assert isinstance(found, TakenOver)
    assert found.acknowledgement.by.isprintable()
    assert len(found.acknowledgement.by) < 120


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"event": 7}', b"[" * 100_000, b"\xff", b'{"event": {}'])
def test_what_pagerduty_never_sends_is_refused_though_it_is_signed(body: bytes) -> None:
    signature = hmac.new(OLD.encode(), body, hashlib.sha256).hexdigest()
    with pytest.raises(MalformedInput):
        read({SIGNATURE: f"v1={signature}"}, body, (OLD,))


def test_a_body_is_bounded_before_it_is_looked_at() -> None:
    with pytest.raises(MalformedInput):
        read({}, b" " * (LARGEST_BODY + 1), (OLD,))


@given(
    plain=st.recursive(
        st.none() | st.booleans() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["event", "event_type", "data", "agent", "incident_key", "id", "type", "summary"]),
                inner,
            )
        ),
    )
)
def test_whatever_is_signed_ends_in_one_of_our_words(plain: Any) -> None:
    try:
        found = read(*sent(plain, OLD), (OLD,))
    except BytePortError:
        return
    assert isinstance(found, Nothing)


@given(st.text(max_size=300), st.text(max_size=120))
def test_a_key_leads_back_to_what_it_was_made_of_or_nowhere(workflow_id: str, incident_id: str) -> None:
    key = dedup_key(workflow_id, incident_id)
    assert 0 < len(key) <= 255
    assert paged(key) in (None, Paged(workflow_id, incident_id))


def test_a_name_that_is_too_long_leads_nowhere_and_is_still_one_key() -> None:
    long = RUN + "x" * 300
    assert dedup_key(long, "a") == dedup_key(long, "a") != dedup_key(long, "b")
    assert paged(dedup_key(long, "a")) is None
