"""The identity provider as Temporal UI asks it: without PKCE, with a secret, and for an access token beside the ID token.

The access token is a JWT for the codec server, as `docs/how-to/codec-server.md` asks for; the ID token is for Temporal UI.
"""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import jwt
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from tests.integration.codec.page import AUDIENCE
from tests.integration.console.provider import FORM, PEOPLE, Provider

CLIENT, SECRET = "temporal-ui", "s3cret of Temporal UI"


@dataclass
class UiProvider(Provider):
    """Of one client, which is Temporal UI."""

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
                ("state", len(asked.get("state", "")) >= 20),
                ("nonce", len(asked.get("nonce", "")) >= 20),
            )
            if not good
        ]
        if wrong or len(asked) != len(request.query_params.multi_items()):
            return self._refuse("authorize: " + ", ".join(wrong))
        return HTMLResponse(FORM.format(asked=base64.urlsafe_b64encode(json.dumps(asked).encode()).decode()))

    async def _token(self, request: Request) -> Response:
        fields = dict(parse_qsl((await request.body()).decode()))
        pair = base64.b64decode(request.headers.get("authorization", "").removeprefix("Basic ")).decode()
        if tuple(unquote_plus(part) for part in pair.split(":")) != (CLIENT, SECRET):
            return self._refuse("token: client")
        code = self.codes.pop(fields.get("code", ""), None)
        if code is None or fields.get("grant_type") != "authorization_code":
            return self._refuse("token: code")
        if fields.get("redirect_uri") != code["redirect_uri"]:
            return self._refuse("token: redirect_uri")
        person, now, scopes = PEOPLE[code["user"]], int(time.time()), code["scope"].split()
        both = {"iss": self.issuer, "sub": person["sub"], "iat": now, "exp": now + 300}
        access = both | {"aud": [AUDIENCE] if "codec" in scopes else [], "scope": code["scope"]}
        access |= {"groups": person["groups"]} if "groups" in scopes else {}
        identity = both | {"aud": CLIENT, "nonce": code["nonce"], "name": person["preferred_username"]}
        self.tokens.append(self._signed(access))
        answer = {"access_token": self.tokens[-1], "token_type": "Bearer", "id_token": self._signed(identity)}
        return JSONResponse(answer | {"expires_in": 300})

    def _signed(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self.keys[0].private, "RS256", headers={"kid": self.keys[0].kid})
