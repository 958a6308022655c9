"""Slack's requests: believed by signature and time alone, and of a press of a button nothing follows."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.alerts.slack import LARGEST_BODY, SIGNATURE, TIMESTAMP, Pressed, read
from byteport.errors import MalformedInput, NotPermitted

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
NOW = datetime(2026, 3, 10, 3, 14, tzinfo=UTC)


def body(action: str = "byteport_open_page") -> bytes:
    payload = {"type": "block_actions", "user": {"id": "U1"}, "actions": [{"action_id": action, "type": "button"}]}
    return urlencode({"payload": json.dumps(payload)}).encode()


def signed(content: bytes, at: datetime = NOW, secret: str = SECRET) -> dict[str, str]:
    stamp = str(int(at.timestamp()))
    made = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + content, hashlib.sha256).hexdigest()
    return {SIGNATURE: f"v0={made}", TIMESTAMP: stamp}


def test_slacks_own_example_holds() -> None:
    """Of its page on verifying requests."""
    content = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&"
        b"channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&"
        b"response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&"
        b"trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    headers = {
        SIGNATURE: "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        TIMESTAMP: "1531420618",
    }
    with pytest.raises(MalformedInput):  # it is signed, and no press of a button
        read(headers, content, (SECRET,), datetime.fromtimestamp(1531420618, UTC))


@pytest.mark.claim("C-435")
def test_a_press_of_our_button_is_heard_and_is_no_answer() -> None:
    assert read(signed(body()), body(), (SECRET,), NOW) == Pressed(ours=True)
    assert read(signed(body("other")), body("other"), (SECRET,), NOW) == Pressed(ours=False)
    assert list(Pressed.__annotations__) == ["ours"]


@pytest.mark.parametrize("off", [timedelta(minutes=-5, seconds=-1), timedelta(minutes=5, seconds=1), timedelta(days=9)])
@pytest.mark.claim("C-435")
def test_what_was_recorded_is_refused_after_five_minutes(off: timedelta) -> None:
    with pytest.raises(NotPermitted):
        read(signed(body(), NOW + off), body(), (SECRET,), NOW)


@pytest.mark.parametrize("off", [timedelta(minutes=-5), timedelta(minutes=5)])
def test_a_clock_that_is_five_minutes_off_is_believed(off: timedelta) -> None:
    assert read(signed(body(), NOW + off), body(), (SECRET,), NOW).ours


@pytest.mark.claim("C-435")
def test_what_is_not_signed_with_its_own_time_and_body_is_refused() -> None:
    good = signed(body())
    later = {TIMESTAMP: str(int(NOW.timestamp()) + 1)}
    for headers, content, secrets in (
        ({}, body(), (SECRET,)),
        (good, body() + b"x", (SECRET,)),
        (good | later, body(), (SECRET,)),
        (good, body(), ("another secret of theirs",)),
        (good, body(), ()),
        (signed(body(), secret=""), body(), ("",)),
        (good | {SIGNATURE: good[SIGNATURE].removeprefix("v0=")}, body(), (SECRET,)),
        (good | {TIMESTAMP: "9" * 400}, body(), (SECRET,)),
        (good | {TIMESTAMP: "-1"}, body(), (SECRET,)),
        (good | {TIMESTAMP: "٣"}, body(), (SECRET,)),
    ):
        with pytest.raises(NotPermitted):
            read(headers, content, secrets, NOW)


@given(st.binary(max_size=300))
def test_whatever_is_signed_is_a_press_or_malformed(content: bytes) -> None:
    try:
        read(signed(content), content, (SECRET,), NOW)
    except MalformedInput:
        return


def test_a_body_is_bounded_before_it_is_looked_at() -> None:
    with pytest.raises(MalformedInput):
        read({}, b" " * (LARGEST_BODY + 1), (SECRET,), NOW)
