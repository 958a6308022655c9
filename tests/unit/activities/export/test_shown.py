"""What shows who we are is in no object's own words, which a log line or a traceback may hold."""

from __future__ import annotations

from datetime import UTC, datetime

from activities.export.google import GoogleIdentity, Token
from activities.export.requests import Request

CANARY = "canary-7f3a"
NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)


def test_a_request_shows_neither_its_address_nor_its_body_nor_its_secrets() -> None:
    request = Request("POST", f"https://hooks.example/{CANARY}", CANARY.encode(), secrets={"Authorization": CANARY})
    assert CANARY not in repr(request)


def test_an_identity_shows_no_token() -> None:
    identity = GoogleIdentity(None, None, lambda: NOW)
    identity._token = Token(CANARY, NOW)
    assert CANARY not in repr(identity)
