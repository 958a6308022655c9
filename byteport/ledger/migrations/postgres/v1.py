"""The log and the ledger's own rows, with the functions that alone change the log, and who may do what."""

from __future__ import annotations

from byteport.ledger.migrations.scripts import postgres_is_empty, run_postgres

revision = "1"
down_revision = None


def upgrade() -> None:
    run_postgres("v1_up.sql")


def downgrade() -> None:
    postgres_is_empty()
    run_postgres("v1_down.sql")
