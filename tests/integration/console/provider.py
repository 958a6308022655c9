"""An identity provider of these tests, as strict as OpenID Connect lets one be, over TLS.

It refuses what a real one should: another redirect than the registered one to the letter, a request without PKCE or with
`plain`, a code twice, a wrong verifier or secret. It asks for a password again when `max_age=0` or `prompt=login` says so, and
tells the time of that in `auth_time`. Its keys rotate. The knobs at the end make it lie, one lie at a time.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from byteport.sandbox.children import free_port
from tests.workflows.patience import until

CLIENT, SECRET, PASSWORD = "byteport-console", "s3cret of the client", "open sesame"
PEOPLE: dict[str, dict[str, Any]] = {
    "ada": {"sub": "sub-ada", "preferred_username": "ada", "groups": ["sre"]},
    "grace": {"sub": "sub-grace", "preferred_username": "grace", "groups": ["sre"]},
    "victor": {"sub": "sub-victor", "preferred_username": "victor", "groups": ["sre"]},
    "mallory": {"sub": "sub-mallory", "preferred_username": "mallory", "groups": ["sales"]},
}
FORM = """<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Sign in</title>
<h1>Identity provider</h1><form method="post" action="/login"><input type="hidden" name="asked" value="{asked}">
<p><label>User <input name="user" autofocus></label></p><p><label>Password <input name="password" type="password"></label></p>
<p><button>Sign in</button></p></form></html>"""


@dataclass
class SigningKey:
    kid: str
    private: rsa.RSAPrivateKey

    def jwk(self) -> dict[str, Any]:
        return {**RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True), "kid": self.kid, "use": "sig"}


def new_key() -> SigningKey:
    return SigningKey(secrets.token_hex(4), rsa.generate_private_key(65537, 2048))


@cache
def first_key() -> SigningKey:
    return new_key()


@dataclass
class Provider:
    """One provider that serves; `refusals` has why it said no."""

    port: int
    redirect_uri: str = ""
    keys: list[SigningKey] = field(default_factory=lambda: [first_key()])
    refusals: list[str] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, Any]] = field(default_factory=dict)
    signed_in: dict[str, tuple[str, int]] = field(default_factory=dict)
    ignores_max_age: bool = False
    """A lie: whoever signed in once is not asked again, and the token says when that was."""
    claims: dict[str, Any] = field(default_factory=dict)
    """Lies about claims."""
    names_itself: str = ""
    """A lie about who it is."""

    @property
    def issuer(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def jwks(self) -> bytes:
        return json.dumps({"keys": [key.jwk() for key in self.keys]}).encode()

    def rotate(self) -> None:
        """A new key signs; the old one stays in the set for a while."""
        self.keys.insert(0, new_key())

    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/jwks", self._jwks),
                Route("/authorize", self._authorize),
                Route("/login", self._login, methods=["POST"]),
                Route("/token", self._token, methods=["POST"]),
            ]
        )

    async def _discovery(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
            }
        )

    async def _jwks(self, _: Request) -> Response:
        return Response(self.jwks(), media_type="application/json")

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        self.asked.append(asked)
        wrong = [
            name
            for name, good in (
                ("response_type", asked.get("response_type") == "code"),
                ("client_id", asked.get("client_id") == CLIENT),
                ("redirect_uri", asked.get("redirect_uri") == self.redirect_uri),
                ("scope", "openid" in asked.get("scope", "").split()),
                ("state", len(asked.get("state", "")) >= 32),
                ("nonce", len(asked.get("nonce", "")) >= 32),
                ("code_challenge", len(asked.get("code_challenge", "")) == 43),
                ("code_challenge_method", asked.get("code_challenge_method") == "S256"),
            )
            if not good
        ]
        if wrong or len(asked) != len(request.query_params.multi_items()):
            return self._refuse("authorize: " + ", ".join(wrong))
        known = self.signed_in.get(request.cookies.get("idp", ""))
        anew = asked.get("max_age") == "0" or asked.get("prompt") == "login"
        if known is not None and (not anew or self.ignores_max_age):
            return self._code(asked, *known)
        sent = base64.urlsafe_b64encode(json.dumps(asked).encode()).decode()
        return HTMLResponse(FORM.format(asked=sent))

    async def _login(self, request: Request) -> Response:
        fields = dict(parse_qsl((await request.body()).decode()))
        if fields.get("password") != PASSWORD or fields.get("user") not in PEOPLE:
            return self._refuse("login")
        asked = json.loads(base64.urlsafe_b64decode(fields["asked"]))
        session, known = secrets.token_hex(16), (fields["user"], int(time.time()))
        self.signed_in[session] = known
        answer = self._code(asked, *known)
        answer.set_cookie("idp", session, secure=True, httponly=True)
        return answer

    def _code(self, asked: dict[str, str], user: str, signed_in: int) -> Response:
        code = secrets.token_urlsafe(24)
        self.codes[code] = {**asked, "user": user, "auth_time": signed_in}
        back = {"code": code, "state": asked["state"], "iss": self.names_itself or self.issuer}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", 303)

    async def _token(self, request: Request) -> Response:
        fields = dict(parse_qsl((await request.body()).decode()))
        pair = base64.b64decode(request.headers.get("authorization", "").removeprefix("Basic ")).decode()
        if tuple(unquote(part) for part in pair.split(":")) != (CLIENT, SECRET):
            return self._refuse("token: client")
        code = self.codes.pop(fields.get("code", ""), None)
        if code is None or fields.get("grant_type") != "authorization_code":
            return self._refuse("token: code")
        verifier = base64.urlsafe_b64encode(hashlib.sha256(fields.get("code_verifier", "").encode()).digest())
        if (
            verifier.rstrip(b"=").decode() != code["code_challenge"]
            or fields.get("redirect_uri") != code["redirect_uri"]
        ):
            return self._refuse("token: verifier or redirect_uri")
        claims, now = dict(PEOPLE[code["user"]]), int(time.time())
        if "groups" not in code["scope"].split():
            del claims["groups"]
        claims |= {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": code["nonce"]}
        claims |= {"auth_time": code["auth_time"]} | self.claims
        token = jwt.encode(claims, self.keys[0].private, "RS256", headers={"kid": self.keys[0].kid})
        self.tokens.append(token)
        return JSONResponse({"access_token": "none of ours", "token_type": "Bearer", "id_token": token})

    def _refuse(self, why: str) -> Response:
        self.refusals.append(why)
        return JSONResponse({"error": "invalid_request", "error_description": why}, 400)


@contextlib.asynccontextmanager
async def serving(certificate: Path, key: Path, kind: type[Provider] = Provider) -> AsyncIterator[Provider]:
    """One that serves on loopback while inside."""
    provider = kind(free_port())
    server = uvicorn.Server(
        uvicorn.Config(
            provider.application(),
            port=provider.port,
            ssl_certfile=str(certificate),
            ssl_keyfile=str(key),
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
    )
    task = asyncio.create_task(server._serve())  # without its signal handlers
    try:
        await until(lambda: server.started, "the provider")
        yield provider
    finally:
        server.should_exit = True
        await task
