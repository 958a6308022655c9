"""The log, intents, leases and the halt. There is nothing before it."""

from __future__ import annotations

from byteport.errors import ConfigError
from byteport.ledger.migrations.scripts import run_sqlite

revision = "1"
down_revision = None


def upgrade() -> None:
    run_sqlite("v1_up.sql")


def downgrade() -> None:
    raise ConfigError("ledger.path", "there is no version before 1; a log is not dropped by a migration")
