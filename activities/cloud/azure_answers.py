"""What an answer of Azure's that is no success stands for, and what time it is there. Pure.

Comes after `activities/export/answers.py`, which knows what any server's status means. Azure says in three headers how long it
puts us off, and a metrics store that is too busy says 529.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus

from activities.cloud.dates import time_said
from activities.export.answers import LONGEST_DELAY, Answer, Asked, error_of, retry_after
from byteport.errors import BytePortError, NotPermitted, Throttled

OVERLOADED = 529
_MILLISECONDS = ("retry-after-ms", "x-ms-retry-after-ms")
_LONGEST_HEADER = 64


def meaning_of(asked: Asked, answer: Answer, now: datetime, *, needs: str = "") -> BytePortError:
    """`needs` is the right whose lack a 401 or 403 means."""
    if answer.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, OVERLOADED):
        return Throttled(f"{asked.what}: the service answers {answer.status}", delay_of(answer.headers, now))
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) and needs:
        return NotPermitted(f"{asked.what}: the service answers {answer.status}: this identity needs {needs}")
    return error_of(asked, answer, now)


def delay_of(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """For how long we are put off, at most `LONGEST_DELAY`; None where it is not said plainly."""
    found = retry_after(headers.get("retry-after"), now)
    for name in _MILLISECONDS:
        text = headers.get(name, "").strip()
        if found is None and len(text) < _LONGEST_HEADER and text.isascii() and text.isdecimal():
            found = timedelta(milliseconds=min(int(text), LONGEST_DELAY.total_seconds() * 1000))
    return found


def clock_of(headers: Mapping[str, str]) -> datetime | None:
    """The service's own time, from `Date`."""
    return time_said(headers.get("date"))
