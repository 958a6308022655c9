"""How much of this face one tenant can have: token buckets of requests, records and bytes, and how many at once.

Comes after `problems`; `faces` asks for a request, `writing` for records and bytes. Each tenant has an allowance of its own, so
that one cannot burn another's. Kept in memory: with several processes behind one address each counts for itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from byteport.contracts.ledger_api import ApiLimits
from byteport.serving.buckets import Bucket, Seconds
from byteport.serving.problems import Code, Problem


class _Allowance:
    def __init__(self, limits: ApiLimits, now: float) -> None:
        self.requests = Bucket(limits.requests_per_minute, now)
        self.records = Bucket(limits.records_per_minute, now)
        self.bytes = Bucket(limits.bytes_per_minute, now)
        self.running = 0


class Allowances:
    """One allowance for each tenant that is enrolled; tenants come from credentials, so that nobody can make more."""

    def __init__(self, limits: ApiLimits, clock: Seconds) -> None:
        self.limits = limits
        self._clock = clock
        self._of: dict[str, _Allowance] = {}
        self._running = 0

    @contextmanager
    def request(self, tenant: str) -> Iterator[None]:
        """Inside one request of `tenant` is being answered. Raises `Problem` when it has had its share."""
        allowance = self._allowance(tenant)
        if wait := allowance.requests.take(1, self._clock()):
            raise _limited("requests", self.limits.requests_per_minute, wait)
        if allowance.running >= self.limits.concurrent_per_tenant:
            raise _busy("of this tenant ", self.limits.concurrent_per_tenant)
        if self._running >= self.limits.concurrent:
            raise _busy("", self.limits.concurrent)
        allowance.running += 1
        self._running += 1
        try:
            yield
        finally:
            allowance.running -= 1
            self._running -= 1

    def records(self, tenant: str, count: int) -> None:
        """Count what was sent, duplicates too. Raises `Problem` when that is more than is left."""
        if wait := self._allowance(tenant).records.take(count, self._clock()):
            raise _limited("records", self.limits.records_per_minute, wait)

    def bytes(self, tenant: str, count: int) -> None:
        """Count a body before anybody looks into it. Raises `Problem` when that is more than is left."""
        if wait := self._allowance(tenant).bytes.take(count, self._clock()):
            raise _limited("bytes", self.limits.bytes_per_minute, wait)

    def _allowance(self, tenant: str) -> _Allowance:
        if tenant not in self._of:
            self._of[tenant] = _Allowance(self.limits, self._clock())
        return self._of[tenant]


def _limited(what: str, most: int, wait: int) -> Problem:
    return Problem(
        Code.RATE_LIMITED, f"{most} {what} a minute are allowed; come again in {wait} seconds", retry_after=wait
    )


def _busy(whose: str, most: int) -> Problem:
    return Problem(Code.BUSY, f"{most} requests {whose}are answered at once; come again", retry_after=1)
