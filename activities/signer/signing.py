"""Signs the log as far as it has grown, and refuses one that did not grow out of what was signed before.

The memory is written before the note is published, so that whoever is killed in between publishes the same note again, and
never another of that size. Comes after `looking`; `acts` runs it in a thread.
"""

from __future__ import annotations

from activities.signer.keys import SigningKeys
from activities.signer.looking import Looking, Stop
from activities.signer.state import State, StateFile, size_of
from byteport.audit.checkpoint import Checkpoint
from byteport.audit.heads import Chain
from byteport.contracts.checkpoints import Answered, Refusal, Signed
from byteport.ledger import checkpoints
from byteport.ledger.store import Store


class Signer(Looking):
    """The signer of one log."""

    def __init__(self, store: Store, chain: Chain, keys: SigningKeys, file: StateFile) -> None:
        super().__init__(store, chain, keys, file)
        self._to_write = store

    def sign(self) -> Answered:
        """Sign what there is now. Raises `Unavailable` when the store or the disk does not answer."""
        with self._file.alone():
            signed_size = 0
            try:
                state = self._known()
                signed_size = state.upto.size
                return Answered(answer=self._signed(state))
            except Stop as stop:
                return Answered(
                    answer=Refusal(
                        because=stop.because, signed_size=signed_size, found_size=stop.found_size, says=stop.says
                    )
                )

    def _signed(self, state: State) -> Signed:
        now = self._now(state)
        frontier = now.frontier
        handing_over = bool(state.key) and state.verifier != self._keys.active.verifier
        grew = frontier.size > state.upto.size
        if grew or handing_over:
            checkpoint = Checkpoint(self._chain.origin, frontier.size, frontier.root())
            state = State(
                origin=self._chain.origin,
                key=str(self._keys.active.verifier),
                upto=size_of(frontier),
                head=now.head,
                note=self._keys.sign(checkpoint, handing_over=handing_over),
            )
            self._file.write(state)
        if state.note:
            self._publish(state, frontier.root())
        return Signed(upto=state.upto, note=state.note, grew=grew, more=now.more)

    def _publish(self, state: State, root: bytes) -> None:
        """Unless that size is published already, perhaps with what witnesses have signed to it since."""
        newest = self._newest()
        if newest is not None and newest.size == state.upto.size and _holds(newest.note, state.note):
            return
        with self._to_write.transaction() as tx:
            checkpoints.add(tx, self._chain, state.upto.size, root, state.note)


def _holds(note: str, ours: str) -> bool:
    """Whether every signature of `ours` is on `note`."""
    return set(ours.splitlines()) <= set(note.splitlines())
