"""A mail server: over TLS that holds, to an address that may be reached, and never in clear.

Comes before `email.py`. The library's own client is used, with a socket that was made by the rules of `activities/export/reach.py`. A
server that does not offer STARTTLS is told nothing: neither who we are nor what the letter says. Before TLS anybody on the way can speak
for it: what it says is bounded, and a letter that nobody waits for any more ends with its connection, and with it its thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import smtplib
import socket
import ssl
import threading
from collections.abc import Sequence
from email.message import EmailMessage
from pathlib import Path
from typing import BinaryIO

from activities.export.reach import Reach, shown
from activities.export.tls import verifying
from byteport.contracts.channels import SmtpTls
from byteport.errors import BytePortError, ConfigError, NotPermitted, PermanentError, Unavailable

SERVER, CA_FILE, PASSWORD = "escalation.email.server", "escalation.ca_file", "escalation.email.password"
SECONDS = 8.0
"""For each answer of the server."""
MOST_WORDS = 64 << 10
"""Bytes of all that a server says before TLS, and as many after it."""
OUR_NAME = "byteport-agent"
_FOR_GOOD = 500
"""From here on an answer of SMTP is for good; below, trying again may help."""


class MailServer:
    """One server, a connection a letter."""

    def __init__(self, address: str, tls: SmtpTls, *, ca_file: Path | None = None) -> None:
        """`address` is `host:port`. Raises `ConfigError` for a file of authorities that cannot be used."""
        host, _, port = address.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._tls = tls
        self._ca_file = ca_file
        self._reach = Reach.of(self._host)
        verifying(ca_file, ca_setting=CA_FILE)

    async def send(
        self, letter: EmailMessage, sender: str, to: Sequence[str], *, user: str | None, password: str | None
    ) -> int:
        """For how many of the recipients the server refuses the letter; not for all of them. Raises as a channel does."""
        line = _Line()
        try:
            return await asyncio.to_thread(self._send, line, letter, sender, list(to), user, password)
        finally:
            line.cut()

    def _send(
        self, line: _Line, letter: EmailMessage, sender: str, to: list[str], user: str | None, password: str | None
    ) -> int:
        where = shown(self._host)
        try:
            with contextlib.closing(self._client(line)) as client:
                if self._tls is SmtpTls.STARTTLS:
                    client.starttls(context=verifying(self._ca_file, ca_setting=CA_FILE))
                if user is not None and password is not None:
                    client.login(user, password)
                refused = len(client.send_message(letter, sender, to))
                with contextlib.suppress(smtplib.SMTPException, OSError):
                    client.putcmd("QUIT")  # the letter is taken, whatever is answered to this, or is not
                return refused
        except ssl.SSLCertVerificationError as error:
            raise NotPermitted(
                f"email: the certificate of {where} does not hold ({error.verify_message[:200]}); look at {CA_FILE}"
            ) from None
        except smtplib.SMTPNotSupportedError:
            raise NotPermitted(
                f"email: {where} does not offer what is needed (STARTTLS, or a way to log in); look at {SERVER}"
            ) from None
        except smtplib.SMTPAuthenticationError:
            raise NotPermitted(f"email: {where} does not let us in; look at {PASSWORD}") from None
        except smtplib.SMTPException as error:
            raise _meaning(error, where) from None
        except OSError as error:
            why = errno.errorcode.get(error.errno or 0, type(error).__name__)
            raise Unavailable(f"email: no answer from {where} ({why})") from None

    def _client(self, line: _Line) -> smtplib.SMTP:
        if self._tls is SmtpTls.IMPLICIT:
            return _OverTls(self._host, self._port, self._reach, line, verifying(self._ca_file, ca_setting=CA_FILE))
        return _Guarded(self._host, self._port, self._reach, line)


class _Line:
    """The connection of one letter, which can be ended by whoever waits for it."""

    def __init__(self) -> None:
        self._one_at_a_time = threading.Lock()
        self._held: socket.socket | None = None
        self._is_cut = False

    def hold(self, made: socket.socket) -> None:
        """Raises `TimeoutError` where nobody waits any more."""
        with self._one_at_a_time:
            if self._is_cut:
                raise TimeoutError
            self._held = made.dup()  # whatever becomes of `made`: TLS takes it over

    def cut(self) -> None:
        with self._one_at_a_time:
            held, self._held, self._is_cut = self._held, None, True
        if held is not None:
            with held, contextlib.suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)


class _Words:
    """What a server says, up to a limit; after it the connection counts as ended."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = MOST_WORDS

    def readline(self, longest: int) -> bytes:
        line = self._file.readline(min(longest, self._left))
        self._left -= len(line)
        return line

    def close(self) -> None:
        self._file.close()


class _Guarded(smtplib.SMTP):
    """Connects to checked addresses only."""

    def __init__(self, host: str, port: int, reach: Reach, line: _Line) -> None:
        self._reach = reach
        self._line = line
        super().__init__(host, port, local_hostname=OUR_NAME, timeout=SECONDS)

    def getreply(self) -> tuple[int, bytes]:
        """The library reads lines of an answer for as long as there are any."""
        if self.file is None and self.sock is not None:
            self.file = _Words(self.sock.makefile("rb"))
        return super().getreply()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """The library's own place to make a connection."""
        self._reach.check_name(host)
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        self._reach.check_all(host, [str(address[0]) for *_, address in found])
        failed: OSError = ConnectionRefusedError(errno.ECONNREFUSED, "")
        for info in found[:4]:
            made = self._reach.new_socket(info)
            made.settimeout(timeout)
            try:
                made.connect(info[4])
                self._line.hold(made)
            except OSError as error:
                made.close()
                failed = error
                continue
            return made
        raise failed


class _OverTls(_Guarded):
    """TLS from the first byte."""

    def __init__(self, host: str, port: int, reach: Reach, line: _Line, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(host, port, reach, line)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        made = super()._get_socket(host, port, timeout)
        try:
            return self._context.wrap_socket(made, server_hostname=host)
        except BaseException:
            made.close()
            raise


def _meaning(error: smtplib.SMTPException, where: str) -> BytePortError:
    """By the server's own number; nothing of its words is repeated."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        if any(code < _FOR_GOOD for code in codes):
            return Unavailable(f"email: {where} takes the letter for nobody now ({min(codes)})")
        return ConfigError("escalation.email.to", f"{where} takes a letter for none of these ({min(codes)})")
    if isinstance(error, smtplib.SMTPResponseException):
        said = f"email: {where} answers {error.smtp_code}"
        if error.smtp_code < _FOR_GOOD:
            return Unavailable(said)
        if isinstance(error, smtplib.SMTPSenderRefused):
            return ConfigError("escalation.email.sender", f"{where} does not take letters of this address")
        return PermanentError(f"{said}: it does not take the letter")
    return Unavailable(f"email: {where} has ended the connection")
