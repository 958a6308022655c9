"""The approvals page put together: settings' parts, a client and a log in, a server that can be run out.

Comes after everything else of this room; `byteport console` calls it.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.client import Client

from byteport.audit.completeness import NOBODY, Trust, Young
from byteport.audit.notes import parse_vkey
from byteport.audit.records import timestamp
from byteport.console.app import application, health_application
from byteport.console.face import Approvers, Face
from byteport.console.provider import Provider
from byteport.console.reached import needed, reached
from byteport.console.sessions import Sessions, SignIns
from byteport.console.verdicts import Verdicts
from byteport.contracts.console import ConsoleConfig
from byteport.contracts.workflows import Installation
from byteport.errors import BytePortError, ConfigError, MalformedInput
from byteport.ledger.log import AuditLog
from byteport.serving.keysets import KeySets
from byteport.serving.metered import Told, nobody
from byteport.serving.serve import Alone, Ports, Server
from byteport.serving.tls import Contexts, TlsFiles
from byteport.temporal.connect import must_answer

SECTION = "console"
NOT_SIGNED_YET = timedelta(minutes=10)
ANSWERS_WITHIN = timedelta(seconds=3)
KNOWN_SECONDS = 2.0


class Readiness:
    """What is missing, by name. However many ask, Temporal is asked once in some seconds, and by one of them."""

    def __init__(self, client: Client, contexts: Contexts) -> None:
        self._client = client
        self._contexts = contexts
        self._turn = asyncio.Lock()
        self._known: tuple[float, list[str]] | None = None

    async def missing(self) -> list[str]:
        async with self._turn:
            if self._known is None or time.monotonic() - self._known[0] > KNOWN_SECONDS:
                found = await self._of_temporal()
                self._known = (time.monotonic(), found)  # of then: whoever waited for it asks nobody again
        return [*self._known[1], *(["certificate"] if self._contexts.ended() else [])]

    async def _of_temporal(self) -> list[str]:
        try:
            await must_answer(self._client, within=ANSWERS_WITHIN)
        except BytePortError:
            return ["temporal"]
        return []


def assemble(
    config: ConsoleConfig,
    client: Client,
    installation: Installation,
    log: AuditLog,
    issuers: Path | None,
    told: Told = nobody,
) -> Server:
    """A server that has its ports and has read its files; `told` hears what was answered. Raises `ConfigError` for what is
    missing or wrong."""
    to = reached(config)
    approvers = Approvers(needed(issuers, "approvals.issuers"), to)
    approvers.must_list_us()
    files = TlsFiles(
        needed(config.certificate, "console.certificate"), needed(config.key, "console.key"), None, SECTION
    )
    contexts = Contexts(files, _now)
    sessions = Sessions(config.limits, config.session_seconds, time.monotonic)
    face = Face(
        config=config,
        reached=to,
        provider=Provider(to, KeySets(Path(), time.monotonic), _now, time.monotonic),
        sessions=sessions,
        approvers=approvers,
        client=client,
        installation=installation,
        log=log,
        verdicts=Verdicts(log, installation.tenant, _trust(config.log_key), _young, _now, time.monotonic),
        sign_ins=SignIns(config.limits.sign_ins_per_minute, time.monotonic()),
        now=_now,
    )

    ready = Readiness(client, contexts)
    return Server(
        application(face, ready.missing, told),
        health_application(ready.missing, config.limits),
        Ports(config.address, config.health_address, SECTION),
        contexts,
        config.limits,
        config.stop_seconds,
        Alone(),
    )


def _trust(path: Path | None) -> Trust:
    if path is None:
        return NOBODY
    try:
        return Trust(keys=(parse_vkey(path.read_text("utf-8").strip()),))
    except (OSError, UnicodeDecodeError, MalformedInput):
        raise ConfigError(
            "console.log_key", f"{path} holds no key; write there what `byteport log-key` prints"
        ) from None


def _young() -> Young:
    """A log that is written to has records that the signer has not come to yet."""
    return Young(timestamp(_now() - NOT_SIGNED_YET), timestamp(_now() + NOT_SIGNED_YET))


def _now() -> datetime:
    return datetime.now(UTC)
