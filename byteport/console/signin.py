"""Signing in and out, and the one place where the identity provider sends people back to.

The same way leads back from a sign-in and from an answer; which of the two it was, and for what, is kept here under `state`,
in the session of the browser that began it. Comes after `provider`; `plans` begins the way of an answer.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from byteport.console.answering import attested
from byteport.console.face import Face, face_of, for_people
from byteport.console.forms import form_of
from byteport.console.pages import go, page, with_cookie
from byteport.console.provider import new_verifier
from byteport.console.sessions import UNKNOWN_SECONDS, Journey, Person, Session
from byteport.errors import NotPermitted
from byteport.serving.peers import peer_of
from byteport.serving.people import is_among
from byteport.serving.problems import Code, Problem

log = logging.getLogger(__name__)

_OURS = re.compile(r"/(?:plans/[0-9a-f]{64}|runs/[A-Za-z0-9:._/%-]{1,600}|log)?")
"""Where a sign-in may lead back to: a page of ours, and nothing that a browser could take for another host."""
LONGEST_NAME = 200
OUTDATED = (
    "The identity provider signs by a key that the list of whoever checks answers does not have: yours would not be taken. "
    "Have `approvals.issuers` given its keys of now."
)


async def signin(request: Request) -> Response:
    """Off to the provider. Anybody may ask for this, so that all together may so many times a minute, and one half of them."""
    face = face_of(request)
    peer = peer_of(request.client.host) if request.client is not None else ""
    if wait := face.sign_ins.take(peer, face.sessions.now()):
        raise Problem(Code.RATE_LIMITED, f"many people sign in just now; wait {wait} seconds", retry_after=wait)
    session = face.session_of(request) or face.sessions.begin()
    back_to = request.query_params.get("to", "/")
    where = await away(
        face,
        session,
        Journey(
            nonce=new_verifier(),
            verifier=new_verifier(),
            until=face.sessions.now() + UNKNOWN_SECONDS,
            back_to=back_to if _OURS.fullmatch(back_to) and "//" not in back_to else "/",
        ),
    )
    return with_cookie(go(where), session)


async def away(face: Face, session: Session, journey: Journey) -> str:
    """The provider's URL for a journey that begins now."""
    return await face.provider.ask(
        state=session.begin(journey),
        nonce=journey.nonce,
        verifier=journey.verifier,
        scopes="openid" if journey.text is not None else face.config.scopes,
        anew=journey.text is not None,
    )


async def callback(request: Request) -> Response:
    """Back from the provider: with a code, or with why there is none."""
    face = face_of(request)
    session, asked = face.session_of(request), request.query_params
    journey = None if session is None else session.end(asked.get("state", ""), face.sessions.now())
    if session is None or journey is None:
        raise NotPermitted("this way back is not known, was used, or took too long; begin again from the list")
    await face.provider.must_be_it(asked.get("iss"))
    if "error" in asked or "code" not in asked:
        log.info("provider_refused: the identity provider gave no code")
        if session.person is None:
            raise NotPermitted("the identity provider did not sign you in")
        session.tell("Nothing was answered: the identity provider did not sign you in.", well=False)
        return go(journey.back_to)
    token = await face.provider.exchange(asked["code"], journey.verifier)
    claims = await face.provider.claims(token, journey.nonce)
    if journey.text is None:
        return await _signed_in(face, session, journey, token, claims)
    return await attested(face, session, journey, token, claims)


async def _signed_in(face: Face, session: Session, journey: Journey, token: str, claims: dict[str, Any]) -> Response:
    if not is_among(claims, face.config.viewers_claim, face.config.viewers):
        face.sessions.end(session)
        raise NotPermitted("you are signed in at the identity provider, and not among those who may see this")
    name = next(
        (claims[one] for one in ("preferred_username", "email", "name", "sub") if _is_name(claims.get(one))), ""
    )
    principal = await face.approvers.principal(claims)
    person = Person(subject=claims["sub"], name=name, principal=principal, claims=claims)
    signed_in = face.sessions.sign_in(session, person)
    if not await face.approvers.has_key_of(token):
        log.error("keys_outdated: the identity provider signs by a key that approvals.issuers does not have")
        signed_in.tell(OUTDATED, well=False)
    return with_cookie(go(journey.back_to), signed_in)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= LONGEST_NAME


@for_people
async def signout(request: Request, face: Face, session: Session) -> Response:
    await form_of(request, session, face.reached.url, face.config.limits)
    face.sessions.end(session)
    return with_cookie(page("signed_out.html", None, face.now()), None)
