"""The one way to a secret: by the name that the settings give it, from the backend that the settings choose.

An activity reads what it needs just before it needs it and lets it go when it returns; nothing here keeps a value, writes
one, or puts one into an error. Comes after `byteport/contracts/secret_names.py` and before the backends, one file each;
`reading.py` chooses among them.
"""

from __future__ import annotations

from typing import NoReturn, Protocol

from byteport.contracts.secret_names import SecretName

__all__ = ["Secret", "SecretName", "SecretSource"]


class Secret:
    """A value that nothing prints: `reveal()` is the only way to it, and reads as such where it is called."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value: str | None = value

    def reveal(self) -> str:
        if self._value is None:
            raise RuntimeError("this secret was let go when what read it ended; read it again")
        return self._value

    def forget(self) -> None:
        """Let the value go. Whoever still holds this object reveals nothing any more."""
        self._value = None

    def __repr__(self) -> str:
        return "Secret([REDACTED])"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written down")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a secret is not written down")


class SecretSource(Protocol):
    """One backend."""

    async def read(self, name: str) -> Secret:
        """The value as it is now. Raises `NotPermitted` when it may not be read, `TargetGone` when there is none,
        `Unavailable` when the backend does not answer in time, `MalformedInput` for a name that is none of this backend."""

    async def close(self) -> None:
        """Give back connections."""
