"""Signing through ssh-agent: the key stays where it is, a hardware key or an encrypted one included.

Speaks the agent protocol (draft-ietf-sshm-ssh-agent) over the Unix socket that `SSH_AUTH_SOCK` names; the caller passes
that path. A `sshsig.Signer`.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from byteport.errors import ConfigError, MalformedInput
from byteport.trust.public_keys import PublicKey, public_key_from_blob
from byteport.trust.wire import Reader, string

SETTING = "SSH_AUTH_SOCK"
LIST_SECONDS = 10.0
SIGN_SECONDS = 60.0
"""Long enough for a person to touch a key or to type a PIN."""

_REQUEST_IDENTITIES, _IDENTITIES_ANSWER = 11, 12
_SIGN_REQUEST, _SIGN_RESPONSE = 13, 14
_RSA_SHA2_512 = 4
_LARGEST = 256 * 1024


@dataclass(frozen=True)
class AgentKey:
    """One key that an agent holds. A `sshsig.Signer`."""

    socket_path: Path
    public_key: PublicKey
    comment: str

    def sign(self, data: bytes) -> bytes:
        """An SSH signature blob. Raises `ConfigError` when the agent refuses or cannot be reached."""
        flags = _RSA_SHA2_512 if self.public_key.type == "ssh-rsa" else 0
        body = string(self.public_key.blob) + string(data) + flags.to_bytes(4, "big")
        reader = _ask(self.socket_path, _SIGN_REQUEST, body, _SIGN_RESPONSE, SIGN_SECONDS)
        blob = reader.string()
        reader.end()
        return blob


def agent_keys(socket_path: Path) -> list[AgentKey]:
    """The keys that the agent holds and that can sign approvals. Raises `ConfigError` when it cannot be reached."""
    reader = _ask(socket_path, _REQUEST_IDENTITIES, b"", _IDENTITIES_ANSWER, LIST_SECONDS)
    found = []
    for _ in range(reader.uint32()):
        blob, comment = reader.string(), reader.string().decode("utf-8", "replace")
        with contextlib.suppress(MalformedInput):  # a certificate or a key type that we do not take
            found.append(AgentKey(socket_path, public_key_from_blob(blob), comment))
    return found


def _ask(path: Path, kind: int, body: bytes, expected: int, seconds: float) -> Reader:
    try:
        with _connected(path, seconds) as connection:
            connection.sendall(string(bytes([kind]) + body))
            length = int.from_bytes(_receive(connection, 4), "big")
            if not 0 < length <= _LARGEST:
                raise ConfigError(SETTING, f"the agent at {path} sent {length} bytes")
            answer = _receive(connection, length)
    except OSError as error:
        raise ConfigError(SETTING, f"{path}: {error.strerror or 'the agent does not answer'}") from error
    if answer[0] != expected:
        raise ConfigError(SETTING, f"the agent at {path} refused; is the key unlocked, and was it touched?")
    return Reader(answer[1:], "ssh-agent's answer")


@contextlib.contextmanager
def _connected(path: Path, seconds: float) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(seconds)
        connection.connect(str(path))
        yield connection


def _receive(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        piece = connection.recv(length - len(data))
        if not piece:
            raise ConfigError(SETTING, "the agent closed the connection")
        data += piece
    return data
