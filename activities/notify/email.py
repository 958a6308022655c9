"""E-mail: text and HTML of one notice, made so that no name can become a header, a tag or another recipient.

Comes after `told.py`, before `smtp.py`. The Message-ID is made of the notice's key, so that a mail system which sees one twice can
tell, and each refers to the incident's own id, by which mail programs show them as one thread.
"""

from __future__ import annotations

import hashlib
import html
import logging
from collections.abc import Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime

from activities.clock import Clock, utc_now
from activities.notify.channel import Taken
from activities.notify.plain import plain
from activities.notify.reading import read_matching
from activities.notify.smtp import MailServer
from activities.notify.told import Section, Told
from activities.secrets.port import SecretSource
from byteport.contracts.channels import ChannelKind, EmailConfig
from byteport.errors import ConfigError

SERVER, PASSWORD = "escalation.email.server", "escalation.email.password"
LONGEST_SUBJECT = 200
LONGEST_LINE = 76
"""Of encoded words and of base64 (RFC 2047, RFC 2045)."""
logger = logging.getLogger("byteport.notify")

_IDS = frozenset({"message-id", "in-reply-to", "references"})
_UNFOLDED = SMTP.clone(max_line_length=900)
"""SMTP takes lines of 998."""
_STYLE = "font-family:sans-serif;font-size:14px"


class Email:
    """Sends to the addresses of the settings, by one server."""

    kind = ChannelKind.EMAIL
    first_rung = 0

    def __init__(
        self, config: EmailConfig, secrets: SecretSource, server: MailServer, *, clock: Clock = utc_now
    ) -> None:
        self._config = config
        self._secrets = secrets
        self._server = server
        self._clock = clock

    async def deliver(self, message: Told, earlier: str) -> Taken:
        del earlier  # an incident's own id is made of its name
        config = self._config
        if config.sender is None:
            raise ConfigError("escalation.email.sender", "must be set where escalation.channels names email")
        password = None
        if config.user is not None:  # of any other the library would raise an error that holds it
            form = "a password in ASCII"
            password = await read_matching(self._secrets, config.password, PASSWORD, r"[ -~]+", form)
        letter = compose(message, sender=config.sender, to=config.to, at=self._clock())
        refused = await self._server.send(letter, config.sender, config.to, user=config.user, password=password)
        told = len(config.to) - refused
        if refused:
            logger.warning("email: %d of %d recipients of escalation.email.to are not told", refused, len(config.to))
        return Taken(said=f"taken for {told} of {len(config.to)} recipients")


def compose(message: Told, *, sender: str, to: Sequence[str], at: datetime) -> EmailMessage:
    """The letter. `EmailMessage` refuses a header with a line's end in it; `told` has left none."""
    domain = sender.rpartition("@")[2]
    incident = _id("incident", message.incident_id, domain)
    letter = EmailMessage(policy=_Folded(linesep="\r\n", max_line_length=LONGEST_LINE))
    letter["From"] = Address("BytePort", addr_spec=sender)
    letter["To"] = ", ".join(to)
    letter["Subject"] = plain(f"{message.headline} ({message.cluster})", LONGEST_SUBJECT)
    letter["Date"] = format_datetime(at)
    letter["Message-ID"] = _id("notice", message.key, domain)
    letter["In-Reply-To"] = incident
    letter["References"] = incident
    letter["Auto-Submitted"] = "auto-generated"  # no holiday answers this
    letter["X-Auto-Response-Suppress"] = "All"
    if message.rung:
        letter["Importance"] = "high"
    letter.set_content(_text(message), charset="utf-8", cte="base64")
    letter.add_alternative(_html(message), subtype="html", charset="utf-8", cte="base64")
    return letter


class _Folded(EmailPolicy):
    """Lines, encoded words and base64 as short as MIME wants them, but for ids: those have no space to be folded at, and would be
    encoded, by which no mail program finds a thread."""

    def fold(self, name: str, value: str) -> str:
        folded: str = _UNFOLDED.fold(name, value) if name.lower() in _IDS else super().fold(name, value)
        return folded

    def fold_binary(self, name: str, value: str) -> bytes:
        return _UNFOLDED.fold_binary(name, value) if name.lower() in _IDS else super().fold_binary(name, value)


def _id(kind: str, name: str, domain: str) -> str:
    return f"<{kind}.{hashlib.sha256(name.encode()).hexdigest()[:40]}@{domain}>"


def _text(message: Told) -> str:
    parts = [message.headline]
    for section in message.sections:
        lines = [f"  * {line}" for line in section.lines] + [f"      {command}" for command in section.commands]
        parts.append("\n".join([f"{section.title}:", *lines]))
    if message.link is not None:
        parts.append(f"{message.link.words}:\n      {message.link.url}")
    return "\n\n".join([*parts, message.footer]) + "\n"


def _html(message: Told) -> str:
    """Words are escaped, and stand in elements alone: in no attribute, script or style. The link is ours."""
    parts = [f"<h2>{html.escape(message.headline)}</h2>", *map(_section, message.sections)]
    if message.link is not None:
        url, words = html.escape(message.link.url, quote=True), html.escape(message.link.words)
        parts.append(f'<p><a href="{url}"><strong>{words}</strong></a></p>')
    parts.append(f"<p><small>{html.escape(message.footer)}</small></p>")
    head = '<head><meta charset="utf-8"><meta name="format-detection" content="telephone=no,address=no,url=no"></head>'
    return f'<!DOCTYPE html>\n<html>{head}<body style="{_STYLE}">\n' + "\n".join(parts) + "\n</body></html>\n"


def _section(section: Section) -> str:
    lines = "".join(f"<li>{html.escape(line)}</li>" for line in section.lines)
    commands = "".join(f"<pre>{html.escape(command)}</pre>" for command in section.commands)
    return f"<h3>{html.escape(section.title)}</h3>" + (f"<ul>{lines}</ul>" if lines else "") + commands
