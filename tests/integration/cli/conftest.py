"""One sandbox for the folder's tests, started and ended by the command line itself."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

PROGRAM = Path(sys.executable).with_name("byteport")


class Said(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Byteport:
    """The installed program, run in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str, program: Path = PROGRAM) -> Said:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("BYTEPORT_", "SSH_"))}
        done = subprocess.run(
            [program, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=100,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return Said(done.returncode, done.stdout, done.stderr)

    def until(self, what: str, *arguments: str, holds: Callable[[Any], bool]) -> Any:
        """What a command prints as JSON, once it holds."""
        end = time.monotonic() + 60
        while True:
            said = self(*arguments, "--json")
            if said.code == 0 and holds(said.json):
                return said.json
            assert time.monotonic() < end, f"waited in vain for {what}: {said}"
            time.sleep(0.3)


@pytest.fixture(scope="package")
def byteport(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Byteport]:
    program = Byteport(tmp_path_factory.mktemp("sandbox"))
    up = program("sandbox", "up", "--json")
    assert up.code == 0, up.err
    yield program
    assert program("sandbox", "down").code == 0
