"""The tables of the ledger's SQLite file. `store` applies them; nothing else writes SQL that changes a structure.

A file of an earlier version is brought up to date when it is opened for writing, one version at a time, in the
transaction that opens it: all of it or nothing. Such a file can be read as it is, since no version has changed what a
record is; one of a later version is refused, because nobody here knows what it means.

`agent_actions` is append-only by triggers, for REPLACE too (which deletes without firing a delete trigger), and its
searchable columns are *generated* from the hashed bytes: they cannot say anything else than what was hashed.
"""

from __future__ import annotations

import sqlite3

from byteport.errors import ConfigError

SETTING = "ledger.path"
APPLICATION_ID = 0x42505254
VERSION = 2
OLDEST_SQLITE = (3, 35, 0)


def _field(part: str, name: str) -> str:
    """A generated column. A part that is no JSON any more gives NULL, so that a tampered row can still be read."""
    return (
        f"{name} TEXT GENERATED ALWAYS AS"
        f" (CASE WHEN json_valid({part}) THEN json_extract({part}, '$.{name}') END) VIRTUAL"
    )


_COLUMNS = ",\n  ".join(
    [_field("header", name) for name in ("id", "key", "timestamp", "event", "decision", "action_id")]
    + [_field("payload", name) for name in ("incident_id", "workflow_id", "runbook", "target")]
)

_SINCE_2 = """
CREATE TABLE alarms (
  cluster_uid TEXT NOT NULL,
  name TEXT NOT NULL,
  namespace TEXT NOT NULL,
  raised_by TEXT NOT NULL,
  since_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (cluster_uid, name, namespace)
);

CREATE TABLE storms (
  cluster_uid TEXT PRIMARY KEY,
  since_ms INTEGER NOT NULL,
  factor TEXT NOT NULL,
  in_trouble INTEGER NOT NULL,
  of_targets INTEGER NOT NULL,
  workflow_id TEXT NOT NULL
);

CREATE TABLE policies (
  cluster_uid TEXT PRIMARY KEY,
  version TEXT NOT NULL,
  content TEXT NOT NULL,
  note TEXT NOT NULL,
  changes INTEGER NOT NULL
);

CREATE INDEX intents_act ON intents (cluster_uid, act, at_ms);
"""

