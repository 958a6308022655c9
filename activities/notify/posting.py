"""One POST to a channel: the guarded client of `activities/export`, made for one delivery, because its address may be a secret.

Comes before the channels that speak HTTP. Redirects are not followed: what is sent shows who we are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from activities.clock import Clock, utc_now
from activities.export.answers import Answer, Asked, error_of
from activities.export.guarded import GuardedClient
from activities.export.requests import Redirects, Request
from activities.notify.channel import SECONDS

CA_FILE = "escalation.ca_file"
LARGEST_ANSWER = 16 << 10


@dataclass(frozen=True)
class Posting:
    """How the channels are reached."""

    ca_file: Path | None = None
    proxy: str | None = None
    clock: Clock = utc_now

    async def ask(
        self,
        url: str,
        body: bytes,
        asked: Asked,
        *,
        headers: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer, whatever its status but a redirect. Raises `Unavailable`, `NotPermitted` and `ConfigError`."""
        client = GuardedClient(url, ca_file=self.ca_file, ca_setting=CA_FILE, proxy=self.proxy, clock=self.clock)
        request = Request(
            "POST",
            url,
            body,
            {"Content-Type": "application/json", **(headers or {})},
            secrets or {},
            seconds=SECONDS,
            largest_answer=LARGEST_ANSWER,
            redirects=Redirects.REFUSED,
        )
        try:
            return await client.ask(request, asked)
        finally:
            await client.close()

    async def call(self, url: str, body: bytes, asked: Asked, *, headers: Mapping[str, str] | None = None) -> Answer:
        """The answer, which is 2xx. Raises the error that any other stands for besides."""
        answer = await self.ask(url, body, asked, headers=headers)
        if not answer.taken:
            raise error_of(asked, answer, self.clock())
        return answer


def as_json(plain: Any) -> bytes:
    """ASCII alone: no character of a name speaks to whatever shows it."""
    return json.dumps(plain, ensure_ascii=True).encode("ascii")
