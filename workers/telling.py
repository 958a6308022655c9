"""Wires the channels to people that the settings name: which there are, how each is reached, and what it has taken already.

Comes beside `wiring.py`, which asks here; `byteport notify test` asks here too. No secret is read before something is delivered, so
that a channel whose secret is missing keeps neither this process from starting nor another channel from paging.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from activities.clock import Clock
from activities.notify.channel import Channel
from activities.notify.email import Email
from activities.notify.file import FileChannel, LogChannel
from activities.notify.page import Local, Outside, Pager
from activities.notify.pagerduty import PagerDuty
from activities.notify.posting import Posting
from activities.notify.sent import Sent
from activities.notify.slack import Slack
from activities.notify.smtp import MailServer
from activities.notify.teams import Teams
from activities.notify.webhook import NoticeWebhook
from activities.secrets.port import SecretSource
from activities.secrets.reading import Secrets, chosen
from byteport.contracts.channels import ChannelKind
from byteport.errors import ConfigError
from byteport.settings import Settings

SENT_SUFFIX = ".sent"
"""Beside the file of notices, on the same volume, lies what each channel has taken."""


def pager(settings: Settings, clock: Clock) -> Pager:
    """What the queue `notify` serves. Raises `ConfigError` for settings that cannot be used."""
    file = _file(settings)
    local: list[Local] = [FileChannel(file), LogChannel()]
    if not settings.escalation.channels:
        return Pager(local)
    sent = Sent(file.with_name(file.name + SENT_SUFFIX))
    return Pager(local, outside(settings, sent, clock))


def outside(settings: Settings, sent: Sent, clock: Clock) -> Outside:
    """The channels that leave the cluster, with their routes."""
    return Outside(channels(settings, clock), settings.escalation.routes, sent, settings.people.page_url)


def channels(settings: Settings, clock: Clock) -> list[Channel]:
    """Each channel that the settings name. Raises `ConfigError` where one needs a secret and no backend is set."""
    named = settings.escalation.channels
    needs_none = set(named) <= {ChannelKind.EMAIL} and settings.escalation.email.password is None
    secrets = Secrets(settings.secret, clock) if needs_none else chosen(settings.secret, clock)
    makers = _makers(settings, secrets, clock)
    return [makers[kind]() for kind in named]


def _makers(settings: Settings, secrets: SecretSource, clock: Clock) -> dict[ChannelKind, Callable[[], Channel]]:
    escalation = settings.escalation
    posting = Posting(escalation.ca_file, escalation.proxy, clock)

    def email() -> Channel:
        config = escalation.email
        if config.server is None:
            raise ConfigError("escalation.email.server", "must be set where escalation.channels names email")
        server = MailServer(config.server, config.tls, ca_file=escalation.ca_file)
        return Email(config, secrets, server, clock=clock)

    return {
        ChannelKind.SLACK: lambda: Slack(escalation.slack, secrets, posting),
        ChannelKind.TEAMS: lambda: Teams(escalation.teams, secrets, posting),
        ChannelKind.PAGERDUTY: lambda: PagerDuty(escalation.pagerduty, secrets, posting),
        ChannelKind.EMAIL: email,
        ChannelKind.WEBHOOK: lambda: NoticeWebhook(escalation.webhook, secrets, posting),
    }


def _file(settings: Settings) -> Path:
    if settings.escalation.file is None:
        raise ConfigError("escalation.file", "must be set")
    return settings.escalation.file
