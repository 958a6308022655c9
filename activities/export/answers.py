"""What a receiver's answer means: one error per thing to do about it, and nothing of its text.

An answer's body and reason are a stranger's words: they are looked at by the file of that receiver, as numbers of a known
list, and end there. Before it comes `guarded.py`, which has the answer; after it the activity that ships.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from byteport.errors import BytePortError, ConfigError, NotPermitted, Throttled, Unavailable

LONGEST_DELAY = timedelta(hours=1)
"""However long a receiver puts us off, it is asked again after this."""
_LONGEST_HEADER = 64
_OVERLOADED = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


@dataclass(frozen=True)
class Asked:
    """What was asked, in words for a message, and the settings to look at when the receiver refuses."""

    what: str
    """`splunk: events`."""
    url: str
    """The setting that names the receiver: `audit.export.splunk.url`."""
    credential: str
    """The setting by which we show who we are: `audit.export.splunk.token_file`."""
    size: str = ""
    """The setting that says how large a body is, where there is one."""


@dataclass(frozen=True)
class Answer:
    """Status, headers by their lower-case names, and the body, which ends at a limit."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def taken(self) -> bool:
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


def error_of(asked: Asked, answer: Answer, now: datetime) -> BytePortError:
    """What an answer that is not 2xx stands for."""
    delay = retry_after(answer.headers.get("retry-after"), now)
    status = answer.status
    said = f"{asked.what}: the receiver answers {status}"
    if status in _OVERLOADED:
        return Throttled(said, delay)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY):
        return Unavailable(said, delay)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return NotPermitted(f"{said}: it does not let us in; look at {asked.credential}")
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.GONE):
        return ConfigError(asked.url, f"{said}: it takes no log there")
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return ConfigError(asked.size or asked.url, f"{said}: a body is larger than it takes")
    return ConfigError(asked.url, f"{said}: it does not take what we send")


def retry_after(text: str | None, now: datetime) -> timedelta | None:
    """The delay that `Retry-After` asks for, in seconds or until a date, at most `LONGEST_DELAY`; None for no plain one."""
    if text is None or len(text) > _LONGEST_HEADER:
        return None
    bare = text.strip()
    if bare.isascii() and bare.isdecimal():
        return min(timedelta(seconds=min(int(bare), LONGEST_DELAY.total_seconds())), LONGEST_DELAY)
    try:
        until = parsedate_to_datetime(bare)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
    until = until.replace(tzinfo=UTC) if until.tzinfo is None else until
    return min(max(until - now, timedelta(0)), LONGEST_DELAY)
