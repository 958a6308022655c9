"""Against the real OpenSSH, in both directions: its signatures hold here, and ours hold there."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from byteport.domain.approvals import SIGNATURE_NAMESPACE, Taken
from byteport.errors import ConfigError
from byteport.trust import sshsig
from byteport.trust.agent import agent_keys
from byteport.trust.allowed_signers import allowed_signers_line, parse_allowed_signers
from byteport.trust.answers import verify_answers
from byteport.trust.files import SignersFiles, make_key, read_private_key
from byteport.trust.public_keys import SK_ECDSA, SK_ED25519, public_key_from_text
from tests.unit.trust.people import NOW, Person, request
from tests.unit.trust.security_key import SecurityKey

MESSAGE = b'{"answer":"approve"}\x00\xff'
KINDS = [("ed25519", "256"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521"), ("rsa", "2048")]

pytestmark = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None, reason="expected: OpenSSH's ssh-keygen is not on this machine"
)


def ssh_keygen(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = ["ssh-keygen", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=60)


@pytest.fixture(params=KINDS, ids=lambda kind: "-".join(kind))
def their_key(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    kind, bits = request.param
    path = tmp_path / "their_key"
    made = ssh_keygen("-q", "-t", kind, "-b", bits, "-N", "", "-C", "ada", "-f", path)
    assert made.returncode == 0, made.stderr
    return path


def verified_by_openssh(tmp_path: Path, signer: sshsig.Signer, signature: str) -> subprocess.CompletedProcess[bytes]:
    allowed, armoured = tmp_path / "allowed_signers", tmp_path / "message.sig"
    allowed.write_text(allowed_signers_line("ada", signer.public_key, SIGNATURE_NAMESPACE) + "\n")
    armoured.write_text(signature)
    return ssh_keygen(
        *("-Y", "verify", "-f", allowed, "-I", "ada", "-n", SIGNATURE_NAMESPACE, "-s", armoured), stdin=MESSAGE
    )


def test_what_openssh_signs_holds_here(their_key: Path) -> None:
    signed = ssh_keygen("-Y", "sign", "-f", their_key, "-n", SIGNATURE_NAMESPACE, stdin=MESSAGE)
    signature = sshsig.parse(signed.stdout.decode())
    key = sshsig.check(signature, MESSAGE, namespace=SIGNATURE_NAMESPACE)
    assert key == public_key_from_text(*their_key.with_suffix(".pub").read_text().split()[:2])
    assert signature.armoured() == signed.stdout.decode()


def test_what_we_sign_with_their_key_holds_there(their_key: Path, tmp_path: Path) -> None:
    key = read_private_key(their_key, "--key")
    said = verified_by_openssh(tmp_path, key, sshsig.sign(MESSAGE, key, namespace=SIGNATURE_NAMESPACE))
    assert said.returncode == 0, said.stderr
    assert key.public_key.fingerprint.encode() in said.stdout


def test_a_key_made_here_signs_there(tmp_path: Path) -> None:
    path = tmp_path / "ours"
    key = make_key(path, "--key")
    signed = ssh_keygen("-Y", "sign", "-f", path, "-n", SIGNATURE_NAMESPACE, stdin=MESSAGE)
    found = sshsig.check(sshsig.parse(signed.stdout.decode()), MESSAGE, namespace=SIGNATURE_NAMESPACE)
    assert found == key.public_key


@pytest.mark.parametrize("kind", [SK_ED25519, SK_ECDSA])
def test_openssh_reads_a_security_keys_signature_as_we_do(kind: str, tmp_path: Path) -> None:
    key = SecurityKey(kind)
    said = verified_by_openssh(tmp_path, key, sshsig.sign(MESSAGE, key, namespace=SIGNATURE_NAMESPACE))
    assert said.returncode == 0, said.stderr


def test_an_answer_to_a_request_can_be_signed_by_openssh_alone(their_key: Path, tmp_path: Path) -> None:
    ours = Person("ada", read_private_key(their_key, "--key"))
    answer = ours.says(request())
    signed = ssh_keygen("-Y", "sign", "-f", their_key, "-n", SIGNATURE_NAMESPACE, stdin=answer.text.signed_bytes())
    theirs = answer.model_copy(update={"signature": signed.stdout.decode()})
    allowed = tmp_path / "allowed_signers"
    allowed.write_text(ours.line + "\n")
    signers = SignersFiles(allowed).read()
    (verdict,) = verify_answers(
        [theirs],
        request(),
        allowed=signers.allowed,
        revoked=signers.revoked,
        now=NOW,
        auto_possible=True,
        accept_unsigned=False,
    )
    assert isinstance(verdict, Taken)


@pytest.mark.parametrize(
    ("patterns", "namespace"),
    [
        ("*", "git"),
        ("git,file", "file"),
        ("byteport-*", "byteport-approval"),
        ("byteport-*", "git"),
        ("*,!git", "git"),
        ("!git,*", "file"),
        ("g?t", "git"),
        ("g?t", "gt"),
        ("GIT", "git"),
        ("", "git"),
    ],
)
def test_both_agree_about_the_namespaces_of_a_line(patterns: str, namespace: str, tmp_path: Path) -> None:
    key = make_key(tmp_path / "key", "--key")
    line = f'ada namespaces="{patterns}" {key.public_key.line}\n'
    (tmp_path / "allowed").write_text(line)
    (tmp_path / "sig").write_text(sshsig.sign(MESSAGE, key, namespace=namespace))
    theirs = ssh_keygen(
        *("-Y", "verify", "-f", tmp_path / "allowed", "-I", "ada", "-n", namespace, "-s", tmp_path / "sig"),
        stdin=MESSAGE,
    )
    (entry,) = parse_allowed_signers(line.encode()).entries
    assert entry.covers(namespace) == (theirs.returncode == 0)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Path]:
    """A real ssh-agent in the foreground, ended with the test."""
    socket = tmp_path / "agent.sock"
    with subprocess.Popen(
        ["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline(), "ssh-agent says where it listens before it serves"
        yield socket
        process.terminate()


def test_an_agent_signs_with_the_keys_that_it_holds(their_key: Path, agent: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "SSH_AUTH_SOCK": str(agent)}
    subprocess.run(["ssh-add", "-q", str(their_key)], env=environment, check=True, timeout=60)
    (key,) = agent_keys(agent)
    assert key.comment == "ada"
    said = verified_by_openssh(tmp_path, key, sshsig.sign(MESSAGE, key, namespace=SIGNATURE_NAMESPACE))
    assert said.returncode == 0, said.stderr


def test_an_agent_that_no_longer_holds_the_key_refuses(their_key: Path, agent: Path) -> None:
    environment = {**os.environ, "SSH_AUTH_SOCK": str(agent)}
    subprocess.run(["ssh-add", "-q", str(their_key)], env=environment, check=True, timeout=60)
    (key,) = agent_keys(agent)
    subprocess.run(["ssh-add", "-q", "-D"], env=environment, check=True, timeout=60)
    with pytest.raises(ConfigError, match="refused"):
        key.sign(b"data")


def test_no_agent_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="SSH_AUTH_SOCK"):
        agent_keys(tmp_path / "nobody.sock")


def test_a_locked_key_of_openssh_says_to_use_the_agent(tmp_path: Path) -> None:
    path = tmp_path / "locked"
    assert ssh_keygen("-q", "-t", "ed25519", "-N", "secret", "-f", path).returncode == 0
    with pytest.raises(ConfigError, match="ssh-agent"):
        read_private_key(path, "--key")
