"""A receiver of notices: one POST each, signed as Standard Webhooks says, in a body with a published schema.

Comes after `notice_body.py` and `activities/export/signatures.py`. The message's id is made of the notice's key: whoever is sent one
twice sees that it has it.
"""

from __future__ import annotations

import hashlib

from activities.export.answers import Asked
from activities.export.signatures import parse_secrets, signed_headers
from activities.notify.channel import Taken
from activities.notify.posting import Posting, as_json
from activities.notify.reading import read
from activities.notify.told import Told
from activities.secrets.port import SecretSource
from byteport.contracts.channels import ChannelKind, NoticeWebhookConfig
from byteport.contracts.notice_body import NoticeBody, NoticeSection, NoticeType
from byteport.errors import ConfigError

URL, SECRET = "escalation.webhook.url", "escalation.webhook.secret"
NOTICE = Asked("webhook: a notice", url=URL, credential=SECRET)


class NoticeWebhook:
    """Posts to one URL."""

    kind = ChannelKind.WEBHOOK
    first_rung = 0

    def __init__(self, config: NoticeWebhookConfig, secrets: SecretSource, posting: Posting) -> None:
        self._config = config
        self._secrets = secrets
        self._posting = posting

    async def deliver(self, message: Told, earlier: str) -> Taken:
        del earlier
        if self._config.url is None:
            raise ConfigError(URL, "must be set where escalation.channels names webhook")
        signing = parse_secrets(await read(self._secrets, self._config.secret, SECRET), "the secret", SECRET)
        body = as_json(body_of(message).model_dump(mode="json"))
        at = int(self._posting.clock().timestamp())
        headers = signed_headers(signing, message_id(message.key), at, body)
        await self._posting.call(self._config.url, body, NOTICE, headers=headers)
        return Taken(said="taken")


def message_id(key: str) -> str:
    """The same for the same notice; it tells nothing of it."""
    return "notice_" + hashlib.sha256(key.encode()).hexdigest()[:40]


def body_of(message: Told) -> NoticeBody:
    """The words in the order in which a person reads them, and the names that a program wants."""
    told_of = NoticeType.PAGE if message.rung else NoticeType.NOTICE
    kind = told_of if message.ending is None else NoticeType.ENDED
    return NoticeBody(
        type=kind,
        timestamp=message.at,
        key=message.key,
        incident_id=message.incident_id,
        workflow_id=message.workflow_id,
        rung=message.rung,
        ending=message.ending,
        headline=message.headline,
        cluster=message.cluster,
        target=message.target,
        sections=tuple(
            NoticeSection(title=section.title, lines=section.lines, commands=section.commands)
            for section in message.sections
        ),
        link=None if message.link is None else message.link.url,
    )
