"""Certificates of a test's own, and addresses to listen on.

The machine's own address on a network is what an ordinary receiver has; names of receivers are given to it by standing
in for the machine's resolver.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import trustme

NAMES = ("localhost", "127.0.0.1", "::1", "receiver.example", "elsewhere.example")


@dataclass(frozen=True)
class Authority:
    """One that the receivers under test are signed by, and another that nobody trusts."""

    trusted: trustme.CA
    stranger: trustme.CA
    ca_file: Path
    folder: Path

    def server(self, *names: str, by_stranger: bool = False, expired: bool = False) -> ssl.SSLContext:
        ca = self.stranger if by_stranger else self.trusted
        until = datetime.now(UTC) - timedelta(days=1) if expired else None
        begins = datetime.now(UTC) - timedelta(days=9)
        certificate = ca.issue_cert(*(names or NAMES), not_before=begins, not_after=until)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        return context

    def files(self, name: str) -> tuple[Path, Path]:
        """A certificate and its key, as files."""
        issued = self.trusted.issue_cert(name)
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        key.write_bytes(issued.private_key_pem.bytes())
        key.chmod(0o600)
        return certificate, key


def new_authority(folder: Path) -> Authority:
    trusted, stranger = trustme.CA(), trustme.CA()
    ca_file = folder / "ca.pem"
    trusted.cert_pem.write_to_path(str(ca_file))
    return Authority(trusted, stranger, ca_file, folder)


def own_address() -> str:
    """An address of this machine on some network, which is neither loopback nor link-local."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))
        except OSError:
            pytest.skip("expected: this machine has no address on a network")
        return str(probe.getsockname()[0])


@contextmanager
def names(answers: Callable[[str], list[str] | None]) -> Iterator[list[str]]:
    """Stands in for the machine's resolver: `answers` gives a name's addresses, or None to ask the machine.

    Yields the names that were asked for.
    """
    real = socket.getaddrinfo
    asked: list[str] = []

    def stand_in(host: Any, port: Any, *arguments: Any, **named: Any) -> Any:
        plain = host.decode() if isinstance(host, bytes) else str(host)
        found = answers(plain)
        if found is None:
            return real(host, port, *arguments, **named)
        asked.append(plain)
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port or 0, 0, 0))
            if ":" in address
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port or 0))
            for address in found
        ]

    with mock.patch("socket.getaddrinfo", stand_in):
        yield asked
