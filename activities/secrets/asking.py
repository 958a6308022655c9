"""One question to a backend over HTTP, by the guarded client: TLS that verifies, no redirect, no proxy, in bounded time.

What a refusal means is the same for all: its status, and nothing of its text. An answer that a cache has kept is no answer:
it may be older than a rotation. Comes after `activities/export/guarded.py` and before the backends that speak HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from yarl import URL

from activities.clock import Clock
from activities.export.answers import Answer, Asked, retry_after
from activities.export.guarded import GuardedClient
from activities.export.requests import Redirects, Request
from activities.secrets.backend import Named, said, unreadable
from activities.secrets.strict_json import LARGEST
from byteport.errors import BytePortError, NotPermitted, TargetGone, Throttled, Unavailable

CA_SETTING = "secret.ca_file"
_FRESH = {"Cache-Control": "no-cache", "Accept": "application/json"}
_CACHES = ("x-cache", "cf-cache-status", "x-vault-cache")
_LONGEST_AGE = 16


class Line(NamedTuple):
    """How a backend is reached: for how long, by whose word, and since when."""

    ca_file: Path | None
    seconds: float
    clock: Clock


class Asking:
    """Questions to the one host that the settings name."""

    def __init__(self, what: str, home: str, line: Line, *, setting: str, credential: str) -> None:
        """`setting` names the address and `credential` that by which we are let in. Raises `ConfigError` for the file of authorities."""
        self._what = what
        self._home = home.rstrip("/")
        self._setting = setting
        self._credential = credential
        self._line = line
        self._client = GuardedClient(home, ca_file=line.ca_file, ca_setting=CA_SETTING, clock=line.clock)

    async def ask(
        self,
        named: Named,
        path: str,
        *,
        method: str = "GET",
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer, whatever its status, unless a cache gave it. `path` is quoted already, and begins with a slash.

        Raises `Unavailable` where there is none, or it is too long, and `NotPermitted` where we are sent elsewhere.
        """
        asked = Asked(f"{self._what}: {named.name}", url=self._setting, credential=self._credential)
        request = Request(
            method,
            URL(self._home + path, encoded=True),
            body=body,
            headers={**_FRESH, **(headers or {})},
            secrets=secrets or {},
            seconds=self._line.seconds,
            largest_answer=LARGEST + 1,
            redirects=Redirects.REFUSED,
        )
        answer = await self._client.ask(request, asked)
        if answer.taken and kept_by_a_cache(answer.headers):
            raise Unavailable(said(self._what, named, f"a cache answered, not the backend; look at {self._setting}"))
        if len(answer.body) > LARGEST:
            raise unreadable(self._what, named)
        return answer

    def meaning(self, named: Named, answer: Answer) -> BytePortError:
        """What an answer that is not 2xx stands for."""
        status = answer.status
        words = said(self._what, named, f"the backend answers {status}")
        delay = retry_after(answer.headers.get("retry-after"), self._line.clock())
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return Throttled(words, delay)
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return NotPermitted(f"{words}: we may not read it; look at {self._credential}")
        if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            return TargetGone(f"{words}: there is no such secret, or its version is deleted")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY):
            return Unavailable(words, delay)
        return NotPermitted(f"{words}: it does not take what we ask; look at {self._setting}")

    async def close(self) -> None:
        await self._client.close()


def kept_by_a_cache(headers: Mapping[str, str]) -> bool:
    """Whether these say that the answer was not made for us: `Age` above nothing, or a hit in a known cache."""
    age = headers.get("age", "0").strip()[:_LONGEST_AGE]
    return age.strip("0") != "" or any(headers.get(name, "").lower().startswith(("hit", "stale")) for name in _CACHES)
