"""What can be set of the channels to people: which there are, who hears of which rung, and where a person answers."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from byteport.contracts.channels import (
    ChannelKind,
    EmailConfig,
    NoticeWebhookConfig,
    PagerDutyConfig,
    Routes,
    SlackConfig,
    TeamsConfig,
)
from byteport.contracts.receiver_addresses import ProxyUrl, ReceiverUrl
from byteport.settings.audit import one_or_several

MOST_RUNGS = 11


def _rungs(value: object) -> object:
    """`[slack]` for a rung, as well as `slack`."""
    return [one_or_several(rung) for rung in value] if isinstance(value, list | tuple) else value


class PeopleConfig(BaseModel):
    """Where people look and answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    page_url: ReceiverUrl | None = None
    """Address of the page on which people read and answer, as their browsers reach it: `https://byteport.example`. A notice
    links to it. Default: none; a notice names the command line that answers."""


class ChannelSettings(BaseModel):
    """The channels to people, besides the file and the process's own log, which always hear."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: Annotated[tuple[ChannelKind, ...], BeforeValidator(one_or_several)] = ()
    """Channels, one or several: `slack`, `teams`, `pagerduty`, `email`, `webhook`. Default: none; nobody is told but
    by the file and the log."""
    by_rung: Annotated[tuple[tuple[ChannelKind, ...], ...], BeforeValidator(_rungs), Field(max_length=MOST_RUNGS)] = ()
    """Channels of rung 0 (plain notices and questions), of the first page, of the second …; the last entry holds for all
    that follow. PagerDuty is never paged for rung 0. Default: all channels at each rung."""
    slack: SlackConfig = SlackConfig()
    teams: TeamsConfig = TeamsConfig()
    pagerduty: PagerDutyConfig = PagerDutyConfig()
    email: EmailConfig = EmailConfig()
    webhook: NoticeWebhookConfig = NoticeWebhookConfig()
    ca_file: Path | None = None
    """PEM of authorities that signed channels' certificates, besides those that the system trusts. There is no setting by
    which a certificate would not be verified."""
    proxy: ProxyUrl | None = None
    """Proxy that opens tunnels (CONNECT) to channels that speak HTTP. Default: none; the environment's is not taken."""

    @property
    def routes(self) -> Routes:
        return Routes(channels=self.channels, by_rung=self.by_rung)

    @model_validator(mode="after")
    def _channels_are_complete(self) -> ChannelSettings:
        if len(set(self.channels)) != len(self.channels):
            raise ValueError("escalation.channels names a channel twice; there is one of each")
        for kind in itertools.chain.from_iterable(self.by_rung):
            if kind not in self.channels:
                raise ValueError(f"escalation.by_rung names {kind.value}, which escalation.channels does not")
        if self.by_rung and not self.by_rung[-1]:
            raise ValueError("the last entry of escalation.by_rung names nobody, and would hold for all pages after it")
        for kind in self.channels:
            if missing := [key for key, value in self._needed(kind).items() if not value]:
                raise ValueError(f"escalation.{kind.value}.{missing[0]} must be set where escalation.channels names it")
        return self

    def _needed(self, kind: ChannelKind) -> dict[str, Any]:
        """What a channel cannot do without, by its key."""
        match kind:
            case ChannelKind.SLACK:
                return {"token": self.slack.token or self.slack.webhook}
            case ChannelKind.TEAMS:
                return {"webhook": self.teams.webhook}
            case ChannelKind.PAGERDUTY:
                return {"routing_key": self.pagerduty.routing_key}
            case ChannelKind.EMAIL:
                return {"server": self.email.server, "sender": self.email.sender, "to": self.email.to}
            case ChannelKind.WEBHOOK:
                return {"url": self.webhook.url, "secret": self.webhook.secret}
