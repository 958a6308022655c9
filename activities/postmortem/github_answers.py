"""What GitHub's answers mean: one error per thing to do about it, and nothing of its text.

Comes before `github.py`. Its two limits come as 403 or 429: the primary one with `x-ratelimit-remaining: 0` and a time, the
secondary one with `Retry-After`, or with words alone, after which a minute is waited as its documentation asks.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus

from activities.export.answers import LONGEST_DELAY, Answer, retry_after
from byteport.errors import BytePortError, ConfigError, NotPermitted, PermanentError, Throttled, Unavailable

API, REPOSITORY, TOKEN = "postmortem.github.api", "postmortem.github.repository", "postmortem.github.token"
A_MINUTE = timedelta(minutes=1)
_LIMITS = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})
_LONGEST_NUMBER = 12


def github_error(what: str, answer: Answer, now: datetime) -> BytePortError:
    """What an answer that is not 2xx stands for. `what` is what was asked: `github: a list of issues`."""
    status = answer.status
    said = f"{what}: GitHub answers {status}"
    delay = _limit(answer, now)
    if delay is not None:
        return Throttled(f"{said}: a rate limit", delay)
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return NotPermitted(f"{said}: the token does not hold, or has ended; look at {TOKEN}")
        case HTTPStatus.FORBIDDEN:
            return NotPermitted(f"{said}: the token may not read and write issues there; look at {TOKEN}")
        case HTTPStatus.NOT_FOUND:
            return ConfigError(REPOSITORY, f"{said}: there is none of that name, or the token cannot see it ({TOKEN})")
        case HTTPStatus.GONE:
            return ConfigError(REPOSITORY, f"{said}: issues are switched off there")
        case HTTPStatus.UNPROCESSABLE_ENTITY:
            return PermanentError(f"{said}: it does not take the issue; look at postmortem.github.labels")
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
            return Unavailable(said, retry_after(answer.headers.get("retry-after"), now))
        case _:
            return ConfigError(API, f"{said}: this is not its REST API")


def _limit(answer: Answer, now: datetime) -> timedelta | None:
    """How long a rate limit asks us to wait; None where the answer is none."""
    if answer.status not in _LIMITS:
        return None
    asked = retry_after(answer.headers.get("retry-after"), now)
    if asked is not None:
        return asked
    if answer.headers.get("x-ratelimit-remaining") == "0":
        reset = answer.headers.get("x-ratelimit-reset", "")
        if not (reset.isascii() and reset.isdecimal() and len(reset) <= _LONGEST_NUMBER):
            return A_MINUTE
        left = timedelta(seconds=min(max(int(reset) - now.timestamp(), 1), LONGEST_DELAY.total_seconds()))
        return min(left, LONGEST_DELAY)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS or b"secondary rate limit" in answer.body.lower():
        return A_MINUTE
    return None
