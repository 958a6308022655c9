"""What every route works with: who sends, their allowance, a body that is JSON within its limits, and the hand-over.

Comes after `callers` and `reduction`; each route's own file comes after it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request

from byteport.alerts.back import Back
from byteport.alerts.callers import Callers
from byteport.alerts.counts import Counts
from byteport.alerts.reduction import Outcome, Reduced
from byteport.alerts.senders import Caller
from byteport.alerts.sns_signatures import SnsVerifier
from byteport.contracts.alerts import AlertBatch
from byteport.contracts.alerts_face import AlertsLimits
from byteport.errors import BytePortError, TemporaryError
from byteport.serving.body import read_body
from byteport.serving.buckets import Bucket, Seconds
from byteport.serving.limits import ServingLimits
from byteport.serving.looks import Looks
from byteport.serving.problems import Code, CodeEnum, Problem

HandOver = Callable[[AlertBatch], Awaitable[object]]
MOST_DEPTH = 12
"""Of the objects and arrays of a body: Alertmanager's have four."""


class AlertsCode(CodeEnum):
    """Beside those of every face."""

    BODY_REFUSED = (422, "The body is not one that is read here.")
    SIGNATURE_REFUSED = (403, "The message is not signed by whom it says.")
    TOPIC_REFUSED = (403, "The topic is not one that is heard here.")
    HAND_OVER_FAILED = (503, "Nothing was taken, since Temporal does not answer.")


STRANGERS = "strangers"


@dataclass
class Allowances:
    """Requests and symptoms a minute for each sender; senders come from the settings, so that nobody can make more."""

    limits: AlertsLimits
    clock: Seconds
    _requests: dict[str, Bucket] = field(default_factory=dict)
    _symptoms: dict[str, Bucket] = field(default_factory=dict)
    _running: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def running(self, caller: str) -> Iterator[None]:
        """Inside one request of `caller` is being answered. Raises `Problem` when there are too many, or when half of them
        are this one's: nobody can have them all."""
        most = self.limits.concurrent
        if self._running.total() >= most or self._running[caller] >= max(1, most // 2):
            raise Problem(
                Code.BUSY, f"{most} requests are answered at once, half of them of one; come again", retry_after=1
            )
        self._running[caller] += 1
        try:
            yield
        finally:
            self._running[caller] -= 1

    def request(self, caller: str) -> None:
        most = self.limits.strangers_per_minute if caller == STRANGERS else self.limits.requests_per_minute
        self._take(self._requests, caller, 1, most, "requests")

    def symptoms(self, caller: str, count: int) -> None:
        self._take(self._symptoms, caller, count, self.limits.symptoms_per_minute, "symptoms")

    def _take(self, buckets: dict[str, Bucket], caller: str, count: int, most: int, what: str) -> None:
        now = self.clock()
        if wait := buckets.setdefault(caller, Bucket(most, now)).take(count, now):
            says = f"{most} {what} a minute are allowed; come again in {wait} seconds"
            raise Problem(Code.RATE_LIMITED, says, retry_after=wait)


@dataclass(frozen=True)
class Face:
    """One per process."""

    callers: Callers
    allowances: Allowances
    limits: AlertsLimits
    counts: Counts
    looks: Looks
    hand_over: HandOver
    now: Callable[[], datetime]
    clusters: frozenset[str]
    """What this cluster may be called."""
    tell_untreated: bool
    sns: SnsVerifier | None
    """None where no topic is heard."""
    back: Back | None
    """None where neither a pager nor a chat is heard."""

    async def admitted(self, request: Request) -> Caller:
        """Who sends. Raises `Problem`; whoever is refused has the strangers' allowance."""
        try:
            caller = await self.callers.caller(request)
        except Problem:
            self.allowances.request(STRANGERS)
            raise
        self.allowances.request(caller.share)
        return caller

    async def take(self, source: str, caller: Caller, reduced: Reduced) -> dict[str, int]:
        """Hand over what a body came to, and say so. Raises `Problem` when it was not taken: the sender sends it again."""
        self.allowances.symptoms(caller.share, reduced.handed_on)
        try:
            for batch in reduced.batches:
                await self.hand_over(batch)
        except BytePortError as error:
            if not isinstance(error, TemporaryError):
                raise
            raise Problem(AlertsCode.HAND_OVER_FAILED, "send the same again", retry_after=10) from None
        self.counts.reduced(source, reduced.outcomes)
        return answer_of(reduced.outcomes)


def answer_of(outcomes: Counter[Outcome]) -> dict[str, int]:
    """How many alerts came to what; those that say nothing are left out."""
    return {outcome.value: outcomes[outcome] for outcome in Outcome if outcomes[outcome]}


async def read_json(request: Request, limits: ServingLimits) -> dict[str, Any]:
    """The body, as an object of moderate depth. Raises `Problem`."""
    body = await read_body(request, limits, gzip=False)
    try:
        plain = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Problem(AlertsCode.BODY_REFUSED, "send JSON") from None
    if not isinstance(plain, dict):
        raise Problem(AlertsCode.BODY_REFUSED, "send a JSON object")
    if _deeper(plain, MOST_DEPTH):
        raise Problem(AlertsCode.BODY_REFUSED, f"it is nested deeper than {MOST_DEPTH} levels")
    return plain


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number of JSON")


def _deeper(value: object, most: int) -> bool:
    level = [value]
    for _ in range(most):
        level = [
            member
            for one in level
            for member in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
            if isinstance(member, dict | list)
        ]
        if not level:
            return False
    return True


def face_of(request: Request) -> Face:
    found = request.app.state.face
    assert isinstance(found, Face)
    return found


TheFace = Annotated[Face, Depends(face_of)]
