"""Payloads lie apart and encrypted; checkpoints, cursors of exports, holds and requests for erasure.

Headers and hashes are copied as they are, whatever they are: whether they are right is for the checker to say. Going back
puts the payloads beside their headers again, in plain text; checkpoints, cursors, holds and requests are lost.
"""

from __future__ import annotations

import json
from secrets import token_bytes

from byteport.audit.heads import Chain
from byteport.ledger.keys import BodyKeys
from byteport.ledger.migrations.scripts import body_keys, run_sqlite, sqlite_connection
from byteport.ledger.sealing import SEARCHABLE, Opened, open_body, seal

revision = "3"
down_revision = "2"

_OLD = (
    "SELECT tenant, cluster_uid, seq, header, CAST(payload AS BLOB) AS payload, CAST(salt AS BLOB) AS salt, hash"
    " FROM agent_actions_before_3 ORDER BY tenant, cluster_uid, seq"
)
_NEW = (
    "SELECT tenant, cluster_uid, seq, header, hash, body FROM agent_actions_of_3"
    " LEFT JOIN agent_action_bodies USING (tenant, cluster_uid, seq) ORDER BY tenant, cluster_uid, seq"
)


def upgrade() -> None:
    run_sqlite("v3_up.sql")
    sql, keys = sqlite_connection(), None
    for tenant, cluster_uid, seq, header, payload, salt, record_hash in sql.execute(_OLD):
        place = (tenant, cluster_uid, seq)
        sql.execute(
            "INSERT INTO agent_actions (tenant, cluster_uid, seq, header, hash) VALUES (?, ?, ?, ?, ?)",
            (*place, header, record_hash),
        )
        if payload is not None:
            keys = keys or body_keys()
            body = seal(
                keys, Chain(tenant=tenant, cluster_uid=cluster_uid), seq, Opened(salt or b"", payload), token_bytes
            )
            sql.execute(
                "INSERT INTO agent_action_bodies"
                " (tenant, cluster_uid, seq, body, incident_id, workflow_id, runbook, target)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*place, body, *_indexes(keys, tenant, payload)),
            )
    run_sqlite("v3_then.sql")


def downgrade() -> None:
    run_sqlite("v3_down.sql")
    sql, keys = sqlite_connection(), None
    for tenant, cluster_uid, seq, header, record_hash, body in sql.execute(_NEW):
        opened = None
        if body is not None:
            keys = keys or body_keys()
            opened = open_body(keys, Chain(tenant=tenant, cluster_uid=cluster_uid), seq, body)
        sql.execute(
            "INSERT INTO agent_actions (tenant, cluster_uid, seq, header, payload, salt, hash)"
            " VALUES (?, ?, ?, ?, CAST(? AS TEXT), ?, ?)",
            (
                tenant,
                cluster_uid,
                seq,
                header,
                *((opened.payload, opened.salt) if opened else (None, None)),
                record_hash,
            ),
        )
    run_sqlite("v3_down_then.sql")


def _indexes(keys: BodyKeys, tenant: str, payload: bytes) -> tuple[bytes | None, ...]:
    """None for a payload that is no record's any more: it is found by no word, and named by the checker."""
    try:
        plain = json.loads(payload)
        words = [plain[field] for field in SEARCHABLE]
    except (ValueError, LookupError, TypeError, RecursionError):
        return (None,) * len(SEARCHABLE)
    return tuple(
        keys.indexes(tenant, field, word)[0] if isinstance(word, str) else None
        for field, word in zip(SEARCHABLE, words, strict=True)
    )
