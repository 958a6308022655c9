"""Microsoft Teams: an Adaptive Card to the webhook of a workflow (Power Automate), which posts it into its channel.

Comes after `teams_card.py`. The workflow answers 202 once it has begun; that it posts is its own business, and it tells no name
by which a later message could join an earlier one. The older connectors' webhooks answer 200 with `1`, or 200 with an error in words.
"""

from __future__ import annotations

from http import HTTPStatus

from activities.export.answers import Asked
from activities.notify.channel import Taken
from activities.notify.posting import Posting
from activities.notify.reading import read_url
from activities.notify.teams_card import message_body
from activities.notify.told import Told
from activities.secrets.port import SecretSource
from byteport.contracts.channels import ChannelKind, TeamsConfig
from byteport.errors import Throttled, Unavailable

WEBHOOK = "escalation.teams.webhook"
CARD = Asked("teams: a card", url=WEBHOOK, credential=WEBHOOK)
_FAILED = b"Webhook message delivery failed"
_THROTTLED = b"HTTP error 429"


class Teams:
    """Posts to one channel."""

    kind = ChannelKind.TEAMS
    first_rung = 0

    def __init__(self, config: TeamsConfig, secrets: SecretSource, posting: Posting) -> None:
        self._config = config
        self._secrets = secrets
        self._posting = posting

    async def deliver(self, message: Told, earlier: str) -> Taken:
        del earlier  # there are no threads by webhook
        url = await read_url(self._secrets, self._config.webhook, WEBHOOK)
        answer = await self._posting.call(url, message_body(message), CARD)
        if answer.status == HTTPStatus.OK and _FAILED in answer.body:
            if _THROTTLED in answer.body:
                raise Throttled(f"{CARD.what}: too many messages")
            raise Unavailable(f"{CARD.what}: the connector could not deliver it")
        return Taken(said="handed to the workflow" if answer.status == HTTPStatus.ACCEPTED else "posted")
