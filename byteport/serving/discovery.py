"""Where an identity provider says that it is asked, and which keys are its own: OpenID Connect's discovery document.

It is fetched again each hour, from the issuer's own address and no other. Comes after `fetch`; a face that sends people to sign in
reads addresses here, and one that is shown a token finds the keys by it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from byteport.contracts.receiver_addresses import receiver_url
from byteport.errors import Unavailable
from byteport.serving.buckets import Seconds
from byteport.serving.fetch import fetch

Said = TypeVar("Said")

KNOWN_SECONDS = 3600.0
"""How long the document is believed."""
AGAIN_SECONDS = 5.0
"""How long a provider that did not answer is not asked for it again: whoever waits behind that one hears the same at once."""
WHAT = "the identity provider's discovery document"


class Discovery(Generic[Said]):
    """One provider's document, of which `take` makes what its face needs; `setting` names its issuer in the settings."""

    def __init__(
        self, issuer: str, ca_file: Path | None, clock: Seconds, setting: str, take: Callable[[dict[str, Any]], Said]
    ) -> None:
        """`take` raises `Unavailable` for a document that does not have it."""
        self._take = take
        self._issuer = issuer
        self._ca_file = ca_file
        self._clock = clock
        self._setting = setting
        self._known: tuple[float, Said] | None = None
        self._failed: tuple[float, str] | None = None
        self._turn = asyncio.Lock()

    async def said(self) -> Said:
        """What is in it, or was within the hour. Raises `Unavailable`."""
        async with self._turn:
            if self._known is None or self._clock() - self._known[0] > KNOWN_SECONDS:
                if self._failed is not None and self._clock() - self._failed[0] < AGAIN_SECONDS:
                    raise Unavailable(self._failed[1])
                try:
                    self._known = (self._clock(), await self._fetched())
                except Unavailable as error:
                    self._failed = (self._clock(), error.message)
                    raise
            return self._known[1]

    async def _fetched(self) -> Said:
        place = self._issuer.rstrip("/") + "/.well-known/openid-configuration"
        found = json_object(await fetch(place, self._ca_file, what=WHAT), WHAT)
        if found.get("issuer") != self._issuer:
            raise Unavailable(f"{WHAT} is of another issuer; is `{self._setting}` written exactly as there?")
        return self._take(found)


def json_object(data: bytes, what: str) -> dict[str, Any]:
    """Raises `Unavailable` where `data`, which is `what`, is none."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Unavailable(f"{what} is no JSON object")
    return found


def https_url(url: object) -> str:
    """A place that the document names. Raises `Unavailable` where it is no https URL, or one of an address that is not spoken to."""
    try:
        if isinstance(url, str) and len(url) <= 500 and urlsplit(url).hostname:
            return receiver_url(url)
    except ValueError:
        pass
    raise Unavailable(f"{WHAT} names a place that is no https URL")
