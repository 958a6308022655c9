"""With which key a person's answer is signed: never with one that they did not mean."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from byteport.cli.signing import find_signer
from byteport.domain.approvals import SIGNATURE_NAMESPACE
from byteport.errors import ConfigError
from byteport.trust.allowed_signers import allowed_signers_line
from byteport.trust.files import make_key, read_public_key

pytestmark = pytest.mark.skipif(shutil.which("ssh-agent") is None, reason="expected: OpenSSH is not installed")


def answers(where: Path) -> bool:
    """Whether somebody listens there: a socket's file is there a moment before it listens."""
    with socket.socket(socket.AF_UNIX) as asked:
        return asked.connect_ex(str(where)) == 0


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """An ssh-agent of one's own, and a way to give it a key."""
    where = Path("/tmp") / f"byteport-agent-{os.getpid()}"
    where.unlink(missing_ok=True)
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(where)], stdout=subprocess.DEVNULL)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(where))

    def add(key: Path) -> None:
        subprocess.run(["ssh-add", "-q", str(key)], check=True, timeout=20)

    try:
        while not answers(where):
            assert process.poll() is None
            time.sleep(0.01)
        yield add
    finally:
        process.terminate()
        process.wait(10)
        where.unlink(missing_ok=True)


def key(folder: Path, name: str) -> Path:
    make_key(folder / name, "test")
    return folder / name


def test_a_key_file_signs(tmp_path: Path) -> None:
    path = key(tmp_path, "ada")
    assert find_signer(path, None).public_key == read_public_key(path.with_suffix(".pub"), "test")


@pytest.mark.claim("C-104")
def test_a_key_file_that_others_can_read_does_not(tmp_path: Path) -> None:
    path = key(tmp_path, "ada")
    path.chmod(0o640)
    with pytest.raises(ConfigError, match=r"approvals\.signing_key: .*chmod 600"):
        find_signer(path, None)


def test_without_a_key_and_an_agent_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(ConfigError, match=r"--key FILE or start an agent"):
        find_signer(None, None)


def test_the_only_key_of_the_agent_signs(tmp_path: Path, agent: Callable[[Path], None]) -> None:
    with pytest.raises(ConfigError, match="holds none"):
        find_signer(None, None)
    path = key(tmp_path, "ada")
    agent(path)
    assert find_signer(None, None).public_key == read_public_key(path.with_suffix(".pub"), "test")


def test_of_several_keys_the_one_that_may_answer_signs_or_one_is_named(
    tmp_path: Path, agent: Callable[[Path], None]
) -> None:
    ada, bob = key(tmp_path, "ada"), key(tmp_path, "bob")
    agent(ada)
    agent(bob)
    with pytest.raises(ConfigError, match="several keys"):
        find_signer(None, None)
    allowed = tmp_path / "allowed_signers"
    public = read_public_key(bob.with_suffix(".pub"), "test")
    allowed.write_text(allowed_signers_line("bob", public, SIGNATURE_NAMESPACE) + "\n")
    assert find_signer(None, allowed).public_key == public
    assert find_signer(ada.with_suffix(".pub"), allowed).public_key != public
    stranger = key(tmp_path, "eve").with_suffix(".pub")
    with pytest.raises(ConfigError, match="ssh-add"):
        find_signer(stranger, allowed)
