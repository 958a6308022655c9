"""Alarms, storms and the policy as it was last seen."""

from __future__ import annotations

from byteport.ledger.migrations.scripts import run_sqlite

revision = "2"
down_revision = "1"


def upgrade() -> None:
    run_sqlite("v2_up.sql")


def downgrade() -> None:
    run_sqlite("v2_down.sql")
