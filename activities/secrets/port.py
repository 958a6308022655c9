"""The one way to a secret: by the name that the settings give it, from the backend that the settings choose.

An activity reads what it needs just before it needs it and lets it go when it returns; nothing here keeps a value, writes
one, or puts one into an error. Comes before the backends, one file each; `workers/wiring.py` chooses.
"""

from __future__ import annotations

import re
from typing import Annotated, Protocol

from pydantic import AfterValidator, StringConstraints

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._@/-]{0,199}(#[A-Za-z0-9][A-Za-z0-9._-]{0,99})?\Z")


def _no_way_out(name: str) -> str:
    if not _NAME.match(name) or any(part in ("", ".", "..") for part in name.partition("#")[0].split("/")):
        raise ValueError("name a secret as path/to/it, or path/to/it#key, without `..`")
    return name


SecretName = Annotated[str, StringConstraints(max_length=300), AfterValidator(_no_way_out)]
"""`path#key`: the path as its backend has it, and the key within, where a secret of that backend has several."""


class Secret:
    """A value that nothing prints: `reveal()` is the only way to it, and reads as such where it is called."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret([REDACTED])"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret is not written down")


class SecretSource(Protocol):
    """One backend."""

    async def read(self, name: str) -> Secret:
        """The value as it is now. Raises `NotPermitted` when it may not be read, `TargetGone` when there is none,
        `Unavailable` when the backend does not answer in time, `MalformedInput` for a name that is none of this backend."""

    async def close(self) -> None:
        """Give back connections."""
