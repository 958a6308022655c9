"""The ledger that the settings name, opened: a SQLite file or a PostgreSQL database, to write or only to read.

Comes after `sqlite` and `postgres`; the wiring, the command line and the sandbox open ledgers here.
"""

from __future__ import annotations

from pathlib import Path

from byteport.errors import ConfigError
from byteport.ledger.config import LedgerConfig
from byteport.ledger.keys import SETTING as KEY_SETTING
from byteport.ledger.keys import BodyKeys, read_body_keys
from byteport.ledger.log import AuditLog
from byteport.ledger.schema import SETTING
from byteport.ledger.sqlite import SqliteReader, SqliteStore
from byteport.ledger.store import Clock, Randomness, Readable, Store


def open_store(
    config: LedgerConfig,
    tenant: str,
    *,
    clock: Clock,
    randomness: Randomness,
    bodies: bool = True,
) -> Store:
    """The ledger, to write; a file is made if there is none. `bodies`: whether this process may write and read them.

    Raises `ConfigError` for what cannot be one, `Unavailable` when it does not answer.
    """
    keys = body_keys(config) if bodies else None
    if config.url is not None:
        from byteport.ledger.postgres import (
            Database,
            PostgresStore,
        )  # its driver takes longer to load than all the rest

        database = Database(config.url, config.password_file)
        return PostgresStore(database, tenant, keys=keys, clock=clock, randomness=randomness)
    return SqliteStore(_file(config), keys=keys, clock=clock, randomness=randomness)


def open_reader(config: LedgerConfig, tenant: str, *, bodies: bool = False) -> Readable:
    """The ledger, to read; nothing is made, and nothing is looked for before the first snapshot."""
    keys = body_keys(config) if bodies else None
    if config.url is not None:
        from byteport.ledger.postgres import Database, PostgresReader

        return PostgresReader(Database(config.url, config.password_file), tenant, keys)
    return SqliteReader(_file(config), keys)


def open_log(config: LedgerConfig, tenant: str) -> AuditLog:
    """The log, with what its records say. Raises `ConfigError` when there is none."""
    if config.url is None and not _file(config).is_file():
        raise ConfigError(SETTING, f"{config.path} does not exist; nothing has been recorded here")
    return AuditLog(open_reader(config, tenant, bodies=True))


def body_keys(config: LedgerConfig) -> BodyKeys:
    """The keys of bodies. Raises `ConfigError`."""
    if config.body_key is None:
        raise ConfigError(KEY_SETTING, "must be set")
    return read_body_keys(config.body_key)


def must_be_readable(reader: Readable) -> None:
    """Raises `Unavailable` unless a ledger of ours can be read there now, `ConfigError` for one that is none."""
    with reader.snapshot():
        return


def _file(config: LedgerConfig) -> Path:
    if config.path is None:
        raise ConfigError(SETTING, "must be set")
    return config.path
