"""What every backend answers with, and the errors in which a read ends: the backend, the secret's name, and words of ours.

Comes after `port.py` and before the backends, each of which fetches one value and says which version it was, if it knows.
`reading.py` holds that version against those seen before.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from activities.secrets.port import Secret
from activities.secrets.strict_json import NotPlain, plain_object
from byteport.errors import MalformedInput, TargetGone, Unavailable

LARGEST_SECRET = 64 << 10
"""Bytes of one value; what is longer is none that anything of ours could use."""

Order = tuple[str, int]
"""Versions of one secret compare by it: a moment as RFC 3339 with nine digits (or nothing), then a number."""


class Named(NamedTuple):
    """One secret, as the settings name it."""

    name: str
    path: str
    key: str
    """Empty where the name has none."""

    @classmethod
    def of(cls, name: str) -> Named:
        path, _, key = name.partition("#")
        return cls(name, path, key)


class Fetched(NamedTuple):
    """A value as it is now, and which version of it that is, where the backend tells."""

    secret: Secret
    order: Order | None = None


class Backend(Protocol):
    """One connection to one backend, for the length of one activity."""

    @property
    def what(self) -> str:
        """The backend's own word, as in `secret.backend`."""

    async def fetch(self, named: Named) -> Fetched:
        """Raises as `SecretSource.read` does, and `ConfigError` where the settings are at fault."""

    async def close(self) -> None:
        """Give back connections, and what was shown to get in."""


def said(what: str, named: Named, words: str) -> str:
    """`vault: shop/slack#token: its newest version is deleted`."""
    return f"{what}: {named.name}: {words}"


def value_of(what: str, named: Named, value: object) -> Secret:
    """`value` as a secret. Raises `MalformedInput` where it is no text, and `TargetGone` where it is empty."""
    length = _bytes_of(value)
    if not isinstance(value, str) or length is None:
        raise MalformedInput(f"secret {named.name}", f"{what}: what is kept there is no text")
    if not value:
        raise TargetGone(said(what, named, "is empty"))
    if length > LARGEST_SECRET:
        raise MalformedInput(f"secret {named.name}", f"{what}: is longer than {LARGEST_SECRET >> 10} KiB")
    return Secret(value)


def _bytes_of(value: object) -> int | None:
    """None for what is no text, or half of a character: whoever encodes that raises an error which holds all of it."""
    try:
        return len(value.encode("utf-8")) if isinstance(value, str) else None
    except UnicodeEncodeError:
        return None


def member_of(what: str, named: Named, value: object) -> Secret:
    """The whole of `value`, or where the name has a key, that member of the JSON object which it is."""
    if not named.key:
        return value_of(what, named, value)
    if not isinstance(value, str):
        return value_of(what, named, value)
    try:
        members = plain_object(value)
    except NotPlain:
        raise MalformedInput(
            f"secret {named.name}", f"{what}: is no JSON object, so it has no key; leave the key out"
        ) from None
    return key_of(what, named, members)


def key_of(what: str, named: Named, members: dict[str, Any]) -> Secret:
    """The member that the name's key means. Raises `TargetGone` where there is none."""
    if named.key not in members:
        raise TargetGone(said(what, named, "there is no such key"))
    return value_of(what, named, members[named.key])


def unreadable(what: str, named: Named) -> Unavailable:
    """For an answer that has not the documented form."""
    return Unavailable(said(what, named, "an answer that cannot be read"))


def whole_path(what: str, named: Named, parts: int, how: str) -> list[str]:
    """The path's parts, at most so many. Raises `MalformedInput`."""
    found = named.path.split("/")
    if len(found) > parts:
        raise MalformedInput(f"secret {named.name}", f"{what}: {how}")
    return found
