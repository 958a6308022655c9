"""What the settings say of the channels to people, and which of them hears of which rung.

Composed into the settings by `byteport/settings`; `activities/notify` holds one file for each. What shows who we are is
named here and read from the secret backend at each notice; there is no setting by which a certificate would not be verified.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from byteport.contracts.receiver_addresses import HostAndPort, ReceiverUrl
from byteport.contracts.secret_names import SecretName
from byteport.domain.base import Frozen

MOST_RECIPIENTS = 20
ADDRESS = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9-]{1,63})+$"


class ChannelKind(StrEnum):
    """One way to people outside of the cluster; there is at most one of each."""

    SLACK = "slack"
    TEAMS = "teams"
    PAGERDUTY = "pagerduty"
    EMAIL = "email"
    WEBHOOK = "webhook"


class SmtpTls(StrEnum):
    """How the connection to a mail server is made secret. There is no third way."""

    STARTTLS = "starttls"
    """Asked for in clear first, and required."""
    IMPLICIT = "implicit"
    """From the first byte."""


MailAddress = Annotated[str, Field(pattern=ADDRESS, max_length=254)]


class SlackConfig(Frozen):
    """A Slack workspace: an app with a bot token, or an incoming webhook."""

    token: SecretName | None = None
    """Secret that holds the bot's token (`xoxb-…`, scope `chat:write`). With it, an incident is one thread. Needs `channel`."""
    channel: Annotated[str, Field(pattern=r"^[CGD][A-Z0-9]{2,20}$")] | None = None
    """Id of the Slack channel (`C0123456789`, in its details), to which the bot was invited."""
    webhook: SecretName | None = None
    """Secret that holds the URL of an incoming webhook, instead of `token` and `channel`. Then there are no threads."""
    api: ReceiverUrl = "https://slack.com/api"
    """Where Slack's Web API is."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.webhook is not None and self.token is not None:
            raise ValueError("set `token` and `channel`, or `webhook`, not both")
        if (self.token is None) is not (self.channel is None):
            raise ValueError("`token` and `channel` belong together; set both or neither")
        return self


class TeamsConfig(Frozen):
    """A channel of Microsoft Teams, by a workflow that posts what its webhook is sent."""

    webhook: SecretName | None = None
    """Secret that holds the workflow's URL (`https://…/triggers/manual/paths/invoke?…&sig=…`)."""


class PagerDutyConfig(Frozen):
    """A service of PagerDuty, by its Events API v2."""

    routing_key: SecretName | None = None
    """Secret that holds the integration key (32 characters) of the service."""
    api: ReceiverUrl = "https://events.pagerduty.com"
    """Where the Events API is; `https://events.eu.pagerduty.com` in the EU."""


class EmailConfig(Frozen):
    """A mail server."""

    server: HostAndPort | None = None
    """`host:port`: 587 for STARTTLS, 465 for TLS from the start."""
    tls: SmtpTls = SmtpTls.STARTTLS
    """`starttls` or `implicit`. Nothing is sent in clear."""
    user: Annotated[str, Field(pattern=r"^[!-~]{1,200}$")] | None = None
    """Name to log in with. Needs `password`."""
    password: SecretName | None = None
    """Secret that holds the password. Needs `user`. Default: no login."""
    sender: MailAddress | None = None
    """Address in `From`."""
    to: Annotated[tuple[MailAddress, ...], Field(max_length=MOST_RECIPIENTS)] = ()
    """Addresses that are told, 20 at most."""

    @model_validator(mode="after")
    def _user_and_password_belong_together(self) -> Self:
        if (self.user is None) is not (self.password is None):
            raise ValueError("`user` and `password` belong together; set both or neither")
        return self


class NoticeWebhookConfig(Frozen):
    """A receiver of one POST per notice, signed as Standard Webhooks says."""

    url: ReceiverUrl | None = None
    """Where each notice is posted to; `https` only."""
    secret: SecretName | None = None
    """Secret that holds what signs, one a line: `whsec_…` or `whsk_…` (Ed25519). All of them sign."""


class Routes(Frozen):
    """Which channels hear of which rung."""

    channels: tuple[ChannelKind, ...] = ()
    by_rung: tuple[tuple[ChannelKind, ...], ...] = ()

    def of(self, rung: int) -> tuple[ChannelKind, ...]:
        """Those of that rung: 0 is a plain notice. The last entry holds for all that follow."""
        return self.by_rung[min(rung, len(self.by_rung) - 1)] if self.by_rung else self.channels
