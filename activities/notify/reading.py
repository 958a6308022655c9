"""What shows who we are to a channel, read from the secret backend for one delivery and let go with it.

Comes before the files of the channels. Nothing of a value is in an error: a secret that is no URL, or no key of its channel, is
named by the setting that names it.
"""

from __future__ import annotations

import re

from activities.secrets.port import SecretSource
from byteport.contracts.receiver_addresses import receiver_url
from byteport.errors import ConfigError, PermanentError, TargetGone


async def read(source: SecretSource, name: str | None, setting: str) -> str:
    """The secret that `setting` names, without the line's end around it. Raises `ConfigError`, and as the backend does."""
    if name is None:
        raise ConfigError(setting, "must be set where escalation.channels names this channel")
    try:
        value = (await source.read(name)).reveal().strip()
    except TargetGone:
        raise ConfigError(setting, "the secret backend has no secret of that name") from None
    if not value:
        raise ConfigError(setting, "the secret is empty")
    return value


async def read_matching(source: SecretSource, name: str | None, setting: str, pattern: str, form: str) -> str:
    """The same, of which `pattern` tells the form. Raises `PermanentError` where it is another."""
    value = await read(source, name, setting)
    if re.fullmatch(pattern, value) is None:
        raise PermanentError(f"the secret that {setting} names is not {form}")
    return value


async def read_url(source: SecretSource, name: str | None, setting: str) -> str:
    """The same, where it is a URL of a receiver."""
    value = await read(source, name, setting)
    try:
        return receiver_url(value)
    except ValueError:
        raise PermanentError(f"the secret that {setting} names is no URL to which a notice may be sent") from None
