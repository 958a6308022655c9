"""The identity provider as we speak to it: where it is asked, the code that is exchanged, and what its token says.

OpenID Connect's authorization code with PKCE, and nothing of it that is optional and weaker: `S256`, an exact redirect, one
use of each `state`. Comes after `byteport/serving/fetch`, which decides what may be spoken to; `signin` uses it both for who
somebody is and for the token that attests an answer. What an answer's token proves is checked again by the ledger and the
cluster worker, each by its own files.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import jwt
from jwt.types import Options

from byteport.console.reached import Reached
from byteport.contracts.issuers import Issuer
from byteport.domain.approvals import LONGEST_TOKEN
from byteport.errors import MalformedInput, NotPermitted, Unavailable
from byteport.serving.buckets import Seconds
from byteport.serving.discovery import WHAT as DISCOVERY
from byteport.serving.discovery import Discovery, https_url, json_object
from byteport.serving.fetch import Form, fetch
from byteport.serving.keysets import KeySets
from byteport.trust.attested_issuers import ALGORITHMS

SKEW_SECONDS = 60
LONGEST_CODE = 2000
_SIGNATURE_ALONE: Options = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "enforce_minimum_key_length": True,
}


@dataclass(frozen=True)
class Places:
    """Where the provider's discovery document says that it is asked."""

    authorize: str
    token: str
    keys: str
    names_itself: bool
    """Whether its answers say who it is (RFC 9207)."""


class Provider:
    """One provider and our client there."""

    def __init__(self, reached: Reached, keys: KeySets, now: Callable[[], datetime], clock: Seconds) -> None:
        self._reached = reached
        self._keys = keys
        self._now = now
        self._discovery = Discovery(reached.issuer, reached.ca_file, clock, "console.issuer", _places)

    async def ask(self, *, state: str, nonce: str, verifier: str, scopes: str, anew: bool) -> str:
        """The URL to send a browser to; `anew`: the person signs in even if they just have. Raises `Unavailable`."""
        asked = {
            "response_type": "code",
            "client_id": self._reached.client_id,
            "redirect_uri": self._reached.redirect_uri,
            "scope": scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        if anew:
            asked |= {"max_age": "0", "prompt": "login"}
        authorize = (await self.places()).authorize
        return f"{authorize}{'&' if '?' in authorize else '?'}{urlencode(asked)}"

    async def must_be_it(self, named: str | None) -> None:
        """Whether the answer came from this provider. Raises `NotPermitted` when it says another, or should have said."""
        if named != self._reached.issuer and (named is not None or (await self.places()).names_itself):
            raise NotPermitted("the answer came from another identity provider than the one that was asked")

    async def exchange(self, code: str, verifier: str) -> str:
        """The ID token for a code. Raises `NotPermitted` when there is none, `Unavailable` when the provider does not answer."""
        if len(code) > LONGEST_CODE:
            raise MalformedInput("code", f"is longer than {LONGEST_CODE} characters")
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._reached.redirect_uri,
            "code_verifier": verifier,
            "client_id": self._reached.client_id,
        }
        place = (await self.places()).token
        form = Form(fields, await asyncio.to_thread(self._authorization))
        data = await fetch(place, self._reached.ca_file, form=form, what="the identity provider's token")
        token = json_object(data, "the identity provider's token").get("id_token")
        if not isinstance(token, str) or len(token) > LONGEST_TOKEN:
            raise NotPermitted(
                f"the identity provider gave no ID token, or one of more than {LONGEST_TOKEN} characters"
            )
        return token

    async def claims(self, token: str, nonce: str) -> dict[str, Any]:
        """What the token says of its person, if it is for us, of now, and for `nonce`. Raises `NotPermitted`, `Unavailable`."""
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise NotPermitted("the identity provider's token cannot be read") from None
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in ALGORITHMS or not isinstance(kid, str):
            raise NotPermitted("the identity provider's token is signed in a way that is not taken")
        places = await self.places()
        issuer = Issuer(
            name="provider", issuer=self._reached.issuer, jwks_url=places.keys, ca_file=self._reached.ca_file
        )
        for key in await self._keys.find(issuer, kid):
            try:
                claims = jwt.decode(token, key.key, algorithms=[algorithm], options=_SIGNATURE_ALONE)
            except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
                continue
            self._must_be_for_us(claims, nonce)
            return claims
        raise NotPermitted("no key of the identity provider has signed the token")

    async def places(self) -> Places:
        """By the discovery document. Raises `Unavailable`."""
        return await self._discovery.said()

    def _authorization(self) -> str | None:
        secret = self._reached.secret()
        if secret is None:
            return None
        pair = f"{quote(self._reached.client_id, safe='')}:{quote(secret, safe='')}"
        return "Basic " + base64.b64encode(pair.encode()).decode()

    def _must_be_for_us(self, claims: dict[str, Any], nonce: str) -> None:
        now, client = self._now().timestamp(), self._reached.client_id
        ends, issued = claims.get("exp"), claims.get("iat")
        if claims.get("iss") != self._reached.issuer or claims.get("aud") not in (client, [client]):
            raise NotPermitted("the identity provider's token is for somebody else")
        if claims.get("azp") not in (None, client) or not isinstance(claims.get("sub"), str):
            raise NotPermitted("the identity provider's token is for somebody else")
        if not isinstance(claims.get("nonce"), str) or not secrets.compare_digest(
            claims["nonce"].encode(), nonce.encode()
        ):
            raise NotPermitted("the identity provider's token answers another question")
        if not isinstance(ends, int | float) or not isinstance(issued, int | float):
            raise NotPermitted("the identity provider's token has no time")
        if not issued - SKEW_SECONDS <= now < ends + SKEW_SECONDS:
            raise NotPermitted("the identity provider's token is not of now; compare the clocks")


def new_verifier() -> str:
    """PKCE's secret: 43 characters, of one journey."""
    return secrets.token_urlsafe(32)


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _places(found: dict[str, Any]) -> Places:
    methods = found.get("code_challenge_methods_supported", ["S256"])
    if not isinstance(methods, list) or "S256" not in methods:
        raise Unavailable(f"{DISCOVERY} says that it does not know PKCE with S256")
    authorize, token, keys = (
        https_url(found.get(name)) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
    )
    named = found.get("authorization_response_iss_parameter_supported") is True
    return Places(authorize, token, keys, named)
