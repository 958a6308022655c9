"""A syslog server that takes RFC 5424 over TLS with counted octets (RFC 5425).

Comes after `syslog_message.py`, `tls.py` and `reach.py`. Syslog has no acknowledgement, and that the network took a message says
nothing of the server's process. But a server reads its connection in order, so each batch has a connection of its own, which
is closed as RFC 5425 has it: our close_notify is the last that the server reads, and its closing is the answer to that. So
a batch counts as shipped once the server's end has closed in order, behind the last octet, with nothing of it unread; a
server that is killed with something unread resets the connection instead. Anything else, and the whole batch goes again:
a duplicate with the same ids, never a gap. What the server does with what it has read is its own.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import socket
import ssl
import struct
import termios
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from activities.export.reach import Reach, shown
from activities.export.syslog_message import messages
from activities.export.target import Batch, Share, Shipped
from activities.export.tls import verifying, with_certificate
from byteport.contracts.stream_receivers import SyslogConfig
from byteport.errors import ConfigError, NotPermitted, Unavailable

ADDRESS = "audit.export.syslog.address"
CERTIFICATE = "audit.export.syslog.client_certificate_file"
CONNECT_SECONDS = 10.0
SECONDS = 30.0
"""For each write, and for the server's end to close."""
PIECE = 64 << 10
AHEAD = 256 << 10
"""So many octets at most wait in this machine: what was written has left, nearly, and the time it took is the line's."""
_POLL_SECONDS = 0.005
_ABOUT_OUR_CERTIFICATE = frozenset(
    f"{version}_ALERT_{what}"
    for version in ("SSLV3", "TLSV1", "TLSV13")
    for what in (
        *("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "CERTIFICATE_EXPIRED", "CERTIFICATE_REVOKED"),
        *("CERTIFICATE_UNKNOWN", "UNKNOWN_CA", "UNSUPPORTED_CERTIFICATE", "ACCESS_DENIED", "HANDSHAKE_FAILURE"),
    )
)


class _Piece(NamedTuple):
    """Whole messages of whole records, up to that of number `last`, each with its octets counted in front."""

    octets: bytes
    last: int


def _pieces(counted: Iterable[tuple[int, bytes]]) -> Iterator[_Piece]:
    """A record's messages are never in two of them."""
    octets, last = bytearray(), 0
    for seq, message in counted:
        if len(octets) >= PIECE and seq != last:
            yield _Piece(bytes(octets), last)
            octets.clear()
        octets += b"%d %b" % (len(message), message)
        last = seq
    if octets:
        yield _Piece(bytes(octets), last)


class Syslog:
    """Sends to one server."""

    name = "syslog"

    def __init__(self, config: SyslogConfig, *, ca_file: Path | None = None) -> None:
        """Raises `ConfigError` for a setting that is missing or a file that cannot be used."""
        if config.address is None:
            raise ConfigError(ADDRESS, "must be set where audit.export.target names syslog")
        host, _, port = config.address.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._config = config
        self._ca_file = ca_file
        self._reach = Reach.of(self._host)
        self._context()

    async def close(self) -> None:
        """There is no connection between two batches."""

    async def ship(self, batch: Batch) -> Shipped:
        pieces = [*_pieces(messages(batch, self._config))]
        if not pieces:
            return Shipped(batch.last)
        last = await asyncio.to_thread(self._deliver, pieces)
        return Shipped(min(last, batch.last), checkpoint=last > batch.last)

    def _deliver(self, pieces: Sequence[_Piece]) -> int:
        """As much of them as a share of time has room for, over one connection, whose end the server confirms.

        Returns the last record's number. Raises what the protocol raises.
        """
        share, last = Share(), 0
        try:
            with self._connected() as plain, self._over_tls(plain) as connection:
                for piece in pieces:
                    connection.sendall(piece.octets)
                    last = piece.last
                    if share.over:
                        break
                _close_in_order(connection)
                return last
        except ssl.SSLCertVerificationError as error:
            raise NotPermitted(
                f"syslog: the certificate of {shown(self._host)} does not hold ({error.verify_message[:200]}); "
                "look at audit.export.ca_file"
            ) from None
        except ssl.SSLError as error:
            if error.reason in _ABOUT_OUR_CERTIFICATE:
                raise NotPermitted(
                    f"syslog: {shown(self._host)} does not take our certificate; look at {CERTIFICATE}"
                ) from None
            raise Unavailable(f"syslog: no TLS with {shown(self._host)} ({error.reason or 'ended'})") from None
        except OSError as error:
            why = errno.errorcode.get(error.errno or 0, type(error).__name__)
            raise Unavailable(f"syslog: {shown(self._host)} did not take the batch to its end ({why})") from None

    def _connected(self) -> socket.socket:
        self._reach.check_name(self._host)
        found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        self._reach.check_all(self._host, [str(address[0]) for *_, address in found])
        failed: OSError = ConnectionRefusedError(errno.ECONNREFUSED, "")
        ends = time.monotonic() + CONNECT_SECONDS
        for info in found:
            if time.monotonic() >= ends:
                break
            made = self._reach.new_socket(info)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, AHEAD)
            made.settimeout(CONNECT_SECONDS)
            try:
                made.connect(info[4])
            except OSError as error:
                made.close()
                failed = error
                continue
            made.settimeout(SECONDS)
            return made
        raise failed

    def _over_tls(self, plain: socket.socket) -> ssl.SSLSocket:
        return self._context().wrap_socket(plain, server_hostname=self._host, suppress_ragged_eofs=False)

    def _context(self) -> ssl.SSLContext:
        """Made anew for each connection: certificates are changed while we run."""
        context = verifying(self._ca_file)
        certificate, key = self._config.client_certificate_file, self._config.client_key_file
        if certificate is None or key is None:
            return context
        return with_certificate(context, certificate, key, setting=CERTIFICATE)


