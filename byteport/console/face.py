"""What every route begins with: whose session it is, and whether that session has a share left.

Comes after `sessions`, `provider` and `pages`; each page's file takes what it works with from here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import jwt
from starlette.requests import Request
from starlette.responses import Response
from temporalio.client import Client

from byteport.console.pages import go
from byteport.console.provider import Provider
from byteport.console.reached import Reached
from byteport.console.sessions import COOKIE, Session, Sessions, SignIns
from byteport.console.verdicts import Verdicts
from byteport.contracts.console import ConsoleConfig
from byteport.contracts.workflows import Installation
from byteport.errors import ConfigError, NotPermitted
from byteport.ledger.log import AuditLog
from byteport.serving.problems import Code, Problem
from byteport.trust.attested import person_of
from byteport.trust.files import read_attesters


@dataclass(frozen=True)
class Approvers:
    """Who is who at the provider, by the file that whoever checks answers has too. Read at each question."""

    path: Any
    reached: Reached

    def must_list_us(self) -> None:
        """Raises `ConfigError` unless the file lists our provider with our client; no answer would ever be taken."""
        if read_attesters(self.path).of(self.reached.issuer, self.reached.client_id) is None:
            raise ConfigError("approvals.issuers", "does not list `console.issuer` with `console.client_id`")

    async def principal(self, claims: Mapping[str, Any]) -> str | None:
        """Whom the list has for these claims. Nobody while the file cannot be read."""
        try:
            listed = (await asyncio.to_thread(read_attesters, self.path)).of(
                self.reached.issuer, self.reached.client_id
            )
        except ConfigError:
            return None
        return None if listed is None else person_of(claims, listed.issuer)

    async def has_key_of(self, token: str) -> bool:
        """Whether whoever checks answers, by this same list, has the key that signed this token of a sign-in."""
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            listed = (await asyncio.to_thread(read_attesters, self.path)).of(
                self.reached.issuer, self.reached.client_id
            )
        except (ConfigError, jwt.PyJWTError):
            return False
        return listed is not None and any(key.id == kid for key in listed.keys)


@dataclass(frozen=True)
class Face:
    """What the routes work with."""

    config: ConsoleConfig
    reached: Reached
    provider: Provider
    sessions: Sessions
    approvers: Approvers
    client: Client
    installation: Installation
    log: AuditLog
    verdicts: Verdicts
    sign_ins: SignIns
    now: Callable[[], datetime]

    def session_of(self, request: Request) -> Session | None:
        name = request.cookies.get(COOKIE)
        session = None if name is None else self.sessions.find(name)
        if session is not None and (wait := session.bucket.take(1, self.sessions.now())):
            raise Problem(Code.RATE_LIMITED, f"wait {wait} seconds and open the page again", retry_after=wait)
        return session


def face_of(request: Request) -> Face:
    found = request.app.state.face
    assert isinstance(found, Face)
    return found


Seen = Callable[[Request, Face, Session], Awaitable[Response]]


def for_people(route: Seen) -> Callable[[Request], Awaitable[Response]]:
    """A route for whoever is signed in. Others sign in first, and come back to it if it is a page.

    One session has a quarter of what is answered at once: reloading a page that waits keeps nobody else from theirs.
    """

    async def endpoint(request: Request) -> Response:
        face = face_of(request)
        session = face.session_of(request)
        if session is None or session.person is None:
            if request.method != "GET":
                raise NotPermitted("you are not signed in any more; nothing was sent. Open the page again")
            return go("/signin?to=" + quote(request.url.path, safe="/"))
        most = max(1, face.config.limits.concurrent // 4)
        if session.running >= most:
            raise Problem(Code.BUSY, f"{most} of yours are being answered already; open the page again", retry_after=1)
        session.running += 1
        try:
            return await route(request, face, session)
        finally:
            session.running -= 1

    return endpoint
