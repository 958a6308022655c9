"""The acts on checkpoints, as Temporal calls them: those of the signer, and the question to a witness.

Two classes, since two processes perform them: the one with the key speaks to nobody, and the one that speaks has no key.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from activities.performs import performs
from activities.signer.cosigning import Cosigning
from activities.signer.keeping import keep
from activities.signer.keys import SigningKeys
from activities.signer.signing import Signer
from activities.signer.state import StateFile
from byteport.audit.heads import Chain
from byteport.audit.notes import VerifierKey
from byteport.contracts.checkpoints import (
    COSIGN,
    KEEP_COSIGNATURES,
    SIGN_CHECKPOINT,
    Answered,
    Cosign,
    KeepCosignatures,
    Kept,
    SignCheckpoint,
    WitnessAnswered,
)
from byteport.errors import NotPermitted
from byteport.ledger.store import Store

THREADS = 4
"""Of the signer's own, for attempts that Temporal has given up and that are still at it, and for the next one."""
Given = TypeVar("Given")


class SignerActs:
    """What the `signer` queue serves. The work blocks, so that it runs in a thread."""

    def __init__(
        self, store: Store, chain: Chain, keys: SigningKeys, file: StateFile, witnesses: Sequence[VerifierKey]
    ) -> None:
        self._store = store
        self._chain = chain
        self._keys = keys
        self._signer = Signer(store, chain, keys, file)
        self._witnesses = tuple(witnesses)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="signer")

    @performs(SIGN_CHECKPOINT)
    async def sign_checkpoint(self, call: SignCheckpoint) -> Answered:
        """Raises `NotPermitted` for another cluster's log, `Unavailable` when store or disk do not answer."""
        self._must_be_ours(call.cluster_uid)
        return await self._in_thread(self._signer.sign)

    @performs(KEEP_COSIGNATURES)
    async def keep_cosignatures(self, call: KeepCosignatures) -> Kept:
        """Raises `NotPermitted` for signatures that do not hold, or a checkpoint that this signer did not sign."""
        self._must_be_ours(call.cluster_uid)
        keys = (*self._keys.verifiers, *self._witnesses)
        return await self._in_thread(lambda: keep(self._store, self._chain, keys, call))

    async def _in_thread(self, work: Callable[[], Given]) -> Given:
        """In a thread of the signer's own: one that hangs on the memory's lock or disk holds up no other act."""
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: context.run(work))

    def _must_be_ours(self, cluster_uid: str) -> None:
        if cluster_uid != self._chain.cluster_uid:
            raise NotPermitted("this signer signs the log of another cluster")


class WitnessActs:
    """What the `export` queue serves of this."""

    def __init__(self, cosigning: Cosigning) -> None:
        self._cosigning = cosigning

    @performs(COSIGN)
    async def cosign(self, call: Cosign) -> WitnessAnswered:
        """What one witness says. A dead one costs its own time only."""
        return await self._cosigning.cosign(call)
