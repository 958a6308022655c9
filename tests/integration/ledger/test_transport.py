"""How the ledger's PostgreSQL is spoken to over a network, seen from the server's side: nothing is said before it is known.

The server here only begins: it answers the request for TLS as a real one does, and keeps what it hears after that.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from pathlib import Path

import psycopg
import pytest
import trustme

from byteport.ledger.address import conninfo

STORES = ("sqlite",)
ASKS_FOR_TLS = struct.pack("!ii", 8, 80877103)
AWAY = "127.1"
"""This machine, as only a resolver reads it: another one's name to us."""
PASSWORD = "hunter2"


class Beginning:
    """A server that begins a connection, once or more."""

    def __init__(self, certificate: trustme.LeafCert | None) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if certificate is not None:
            certificate.configure_cert(self._context)
        self._answer = b"S" if certificate is not None else b"N"
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.asked = 0
        self.heard = b""
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                try:
                    first = connection.recv(1024)
                    if first != ASKS_FOR_TLS:
                        self.heard += first
                        continue
                    self.asked += 1
                    connection.sendall(self._answer)
                    if self._answer == b"N":
                        self.heard += connection.recv(1024)
                        continue
                    with self._context.wrap_socket(connection, server_side=True) as inside:
                        self.heard += inside.recv(1024)
                except OSError:
                    continue

    def close(self) -> None:
        self._socket.close()


def tried(server: Beginning, trusted: Path | None, password: Path, host: str = AWAY) -> None:
    beside = f"?sslrootcert={trusted}" if trusted else ""
    url = f"postgresql://agent@{host}:{server.port}/ledger{beside}"
    try:
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(conninfo(url, password))
    finally:
        server.close()


@pytest.fixture
def password(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text(PASSWORD)
    file.chmod(0o600)
    return file


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def pem(authority: trustme.CA, path: Path) -> Path:
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.mark.claim("C-372")
def test_a_server_that_is_known_is_told_who_is_there_inside_of_tls(
    authority: trustme.CA, password: Path, tmp_path: Path
) -> None:
    server = Beginning(authority.issue_cert("127.0.0.1"))
    tried(server, pem(authority, tmp_path / "ca.pem"), password)
    assert b"agent" in server.heard


@pytest.mark.claim("C-372")
@pytest.mark.parametrize("trusts", ["another", "the system's"])
def test_a_server_that_another_authority_vouches_for_is_told_nothing(
    authority: trustme.CA, password: Path, tmp_path: Path, trusts: str
) -> None:
    server = Beginning(authority.issue_cert("127.0.0.1"))
    tried(server, pem(trustme.CA(), tmp_path / "other.pem") if trusts == "another" else None, password)
    assert server.asked >= 1
    assert server.heard == b""


@pytest.mark.claim("C-372")
def test_a_certificate_for_another_name_is_told_nothing(authority: trustme.CA, password: Path, tmp_path: Path) -> None:
    server = Beginning(authority.issue_cert("db.example.org"))
    tried(server, pem(authority, tmp_path / "ca.pem"), password)
    assert (server.asked >= 1, server.heard) == (True, b"")


@pytest.mark.claim("C-372")
def test_a_server_that_speaks_no_tls_is_told_nothing(authority: trustme.CA, password: Path, tmp_path: Path) -> None:
    server = Beginning(None)
    tried(server, pem(authority, tmp_path / "ca.pem"), password)
    assert (server.asked >= 1, server.heard) == (True, b"")


@pytest.mark.claim("C-372")
@pytest.mark.parametrize("mode", ["disable", "require"])
def test_what_the_environment_says_of_tls_is_not_listened_to(
    authority: trustme.CA, password: Path, tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGSSLMODE", mode)
    server = Beginning(authority.issue_cert("db.example.org"))
    tried(server, pem(authority, tmp_path / "ca.pem"), password)
    assert server.heard == b""
