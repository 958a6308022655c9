"""How people reach us and how we reach their identity provider, by the settings: complete, or the process does not start.

Comes before `provider` and every page that makes a link.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from byteport.contracts.console import ConsoleConfig
from byteport.errors import ConfigError, Unavailable

Value = TypeVar("Value")
LONGEST_SECRET = 4096
CALLBACK = "/callback"


@dataclass(frozen=True)
class Reached:
    """Both addresses and our name at the provider."""

    url: str
    issuer: str
    client_id: str
    secret_file: Path | None
    ca_file: Path | None

    @property
    def redirect_uri(self) -> str:
        return self.url + CALLBACK

    def secret(self) -> str | None:
        """The client's secret as its file has it now. Raises `Unavailable`; blocks."""
        if self.secret_file is None:
            return None
        try:
            with self.secret_file.open("rb") as file:
                text = file.read(LONGEST_SECRET + 1).decode().strip()
        except (OSError, UnicodeDecodeError):
            raise Unavailable("console.client_secret_file cannot be read") from None
        if not text or len(text) > LONGEST_SECRET:
            raise Unavailable("console.client_secret_file holds no secret")
        return text


def reached(config: ConsoleConfig) -> Reached:
    """Raises `ConfigError` naming what is not set; without viewers nobody could see anything, which is never meant."""
    if not config.viewers:
        raise ConfigError("console.viewers", f"must be set: values of the claim `{config.viewers_claim}` that may see")
    return Reached(
        url=needed(config.url, "console.url"),
        issuer=needed(config.issuer, "console.issuer"),
        client_id=needed(config.client_id, "console.client_id"),
        secret_file=config.client_secret_file,
        ca_file=config.ca_file,
    )


def needed(value: Value | None, setting: str) -> Value:
    """Raises `ConfigError` where nothing is set."""
    if value is None:
        raise ConfigError(setting, "must be set")
    return value