TABLES = (
    """
CREATE TABLE agent_actions (
  tenant TEXT NOT NULL,
  cluster_uid TEXT NOT NULL,
  seq INTEGER NOT NULL,
  header TEXT NOT NULL,
  payload TEXT,
  salt BLOB,
  hash TEXT NOT NULL,
  /* generated columns */,
  PRIMARY KEY (tenant, cluster_uid, seq)
);
CREATE UNIQUE INDEX agent_actions_id ON agent_actions (tenant, id);
CREATE UNIQUE INDEX agent_actions_key ON agent_actions (tenant, cluster_uid, key);
CREATE INDEX agent_actions_incident ON agent_actions (incident_id);
CREATE INDEX agent_actions_action ON agent_actions (action_id);

CREATE TABLE chain_heads (
  tenant TEXT NOT NULL,
  cluster_uid TEXT NOT NULL,
  seq INTEGER NOT NULL,
  hash TEXT NOT NULL,
  stamp_ms INTEGER NOT NULL,
  PRIMARY KEY (tenant, cluster_uid)
);

CREATE TABLE intents (
  action_id TEXT PRIMARY KEY,
  cluster_uid TEXT NOT NULL,
  incident_id TEXT NOT NULL,
  runbook TEXT NOT NULL,
  namespace TEXT NOT NULL,
  target TEXT NOT NULL,
  act TEXT NOT NULL,
  plan_digest TEXT NOT NULL,
  arguments_digest TEXT NOT NULL,
  lease_key TEXT NOT NULL,
  undoes TEXT,
  at_ms INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  record_id TEXT NOT NULL,
  record_hash TEXT NOT NULL,
  outcome TEXT CHECK (outcome IN ('done', 'not_done', 'unknown')),
  verified INTEGER CHECK (verified IN (0, 1)),
  ended_ms INTEGER
);
CREATE INDEX intents_recent ON intents (cluster_uid, at_ms);
CREATE INDEX intents_target ON intents (cluster_uid, target, at_ms);
CREATE INDEX intents_incident ON intents (cluster_uid, incident_id);

CREATE TABLE answers_used (
  answer_digest TEXT NOT NULL,
  action_id TEXT NOT NULL,
  PRIMARY KEY (answer_digest, action_id)
);

CREATE TABLE leases (
  cluster_uid TEXT NOT NULL,
  lease_key TEXT NOT NULL,
  holder TEXT NOT NULL,
  until_ms INTEGER NOT NULL,
  PRIMARY KEY (cluster_uid, lease_key)
);

CREATE TABLE halts (
  cluster_uid TEXT PRIMARY KEY,
  halted_by TEXT NOT NULL,
  since_ms INTEGER NOT NULL,
  reason TEXT NOT NULL
);

CREATE TRIGGER agent_actions_never_updated BEFORE UPDATE ON agent_actions
BEGIN SELECT RAISE(ABORT, 'agent_actions is append-only'); END;

CREATE TRIGGER agent_actions_never_deleted BEFORE DELETE ON agent_actions
BEGIN SELECT RAISE(ABORT, 'agent_actions is append-only'); END;

CREATE TRIGGER agent_actions_only_at_the_end BEFORE INSERT ON agent_actions
WHEN NEW.seq <> 1 + coalesce(
    (SELECT seq FROM chain_heads WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid), 0)
  OR EXISTS (
    SELECT 1 FROM agent_actions
    WHERE tenant = NEW.tenant
      AND (id = json_extract(NEW.header, '$.id')
        OR (cluster_uid = NEW.cluster_uid AND key = json_extract(NEW.header, '$.key'))))
BEGIN SELECT RAISE(ABORT, 'agent_actions is append-only'); END;

CREATE TRIGGER chain_heads_never_deleted BEFORE DELETE ON chain_heads
BEGIN SELECT RAISE(ABORT, 'a chain does not end'); END;

CREATE TRIGGER chain_heads_only_forward BEFORE UPDATE ON chain_heads
WHEN NEW.seq <> OLD.seq + 1 OR NEW.tenant <> OLD.tenant OR NEW.cluster_uid <> OLD.cluster_uid
BEGIN SELECT RAISE(ABORT, 'a chain only grows'); END;

CREATE TRIGGER chain_heads_never_replaced BEFORE INSERT ON chain_heads
WHEN EXISTS (SELECT 1 FROM chain_heads WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid)
BEGIN SELECT RAISE(ABORT, 'a chain only grows'); END;
""".replace("/* generated columns */", _COLUMNS)
    + _SINCE_2
)

STEPS = {1: _SINCE_2}
"""What turns a file of each earlier version into one of the next."""


def apply(connection: sqlite3.Connection, where: str) -> None:
    """Make the tables in an empty file, or bring those of an earlier version up to date.

    Call inside BEGIN IMMEDIATE. Raises `ConfigError` for a file of another program or of a newer version.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise ConfigError(SETTING, f"SQLite {sqlite3.sqlite_version} is too old; 3.35 or newer is needed")
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if (application, version, tables) == (0, 0, 0):
        _run(connection, TABLES)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        return
    check(application, version, where)
    for earlier in range(version, VERSION):
        _run(connection, STEPS[earlier])
        connection.execute(f"PRAGMA user_version = {earlier + 1}")


def check(application: int, version: int, where: str) -> None:
    """Raises `ConfigError` unless a file with these numbers is a ledger that this program can read."""
    if application != APPLICATION_ID:
        raise ConfigError(SETTING, f"{where} is a database of another program")
    if version > VERSION:
        raise ConfigError(
            SETTING, f"{where} has format {version}, of a newer byteport; this one knows formats up to {VERSION}"
        )
    if version < 1:
        raise ConfigError(SETTING, f"{where} has format {version}, which no byteport has written")


def _run(connection: sqlite3.Connection, script: str) -> None:
    for statement in _statements(script):
        connection.execute(statement)


def _statements(script: str) -> list[str]:
    """`executescript` would commit first, so the script is cut where SQLite itself says that a statement is complete."""
    statements, text = [], ""
    for line in script.splitlines(keepends=True):
        text += line
        if sqlite3.complete_statement(text):
            statements.append(text)
            text = ""
    return statements
