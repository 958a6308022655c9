"""The door put together: settings and a hand-over in, a server that can be run out. Comes last in this room."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from temporalio.client import Client

from byteport.alerts.app import application, health_application
from byteport.alerts.back import Back, SecretsFile, TellRun
from byteport.alerts.callers import Callers
from byteport.alerts.counts import Counts
from byteport.alerts.faces import Allowances, Face, HandOver
from byteport.alerts.sns_signatures import Fetch, SnsVerifier
from byteport.contracts.alerts_face import AUDIENCE, AlertsConfig
from byteport.contracts.workflows import Installation
from byteport.errors import ConfigError
from byteport.serving.fetch import fetch
from byteport.serving.keysets import KeySets
from byteport.serving.looks import Looks
from byteport.serving.metered import Told, nobody
from byteport.serving.serve import Alone, Ports, Server
from byteport.serving.tls import Contexts, TlsFiles
from byteport.serving.tokens import Tokens
from byteport.temporal.alerts_intake import hand_in
from byteport.temporal.intake import acknowledge

log = logging.getLogger(__name__)

SECTION = "alerts"


def assemble(
    config: AlertsConfig,
    installation: Installation,
    hand_over: HandOver,
    base: Path,
    fetches: Fetch = fetch,
    tell_run: TellRun | None = None,
    told: Told = nobody,
) -> Server:
    """A server that has its ports and has read its files. `base` is the folder that issuers' paths start from, `fetches` gets
    what SNS refers to, `tell_run` tells a run who is at it, `told` hears what was answered. Raises `ConfigError` for what is missing or wrong, and when nobody could
    send anything."""
    back = _back(config, tell_run)
    senders = (config.tokens_file, config.client_certificates, config.workloads, config.sns.topics, back)
    if not any(senders):
        says = "nobody may send: set it, or alerts.client_certificates, alerts.workloads or alerts.sns.topics"
        raise ConfigError("alerts.tokens_file", says)
    files = TlsFiles(_needed(config.certificate, "certificate"), _needed(config.key, "key"), config.client_ca, SECTION)
    contexts = Contexts(files, _now)
    callers = Callers(config, Tokens(KeySets(base, time.monotonic), AUDIENCE, _now), _now)

    def lacks() -> list[str]:
        missing = ["certificate"] if contexts.ended() else []
        return [*missing, *(["tokens"] if callers.unreadable() else [])]

    face = Face(
        callers=callers,
        allowances=Allowances(config.limits, time.monotonic),
        limits=config.limits,
        counts=Counts(),
        looks=Looks(lacks),
        hand_over=hand_over,
        now=_now,
        clusters=frozenset({installation.cluster_name, *config.clusters}),
        tell_untreated=config.tell_untreated,
        sns=SnsVerifier(config.sns, fetches, time.monotonic, _now) if config.sns.topics else None,
        back=back,
    )
    return Server(
        application(face, told),
        health_application(face),
        Ports(config.address, config.health_address, SECTION),
        contexts,
        config.limits,
        config.stop_seconds,
        Alone(),
    )


def by_temporal(client: Client, installation: Installation) -> HandOver:
    """Hands over to the run that always stands."""
    return partial(hand_in, client, installation)


def telling(client: Client) -> TellRun:
    """Tells a run that a person is at it."""
    return partial(acknowledge, client)


def _back(config: AlertsConfig, tell_run: TellRun | None) -> Back | None:
    """How people answer, where the settings name what signs it."""

    def signing(path: Path | None, setting: str) -> SecretsFile | None:
        return None if path is None else SecretsFile(path, f"{SECTION}.{setting}")

    pager = signing(config.pagerduty_secrets_file, "pagerduty_secrets_file")
    chat = signing(config.slack_secrets_file, "slack_secrets_file")
    return Back(tell_run, pager, chat) if tell_run is not None and (pager or chat) else None


def _needed(path: Path | None, setting: str) -> Path:
    if path is None:
        raise ConfigError(f"{SECTION}.{setting}", "must be set")
    return path


def _now() -> datetime:
    return datetime.now(UTC)
