"""1Password, by a Connect server: one field of one item of one vault.

The server stands with its owner and holds what opens the vaults; we hold an access token for reading. Comes after `asking.py`.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any
from urllib.parse import quote

from activities.export.answers import Answer
from activities.secrets.asking import Asking, Line
from activities.secrets.backend import Fetched, Named, said, unreadable, value_of, whole_path
from activities.secrets.strict_json import NotPlain, plain_list, plain_object
from activities.secrets.token_files import token_of
from byteport.contracts.secret_backends import OnePasswordConfig
from byteport.errors import ConfigError, MalformedInput, TargetGone

SETTING = "secret.onepassword"
WHAT = "1password"
PASSWORD = "password"  # noqa: S105  the field's name
"""The field that is meant where the name has none."""
_ID = re.compile(r"[a-z0-9]{26}")
_HOW = "write a name as vault/item#field, or item#field with secret.onepassword.vault"


class OnePassword:
    """One access token."""

    what = WHAT

    def __init__(self, config: OnePasswordConfig, line: Line) -> None:
        """Raises `ConfigError` where no address is set."""
        if config.address is None:
            raise ConfigError(f"{SETTING}.address", "must be set, since secret.backend is 1password")
        self._config = config
        self._asking = Asking(
            WHAT, config.address, line, setting=f"{SETTING}.address", credential=f"{SETTING}.token_file"
        )

    async def fetch(self, named: Named) -> Fetched:
        *vaults, item = whole_path(WHAT, named, 2, _HOW)
        vault = vaults[0] if vaults else self._config.vault
        if vault is None:
            raise MalformedInput(f"secret {named.name}", f"1password: {_HOW}")
        token = await asyncio.to_thread(token_of, self._config.token_file, f"{SETTING}.token_file")
        vault_id = await self._id(named, token, "/v1/vaults", "name", vault)
        item_id = await self._id(named, token, f"/v1/vaults/{vault_id}/items", "title", item)
        plain = _object(named, await self._ask(named, token, f"/v1/vaults/{vault_id}/items/{item_id}"))
        if plain.get("state") in ("ARCHIVED", "DELETED"):
            raise TargetGone(said(WHAT, named, "the item is archived or deleted"))
        version = plain.get("version")
        if plain.get("id") != item_id or not isinstance(version, int) or isinstance(version, bool):
            raise unreadable(WHAT, named)
        return Fetched(value_of(WHAT, named, self._field(named, plain.get("fields"))), ("", version))

    async def close(self) -> None:
        await self._asking.close()

    async def _ask(self, named: Named, token: str, path: str) -> Answer:
        answer = await self._asking.ask(named, path, secrets={"Authorization": f"Bearer {token}"})
        if not answer.taken:
            raise self._asking.meaning(named, answer)
        return answer

    async def _id(self, named: Named, token: str, path: str, attribute: str, wanted: str) -> str:
        """Of the one thing that is called so; what has the form of an id is one. The name's own form leaves no quote in it."""
        if _ID.fullmatch(wanted):
            return wanted
        query = quote(f'{attribute} eq "{wanted}"', safe="")
        try:
            listed = plain_list((await self._ask(named, token, f"{path}?filter={query}")).body)
        except NotPlain:
            raise unreadable(WHAT, named) from None
        ids = [one.get("id") for one in listed if one.get(attribute) == wanted]
        if not ids:
            raise TargetGone(said(WHAT, named, f"there is nothing of that {attribute}, or this token may not see it"))
        if len(ids) > 1:
            raise MalformedInput(f"secret {named.name}", f"1password: two have that {attribute}; name its id")
        found = ids[0]
        if not isinstance(found, str) or not _ID.fullmatch(found):
            raise unreadable(WHAT, named)
        return found

    def _field(self, named: Named, fields: object) -> object:
        """The value of the field that the name's key means, by its label or its id."""
        if not isinstance(fields, list) or not all(isinstance(one, dict) for one in fields):
            raise unreadable(WHAT, named)
        wanted = named.key or PASSWORD
        found = [one for one in fields if wanted in (one.get("label"), one.get("id"))]
        if not found:
            raise TargetGone(said(WHAT, named, "the item has no such field"))
        if len(found) > 1:
            raise MalformedInput(f"secret {named.name}", "1password: two fields are called so; name its id")
        return found[0].get("value", "")


def _object(named: Named, answer: Answer) -> dict[str, Any]:
    try:
        return plain_object(answer.body)
    except NotPlain:
        raise unreadable(WHAT, named) from None
