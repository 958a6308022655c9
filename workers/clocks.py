"""What `byteport doctor`, and the start of the process that records, say of the clocks by which the log is kept.

Comes from `examine.py` and `start.py`. A warning and no more: refusing to start would not put the chain's time right.
"""

from __future__ import annotations

from activities.clock import Clock
from byteport.audit.heads import Chain
from byteport.contracts.workflows import Installation
from byteport.ledger.clocks import look
from byteport.ledger.store import Readable
from workers.preflight import Check, Outcome
from workers.remedies import Amiss, remedy


def check_clocks(ledger: Readable, ours: Installation, *, served: bool, clock: Clock) -> list[Check]:
    """`served`: whether there is a database server with a clock of its own. Raises `Unavailable` when it cannot be read."""
    chain = Chain(tenant=ours.tenant, cluster_uid=ours.cluster_uid)
    with ledger.snapshot() as sql:
        clocks = look(sql, chain, here=clock(), served=served)
    if clocks.differ:
        return [Check("clocks", Outcome.WARNING, clocks.says(), remedy(Amiss.CLOCKS_DIFFER))]
    if clocks.is_ahead:
        return [Check("clocks", Outcome.WARNING, clocks.says(), remedy(Amiss.CHAIN_AHEAD))]
    return [Check("clocks", Outcome.OK, "no record is of a time to come")]
