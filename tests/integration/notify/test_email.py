"""E-mail to a real SMTP server (aiosmtpd) over TLS: never in clear, never to another, and one thread an incident."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from activities.notify.email import Email
from activities.notify.smtp import MailServer
from byteport.contracts.channels import EmailConfig, SmtpTls
from byteport.errors import BytePortError, ConfigError, NotPermitted, PermanentError, Unavailable
from tests.builders.noticed import notice
from tests.builders.receiving import mail
from tests.integration.export.authority import Authority
from tests.integration.notify.held import NOW, Held, ready

pytestmark = pytest.mark.peers

USER, PASSWORD = "byteport", "correct horse"
TO = ("oncall@example.com", "second@example.com")


class Mailbox:
    """Keeps what it was sent, and refuses whom it is told to."""

    def __init__(self, **refuses: str) -> None:
        self.letters: list[Envelope] = []
        self.logins: list[str] = []
        self.in_starttls: list[bool] = []
        self.refuses = refuses

    async def handle_RCPT(  # noqa: N802  the server's own name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, session, options
        if answer := self.refuses.get(address.partition("@")[0]):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        del server
        self.in_starttls.append(session.ssl is not None)
        if answer := self.refuses.get("DATA"):
            return answer
        self.letters.append(envelope)
        return "250 OK"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, how: str, given: Any) -> AuthResult:
        del server, session, envelope, how
        assert isinstance(given, LoginPassword)
        self.logins.append(given.login.decode())
        holds = (given.login, given.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=holds, handled=holds)


@asynccontextmanager
async def serving(
    mailbox: Mailbox, context: ssl.SSLContext | None, tls: SmtpTls = SmtpTls.STARTTLS, *, login: bool = True
) -> AsyncIterator[int]:
    """A server on loopback; without `context` one that offers no TLS."""
    starttls = tls is SmtpTls.STARTTLS

    def session() -> SMTP:
        return SMTP(
            mailbox,
            hostname="mail.example",
            tls_context=context if starttls else None,
            require_starttls=starttls and context is not None,
            authenticator=mailbox.authenticate,
            auth_required=login,
            auth_require_tls=starttls,
            decode_data=False,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(session, "127.0.0.1", 0, ssl=None if starttls else context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def email(
    authority: Authority, port: int, tls: SmtpTls = SmtpTls.STARTTLS, *, password: str = PASSWORD, login: bool = True
) -> Email:
    config = EmailConfig(
        server=f"localhost:{port}",
        tls=tls,
        user=USER if login else None,
        password="mail#password" if login else None,
        sender="byteport@example.com",
        to=TO,
    )
    server = MailServer(f"localhost:{port}", tls, ca_file=authority.ca_file)
    return Email(config, Held(**{"mail#password": password}), server, clock=lambda: NOW)


@pytest.mark.parametrize("tls", SmtpTls)
async def test_a_letter_arrives_over_tls_in_text_and_html(authority: Authority, tls: SmtpTls) -> None:
    mailbox = Mailbox()
    async with serving(mailbox, authority.server(), tls, login=tls is SmtpTls.STARTTLS) as port:
        channel = email(authority, port, tls, login=tls is SmtpTls.STARTTLS)
        assert (await channel.deliver(ready(notice()), "")).said == "taken for 2 of 2 recipients"
    (envelope,) = mailbox.letters
    assert mailbox.in_starttls == [tls is SmtpTls.STARTTLS]
    assert (envelope.mail_from, tuple(envelope.rcpt_tos)) == ("byteport@example.com", TO)
    assert isinstance(envelope.content, bytes)
    letter = mail.parsed(envelope.content)
    found = mail.shown(letter)
    assert notice().command in found.commands
    assert letter["auto-submitted"] == "auto-generated"


async def test_an_incident_is_one_thread_and_a_letter_sent_twice_has_one_id(authority: Authority) -> None:
    mailbox = Mailbox()
    async with serving(mailbox, authority.server()) as port:
        channel = email(authority, port)
        for call in (notice(), notice(), notice(key="b", rung=2), notice(key="c", incident_id="inc-2")):
            await channel.deliver(ready(call), "")
    letters = [mail.parsed(envelope.content) for envelope in mailbox.letters if isinstance(envelope.content, bytes)]
    ids, threads = [letter["message-id"] for letter in letters], [letter["references"] for letter in letters]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    assert threads[0] == threads[1] == threads[2] != threads[3]


@pytest.mark.claim("C-433")
async def test_a_server_that_offers_no_tls_is_told_nothing(authority: Authority) -> None:
    mailbox = Mailbox()
    async with serving(mailbox, None, login=False) as port:
        with pytest.raises(NotPermitted, match="STARTTLS"):
            await email(authority, port).deliver(ready(notice()), "")
    assert (mailbox.letters, mailbox.logins) == ([], [])


@pytest.mark.claim("C-433")
@pytest.mark.parametrize("tls", SmtpTls)
async def test_a_server_whose_certificate_does_not_hold_is_told_nothing(authority: Authority, tls: SmtpTls) -> None:
    mailbox = Mailbox()
    async with serving(mailbox, authority.server(by_stranger=True), tls, login=False) as port:
        with pytest.raises(NotPermitted, match=r"escalation\.ca_file"):
            await email(authority, port, tls).deliver(ready(notice()), "")
    assert (mailbox.letters, mailbox.logins) == ([], [])


async def test_a_wrong_password_is_named_by_its_setting_and_not_repeated(authority: Authority) -> None:
    mailbox = Mailbox()
    async with serving(mailbox, authority.server()) as port:
        with pytest.raises(NotPermitted, match=r"escalation\.email\.password") as caught:
            await email(authority, port, password="hunter2").deliver(ready(notice()), "")
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize(
    ("refuses", "error"),
    [
        ({"oncall": "450 later", "second": "450 later"}, Unavailable),
        ({"oncall": "550 no such user oncall", "second": "550 no"}, ConfigError),
        ({"DATA": "451 greylisted"}, Unavailable),
        ({"DATA": "554 secret reason"}, PermanentError),
    ],
)
async def test_the_servers_number_says_what_to_do_and_its_words_are_not_repeated(
    authority: Authority, refuses: dict[str, str], error: type[BytePortError]
) -> None:
    async with serving(Mailbox(**refuses), authority.server()) as port:
        with pytest.raises(error) as caught:
            await email(authority, port).deliver(ready(notice()), "")
    assert "secret reason" not in caught.value.message
    assert "no such user" not in caught.value.message


async def test_a_letter_that_some_recipients_do_not_get_is_delivered_to_the_others(authority: Authority) -> None:
    mailbox = Mailbox(oncall="550 no such user")
    async with serving(mailbox, authority.server()) as port:
        assert (await email(authority, port).deliver(ready(notice()), "")).said == "taken for 1 of 2 recipients"
    assert mailbox.letters[0].rcpt_tos == ["second@example.com"]


async def test_a_letter_that_was_taken_is_not_sent_again_whatever_the_server_says_at_the_end(
    authority: Authority,
) -> None:
    class Rude(Mailbox):
        async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
            del server, session, envelope
            return "421 busy"

    mailbox = Rude()
    async with serving(mailbox, authority.server()) as port:
        assert (await email(authority, port).deliver(ready(notice()), "")).said == "taken for 2 of 2 recipients"
    assert len(mailbox.letters) == 1


@pytest.mark.parametrize("drop", [b"2", b"220-\r\n" * 5000], ids=["drips", "floods"])
async def test_a_server_that_never_comes_to_an_end_keeps_neither_a_thread_nor_memory(
    authority: Authority, drop: bytes
) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        begun.set()
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(drop)
                await writer.drain()
                await asyncio.sleep(0.01)
        ended.set()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    before = threading.active_count()
    with ThreadPoolExecutor(1) as threads:
        asyncio.get_running_loop().set_default_executor(threads)
        mailer = email(authority, server.sockets[0].getsockname()[1])
        delivering = asyncio.create_task(mailer.deliver(ready(notice()), ""))
        async with asyncio.timeout(30):
            await begun.wait()
            await asyncio.wait({delivering}, timeout=0.5)
            delivering.cancel()  # as who waited long enough
            with pytest.raises((Unavailable, asyncio.CancelledError)):
                await delivering
            await asyncio.to_thread(int)  # the one thread is free again
            await ended.wait()
    assert threading.active_count() == before
    server.close()


async def test_a_password_that_cannot_be_sent_is_named_by_its_setting_and_no_letter_of_it_shown(
    authority: Authority,
) -> None:
    async with serving(Mailbox(), authority.server()) as port:
        with pytest.raises(PermanentError, match=r"escalation\.email\.password") as caught:
            await email(authority, port, password="hunter\u00fc2").deliver(ready(notice()), "")
    assert "\u00fc" not in caught.value.message


async def test_nobody_at_the_port_is_tried_again(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unavailable):
        await email(authority, port).deliver(ready(notice()), "")


@pytest.mark.claim("C-433")
@pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]"])
async def test_no_letter_goes_to_a_metadata_address(authority: Authority, host: str) -> None:
    server = MailServer(f"{host}:25", SmtpTls.STARTTLS, ca_file=authority.ca_file)
    config = EmailConfig(sender="byteport@example.com", to=TO)
    with pytest.raises(NotPermitted, match="to which nothing is sent"):
        await Email(config, Held(), server, clock=lambda: NOW).deliver(ready(notice()), "")
