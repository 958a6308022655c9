"""Doppler: one secret of the one config that a service token opens.

The token stands in a file, for reading that config alone. Comes after `asking.py`.
"""

from __future__ import annotations

import asyncio
import re

from activities.secrets.asking import Asking, Line
from activities.secrets.backend import Fetched, Named, member_of, unreadable
from activities.secrets.strict_json import NotPlain, plain_object
from activities.secrets.token_files import token_of
from byteport.contracts.secret_backends import DopplerConfig
from byteport.errors import MalformedInput

SETTING = "secret.doppler"
WHAT = "doppler"
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,199}")


class Doppler:
    """One service token."""

    what = WHAT

    def __init__(self, config: DopplerConfig, line: Line) -> None:
        self._config = config
        self._asking = Asking(
            WHAT, config.endpoint, line, setting=f"{SETTING}.endpoint", credential=f"{SETTING}.token_file"
        )

    async def fetch(self, named: Named) -> Fetched:
        if not _NAME.fullmatch(named.path):
            raise MalformedInput(f"secret {named.name}", "doppler: write a name as SLACK_TOKEN, in capitals")
        token = await asyncio.to_thread(token_of, self._config.token_file, f"{SETTING}.token_file")
        path = f"/v3/configs/config/secret?name={named.path}"
        answer = await self._asking.ask(named, path, secrets={"Authorization": f"Bearer {token}"})
        if not answer.taken:
            raise self._asking.meaning(named, answer)
        try:
            plain = plain_object(answer.body)
        except NotPlain:
            raise unreadable(WHAT, named) from None
        value = plain.get("value")
        if plain.get("name") != named.path or plain.get("success") is False or not isinstance(value, dict):
            raise unreadable(WHAT, named)
        return Fetched(member_of(WHAT, named, value.get("computed")))

    async def close(self) -> None:
        await self._asking.close()
