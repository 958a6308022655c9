"""The clocks by which a chain is kept: this machine's, the database server's, and the time of the last record.

Times never go back along a chain, so that one process whose clock is ahead puts the whole chain ahead until the others have
caught up: nothing that is recorded meanwhile grows old, and whatever is counted within an hour is counted within that one.
Nothing puts it right afterwards, which is why a person's command looks here before it appends. Comes before
`byteport/cli/ledger.py` and `workers/clocks.py`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from byteport.audit.heads import Chain
from byteport.domain.base import Frozen, Instant
from byteport.ledger.append import moment
from byteport.ledger.store import Sql

BEARABLE = timedelta(minutes=2)
"""By so much clocks that are kept right may differ."""


class Clocks(Frozen):
    """What they say at one moment."""

    here: Instant
    head: Instant | None
    """The time of the last record; None before the first one."""
    server: Instant | None
    """The database server's clock; None where there is no server."""

    @property
    def differ(self) -> bool:
        """Whether this machine and the database server disagree: one of them is wrong, and what either records is, too."""
        return self.server is not None and abs(self.server - self.here) > BEARABLE

    @property
    def is_ahead(self) -> bool:
        """Whether the last record is of a time that this machine's clock has not reached."""
        return self.head is not None and self.head - self.here > BEARABLE

    def says(self) -> str:
        """What is wrong, both times named; empty where nothing is."""
        here = f"{self.here:%Y-%m-%d %H:%M:%S} UTC"
        if self.server is not None and self.differ:
            return f"this machine's clock says {here}, and the database server's {self.server:%Y-%m-%d %H:%M:%S} UTC"
        if self.head is None or not self.is_ahead:
            return ""
        head = f"the last record is of {self.head:%Y-%m-%d %H:%M:%S} UTC, and this machine's clock says {here}"
        if self.server is not None:
            return f"{head}, as the database server's does: the machine that wrote that record was ahead"
        return f"{head}: it is behind, or the machine that wrote that record was ahead"


def look(sql: Sql, chain: Chain, *, here: datetime, served: bool) -> Clocks:
    """The clocks of now. `served`: whether there is a database server with a clock of its own."""
    head = sql.execute(
        "SELECT stamp_ms FROM chain_heads WHERE tenant = ? AND cluster_uid = ?", (chain.tenant, chain.cluster_uid)
    ).fetchone()
    server = (
        sql.execute("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)").fetchone()
        if served
        else None
    )
    return Clocks(here=here, head=moment(head[0]) if head else None, server=moment(server[0]) if server else None)
