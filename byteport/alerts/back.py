"""How people answer by a pager or a chat: what signs their requests, and how a run is told.

Comes before `faces.py`, which holds it, and `answered.py`, which uses it; `assembly.py` makes it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from byteport.alerts.signed import SHORTEST_SECRET, secrets_of
from byteport.contracts.workflows import Acknowledge
from byteport.errors import ConfigError

LARGEST = 16 << 10
MOST_SECRETS = 10
TellRun = Callable[[str, Acknowledge], Awaitable[None]]


class SecretsFile:
    """Secrets that sign what one sender sends, read anew at each request. A file that cannot be read lets nobody in."""

    def __init__(self, path: Path, setting: str) -> None:
        """Raises `ConfigError` for a file that cannot be used now."""
        self._path = path
        self._setting = setting
        self.now()

    def now(self) -> tuple[str, ...]:
        """Raises `ConfigError` when it is not there, may be read by everybody, or holds no secret that is long enough."""
        try:
            with self._path.open("rb") as file:
                mode, data = self._path.stat().st_mode, file.read(LARGEST + 1)
        except OSError as error:
            raise ConfigError(self._setting, f"{self._path}: {error.strerror or 'cannot be read'}") from None
        if mode & 0o007:
            raise ConfigError(self._setting, f"{self._path} may be read by everybody; run: chmod o-rwx {self._path}")
        found = secrets_of(data.decode("utf-8", "replace")) if len(data) <= LARGEST else ()
        if not 0 < len(found) <= MOST_SECRETS or any(len(secret) < SHORTEST_SECRET for secret in found):
            raise ConfigError(
                self._setting,
                f"{self._path}: write 1 to {MOST_SECRETS} secrets, one a line, of at least {SHORTEST_SECRET} characters",
            )
        return found


@dataclass(frozen=True)
class Back:
    """How people answer by a pager or a chat; None where the settings name no secrets for it."""

    tell_run: TellRun
    pagerduty: SecretsFile | None
    slack: SecretsFile | None
