"""A witness in a folder, and a log that it knows."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from byteport.witness.witness import Logs, Witness
from tests.integration.witness.logs import Log, Seconds

NAME = "witness.example.com/w1"
KEY = Ed25519PrivateKey.generate()


@pytest.fixture
def log() -> Log:
    return Log()


class Known:
    """The file of the logs that the witness knows."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def are(self, *logs: Log) -> None:
        self.path.write_text("# known logs\n" + "".join(f"{log.vkey}\n" for log in logs))

    def says(self, content: bytes) -> None:
        self.path.write_bytes(content)

    def is_lost(self) -> None:
        self.path.unlink()


@pytest.fixture
def known(tmp_path: Path, log: Log) -> Known:
    made = Known(tmp_path / "logs")
    made.are(log)
    return made


def witness_of(folder: Path, known: Known) -> Witness:
    return Witness(NAME, KEY, folder / "states", Logs(known.path), clock=Seconds())


@pytest.fixture
def witness(tmp_path: Path, known: Known) -> Witness:
    return witness_of(tmp_path, known)
