"""Payloads encrypted with AES-256-GCM and bound to the id of the workflow that they belong to.

Comes after the payload converter (a pydantic model has become JSON) and before the wire. What the binding gives, and
what it does not: a payload cut out of one workflow's history and presented to another is refused. It is bound to the
workflow id only, not to run, field or order: swaps between runs of one id, or between two fields of one run, decrypt.
Encryption is secrecy, not admission: what may change a cluster is decided by the warrant in the cluster worker, so
a payload that was never encrypted (a message sent from Temporal's own UI) is passed on as it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from byteport.errors import PermanentError
from byteport.temporal.keys import PayloadKey, Ring

ENCODING = b"binary/encrypted"
KEY_ID = "byteport-key-id"
WORKFLOW_ID = "byteport-workflow-id"
NONCE_BYTES = 12

_KEY_ID = re.compile(r"[0-9a-f]{16}")
_SCHEDULED = re.compile(r"-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
"""What Temporal appends to the id of a scheduled run. Its payloads are bound to the id without it: its input is encrypted
before there is a run, and its result is read by the next one."""


class Undecodable(PermanentError):
    """A payload that these keys do not open, or that belongs to another workflow."""

    code = "undecodable"


class KeyMissing(Undecodable):
    """It was encrypted under a key that is not here, or not any more."""


class EncryptingCodec(PayloadCodec, WithSerializationContext):
    """Encrypts for, and decrypts from, one workflow at a time: the SDK gives the context of each call.

    Without a context nothing is encrypted or decrypted, save by a codec server (`for_readers`), which shows payloads
    to people and cannot know whose they are.
    """

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._bound_to: str | None = None
        self._any_workflow = False

    def with_context(self, context: SerializationContext) -> EncryptingCodec:
        bound = EncryptingCodec(self._ring)
        if isinstance(context, WorkflowSerializationContext | ActivitySerializationContext):
            bound._bound_to = context.workflow_id or ""  # a standalone activity has no workflow
        else:
            bound._bound_to = ""
        return bound

    def for_readers(self) -> EncryptingCodec:
        """A codec that decrypts what any workflow wrote, and encrypts nothing."""
        reader = EncryptingCodec(self._ring)
        reader._any_workflow = True
        return reader

    def sealed_for(self, workflow_id: str, payload: Payload) -> Payload:
        """`payload`, encrypted for one workflow, where the SDK gives no context."""
        return self._encrypt(payload, workflow_id)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        if self._bound_to is None:
            if all(payload.metadata.get("encoding") == ENCODING for payload in payloads):
                return list(payloads)  # the header of a start, of which the SDK does not say whose it is: `sealed_for`
            raise Undecodable("a payload without a workflow cannot be encrypted: there is nothing to bind it to")
        return [self._encrypt(payload, self._bound_to) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [
            await self._opened(payload) if payload.metadata.get("encoding") == ENCODING else payload
            for payload in payloads
        ]

    def _encrypt(self, payload: Payload, workflow_id: str) -> Payload:
        key, workflow_id = self._ring.active, _SCHEDULED.sub("", workflow_id)
        nonce = os.urandom(NONCE_BYTES)
        metadata = {"encoding": ENCODING, KEY_ID: key.id.encode(), WORKFLOW_ID: workflow_id.encode()}
        sealed = AESGCM(key.secret).encrypt(nonce, payload.SerializeToString(), _bound(key.id, workflow_id))
        return Payload(metadata=metadata, data=nonce + sealed)

    async def _opened(self, payload: Payload) -> Payload:
        key_id = payload.metadata.get(KEY_ID, b"").decode(errors="replace")
        key = await self._ring.sought(key_id) if _KEY_ID.fullmatch(key_id) else None
        if key is None:
            raise KeyMissing(
                f"a payload needs the key {_id(key_id)}, and this process has {_known(self._ring)}; {self._ring.where}"
            )
        return self._decrypt(payload, key)

    def _decrypt(self, payload: Payload, key: PayloadKey) -> Payload:
        workflow_id = payload.metadata.get(WORKFLOW_ID, b"").decode(errors="replace")
        if not self._any_workflow and not self._is_mine(workflow_id):
            raise Undecodable(f"a payload of another workflow was presented to {self._bound_to or 'no workflow'}")
        try:
            nonce, sealed = payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:]
            plain = AESGCM(key.secret).decrypt(nonce, sealed, _bound(key.id, workflow_id))
        except (InvalidTag, ValueError):
            raise Undecodable("a payload was changed after it was encrypted") from None
        return Payload.FromString(plain)

    def _is_mine(self, workflow_id: str) -> bool:
        if self._bound_to is None:
            return False
        return workflow_id in (self._bound_to, _SCHEDULED.sub("", self._bound_to))


def _bound(key_id: str, workflow_id: str) -> bytes:
    """What is authenticated beside the payload. Neither part can hold the separator's zero byte ambiguously: the first
    has a fixed length."""
    return b"byteport-payload-v1\0" + key_id.encode() + b"\0" + workflow_id.encode()


def _id(said: str) -> str:
    """A key's id as a payload says it, which anybody may have written."""
    return said if _KEY_ID.fullmatch(said) else "of a name that is none"


def _known(ring: Ring) -> str:
    return ", ".join(key.id for key in ring.keys)
