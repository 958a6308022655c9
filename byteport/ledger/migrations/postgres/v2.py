"""What is kept about the log besides: checkpoints, cursors of exports, holds and requests for erasure.

Going back drops these, checkpoints included; the log itself stays as it is.
"""

from __future__ import annotations

from byteport.ledger.migrations.scripts import run_postgres

revision = "2"
down_revision = "1"


def upgrade() -> None:
    run_postgres("v2_up.sql")


def downgrade() -> None:
    run_postgres("v2_down.sql")
