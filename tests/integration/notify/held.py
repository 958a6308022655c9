"""A source of secrets that holds them in memory, and how a channel is reached in these tests."""

from __future__ import annotations

from datetime import UTC, datetime

from activities.notify.posting import Posting
from activities.notify.told import Told, told
from activities.secrets.port import Secret
from byteport.contracts.people import Notice
from byteport.errors import TargetGone
from tests.builders.noticed import PAGE_URL
from tests.integration.export.authority import Authority

NOW = datetime(2026, 3, 10, 3, 12, 45, tzinfo=UTC)


class Held:
    """Gives what it was made with, and counts how often it was asked."""

    def __init__(self, **secrets: str) -> None:
        self.secrets = secrets
        self.reads: list[str] = []

    async def read(self, name: str) -> Secret:
        self.reads.append(name)
        if name not in self.secrets:
            raise TargetGone(f"no secret {name}")
        return Secret(self.secrets[name])

    async def close(self) -> None:
        """Nothing is open."""


def posting(authority: Authority) -> Posting:
    return Posting(ca_file=authority.ca_file, clock=lambda: NOW)


def ready(notice: Notice) -> Told:
    return told(notice, PAGE_URL)
