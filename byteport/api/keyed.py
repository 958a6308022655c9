"""Whether what is kept of a tenant was encrypted under a key that is at hand: asked before anything of it is read or kept.

A copy that was started with another key of bodies would keep new ones beside the old, and could read neither all of them
nor say so. Comes before `archive`.
"""

from __future__ import annotations

from byteport.errors import ConfigError
from byteport.ledger.keys import SETTING
from byteport.ledger.sealing import needed
from byteport.ledger.store import Store


def must_open(store: Store, tenant: str) -> None:
    """Raises `ConfigError` unless the newest body of each of the tenant's chains, where it has one, names a key at hand."""
    keys = needed(store.keys)
    with store.snapshot() as sql:
        for (cluster_uid,) in sql.execute("SELECT cluster_uid FROM chain_heads WHERE tenant = ?", (tenant,)).fetchall():
            row = sql.execute(
                "SELECT body FROM agent_action_bodies WHERE tenant = ? AND cluster_uid = ? ORDER BY seq DESC LIMIT 1",
                (tenant, cluster_uid),
            ).fetchone()
            if row is not None and not keys.knows(tenant, bytes(row[0])):
                raise ConfigError(SETTING, f"holds no key under which the bodies of {store.name} are encrypted")
