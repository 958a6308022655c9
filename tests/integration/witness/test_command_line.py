"""`byteport witness`: a folder of its own, and a process that serves it alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from byteport.audit.checkpoint import open_checkpoint, with_cosignatures
from byteport.audit.notes import SignatureType, parse_vkey
from byteport.cli.exits import Exit
from tests.integration.witness.logs import Log
from tests.unit.cli.conftest import Run, byteport, folder

__all__ = ["byteport", "folder"]

NAME = "witness.example.com/w1"


@pytest.fixture
def home(byteport: Run, folder: Path) -> Path:
    assert byteport("witness", "init", "w", "--name", NAME).code == 0
    return folder / "w"


def test_a_new_witness_prints_its_key_and_keeps_the_private_half_to_itself(byteport: Run, home: Path) -> None:
    printed = byteport("witness", "key", str(home))
    key = parse_vkey(printed.out.strip())
    assert (key.name, key.type) == (NAME, SignatureType.COSIGNATURE)
    assert (home / "key").stat().st_mode & 0o077 == 0


def test_a_witness_is_not_begun_twice(byteport: Run, home: Path) -> None:
    before = byteport("witness", "key", str(home)).out
    again = byteport("witness", "init", str(home), "--name", NAME)
    assert again.code == Exit.USAGE
    assert byteport("witness", "key", str(home)).out == before


@pytest.mark.parametrize("name", ["", "two words", "a+b", "x\n"])
def test_a_name_that_no_key_can_have_is_refused_before_anything_is_made(byteport: Run, folder: Path, name: str) -> None:
    assert byteport("witness", "init", "w", "--name", name).code == Exit.USAGE
    assert not (folder / "w").exists()


@pytest.mark.parametrize("memory", ["states", "signed"])
def test_a_witness_whose_memory_was_taken_away_does_not_start(byteport: Run, home: Path, memory: str) -> None:
    (home / memory).rename(home / "away")
    served = byteport("witness", "serve", str(home))
    assert served.code == Exit.USAGE
    assert "retire this witness" in served.err


@pytest.mark.parametrize("address", ["8443", "127.0.0.1:", "127.0.0.1:99999", ":1"])
def test_an_address_that_is_none_is_one_line(byteport: Run, home: Path, address: str) -> None:
    assert byteport("witness", "serve", str(home), "--listen", address).code == Exit.USAGE


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "192.0.2.7:8443", "witness.example.com:8443"])
def test_without_a_certificate_it_listens_to_this_machine_alone(byteport: Run, home: Path, listen: str) -> None:
    served = byteport("witness", "serve", str(home), "--listen", listen)
    assert served.code == Exit.USAGE
    assert "--certificate" in served.err


def test_a_certificate_without_its_key_is_one_line(byteport: Run, home: Path) -> None:
    assert byteport("witness", "serve", str(home), "--certificate", "x.pem").code == Exit.USAGE


class Serving:
    """The process itself."""

    def __init__(self, home: Path) -> None:
        program = [sys.executable, "-c", "from byteport.cli.main import main; main()"]
        self.process = subprocess.Popen(
            [*program, "witness", "serve", str(home), "--listen", "127.0.0.1:0", "--json"],
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        assert self.process.stderr is not None
        said = json.loads(self.process.stderr.readline())
        self.port = int(said["message"].split("127.0.0.1:")[1].split()[0])

    def posted(self, body: bytes) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/add-checkpoint", body, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def ended(self, number: signal.Signals) -> tuple[int, list[str]]:
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=20)
        return self.process.returncode, said.splitlines()


def test_a_process_that_is_killed_and_started_again_still_knows_what_it_signed(byteport: Run, home: Path) -> None:
    log = Log()
    (home / "logs").write_text(f"{log.vkey}\n")
    key = parse_vkey(byteport("witness", "key", str(home)).out.strip())
    serving = Serving(home)
    status, line = serving.posted(log.ask(0, 5))
    assert status == 200
    assert open_checkpoint(with_cosignatures(log.note(5), [line.strip()]), (log.vkey, key)).cosigned
    assert byteport("witness", "serve", str(home)).code == Exit.USAGE  # one process a folder
    serving.ended(signal.SIGKILL)
    again = Serving(home)
    assert again.posted(log.ask(0, 9)) == (409, "5\n")
    assert again.posted(log.ask(5, 9))[0] == 200
    code, said = again.ended(signal.SIGTERM)
    assert code == 0
    messages = [json.loads(text)["message"] for text in said if text.startswith("{")]
    assert [message.split(":")[0] for message in messages] == [f"409 {log.origin} at 5", f"200 {log.origin} at 9"]
