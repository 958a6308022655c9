"""A body, sealed and opened: what can be erased of a record, encrypted, and found by blind indexes.

It is the salt and the payload, under the tenant's key and bound to its place in its chain, so that none can be put where
another was. Comes after `keys`; `append` seals, `log` opens, `bodies` destroys.
"""

from __future__ import annotations

from typing import NamedTuple

from byteport.audit.chain import SALT_BYTES
from byteport.audit.heads import Chain
from byteport.audit.records import Payload
from byteport.errors import ConfigError
from byteport.ledger.keys import NONCE_BYTES, SETTING, BodyKeys
from byteport.ledger.store import Randomness

SEARCHABLE = ("incident_id", "workflow_id", "runbook", "target")
"""Fields of a payload that a body can be found by, each only by the whole word."""
NO_INDEXES: tuple[bytes | None, ...] = (None,) * len(SEARCHABLE)


class Opened(NamedTuple):
    """A body as the checker wants it. One that cannot be opened has bytes to which no header commits."""

    salt: bytes
    payload: bytes


def seal(keys: BodyKeys, chain: Chain, seq: int, opened: Opened, randomness: Randomness) -> bytes:
    """The body to be stored."""
    return keys.seal(chain.tenant, _place(chain, seq), opened.salt + opened.payload, randomness(NONCE_BYTES))


def open_body(keys: BodyKeys, chain: Chain, seq: int, body: bytes) -> Opened:
    """What was sealed. One that was changed comes back as it is, without a salt: no header commits to that."""
    plain = keys.open(chain.tenant, _place(chain, seq), body)
    return Opened(b"", body) if plain is None else Opened(plain[:SALT_BYTES], plain[SALT_BYTES:])


def indexes(keys: BodyKeys, tenant: str, payload: Payload) -> tuple[bytes, ...]:
    """What is stored beside a body, in the order of `SEARCHABLE`."""
    return tuple(keys.indexes(tenant, field, getattr(payload, field))[0] for field in SEARCHABLE)


def needed(keys: BodyKeys | None) -> BodyKeys:
    """The keys, where bodies are written or read. Raises `ConfigError` in a process that was not given any."""
    if keys is None:
        raise ConfigError(SETTING, "must be set to write or read what records say")
    return keys


def _place(chain: Chain, seq: int) -> bytes:
    words = (b"byteport-body-v1", chain.tenant.encode(), chain.cluster_uid.encode(), str(seq).encode())
    return b"".join(len(word).to_bytes(4, "big") + word for word in words)
