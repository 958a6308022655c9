"""Run a command line in a folder of its own, as a shell would."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from byteport.cli.main import invoke
from byteport.ledger.keys import make_body_keys
from byteport.temporal.keys import make_key_file


class Said(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, no settings in the environment, a wide terminal."""
    monkeypatch.chdir(tmp_path)
    for name in ("BYTEPORT_CONFIG", "SSH_AUTH_SOCK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def byteport(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> Said:
        code = invoke(list(arguments))
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return run


@pytest.fixture
def configured(folder: Path) -> Path:
    """Settings of a cluster whose Temporal is not there."""
    state = folder / ".byteport"
    make_key_file(state / "keys" / "payload.key")
    make_body_keys(state / "keys" / "bodies.key")
    config = state / "config.yaml"
    config.write_text(
        "cluster: {name: test, uid: 00000000-0000-0000-0000-000000000000}\n"
        "state_dir: .\ntemporal: {address: '127.0.0.1:1'}\n"
    )
    return config
