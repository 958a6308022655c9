"""What Splunk's collector says by its codes, as one error per thing to do about it.

Comes after `answers.py`, which knows the statuses of any receiver, and before `splunk.py`. Of an answer nothing is used but
numbers: its code, the number of the event that it does not take, and the number under which it can be asked again.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from activities.export.answers import Answer, Asked, error_of, retry_after
from byteport.errors import BytePortError, ConfigError, NotPermitted, Throttled, Unavailable

URL, TOKEN = "audit.export.splunk.url", "audit.export.splunk.token_file"
INDEX, ACKNOWLEDGED = "audit.export.splunk.index", "audit.export.splunk.acknowledged"
SIZE = "audit.export.splunk.batch_bytes"

SUCCESS = 0
_TOKEN_CODES = {
    1: "the token is switched off",
    2: "a token is missing",
    3: "the token is not one",
    4: "the token is not known",
}
_TOKEN_CODES |= {21: "the token is not valid", 22: "the token is switched off"}
_BUSY = frozenset({9, 18, 20, 23, 26, 27})
_EVENT_CODES = frozenset({5, 6, 12, 13, 15})


class Refused(Exception):
    """The collector does not take a body. `event` counts from 0, where it says which of them it is."""

    def __init__(self, error: BytePortError, event: int | None) -> None:
        super().__init__(error.message)
        self.error = error
        self.event = event


def taken(asked: Asked, answer: Answer, now: datetime) -> dict[str, Any]:
    """What the collector says of a body that it took. Raises `Refused`, or the error that its answer stands for."""
    said = _said(answer)
    code = _number(said.get("code"))
    if answer.taken and code == SUCCESS:
        return said
    error = _error(asked, answer, code, now)
    if code in _EVENT_CODES:
        raise Refused(error, _number(said.get("invalid-event-number")))
    raise error


def ack_id(said: dict[str, Any]) -> int:
    """The number by which the indexers are asked. Raises `ConfigError` where there is none."""
    number = _number(said.get("ackId"))
    if number is None:
        raise ConfigError(ACKNOWLEDGED, "the token has no indexer acknowledgement; switch it on there, or this off")
    return number


def acknowledged(asked: Asked, answer: Answer, now: datetime, waiting: set[int]) -> set[int]:
    """Which of `waiting` the indexers hold. Raises the error that the answer stands for."""
    said = _said(answer)
    acks = said.get("acks")
    if not answer.taken or not isinstance(acks, dict):
        raise _error(asked, answer, _number(said.get("code")), now)
    return {number for number in waiting if acks.get(str(number)) is True}


def _error(asked: Asked, answer: Answer, code: int | None, now: datetime) -> BytePortError:
    if code in _TOKEN_CODES:
        return NotPermitted(f"{asked.what}: {_TOKEN_CODES[code]} (code {code}); look at {TOKEN}")
    if code == 7:
        return ConfigError(INDEX, f"{asked.what}: the token may not write to this index (code 7)")
    if code in (10, 11):
        return ConfigError(
            ACKNOWLEDGED, f"{asked.what}: the token asks for acknowledgement (code {code}); switch it on here"
        )
    if code == 14:
        return ConfigError(
            ACKNOWLEDGED, f"{asked.what}: the token has no acknowledgement (code 14); switch it off here"
        )
    if code in _BUSY:
        delay = retry_after(answer.headers.get("retry-after"), now)
        return Throttled(f"{asked.what}: the collector is busy (code {code})", delay)
    if answer.taken:
        return Unavailable(f"{asked.what}: what answers {answer.status} is no collector that took it")
    if code in _EVENT_CODES:
        return ConfigError(asked.url, f"{asked.what}: the collector does not take an event (code {code})")
    return error_of(asked, answer, now)


def _said(answer: Answer) -> dict[str, Any]:
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63 else None
