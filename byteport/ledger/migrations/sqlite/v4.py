"""What a copy of other clusters' logs needs: when it took records in, and whose bodies they say are gone but stay for a while.

Going back forgets what was named and still stays, so that it stays for ever; the log itself stays as it is.
"""

from __future__ import annotations

from byteport.ledger.migrations.scripts import run_sqlite

revision = "4"
down_revision = "3"


def upgrade() -> None:
    run_sqlite("v4_up.sql")


def downgrade() -> None:
    run_sqlite("v4_down.sql")
