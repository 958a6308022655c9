"""How a signer goes on whose memory was lost: the whole log is read again and held against every checkpoint that is known.

The newest of them is where the new memory begins. It is only as good as those checkpoints: what was signed after the newest
that anybody still holds could be signed differently now, so that a person brings whatever was carried away. Comes after
`looking`; `byteport signer adopt` calls it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from activities.signer.keys import SigningKeys
from activities.signer.looking import Looking, Stop
from activities.signer.state import Damaged, State, StateFile, frontier_of, size_of
from byteport.audit.checkpoint import Checkpoint, open_checkpoint
from byteport.audit.heads import Chain
from byteport.errors import MalformedInput, NotPermitted, PreconditionFailed
from byteport.ledger import checkpoints
from byteport.ledger.store import Store


@dataclass(frozen=True)
class Adopted:
    """Where the signer now begins, and by how many checkpoints that was found."""

    size: int
    agreed: int


def adopt(store: Store, chain: Chain, keys: SigningKeys, file: StateFile, carried: Sequence[str]) -> Adopted:
    """Write the memory anew. `carried` are signed notes that were kept elsewhere, by people or witnesses.

    Raises `PreconditionFailed` where the log is not what any of them says, where there is no checkpoint at all, or where
    there is a memory that holds; `NotPermitted` for a note that this signer's keys did not sign.
    """
    with file.alone():
        stored = _stored(store, chain)
        known = [*_remembered(file, keys, stored), *stored, *(_opened(note, chain, keys) for note in carried)]
        if not known:
            raise PreconditionFailed(
                "nothing was signed of this log yet, so there is nothing to adopt; the signer begins"
            )
        looking, state = Looking(store, chain, keys, file), State(origin=chain.origin)
        for checkpoint in sorted(known, key=lambda one: one.size):
            state = _upto(looking, state, checkpoint)
        frontier = frontier_of(state.upto)
        checkpoint = Checkpoint(chain.origin, frontier.size, frontier.root())
        note = keys.sign(checkpoint, handing_over=False)
        file.write(state.model_copy(update={"key": str(keys.active.verifier), "note": note}))
        return Adopted(frontier.size, len(known))


def _upto(looking: Looking, state: State, known: Checkpoint) -> State:
    """The log read on to the size of `known`, whose root it then must have."""
    try:
        frontier, head = looking.follow(state, known.size)
    except Stop as stop:
        raise PreconditionFailed(f"{known.size} records were signed, but {stop.says}") from None
    if frontier.root() != known.root:
        raise PreconditionFailed(f"the first {known.size} records are not those that were signed")
    return state.model_copy(update={"upto": size_of(frontier), "head": head})


def _remembered(file: StateFile, keys: SigningKeys, stored: list[Checkpoint]) -> list[Checkpoint]:
    """What a memory says that is too old, or under another key: that log must be in this one."""
    try:
        state = file.read()
    except Damaged:
        return []
    if state is None or not state.note:
        return []
    if state.verifier in keys.verifiers and all(one.size <= state.upto.size for one in stored):
        raise PreconditionFailed(f"{file.path} holds, at {state.upto.size} records; there is nothing to adopt")
    frontier = frontier_of(state.upto)
    return [Checkpoint(state.origin, frontier.size, frontier.root())]


def _stored(store: Store, chain: Chain) -> list[Checkpoint]:
    with store.snapshot() as sql:
        newest = checkpoints.latest(sql, chain)
    return [Checkpoint(chain.origin, newest.size, newest.root)] if newest is not None else []


def _opened(note: str, chain: Chain, keys: SigningKeys) -> Checkpoint:
    try:
        checkpoint = open_checkpoint(note, keys.verifiers).checkpoint
    except NotPermitted as error:
        raise NotPermitted(f"a given checkpoint was not signed by this signer: {error.message}") from None
    if checkpoint.origin != chain.origin:
        raise MalformedInput("--checkpoint", f"is of the log {checkpoint.origin}, not of {chain.origin}")
    return checkpoint