def _close_in_order(connection: ssl.SSLSocket) -> None:
    """Says that this was all, and returns once the other side has read that. Raises `OSError` where it has not.

    Some servers answer with a close_notify of theirs, some only close. Either way nothing may come behind it but the end.
    """
    _expect_nothing_yet(connection)
    try:
        plain = connection.unwrap()
    except ssl.SSLEOFError:
        plain = connection
    except OSError as error:  # what OpenSSL makes of an end without a close_notify
        if error.errno:
            raise
        plain = connection
    _expect_the_end(plain)


def _expect_nothing_yet(connection: ssl.SSLSocket) -> None:
    """A server that said goodbye before we did may have read less than everything."""
    connection.settimeout(0)
    try:
        connection.recv(1)
    except ssl.SSLWantReadError:
        connection.settimeout(SECONDS)
    else:
        raise ConnectionAbortedError(errno.ECONNABORTED, "")


def _expect_the_end(plain: socket.socket) -> None:
    """The end of the other side's octets, with all of ours confirmed.

    A server that closed before our last octets came has not read them, and answers them with a reset. That may come later than
    the end that it sent before, so ours have to be confirmed too.
    """
    ends = time.monotonic() + SECONDS
    descriptor = plain.fileno()
    with socket.socket(fileno=socket.dup(descriptor)) as bare:  # reads what is below TLS
        bare.settimeout(SECONDS)
        bare.shutdown(socket.SHUT_WR)
        while bare.recv(4096):
            if time.monotonic() > ends:
                raise TimeoutError(errno.ETIMEDOUT, "")
        while _unconfirmed(descriptor):
            if time.monotonic() > ends:
                raise TimeoutError(errno.ETIMEDOUT, "")
            time.sleep(_POLL_SECONDS)
        failed = bare.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failed:
            raise OSError(failed, "")


def _unconfirmed(descriptor: int) -> int:
    """Octets of ours that the other side's network has not confirmed yet."""
    return int(struct.unpack("i", fcntl.ioctl(descriptor, termios.TIOCOUTQ, b"\0" * 4))[0])
