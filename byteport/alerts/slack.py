"""Slack's requests to us when somebody presses a button: believed only when Slack has signed them, and answered at once.

Comes after `signed.py` and the HTTPS face. Our buttons open a page in the person's own browser; Slack tells us of the press besides,
and shows an error unless it is answered 200 within three seconds. Nothing follows of it: no answer comes from a chat.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from byteport.alerts.signed import LONGEST_HEADER, holds
from byteport.errors import MalformedInput, NotPermitted

SIGNATURE, TIMESTAMP = "x-slack-signature", "x-slack-request-timestamp"
WHERE = "slack request"
LARGEST_BODY = 256 << 10
WINDOW = timedelta(minutes=5)
"""How far its time may lie from ours, as Slack says; what was recorded is refused after it."""
OPENS_A_PAGE = "byteport_open_page"
_VERSION = "v0="


@dataclass(frozen=True)
class Pressed:
    """A press of a button. `ours` when it is one that a notice of ours has."""

    ours: bool


def read(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> Pressed:
    """What a request says; `headers` by their lower-case names, `secrets` the app's signing secrets.

    Raises `NotPermitted` unless Slack has signed it within five minutes of `now`, and `MalformedInput` for what it never sends.
    """
    if len(body) > LARGEST_BODY:
        raise MalformedInput(WHERE, f"is larger than {LARGEST_BODY} bytes")
    at = headers.get(TIMESTAMP, "")
    signature = headers.get(SIGNATURE, "")
    if not (at.isascii() and at.isdecimal() and len(at) <= len("9999999999")) or len(signature) > LONGEST_HEADER:
        raise NotPermitted(f"{WHERE}: without time and signature")
    given = [signature.removeprefix(_VERSION)] if signature.startswith(_VERSION) else []
    if not holds(given, b"v0:" + at.encode("ascii") + b":" + body, secrets):
        raise NotPermitted(f"{WHERE}: no secret of alerts.slack_secrets_file has signed it")
    if abs(now.timestamp() - int(at)) > WINDOW.total_seconds():
        raise NotPermitted(f"{WHERE}: too old, or from the future")
    return Pressed(ours=OPENS_A_PAGE in _actions(body))


def _actions(body: bytes) -> list[str]:
    """The ids of the buttons; a form with one field `payload`, which is JSON."""
    try:
        fields = parse_qs(body.decode("utf-8"), strict_parsing=True, max_num_fields=10)
        payload = json.loads(fields["payload"][0])
        actions = payload.get("actions", [])
        return [str(action["action_id"]) for action in actions]
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        raise MalformedInput(WHERE, "is no payload of a button") from None
