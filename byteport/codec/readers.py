"""Who may read payloads: a person with a token of the identity provider that says so. And how much of it, and that they did.

Comes after `byteport/serving/people`, which checks the token; `app` asks here before it looks at anything else of a request.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import Any

from byteport.codec.refusals import Refused
from byteport.serving.bearer import bearer
from byteport.serving.buckets import Bucket, Seconds
from byteport.serving.people import People, is_among
from byteport.serving.problems import Code, Problem

log = logging.getLogger(__name__)

TOLD_SECONDS = 600.0
"""How often it is told that somebody reads: a page asks a thousand times."""
MOST_PEOPLE = 1000
"""Whose allowance is remembered; of more, who has not read for the longest time begins anew."""
LONGEST_NAME = 120


class Readers:
    """The people of one provider who may read."""

    def __init__(
        self, people: People, claim: str, values: Collection[str], requests_per_minute: int, clock: Seconds
    ) -> None:
        """`values` of `claim` may read."""
        self._people = people
        self._claim = claim
        self._values = frozenset(values)
        self._per_minute = requests_per_minute
        self._clock = clock
        self._known: OrderedDict[str, Bucket] = OrderedDict()
        self._told: dict[str, float] = {}

    async def must_be_one(self, authorization: list[bytes]) -> None:
        """Whether whoever sent these `Authorization` headers may read now. Raises `Problem`."""
        if not authorization:
            raise Problem(
                Code.CREDENTIAL_MISSING,
                "send the token of whoever has signed in; in Temporal UI's own settings that is `passAccessToken: true`",
            )
        person = await self._people.identify(bearer(authorization))
        if not self._may(person.claims):
            raise Problem(Refused.NOT_A_READER, f"none of codec.readers is in the claim {self._claim} of the token")
        self._take(person.subject)

    def _may(self, claims: Mapping[str, Any]) -> bool:
        return is_among(claims, self._claim, self._values)

    def _take(self, subject: str) -> None:
        now = self._clock()
        bucket = self._known.pop(subject, None) or Bucket(self._per_minute, now)
        self._known[subject] = bucket
        while len(self._known) > MOST_PEOPLE:
            gone, _ = self._known.popitem(last=False)
            self._told.pop(gone, None)
        if wait := bucket.take(1, now):
            raise Problem(Code.RATE_LIMITED, f"come again in {wait} seconds", retry_after=wait)
        if now - self._told.get(subject, float("-inf")) >= TOLD_SECONDS:
            self._told[subject] = now
            log.info("payloads_read: by %s", ascii(subject[:LONGEST_NAME]))
