"""HashiCorp Vault and OpenBao: log in, read the newest version from the key-value engine, and give the token back.

One login serves one activity; no lease is renewed and no token outlives its connection, unless it came from a file, which
somebody else renews. Comes after `asking.py`; a pod shows its projected token, which is made out to Vault alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from activities.export.answers import Answer
from activities.secrets.asking import Asking, Line
from activities.secrets.backend import Fetched, Named, Order, key_of, said, unreadable
from activities.secrets.strict_json import NotPlain, plain_object
from activities.secrets.token_files import token_of
from byteport.contracts.secret_backends import VaultAuth, VaultConfig
from byteport.errors import BytePortError, ConfigError, MalformedInput, NotPermitted, TargetGone, Unavailable

SETTING = "secret.vault"
WHAT = "vault"
GIVE_BACK_SECONDS = 2.0
LATEST = 2
"""The engine's version that has versions of a secret."""
_TOKEN = re.compile(r"[!-~]{1,8192}")
_MOMENT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?Z")
_LAGGING = frozenset({HTTPStatus.PRECONDITION_FAILED, 472, 473})
"""Replicas that are behind, or take no requests."""
_GIVING_BACK = Named("its own token", "", "")
_CREDENTIALS = {
    VaultAuth.KUBERNETES: f"{SETTING}.role and {SETTING}.jwt_file",
    VaultAuth.APPROLE: f"{SETTING}.secret_id_file",
    VaultAuth.TOKEN_FILE: f"{SETTING}.token_file",
}


class Vault:
    """One login."""

    what = WHAT

    def __init__(self, config: VaultConfig, line: Line) -> None:
        """Raises `ConfigError` where no address is set."""
        if config.address is None:
            raise ConfigError(f"{SETTING}.address", "must be set, since secret.backend is vault")
        self._config = config
        self._asking = Asking(
            WHAT, config.address, line, setting=f"{SETTING}.address", credential=_CREDENTIALS[config.auth]
        )
        self._token: str | None = None
        self._one_login = asyncio.Lock()

    async def fetch(self, named: Named) -> Fetched:
        if not named.key:
            raise MalformedInput(f"secret {named.name}", "vault: name the key too, as in path#key")
        engine = f"{self._config.mount}/data" if self._config.kv == LATEST else self._config.mount
        answer = await self._ask(named, f"/v1/{engine}/{quote(named.path)}", token=await self._logged_in(named))
        if not answer.taken:
            raise self._meaning(named, answer)
        data = _member(_plain(named, answer), "data")
        if self._config.kv != LATEST:
            return Fetched(key_of(WHAT, named, _found(named, data)))
        version = _member(data, "metadata")
        if data is not None and (data.get("data") is None or (version or {}).get("deletion_time")):
            raise TargetGone(said(WHAT, named, "its newest version is deleted"))
        return Fetched(key_of(WHAT, named, _found(named, _member(data, "data"))), _order(named, version))

    async def close(self) -> None:
        """The token is revoked where we asked for it; Vault ends it by itself where that fails."""
        token, self._token = self._token, None
        if token is not None and self._config.auth is not VaultAuth.TOKEN_FILE:
            with contextlib.suppress(BytePortError, TimeoutError):
                async with asyncio.timeout(GIVE_BACK_SECONDS):
                    await self._ask(_GIVING_BACK, "/v1/auth/token/revoke-self", method="POST", token=token)
        await self._asking.close()

    async def _logged_in(self, named: Named) -> str:
        async with self._one_login:
            if self._token is None:
                self._token = await self._login(named)
            return self._token

    async def _login(self, named: Named) -> str:
        config = self._config
        if config.auth is VaultAuth.TOKEN_FILE:
            return await asyncio.to_thread(token_of, config.token_file, f"{SETTING}.token_file")
        shown = await asyncio.to_thread(_shown, config)
        path = f"/v1/auth/{config.auth_mount or config.auth.value}/login"
        answer = await self._ask(named, path, method="POST", body=json.dumps(shown).encode())
        if answer.status == HTTPStatus.BAD_REQUEST:
            raise NotPermitted(said(WHAT, named, f"does not let us in (400); look at {_CREDENTIALS[config.auth]}"))
        if answer.status == HTTPStatus.NOT_FOUND:
            raise ConfigError(
                f"{SETTING}.auth_mount", f"{WHAT} has no way in at {config.auth_mount or config.auth.value}"
            )
        if not answer.taken:
            raise self._meaning(named, answer)
        token = (_member(_plain(named, answer), "auth") or {}).get("client_token")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise NotPermitted(said(WHAT, named, f"gives no token; look at {_CREDENTIALS[config.auth]}"))
        return token

    async def _ask(
        self, named: Named, path: str, *, method: str = "GET", body: bytes = b"", token: str | None = None
    ) -> Answer:
        headers = {"X-Vault-Request": "true"}
        if self._config.namespace is not None:
            headers["X-Vault-Namespace"] = self._config.namespace
        secrets = {} if token is None else {"X-Vault-Token": token}
        return await self._asking.ask(named, path, method=method, body=body, headers=headers, secrets=secrets)

    def _meaning(self, named: Named, answer: Answer) -> BytePortError:
        if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
            return Unavailable(said(WHAT, named, "is sealed, or in maintenance (503)"))
        if answer.status in _LAGGING:
            return Unavailable(said(WHAT, named, f"a replica that is behind answers ({answer.status})"))
        return self._asking.meaning(named, answer)


def _shown(config: VaultConfig) -> dict[str, str]:
    """By what we show who we are. Blocks."""
    if config.auth is VaultAuth.KUBERNETES:
        return {"role": config.role, "jwt": token_of(config.jwt_file, f"{SETTING}.jwt_file")}
    return {
        "role_id": token_of(config.role_id_file, f"{SETTING}.role_id_file"),
        "secret_id": token_of(config.secret_id_file, f"{SETTING}.secret_id_file"),
    }


def _plain(named: Named, answer: Answer) -> dict[str, Any]:
    try:
        return plain_object(answer.body)
    except NotPlain:
        raise unreadable(WHAT, named) from None


def _member(members: dict[str, Any] | None, name: str) -> dict[str, Any] | None:
    found = (members or {}).get(name)
    return found if isinstance(found, dict) else None


def _found(named: Named, members: dict[str, Any] | None) -> dict[str, Any]:
    if members is None:
        raise unreadable(WHAT, named)
    return members


def _order(named: Named, version: dict[str, Any] | None) -> Order:
    """A secret whose versions were all deleted begins at 1 again, at a later moment."""
    number, moment = (version or {}).get("version"), _MOMENT.fullmatch(str((version or {}).get("created_time")))
    if not isinstance(number, int) or isinstance(number, bool) or moment is None:
        raise unreadable(WHAT, named)
    return f"{moment[1]}.{moment[2] or '':0<9}", number
