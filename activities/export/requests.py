"""What is asked of a receiver over HTTP, and with what. Comes before `guarded.py`, which sends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

from yarl import URL

LARGEST_ANSWER = 64 << 10
SECONDS = 30.0


class Redirects(Enum):
    """What becomes of an answer that sends us on."""

    FOLLOWED = auto()
    """Three times at most, by the method and with the body that were sent."""
    REFUSED = auto()
    """For a request whose very body shows who we are: it is for the host that was asked alone."""


@dataclass(frozen=True)
class ClientCertificate:
    """Files of a certificate that the receiver asks for, and the setting that names them."""

    certificate: Path
    key: Path
    setting: str


@dataclass(frozen=True)
class Request:
    """One request. `secrets` are headers that go to the host of `url` alone; a URL and a body can show who we are too."""

    method: str
    url: str | URL = field(repr=False)
    """A `URL` goes out exactly as it is, for those who have signed it."""
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    seconds: float = SECONDS
    """For all of it, redirects and the answer's body included."""
    largest_answer: int = LARGEST_ANSWER
    redirects: Redirects = Redirects.FOLLOWED
