"""The face put together: settings and a store in, a server that can be run out.

Comes after everything else of this room; `byteport api` calls it.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from pathlib import Path

from byteport.api.app import application, health_application
from byteport.api.archive import Archive
from byteport.api.callers import Door
from byteport.api.counts import Counts
from byteport.api.enrolment import EnrolmentFile
from byteport.api.faces import Face
from byteport.api.limits import Allowances
from byteport.api.retention import Sweeper
from byteport.contracts.ledger_api import AUDIENCE, ApiConfig
from byteport.errors import BytePortError, ConfigError
from byteport.ledger.keys import SETTING as KEY_SETTING
from byteport.ledger.store import Store
from byteport.serving.keysets import KeySets
from byteport.serving.looks import Looks
from byteport.serving.serve import Ports, Server
from byteport.serving.tls import Contexts, TlsFiles
from byteport.serving.tokens import Tokens

log = logging.getLogger(__name__)


def assemble(config: ApiConfig, store: Store) -> Server:
    """A server that has its ports and has read its files. Raises `ConfigError` for what is missing or wrong."""
    enrolment = EnrolmentFile(_needed(config.enrolment, "api.enrolment"))
    enrolment.current()
    files = TlsFiles(
        _needed(config.certificate, "api.certificate"), _needed(config.key, "api.key"), config.client_ca, "api"
    )
    contexts = Contexts(files, _now)
    archive = Archive(store)
    counts = Counts()

    def lacks() -> list[str]:
        missing = []
        tenants: tuple[str, ...] = ()
        try:
            tenants = enrolment.current().tenants
        except BytePortError:
            missing.append("enrolment")
        try:
            archive.answers()
            archive.must_open(tenants)
        except ConfigError as error:
            log.error("not_ready: %s", error)
            missing.append("body_key" if error.key == KEY_SETTING else "store")
        except BytePortError:
            missing.append("store")
        return [*missing, *(["certificate"] if contexts.ended() else [])]

    face = Face(
        door=Door(enrolment, Tokens(KeySets(enrolment.path.parent, time.monotonic), AUDIENCE, _now), _now),
        allowances=Allowances(config.limits, time.monotonic),
        archive=archive,
        limits=config.limits,
        counts=counts,
        enrolment=enrolment,
        looks=Looks(lacks),
    )
    return Server(
        application(face),
        health_application(face),
        Ports(config.address, config.health_address, "api"),
        contexts,
        config.limits,
        config.stop_seconds,
        Sweeper(store, enrolment, config, counts),
    )


def _needed(path: Path | None, setting: str) -> Path:
    if path is None:
        raise ConfigError(setting, "must be set")
    return path


def _now() -> datetime:
    return datetime.now(UTC)
